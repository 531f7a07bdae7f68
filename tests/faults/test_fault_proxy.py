"""The proxy itself: what it breaks, it breaks as said, and what it counts has happened."""

from __future__ import annotations

import http.client
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import breakage
import pytest
from proxy import Action, Proxy, Rule
from scenarios import Stage
from tally import tally


def ask(proxy: Proxy, path: str = "/models") -> bytes:
    """A plain GET through the proxy."""
    with urllib.request.urlopen(proxy.url + path, timeout=5) as answer:
        return bytes(answer.read())


def plan(proxy: Proxy, action: Action, **options: int) -> None:
    proxy.plan = [Rule("GET", "/models", action, **options)]


@pytest.fixture
def whole(proxy: Proxy) -> Iterator[bytes]:
    """What the platform says, unbroken."""
    answer = ask(proxy)
    proxy.records.clear()
    return answer


def test_without_a_plan_nothing_is_changed(proxy: Proxy, whole: bytes, platform_url: str) -> None:
    assert whole == urllib.request.urlopen(f"{platform_url}/models", timeout=5).read()


def test_a_rule_strikes_the_nth_request_and_so_many_more(proxy: Proxy, whole: bytes) -> None:
    plan(proxy, breakage.status(503), nth=2, times=2)
    told = []
    for _ in range(4):
        try:
            ask(proxy)
            told.append(200)
        except urllib.error.HTTPError as error:
            told.append(error.code)
    assert told == [200, 503, 503, 200]
    assert [r.fault for r in proxy.records] == [None, "503", "503", None]


@pytest.mark.parametrize(
    ("action", "carried_out", "error"),
    [
        (breakage.reset_before, False, ConnectionResetError),
        (breakage.reset_after, True, ConnectionResetError),
        (breakage.reset_mid_body, True, ConnectionResetError),
        (breakage.truncated, True, http.client.IncompleteRead),
        (breakage.status(502), False, urllib.error.HTTPError),
        (breakage.status(502, after=True), True, urllib.error.HTTPError),
        (breakage.gone, False, urllib.error.HTTPError),
        (breakage.silence(0.05), False, ConnectionResetError),
        (breakage.silence(0.05, after=True), True, ConnectionResetError),
    ],
)
def test_what_the_client_sees_and_what_the_platform_did(
    proxy: Proxy, whole: bytes, action: Action, carried_out: bool, error: type[Exception]
) -> None:
    plan(proxy, action)
    with pytest.raises(error):
        ask(proxy)
    assert [r.carried_out for r in proxy.records] == [carried_out]
    assert ask(proxy) == whole


def test_bytes_that_are_missing_or_others(proxy: Proxy, whole: bytes) -> None:
    plan(proxy, breakage.truncated_quietly)
    assert ask(proxy) == whole[: len(whole) // 2]
    plan(proxy, breakage.corrupted)
    damaged = ask(proxy)
    assert len(damaged) == len(whole)
    assert damaged != whole


def test_an_answer_that_drips_is_whole(proxy: Proxy, whole: bytes) -> None:
    plan(proxy, breakage.drip(10, 0.01))
    started = time.monotonic()
    assert ask(proxy) == whole
    assert time.monotonic() - started > 0.08


def test_nobody_listens_for_a_while(proxy: Proxy, whole: bytes) -> None:
    proxy.down()
    with pytest.raises(urllib.error.URLError, match="refused"):
        ask(proxy)
    proxy.up()
    assert ask(proxy) == whole


def test_a_platform_that_is_dead_is_a_broken_connection() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{one.getsockname()[1]}/v1"
    with Proxy(address) as proxy, pytest.raises(ConnectionResetError):
        ask(proxy)


def test_lists_twice_reversed_overlapping_and_at_other_times(stage: Stage, proxy: Proxy) -> None:
    with stage.connect() as client:
        names = [client.files.upload(stage.training_file()).id]
        second = stage.folder / "second.jsonl"
        second.write_text(stage.training_file().read_text().replace("profit", "turnover"))
        names.append(client.files.upload(second, "batch").id)

    def listed(action: Action, query: str = "?limit=2") -> list[dict[str, object]]:
        proxy.plan = [Rule("GET", "/files", action, times=0)]
        return list(json.loads(ask(proxy, f"/files{query}"))["data"])

    plain = listed(breakage.changed("nothing", lambda data: data))
    assert [one["id"] for one in plain] == names[::-1]
    assert listed(breakage.twice) == [one for one in plain for one in (one, one)]
    assert listed(breakage.reversed_pages) == plain[::-1]
    overlapping = breakage.overlapping()
    first = listed(overlapping, "?limit=1")
    second_page = listed(overlapping, f"?limit=1&after={first[0]['id']}")
    assert second_page == [*first, plain[1]]
    times = [one["created_at"] for one in listed(breakage.clock([-7200.0]))]
    assert times == [int(str(one["created_at"])) - 7200 for one in plain]


def test_the_tally_knows_files_by_their_bytes_and_jobs_by_what_they_ask(stage: Stage, proxy: Proxy) -> None:
    train = stage.training_file()
    train.write_text(train.read_text() + '{"messages": [{"role": "user", "content": "größer \\r\\n 1"}]}\r\n')
    with stage.connect() as client:
        file = client.files.upload(train).id
    bodies = [{"training_file": file, "model": "linear", "metadata": {"n": str(n)}} for n in range(2)]
    for body in [*bodies, {**bodies[0], "seed": 8}]:
        request = urllib.request.Request(
            f"{proxy.url}/fine_tuning/jobs", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=5).read()
    count = tally(proxy.records)
    assert list(count.bytes.values()) == [train.read_bytes()]
    assert count.counts == {"files": 1, "jobs": 3}
    assert count.duplicates == {"jobs": 1}, "metadata only tells attempts apart, a seed tells launches apart"


def test_requests_of_batches_are_counted_one_by_one(stage: Stage, proxy: Proxy, tmp_path: Path) -> None:
    with stage.connect() as client:
        client.batches.submit(stage.requests(3))
        client.batches.submit(stage.requests(4))
    count = tally(proxy.records)
    assert count.counts == {"files": 2, "batches": 2, "requests": 7}
    assert count.duplicates == {"requests": 3}
