"""Files that come into being together: killed, interrupted or without space, nothing half-written is left."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftkit.errors import StorageError, UsageError
from ftkit.validation.fixing.outputs import open_outputs, raw_entry
from ftkit.validation.lines import LongLine

ROW = '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n'


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_counted_and_hashed(tmp_path: Path) -> None:
    with open_outputs([tmp_path / "a", None], None) as (output, nothing):
        assert output is not None and nothing is None
        output.write(b"\xef\xbb\xbf")
        output.line(b"x")
        output.entry({"é": 1, "path": Path("p")})
        assert not (tmp_path / "a").exists()
        result = output.result()
    data = (tmp_path / "a").read_bytes()
    assert data == b'\xef\xbb\xbfx\n{"\xc3\xa9": 1, "path": "p"}\n'
    assert (result.rows, result.bytes, result.sha256) == (2, len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, StorageError])
def test_where_the_body_raises_nothing_is_left(error: type[BaseException], tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(error), open_outputs([tmp_path / "a", tmp_path / "b"], None) as (first, _):
        assert first is not None
        first.line(b"new")
        raise error("x")
    assert (tmp_path / "a").read_text() == "old" and names(tmp_path) == ["a"]


def test_where_the_second_cannot_be_made_the_first_is_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError), open_outputs([tmp_path / "a", tmp_path / "file" / "b"], None):
        pytest.fail("not reached")
    assert names(tmp_path) == ["file"]


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("x")
    (tmp_path / "link").symlink_to(source)
    (tmp_path / "sub").mkdir()
    other = tmp_path / "sub" / ".." / "a"
    for paths in ([source], [tmp_path / "link"], [tmp_path], [tmp_path / "a", other], [tmp_path / "a.zst"]):
        with pytest.raises(UsageError), open_outputs(paths, source):
            pytest.fail("not reached")
    assert names(tmp_path) == ["link", "source", "sub"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"x \xc3\xa9", {"raw": "x é"}),
        (b"\xff", {"raw_base64": "/w=="}),
        (LongLine.of(b"ab", 900), {"raw": "ab", "bytes": 900, "truncated": True}),
        (LongLine.of(b"\xff", 900), {"raw_base64": "/w==", "bytes": 900, "truncated": True}),
    ],
)
def test_a_rejected_line_as_it_was_read(raw: bytes, said: dict[str, object]) -> None:
    assert raw_entry(raw) == said
    json.dumps(raw_entry(raw))


def test_a_disk_that_is_full_half_way(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(ROW * 5000)
    (tmp_path / "out.jsonl").write_text("old")

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    command = [sys.executable, "-m", "ftkit", "validate", "data.jsonl", "--fix", "out.jsonl", "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, preexec_fn=small_files, timeout=120
    )
    assert done.returncode == 4 and "limit" in done.stdout + done.stderr
    assert (tmp_path / "out.jsonl").read_text() == "old"
    assert [name for name in names(tmp_path) if "jsonl" in name] == ["data.jsonl", "out.jsonl"]


def test_killed_half_way_the_old_copy_is_whole(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(ROW * 100_000)
    (tmp_path / "out.jsonl").write_text("old")
    command = [sys.executable, "-m", "ftkit", "validate", "data.jsonl", "--fix", "out.jsonl", "-q"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out*.tmp")) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    assert (tmp_path / "out.jsonl").read_text() == "old"
    assert not (tmp_path / "out.rejected.jsonl").exists() and not (tmp_path / "out.fixes.jsonl").exists()
