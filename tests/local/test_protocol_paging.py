"""Cursor paging, the same for every list: the pages together are the list, whatever the limit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openai
import pytest
from local_platform import training_bytes
from protocol_platform import Platform, refused

JOBS = "/v1/fine_tuning/jobs"


@pytest.fixture(scope="module")
def lists(platform: Platform) -> dict[str, tuple[str, list[str]]]:
    """(path, ids in the order that is due) of every list that has pages; nothing is added after this."""
    tuned = platform.tuned(training_bytes(12), hyperparameters={"n_epochs": 3})["id"]
    files = [platform.upload(b"%d" % number, "user_data") for number in range(7)]
    red = [platform.job(metadata={"colour": "red"})["id"] for _ in range(3)]
    plain = [platform.job()["id"] for _ in range(2)]
    for _ in range(3):
        platform.ask("POST", f"{JOBS}/{plain[0]}/pause")
        platform.ask("POST", f"{JOBS}/{plain[0]}/resume")
    batches = [platform.batch()["id"] for _ in range(6)]

    def kept(table: str, order: str, where: str = "1") -> list[str]:
        sql = f"SELECT id FROM {table} WHERE {where} ORDER BY {order} DESC"
        return [row["id"] for row in platform.context.state.db.all(sql)]

    return {
        "files": ("/v1/files?purpose=user_data", files[::-1]),
        "files-asc": ("/v1/files?order=asc&purpose=user_data", files),
        "all-files": ("/v1/files", kept("files", "seq")),
        "jobs": (JOBS, [*plain[::-1], *red[::-1], tuned]),
        "red-jobs": (f"{JOBS}?metadata[colour]=red", red[::-1]),
        "jobs-without": (f"{JOBS}?metadata=null", [*plain[::-1], tuned]),
        "batches": ("/v1/batches", batches[::-1]),
        "events": (f"{JOBS}/{plain[0]}/events", kept("events", "seq", f"job_id = '{plain[0]}'")),
        "checkpoints": (f"{JOBS}/{tuned}/checkpoints", kept("checkpoints", "step")),
    }


NAMES = (
    "files files-asc all-files jobs red-jobs jobs-without batches events checkpoints".split()  # noqa: SIM905
)
LARGEST = {"files": 10_000, "jobs": 100, "batches": 100, "events": 1000, "checkpoints": 1000}


def page(platform: Platform, path: str, **query: Any) -> Any:
    more = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
    answer = platform.ask("GET", f"{path}{'&' if '?' in path else '?'}{more}")
    assert answer.status == 200, answer
    return answer.json


@pytest.mark.parametrize("name", NAMES)
def test_pages_of_any_size_together_are_the_list(
    platform: Platform, lists: dict[str, tuple[str, list[str]]], name: str
) -> None:
    path, due = lists[name]
    assert len(due) >= 3
    for limit in (1, 2, len(due) - 1, len(due), len(due) + 1):
        seen: list[str] = []
        after: dict[str, str] = {}
        more = True
        while more:
            found = page(platform, path, limit=limit, **after)
            ids = [item["id"] for item in found["data"]]
            assert 1 <= len(ids) <= limit and found["object"] == "list"
            assert (found["first_id"], found["last_id"]) == (ids[0], ids[-1])
            seen += ids
            after, more = {"after": ids[-1]}, found["has_more"]
            assert more == (len(seen) < len(due)), "has_more says whether the next page has something"
        assert seen == due
    beyond = page(platform, path, after=due[-1])
    assert (beyond["data"], beyond["has_more"], beyond["first_id"]) == ([], False, None)


@pytest.mark.parametrize("name", NAMES)
def test_limits_have_bounds(platform: Platform, lists: dict[str, tuple[str, list[str]]], name: str) -> None:
    path, due = lists[name]
    most = next(most for part, most in LARGEST.items() if part in name)
    assert len(page(platform, path, limit="")["data"]) == min(len(due), 20)
    assert len(page(platform, path, limit=most)["data"]) == len(due)
    for wrong in (0, -1, most + 1, "x", "1.5", "1e1", "9" * 5000, "\x00", "NaN"):
        answer = platform.ask("GET", f"{path}{'&' if '?' in path else '?'}limit={quote(str(wrong))}")
        assert "'limit'" in refused(answer, 400, "invalid_value", "limit")


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_cursor_is_refused(
    platform: Platform, lists: dict[str, tuple[str, list[str]]], name: str
) -> None:
    path, due = lists[name]
    other = lists["batches" if "files" in name else "files"][1][0]
    for after in ("none", other, due[0][:-1], due[0].swapcase(), "x" * 20_000, "\x00", "' OR 1=1 --", "日本"):
        answer = platform.ask("GET", f"{path}{'&' if '?' in path else '?'}after={quote(after)}")
        assert "'after'" in refused(answer, 400, "invalid_value", "after")
    assert [item["id"] for item in page(platform, path, after="", limit=100)["data"]] == due


def test_a_cursor_of_another_jobs_events_is_refused(
    platform: Platform, lists: dict[str, tuple[str, list[str]]]
) -> None:
    event, job = lists["events"][1][0], lists["red-jobs"][1][0]
    refused(platform.ask("GET", f"{JOBS}/{job}/events?after={event}"), 400, "invalid_value", "after")


@pytest.mark.parametrize("order", ["sideways", "ASC", "asc ", "\x00"])
def test_files_have_two_orders(platform: Platform, order: str) -> None:
    refused(platform.ask("GET", f"/v1/files?order={quote(order)}"), 400, "invalid_value", "order")


def test_a_purpose_that_no_file_has_is_an_empty_list(platform: Platform) -> None:
    for purpose in ("vision", "nonsense", "' OR 1=1 --"):
        found = page(platform, "/v1/files", purpose=purpose)
        assert (found["data"], found["has_more"], found["first_id"]) == ([], False, None)
    assert page(platform, "/v1/files", purpose="") == page(platform, "/v1/files")


def test_the_clients_iterator_walks_every_page(
    platform: Platform, lists: dict[str, tuple[str, list[str]]]
) -> None:
    client = platform.client()
    job = lists["events"][0].split("/")[-2]
    tuned = lists["checkpoints"][0].split("/")[-2]
    walks: dict[str, Callable[[], Any]] = {
        "files": lambda: client.files.list(purpose="user_data", limit=2),
        "files-asc": lambda: client.files.list(purpose="user_data", order="asc", limit=3),
        "jobs": lambda: client.fine_tuning.jobs.list(limit=2),
        "red-jobs": lambda: client.fine_tuning.jobs.list(limit=1, metadata={"colour": "red"}),
        "batches": lambda: client.batches.list(limit=4),
        "events": lambda: client.fine_tuning.jobs.list_events(job, limit=3),
        "checkpoints": lambda: client.fine_tuning.jobs.checkpoints.list(tuned, limit=1),
    }
    for name, walk in walks.items():
        assert [item.id for item in walk()] == lists[name][1], name


def test_the_async_clients_iterator_does_too(
    platform: Platform, lists: dict[str, tuple[str, list[str]]]
) -> None:
    async def walk() -> list[str]:
        async with openai.AsyncOpenAI(base_url=f"{platform.url}/v1", api_key="x", max_retries=0) as client:
            return [batch.id async for batch in client.batches.list(limit=4)]

    assert asyncio.run(walk()) == lists["batches"][1]


WEIRD = {
    "a]b": "1",
    "a[b]": "2",
    '"': "'",
    "a.b": "$",
    "line\nend": "\r\n",
    "日本": "é",
    "k": "",
    "%25": "a&b=c",
}


def test_metadata_with_odd_names_finds_its_job_and_only_that(tmp_path: Path) -> None:
    with Platform(tmp_path) as platform:
        job = platform.job(metadata=WEIRD)["id"]
        platform.job(metadata={name: value + "x" for name, value in WEIRD.items()})
        for name, value in WEIRD.items():
            query = f"{quote(f'metadata[{name}]', safe='')}={quote(value, safe='')}"
            assert [item["id"] for item in platform.ask("GET", f"{JOBS}?{query}").json["data"]] == [job], name
        every = "&".join(f"{quote(f'metadata[{n}]', safe='')}={quote(v, safe='')}" for n, v in WEIRD.items())
        assert [item["id"] for item in platform.ask("GET", f"{JOBS}?{every}").json["data"]] == [job]
        assert platform.ask("GET", f"{JOBS}?{every}&metadata[none]=1").json["data"] == []
        found = platform.client().fine_tuning.jobs.list(metadata=WEIRD)
        assert [item.id for item in found] == [job]


def test_what_comes_while_a_list_is_walked_does_not_shift_its_pages(tmp_path: Path) -> None:
    with Platform(tmp_path) as platform:
        first = [platform.upload(b"%d" % number) for number in range(6)]
        start = page(platform, "/v1/files", limit=2)
        later = [platform.upload(b"later") for _ in range(3)]
        platform.ask("DELETE", f"/v1/files/{first[2]}")
        rest = page(platform, "/v1/files", after=start["last_id"])
        assert [item["id"] for item in start["data"]] == [first[5], first[4]]
        assert [item["id"] for item in rest["data"]] == [first[3], first[1], first[0]]
        ascending = page(platform, "/v1/files", order="asc", after=first[5])
        assert [item["id"] for item in ascending["data"]] == later
