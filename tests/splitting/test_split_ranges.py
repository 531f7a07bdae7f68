"""A file in byte ranges: every line once, whatever they are; the same split by one process or two."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_helpers import chat

from ftkit.data import sha256_file
from ftkit.data.stream import read_lines
from ftkit.errors import DataError
from ftkit.splitting import SplitOptions, split
from ftkit.splitting import copying as splitting_copying
from ftkit.splitting import engine as splitting_engine
from ftkit.splitting import ranges as splitting_ranges
from ftkit.splitting import source as splitting_source
from ftkit.splitting.columns import Plan, joined
from ftkit.splitting.keys import Hasher, group_key
from ftkit.splitting.ranges import ranges_of
from ftkit.splitting.scan import scan_ranges

PLAN = Plan("data", 3, ("prompt", "user"), stratify="reply")


def write(path: Path, rows: int = 60, end: str = "\n") -> list[dict[str, Any]]:
    rng = random.Random(rows)
    examples = [
        chat(f"question {rng.randrange(40)} {'é😀' * (n % 3)}", rng.choice(["yes", "no"]), user=n % 9 or None)
        for n in range(rows)
    ]
    path.write_text(
        end.join(json.dumps(e, ensure_ascii=bool(n % 2)) for n, e in enumerate(examples)), "utf-8"
    )
    return examples


@given(st.binary(max_size=60).map(lambda b: b.translate(b"a\n\r \xef\xbb\xbfb" * 32)), st.integers(1, 20))
@settings(max_examples=200, deadline=None)
def test_ranges_hold_every_line_once(tmp_path_factory: Any, data: bytes, size: int) -> None:
    path = tmp_path_factory.getbasetemp() / "ranges.jsonl"
    path.write_bytes(data)
    pieces = ranges_of(path, size)
    assert pieces is not None
    assert [piece.start for piece in pieces] == [0, *[piece.end for piece in pieces[:-1]]] or not data
    assert not pieces or pieces[-1].end == len(data)
    assert all(piece.end - piece.start >= min(size, len(data) - piece.start) for piece in pieces)
    blocks = [piece.read() for piece in pieces]
    lines = [line for block in blocks for line in block.lines]
    assert [data[s : s + len(n)] for b in blocks for s, n in zip(b.starts, b.lines, strict=True)] == lines
    whole = [line.removeprefix(b"\xef\xbb\xbf" if n == 0 else b"") for n, line in enumerate(read_lines(path))]
    before, numbers = 0, []
    for block in blocks:
        numbers += [before + number for number in block.numbers]
        before += block.total
    assert lines == [stripped for line in whole if (stripped := line.strip())]
    assert numbers == [number for number, line in enumerate(whole, 1) if line.strip()]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\n \r\n"])
def test_columns_do_not_depend_on_the_ranges(tmp_path: Path, end: str) -> None:
    examples = write(tmp_path / "data.jsonl", end=end)
    whole = joined(list(scan_ranges(ranges_of(tmp_path / "data.jsonl") or [], PLAN, 1)), PLAN)
    pieces = ranges_of(tmp_path / "data.jsonl", 200)
    assert pieces is not None and len(pieces) > 10
    parts = joined(list(scan_ranges(pieces, PLAN, 1)), PLAN)
    for one, two in zip(
        [*whole.keys, whole.places, whole.strata], [*parts.keys, parts.places, parts.strata], strict=True
    ):
        assert one is not None and two is not None and one.tolist() == two.tolist()
    assert whole.keys[0].tolist() == [Hasher(3).rank(group_key(e)) for e in examples]
    assert [key == 0 for key in whole.keys[1].tolist()] == [e["user"] is None for e in examples]
    assert whole.labels == parts.labels and set(whole.labels.values()) == {"yes", "no"}


def test_two_processes_write_the_same_bytes_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splitting_engine, "_WORTH_PROCESSES", 0)
    write(tmp_path / "data.jsonl", rows=4000)
    written = []
    for processes in (1, 2):
        options = SplitOptions(
            group=("prompt", "near-duplicates"), stratify="reply", processes=processes, model="linear"
        )
        split(tmp_path / "data.jsonl", out=tmp_path / "parts", train=0.7, test=0.3, options=options)
        written.append({path.name: path.read_bytes() for path in (tmp_path / "parts").iterdir()})
    assert written[0] == written[1] and len(written[0]) == 4


@pytest.mark.parametrize("processes", [1, 2])
def test_a_bad_row_in_a_later_range_has_its_line(
    tmp_path: Path, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data.jsonl"
    write(path, end="\n\n")
    with path.open("a") as file:
        file.write('\n\n{"messages": []}\n')
    pieces = ranges_of(path, 300)
    assert pieces is not None and len(pieces) > 9
    with pytest.raises(DataError, match="not a chat example") as caught:
        list(scan_ranges(pieces, PLAN, processes))
    assert str(caught.value.where) == "data:121"


def test_lines_that_end_in_cr_alone_are_read_as_a_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splitting_ranges, "_LONGEST", 1000)
    monkeypatch.setattr(splitting_ranges, "_STEP", 100)
    path = tmp_path / "data.jsonl"
    write(path, end="\r")
    assert ranges_of(path, 500) is None
    monkeypatch.setattr(splitting_source, "ranges_of", lambda path: None)
    streamed = split(path, out=tmp_path / "parts")
    monkeypatch.undo()
    assert streamed == split(path, out=tmp_path / "parts") and streamed.rows == 60


def test_rows_read_in_any_order_and_in_the_files_order_are_the_same_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "data.jsonl", rows=500, end="\n \r\n")
    first = split(tmp_path / "data.jsonl", out=tmp_path / "a", train=0.7, test=0.3)
    monkeypatch.setattr(splitting_copying, "stays_in_memory", lambda path: False)
    second = split(tmp_path / "data.jsonl", out=tmp_path / "b", train=0.7, test=0.3)
    assert [p.sha256 for p in first.parts.values()] == [p.sha256 for p in second.parts.values()]
    assert first.source_sha256 == second.source_sha256 == sha256_file(tmp_path / "data.jsonl")


@pytest.mark.parametrize("in_order", [False, True])
@pytest.mark.parametrize("change", ["grow", "shrink", "swap"])
def test_a_file_that_changes_under_way_is_noticed(
    tmp_path: Path, change: str, in_order: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if in_order:
        monkeypatch.setattr(splitting_copying, "stays_in_memory", lambda path: False)
    path = tmp_path / "data.jsonl"
    write(path, rows=200)
    content = path.read_bytes()
    lines = content.split(b"\n")
    after = {
        "grow": content + b"\n" + lines[0],
        "shrink": content[: len(content) // 2],
        "swap": b"\n".join([lines[1], lines[0], *lines[2:]]),
    }[change]

    class Changing:
        """A display under which the file changes between the readings, its time of change set back."""

        def note(self, text: str) -> None: ...

        def warn(self, text: str) -> None: ...

        def work(self, title: str, total: float | None = None, unit: str = "") -> Any:
            from ftkit.display import SilentDisplay

            if title.startswith("write"):
                state = path.stat()
                path.write_bytes(after)
                os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
            return SilentDisplay().work(title, total, unit)

    with pytest.raises(DataError, match="changed while it was being split"):
        split(path, out=tmp_path / "parts", display=Changing())  # type: ignore[arg-type]
    assert list((tmp_path / "parts").iterdir()) == []


def test_ranges_of_blank_lines_alone_hold_no_row(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    examples = write(path, rows=5, end="\n" * 500)
    pieces = ranges_of(path, 100)
    assert pieces is not None
    found = list(scan_ranges(pieces, PLAN, 1))
    assert min(map(len, found)) == 0 and len(joined(found, PLAN)) == len(examples)
    path.write_text(" \n" * 3000)
    plan = Plan("data", 0, ("prompt",))
    assert len(joined(scan_ranges(ranges_of(path, 100) or [], plan, 1), plan)) == 0
    with pytest.raises(DataError, match=r"there are no rows in it|the file is empty"):
        split(path, out=tmp_path / "parts")
