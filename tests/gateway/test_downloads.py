"""Downloads whose answers are cut, short or something else: noticed, gone on with, whole or nothing."""

from __future__ import annotations

import random
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ftkit.errors import Interrupted, NotOnPlatform, PlatformError, PlatformRefused, PlatformUnreachable
from ftkit.gateway import Platform, connect
from ftkit.settings import Settings

CONTENT = "/files/f/content"
WHOLE = random.Random(1).randbytes(3000)


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waits: list[float] = []
    monkeypatch.setattr("ftkit.gateway.wire.Wire.rest", lambda wire, seconds: waits.append(seconds))
    return waits


class Source:
    """Answers for one file. ``plan``: how many bytes come before the connection breaks; None for all."""

    def __init__(
        self, canned: Any, plan: list[int | None], *, ranges: bool = True, data: bytes = WHOLE
    ) -> None:
        self.plan, self.ranges, self.data = plan, ranges, data
        self.asked_ranges: list[str | None] = []
        self.etag: str | None = None
        canned.answer("GET", CONTENT, self.answer)

    def answer(self, asked: Any) -> Any:
        wanted = asked.headers.get("range")
        self.asked_ranges.append(wanted)
        assert asked.headers["accept-encoding"] == "identity"
        cut = self.plan.pop(0) if self.plan else None
        start = 0
        match = re.fullmatch(r"bytes=(\d+)-", wanted or "")
        current = asked.headers.get("if-range") in (None, self.etag)
        if match and self.ranges and current:
            start = int(match[1])
        body = self.data[start:]
        headers = {"content-type": "application/octet-stream"}
        if self.etag:
            headers["etag"] = self.etag
        if start:
            headers["content-range"] = f"bytes {start}-{len(self.data) - 1}/{len(self.data)}"
        if cut is not None:
            headers["content-length"] = str(len(body))
            body = body[:cut]
        return (206 if start else 200), body, headers


@pytest.fixture(params=["download", "content", "lines"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The three ways to a file's bytes."""

    def call(platform: Platform) -> bytes:
        if request.param == "download":
            return platform.files.download("f", tmp_path / "out").read_bytes()
        if request.param == "content":
            return b"".join(platform.files.content("f"))
        return b"\n".join(platform.files.lines("f"))

    call.way = request.param  # type: ignore[attr-defined]
    return call


@pytest.mark.usefixtures("no_waits")
def test_a_break_is_gone_on_with_where_it_was(canned: Any, to_canned: Any, read: Any) -> None:
    source = Source(canned, [1000, 500, None], data=WHOLE.replace(b"\n", b" ").strip())
    assert read(to_canned(settings={"max_retries": 1})) == source.data
    assert source.asked_ranges == [None, "bytes=1000-", "bytes=1500-"], "tries that got further do not count"


@pytest.mark.usefixtures("no_waits")
def test_without_ranges_all_of_it_comes_anew(canned: Any, to_canned: Any, read: Any) -> None:
    source = Source(canned, [1000, 2000, None], ranges=False, data=WHOLE.replace(b"\n", b" ").strip())
    assert read(to_canned(settings={"max_retries": 2})) == source.data
    assert len(source.asked_ranges) == 3


@pytest.mark.usefixtures("no_waits")
def test_another_version_of_the_file_is_not_mixed_in(canned: Any, to_canned: Any, tmp_path: Path) -> None:
    """If-Range: the platform sends all of what it has now, and the old half is thrown away."""
    source = Source(canned, [1000])
    source.etag = '"one"'
    answer = source.answer

    def changing(asked: Any) -> Any:
        found = answer(asked)
        source.etag, source.data = '"two"', WHOLE[::-1]
        return found

    canned.answer("GET", CONTENT, changing)
    out = to_canned(settings={"max_retries": 2}).files.download("f", tmp_path / "out")
    assert out.read_bytes() == WHOLE[::-1]


@pytest.mark.usefixtures("no_waits")
def test_what_was_given_out_already_must_stay_true(canned: Any, to_canned: Any) -> None:
    """The caller of ``content`` has the first bytes: when they change, no end is better than a mixed one."""
    source = Source(canned, [1000], ranges=False)
    answer = source.answer

    def changing(asked: Any) -> Any:
        found = answer(asked)
        source.data = b"?" + WHOLE[1:]
        return found

    canned.answer("GET", CONTENT, changing)
    pieces = to_canned(settings={"max_retries": 3}).files.content("f")
    got = b""
    with pytest.raises(PlatformError, match="its beginning has changed"):
        for piece in pieces:
            got += piece
    assert got == WHOLE[:1000] and len(source.asked_ranges) == 2


@pytest.mark.usefixtures("no_waits")
@pytest.mark.parametrize(
    "odd",
    [
        (206, WHOLE[10:], {"content-range": "bytes 10-2999/3000"}),
        (206, WHOLE[1000:], {"content-range": "nonsense"}),
        (206, WHOLE[1000:], {}),
        (416, {"error": {"message": "no such range"}}, {}),
    ],
    ids=["another", "nonsense", "none", "416"],
)
def test_a_range_that_was_not_asked_for_is_not_used(
    canned: Any, to_canned: Any, odd: Any, tmp_path: Path
) -> None:
    cut = (200, WHOLE[:1000], {"content-length": "3000"})
    canned.answer("GET", CONTENT, cut, odd, (200, WHOLE, {}))
    out = to_canned(settings={"max_retries": 3}).files.download("f", tmp_path / "out")
    assert out.read_bytes() == WHOLE
    assert "range" in canned.asked[1].headers and "range" not in canned.asked[2].headers


@pytest.mark.usefixtures("no_waits")
def test_a_body_shorter_than_the_file_is_noticed(canned: Any, to_canned: Any, tmp_path: Path) -> None:
    canned.answer("GET", "/files/f", {"id": "f", "bytes": len(WHOLE)})
    canned.answer("GET", CONTENT, (200, WHOLE[:2000], {}), (200, WHOLE, {}))
    platform = to_canned(settings={"max_retries": 1})
    assert platform.files.download("f", tmp_path / "out").read_bytes() == WHOLE
    canned.answer("GET", CONTENT, (200, WHOLE[:2000], {}))
    with pytest.raises(PlatformUnreachable, match=r"has 3,000 bytes and sent 2,000"):
        platform.files.download("f", tmp_path / "none")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    "record",
    [
        (404, {"error": {"message": "no record"}}),
        (500, {"error": {"message": "no record today"}}),
        {"id": "f"},
        {"id": "f", "bytes": 5},
    ],
    ids=["404", "500", "silent", "smaller"],
)
def test_a_platform_that_does_not_know_the_size_is_believed(
    canned: Any, to_canned: Any, tmp_path: Path, record: Any
) -> None:
    canned.answer("GET", "/files/f", record)
    canned.answer("GET", CONTENT, (200, WHOLE, {}))
    assert to_canned().files.download("f", tmp_path / "out").read_bytes() == WHOLE


@pytest.mark.parametrize(
    ("status", "kind", "asked"),
    [
        (404, NotOnPlatform, 1),
        (403, PlatformRefused, 1),
        (503, PlatformRefused, 4),
        (429, PlatformRefused, 4),
    ],
)
def test_what_is_asked_again_and_how_often(
    canned: Any, to_canned: Any, no_waits: list[float], read: Any, status: int, kind: Any, asked: int
) -> None:
    canned.answer("GET", CONTENT, (status, {"error": {"message": "no"}}, {"retry-after": "7"}))
    with pytest.raises(kind):
        read(to_canned(settings={"max_retries": 3}))
    assert len(canned.asked) == asked
    assert no_waits == [7.0] * (asked - 1), "the platform says how long"


def test_a_wait_can_be_stopped(canned: Any, to_canned: Any, tmp_path: Path) -> None:
    Source(canned, [1000, 0, 0, 0])
    platform = to_canned(settings={"max_retries": 3})
    platform._wire.stop.set()
    with pytest.raises(Interrupted):
        platform.files.download("f", tmp_path / "out")
    assert not list(tmp_path.iterdir())


class Relay:
    """Between a client and a real platform; each answer of a connection is cut after so many bytes."""

    def __init__(self, url: str, cuts: list[int]) -> None:
        parts = urlsplit(url)
        self._target, self.cuts = (str(parts.hostname), int(parts.port or 80)), cuts
        self.requests: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), closing(client), socket.create_connection(self._target) as server:
            while head := client.recv(65536):
                self.requests.append(head)
                server.sendall(re.sub(rb"(?i)connection: keep-alive", b"connection: close", head, count=1))
                left = self.cuts.pop(0) if b"/content" in head and self.cuts else 1 << 60
                while left > 0 and (data := server.recv(min(65536, left))):
                    client.sendall(data)
                    left -= len(data)
                return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def relay(local: Platform) -> Iterator[Relay]:
    made = Relay(local.base_url, [])
    yield made
    made.close()


@pytest.mark.usefixtures("no_waits")
def test_from_the_real_platform_over_a_line_that_breaks(
    local: Platform, relay: Relay, tmp_path: Path
) -> None:
    data = random.Random(2).randbytes(2_000_000)
    path = tmp_path / "data.bin"
    path.write_bytes(data)
    info = local.files.upload(path, "user_data")
    relay.cuts = [700_000, 600_000, 100]
    settings = Settings(state_dir=tmp_path / "state", max_retries=2)
    with connect("custom", base_url=f"{relay.url}/v1", api_key="k", settings=settings) as platform:
        assert platform.files.download(info.id, tmp_path / "copy").read_bytes() == data
        relay.cuts = [900_000]
        assert b"".join(platform.files.content(info.id)) == data
    ranges = [match[1] for head in relay.requests if (match := re.search(rb"\r\nrange: bytes=(\d+)-", head))]
    assert len(ranges) == 4 and all(int(start) > 0 for start in ranges)
    local.files.delete(info.id)
