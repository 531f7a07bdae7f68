"""A file that several processes check in pieces gets the report that one process gives it whole."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftkit.data.workers import WorkerPool
from ftkit.validation import ValidateOptions, ValidationReport, parallel, shards, validate
from ftkit.validation.shards import Shard, cut

BOM = b"\xef\xbb\xbf"


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
GOOD = [
    {"messages": [said("user", "Is the sea blue?"), said("assistant", "Yes.")]},
    {"messages": [said("system", "Be brief."), said("user", "Is it?"), said("assistant", "No.")]},
    {"messages": [said("user", "Größe? 😀"), said("assistant", "x" * 300)]},
]
TOOL = [
    {
        "messages": [
            said("user", "Look"),
            said("assistant", None, tool_calls=[CALL]),
            said("tool", "seen", tool_call_id=name),
            said("assistant", "Seen."),
        ],
        "tools": tools,
    }
    for name, tools in (("call_1", TOOLS), ("call_2", TOOLS), ("call_1", []))
]
PREFERENCE = [
    {
        "input": {"messages": [said("user", "Which?")]},
        "preferred_output": [said("assistant", "This.")],
        "non_preferred_output": [said("assistant", other)],
    }
    for other in ("That.", "This.", "")
]
ODD = [
    {"messages": []},
    {"messages": [said("user", "only asked")]},
    {"messages": [said("bot", "Hi"), said("assistant", " ")]},
    {"messages": [said("user", "a\u2028b"), said("assistant", "c\0")], "extra": 1},
    {"prompt": "Is the sea", "completion": " blue"},
]
BAD = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"messages": [{"role": "user", "content": "a", "content": "b"}]}',
    b'{"messages" : [], "messages": []}',
    b"\xff\xfe{",
    b'{"a": NaN}',
    b"{}{}",
]
WRITTEN = [*(json.dumps(row, ensure_ascii=False).encode() for row in GOOD + TOOL + PREFERENCE + ODD), *BAD]
PLAIN = WRITTEN[: len(GOOD)]
ENDS = st.sampled_from([b"\n"] * 8 + [b"\r\n", b"\r"])
FILES = st.builds(
    lambda mark, head, rows, last: mark + b"\n".join(head) + b"\n" + b"".join(rows) + last,
    st.sampled_from([b"", BOM]),
    st.lists(st.sampled_from(PLAIN), min_size=1, max_size=3),
    st.lists(st.builds(bytes.__add__, st.sampled_from(WRITTEN + PLAIN * 4), ENDS), min_size=8, max_size=40),
    st.sampled_from([b"", b"", *WRITTEN]),
)


class Alone(WorkerPool):
    """Only this process works, on what went through a pickle as it does between processes: starts at once."""

    def __init__(self, processes: int) -> None:
        assert processes > 1
        super().__init__(1)

    def map(self, make: str, shared: Any, tasks: Any) -> Iterator[Any]:
        for answer in super().map(make, pickle.loads(pickle.dumps(shared)), tasks):
            yield pickle.loads(pickle.dumps(answer))


def report(
    path: Path, *, shard: int = 0, head: int = 0, pool: type[WorkerPool] = Alone, **options: Any
) -> dict[str, Any]:
    """What is said of the file; in pieces of ``shard`` bytes where that is not 0."""
    chosen = ValidateOptions(**{"processes": 2 if shard else 1, **options})
    if not shard:
        return plainly(validate(path, options=chosen))
    with (
        patch.object(shards, "SHARD_BYTES", shard),
        patch.object(parallel, "SHARD_BYTES", shard),
        patch.object(parallel, "HEAD_BYTES", head or shard),
        patch.object(parallel, "WorkerPool", wraps=pool) as pools,
    ):
        result = validate(path, options=chosen)
    assert pools.call_count == 1, "the file was not shared out"
    return plainly(result)


def plainly(result: ValidationReport) -> dict[str, Any]:
    return result.model_dump(mode="json")


@pytest.mark.parametrize(
    ("pool", "examples"), [(WorkerPool, 2), (Alone, 25)], ids=["two processes", "one process"]
)
def test_pieces_say_what_the_whole_says(tmp_path: Path, pool: type[WorkerPool], examples: int) -> None:
    path = tmp_path / "data.jsonl"

    @settings(max_examples=examples)
    @given(
        FILES, st.sampled_from([60, 200, 700]), st.sampled_from([1, 150, 900]), st.sampled_from([1, 3, 100])
    )
    def same(data: bytes, shard: int, head: int, most: int) -> None:
        path.write_bytes(data)
        whole = report(path, max_findings=most)
        assert report(path, shard=shard, head=head, max_findings=most, pool=pool) == whole

    same()


@pytest.mark.parametrize(
    "options",
    [{"max_findings": 2}, {"max_line_bytes": 250}, {"labels": ("Yes.", "No.")}, {"method": "dpo"}],
    ids=str,
)
def test_all_kinds_of_rows_with_options(tmp_path: Path, options: dict[str, Any]) -> None:
    rng = random.Random(3)
    lines = [rng.choice(WRITTEN + PLAIN * 5) + rng.choice([b"\n"] * 9 + [b"\r\n"]) for _ in range(150)]
    path = tmp_path / "data.jsonl"
    path.write_bytes(BOM + b"".join(lines))
    whole = report(path, **options)
    assert whole["findings"] and whole["rows"] > 100
    pool = WorkerPool if options.keys() == {"max_findings"} else Alone
    assert report(path, shard=2000, head=500, pool=pool, **options) == whole


def test_findings_are_kept_in_the_order_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"".join(PLAIN[0] + b"\n" + (b"{\n" if n % 3 == 0 else b"") for n in range(60)))
    found = report(path, shard=300, max_findings=4, select=("FT1",))
    lines = [finding["line"] for finding in found["findings"]]
    wrong = [n for n, line in enumerate(path.read_bytes().splitlines(), 1) if line == b"{"]
    assert lines[:4] == wrong[:4]
    assert 20 in found["counts"].values()


@pytest.mark.parametrize("engine_processes", [None, 1])
def test_small_files_and_one_process_start_no_other(tmp_path: Path, engine_processes: int | None) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"\n".join(PLAIN * 20))
    with (
        patch.object(parallel, "WorkerPool", side_effect=AssertionError),
        patch.object(shards, "SHARD_BYTES", 9),
    ):
        assert validate(path, options=ValidateOptions(processes=engine_processes)).rows == 60


def test_utf16_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes("".join(line.decode() + "\n" for line in PLAIN).encode("utf-16"))
    with (
        patch.object(parallel, "SHARD_BYTES", 50),
        patch.object(parallel, "WorkerPool", side_effect=AssertionError),
    ):
        assert not validate(path, options=ValidateOptions(processes=2)).ok


LINES = st.lists(st.binary(max_size=30).map(lambda line: line + b"\n") | st.just(b"\n"), max_size=30)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.binary(max_size=9), st.integers(1, 60), st.integers(0, 80), st.integers(1, 50))
def test_cut_covers_the_file_once_and_ends_after_lf(
    tmp_path: Path, lines: list[bytes], last: bytes, length: int, head: int, look: int
) -> None:
    data = b"".join(lines) + last
    path = tmp_path / "data.jsonl"
    path.write_bytes(data)
    with patch.object(shards, "SHARD_BYTES", length), patch.object(shards, "_LOOK_BYTES", look):
        made = list(cut(str(path), len(data), head))
    assert [shard.start for shard in made] == [0, *(shard.end for shard in made)][: len(made)]
    assert not data or made[-1].end == len(data)
    assert all(data[shard.end - 1 : shard.end] == b"\n" for shard in made[:-1])
    for place, shard in enumerate(made[:-1]):
        aim = head if head and not place else length
        assert shard.end - shard.start >= aim  # no shorter than asked for, and by less than a line longer
        assert b"\n" not in data[shard.start + aim - 1 : shard.end - 1]
    with patch.object(shards, "CHUNK_BYTES", look):
        assert b"".join(chunk for shard in made for chunk in shard.chunks()) == data


def test_a_shard_of_a_file_that_is_gone_is_a_storage_error(tmp_path: Path) -> None:
    from ftkit.errors import StorageError

    with pytest.raises(StorageError, match=r"gone\.jsonl"):
        list(Shard(str(tmp_path / "gone.jsonl"), 0, 5).chunks())
