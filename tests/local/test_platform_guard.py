"""The guard's parts on their own: keys, rates, headers, logs; times come from a clock of the test's."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.types import Message

from ftkit.errors import ConfigurationError, StorageError
from ftkit.local import Limits, ServeOptions
from ftkit.local.__main__ import parse
from ftkit.local.envelope import ApiError
from ftkit.local.guard import logs
from ftkit.local.guard.access import check_head
from ftkit.local.guard.connections import guarded_protocol, raise_open_files
from ftkit.local.guard.keys import Keys, accepted_keys, is_loopback
from ftkit.local.guard.patience import PatientReceive
from ftkit.local.guard.rates import Rates

SECRET = "the text of a row that somebody sent"


def test_a_platform_of_this_machine_only_needs_no_key(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert accepted_keys(ServeOptions(tmp_path, host=host)) == ((), None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gpu.example", ""])
def test_elsewhere_a_random_key_is_made_that_only_its_user_reads(tmp_path: Path, host: str) -> None:
    state = tmp_path / "state"
    keys, path = accepted_keys(ServeOptions(state, host=host))
    assert path == state / "api-key" and path.read_text() == f"{keys[0]}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(keys) == 1 and len(keys[0]) > 40 and [path] == list(state.iterdir())
    assert accepted_keys(ServeOptions(state, host=host)) == (keys, path), "it stays the same at a restart"
    assert accepted_keys(ServeOptions(tmp_path / "other", host=host))[0] != keys


def test_short_keys_are_only_for_this_machine(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text("a long enough key\nk3y\n")
    assert accepted_keys(ServeOptions(tmp_path, api_key_file=file))[0] == ("a long enough key", "k3y")
    with pytest.raises(ConfigurationError, match="would be guessed") as refused:
        accepted_keys(ServeOptions(tmp_path, host="0.0.0.0", api_key_file=file))
    assert "k3y" not in str(refused.value)


def test_a_key_file_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        accepted_keys(ServeOptions(tmp_path / "file" / "state", host="0.0.0.0"))


def test_which_key_it_is() -> None:
    keys = Keys(("one", "two", "drei ü"))
    assert keys and not Keys(())
    assert [keys.find(f"Bearer {key}") for key in ("one", "two")] == [1, 2]
    assert keys.find("Bearer drei ü".encode().decode("latin-1")) == 3
    assert [keys.find(header) for header in ("", "one", "Basic one", "Bearer", "Bearer one two")] == [
        None
    ] * 5


def test_loopback() -> None:
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "localhost.example", "")] == [False] * 4


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_is_a_bucket_that_fills_again() -> None:
    clock = Clock()
    rates = Rates(Limits(requests_per_minute=30), clock)
    for left in reversed(range(30)):
        headers = rates.enter(1)
        assert headers["x-ratelimit-limit-requests"] == "30"
        assert headers["x-ratelimit-remaining-requests"] == str(left)
        rates.leave(1)
    with pytest.raises(ApiError) as refused:
        rates.enter(1)
    assert (refused.value.status, refused.value.code) == (429, "rate_limit_exceeded")
    assert refused.value.headers["retry-after"] == "2" and refused.value.headers["retry-after-ms"] == "2000"
    assert rates.enter(2)["x-ratelimit-remaining-requests"] == "29", "another key has its own"
    assert rates.enter(1, counted=False) == {}
    clock.now = 1.9
    with pytest.raises(ApiError):
        rates.enter(1)
    clock.now = 2.0
    assert rates.enter(1)["x-ratelimit-remaining-requests"] == "0"
    clock.now = 10_000.0
    assert rates.enter(1)["x-ratelimit-remaining-requests"] == "29", "it never holds more than a minute's"


def test_at_once() -> None:
    rates = Rates(Limits(at_once=2))
    assert rates.enter(1) == rates.enter(1) == {}
    with pytest.raises(ApiError) as refused:
        rates.enter(1)
    assert refused.value.status == 429 and refused.value.headers == {"retry-after": "1"}
    rates.enter(2)
    rates.leave(1)
    rates.enter(1)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("host", "a"), ("content-length", "1"), ("content-type", "x")], None),
        ([("content-encoding", "identity")], None),
        ([("accept", "a"), ("accept", "b")], None),
        ([("content-type", "a"), ("content-type", "a")], 400),
        ([("authorization", "Bearer a"), ("authorization", "Bearer b")], 400),
        ([("host", "a"), ("host", "b")], 400),
        ([("idempotency-key", "a"), ("idempotency-key", "b")], 400),
        ([("content-length", "1"), ("transfer-encoding", "chunked")], 400),
        ([("transfer-encoding", "chunked"), ("content-length", "1")], 400),
        ([("content-encoding", "gzip")], 415),
        ([("content-encoding", " BR ")], 415),
    ],
)
def test_headers_that_could_be_read_in_two_ways(headers: list[tuple[str, str]], status: int | None) -> None:
    scope = head_of(headers)
    if status is None:
        check_head(scope, 1000)
        return
    with pytest.raises(ApiError) as refused:
        check_head(scope, 1000)
    assert refused.value.status == status and refused.value.headers["connection"] == "close"


def head_of(headers: list[tuple[str, str]], **more: Any) -> dict[str, Any]:
    """A request's scope, as far as its head goes."""
    pairs = [(name.encode(), value.encode()) for name, value in headers]
    return {"type": "http", "http_version": "1.1", "headers": pairs, **more}


def test_a_head_that_is_too_long() -> None:
    check_head(head_of([("x", "y" * 900)], raw_path=b"/" * 90), 1000)
    for scope in (
        head_of([("x", "y" * 900)], raw_path=b"/" * 100),
        head_of([], raw_path=b"/", query_string=b"a" * 1000),
        head_of([("x", "")] * 201),
    ):
        with pytest.raises(ApiError) as refused:
            check_head(scope, 1000)
        assert refused.value.status == 431


async def _never() -> Message:
    await asyncio.sleep(3600)
    raise AssertionError


def _pieces(pause: float, *sizes: int) -> Any:
    left = list(sizes)

    async def receive() -> Message:
        await asyncio.sleep(pause)
        size = left.pop(0)
        return {"type": "http.request", "body": b"x" * size, "more_body": bool(left)}

    return receive


def _take(receive: Any, limits: Limits) -> int:
    """Read a body to its end: its bytes."""

    async def read() -> int:
        patient = PatientReceive(receive, limits)
        while (await patient())["more_body"]:
            pass
        return patient.bytes

    return asyncio.run(read())


def test_a_body_that_stops_or_trickles_is_given_up() -> None:
    limits = Limits(stall_seconds=0.2, least_rate=1000)
    assert _take(_pieces(0.0, 10, 0, 20), limits) == 30
    slow = Limits(stall_seconds=5, least_rate=100)
    assert _take(_pieces(0.01, *[100] * 15), slow) == 1500, "slow, but faster than the least rate"
    for receive in (_never, _pieces(0.03, *[1] * 100)):
        with pytest.raises(ApiError) as refused:
            _take(receive, limits)
        assert (refused.value.status, refused.value.headers) == (408, {"connection": "close"})


def test_after_the_body_a_client_may_stay_as_long_as_it_likes() -> None:
    async def wait() -> bool:
        patient = PatientReceive(_pieces(0.0, 5, 0, 0), Limits(stall_seconds=0.01))
        patient_end = PatientReceive(_never, Limits(stall_seconds=0.01), has_body=False)
        while (await patient())["more_body"]:
            pass
        done, pending = await asyncio.wait([asyncio.create_task(patient_end())], timeout=0.1)
        for task in pending:
            task.cancel()
        return not done

    assert asyncio.run(wait())


def _logged(form: logging.Formatter, error: Exception | None = None, **fields: Any) -> str:
    record = logging.LogRecord("ftkit.local", logging.ERROR, "", 0, "%s failed", ("req_1",), None)
    record.fields = fields or None
    if error is not None:
        try:
            raise error from ValueError(SECRET)
        except Exception:  # noqa: BLE001
            record.exc_info = sys.exc_info()
    return form.format(record)


@pytest.mark.parametrize("form", [logs.Lines(), logs.JsonLines()])
def test_the_log_tells_where_an_error_was_and_not_what_it_was_about(form: logging.Formatter) -> None:
    for error in (KeyError(SECRET), RuntimeError(f"cannot parse {SECRET}"), UnicodeError(SECRET)):
        said = _logged(form, error)
        assert type(error).__name__ in said and "ValueError" in said and Path(__file__).name in said
        assert "row that" not in said
    for error in (OSError(28, "No space left"), sqlite3.OperationalError("disk I/O error")):
        assert str(error) in _logged(form, error)


@pytest.mark.parametrize("form", [logs.Lines(), logs.JsonLines()])
def test_what_nobody_sent_may_be_told(form: logging.Formatter) -> None:
    record = logging.LogRecord("a", logging.ERROR, "", 0, "cannot load", (), None)
    vars(record).update(logs.TELLING)
    record.exc_info = (ValueError, ValueError("no such checkpoint"), None)
    assert "ValueError: no such checkpoint" in form.format(record)


def test_a_line_is_one_line_whatever_it_tells() -> None:
    record = logging.LogRecord("a", logging.INFO, "", 0, "one\r\ntwo\x1b[31m\u2028three", (), None)
    assert len(logs.Lines().format(record).splitlines()) == 1 and "\x1b" not in logs.Lines().format(record)
    line = logs.JsonLines().format(record)
    assert len(line.splitlines()) == 1 and json.loads(line)["message"] == "one\r\ntwo\x1b[31m\u2028three"
    told = json.loads(_logged(logs.JsonLines(), route="/v1/files/{file_id}", status=200))
    assert told["route"] == "/v1/files/{file_id}" and "message" not in told and told["level"] == "error"


def test_only_ids_of_this_platforms_form_are_told() -> None:
    own = "ftjob-" + "a1B2" * 6
    assert logs.own_id({"job_id": own}) == own
    for other in (own[:-1], own + "x", "secret", "ftjob-" + "ü" * 24, ["x"], f"{own}\n"):
        assert logs.own_id({"job_id": other}) is None


def test_the_commands_limits_are_the_options_limits() -> None:
    assert parse(["--state", "x"]).limits == Limits()
    numbers = ["--requests-per-minute", "5", "--most-queued", "6", "--most-connections", "7"]
    given = parse(["--state", "x", *numbers, "--log", "json"])
    assert given.limits == Limits(requests_per_minute=5, queued=6, connections=7) and given.log == "json"


def test_connections_are_never_more_than_files_can_be_open() -> None:
    allowed = raise_open_files()
    made: Any = guarded_protocol(Limits(connections=10**9))
    assert 0 < made.most < allowed
    few: Any = guarded_protocol(Limits(connections=3))
    assert few.most == 3
