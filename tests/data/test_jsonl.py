"""JSON lines: read with exact places, written whole or not at all, and safe for every line splitter."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftkit.data import Row, open_jsonl_writer, read_jsonl, sha256_file
from ftkit.data import stream as stream_module
from ftkit.errors import DataError, StorageError

TEXT = st.text(st.characters(blacklist_categories=("Cs",)))
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.dictionaries(TEXT, VALUE, max_size=4), max_size=6))
def test_what_is_written_is_read(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    path = tmp_path / "a.jsonl"
    with open_jsonl_writer(path) as writer:
        for row in rows:
            writer.write(row)
    assert list(read_jsonl(path)) == [Row(row, number) for number, row in enumerate(rows, 1)]
    raw = path.read_bytes()
    assert (writer.rows, writer.bytes) == (len(rows), len(raw))
    assert writer.sha256 == hashlib.sha256(raw).hexdigest() == sha256_file(path)
    lines = raw.decode().splitlines()
    assert [json.loads(line) for line in lines] == rows, "str.splitlines finds the same lines"


def test_texts_stay_readable_but_never_break_a_line(tmp_path: Path) -> None:
    with open_jsonl_writer(tmp_path / "a.jsonl") as writer:
        writer.write({"text": "é 好 😀 \u2028 \u2029 \x85 \\"})
    assert (tmp_path / "a.jsonl").read_bytes() == (
        '{"text":"é 好 😀 \\u2028 \\u2029 \\u0085 \\\\"}\n'.encode()
    )


def test_half_a_surrogate_pair_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with pytest.raises(DataError, match=r"U\+D800"), open_jsonl_writer(path) as writer:
        writer.write({"text": "ok"})
        writer.write({"text": "bad \ud800"})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rewrite_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.jsonl"
    with open_jsonl_writer(path) as writer:
        writer.write({"n": 1})
    with pytest.raises(ZeroDivisionError), open_jsonl_writer(path) as writer:
        writer.write({"n": 2})
        raise ZeroDivisionError
    assert [row.data for row in read_jsonl(path)] == [{"n": 1}]
    assert [child.name for child in path.parent.iterdir()] == ["a.jsonl"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError), open_jsonl_writer(tmp_path / "file" / "a.jsonl"):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_a_storage_error() -> None:
    from ftkit.data.jsonl import JsonlWriter

    with (
        Path("/dev/full").open("wb", buffering=0) as file,
        pytest.raises(StorageError, match="No space left"),
    ):
        JsonlWriter(file, Path("a.jsonl")).write({"n": 1})


@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("tail", [True, False], ids=["closed", "open"])
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 20])
def test_line_ends_at_every_chunk_border(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: bytes, tail: bool, chunk: int
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}' + ends + ends + b'{"n":"two"}' + ends + b'{"n":3}' + (ends if tail else b""))
    chunks = stream_module.read_chunks
    monkeypatch.setattr(stream_module, "read_chunks", lambda file, size=chunk: chunks(file, size))
    assert list(read_jsonl(path)) == [Row({"n": 1}, 1), Row({"n": "two"}, 3), Row({"n": 3}, 4)]


def test_a_fault_behind_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"n":x}\n')
    with pytest.raises(DataError, match="not JSON") as caught:
        list(read_jsonl(tmp_path / "a.jsonl"))
    assert str(caught.value.where) == f"{tmp_path / 'a.jsonl'}:1:6"


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"n":1}\n')
    assert list(read_jsonl(tmp_path / "a.jsonl")) == [Row({"n": 1}, 1)]


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        (b'{"a": 1,}', None, "not JSON"),
        (b"{'a': 1}", 2, "not JSON"),
        ('{"é": tru}'.encode(), 7, "not JSON"),
        (b'{"a": 1} {"b": 2}', 10, "Extra data"),
        (b'{"a": "\\ud800"}', 8, "half of a surrogate pair"),
        ('{"é": "'.encode() + b'\xff"}', 8, "not UTF-8 text: byte 0xFF"),
        (b"[1, 2,", None, "JSON array"),
        (b"{", None, "several lines"),
        (b'{"a":' * 100_000, None, "too deeply"),
        (b'{"a": NaN}', 7, "NaN is no JSON number"),
    ],
)
def test_a_bad_line_has_a_place(tmp_path: Path, line: bytes, column: int | None, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"n":1}\n\n' + line + b"\n")
    rows = read_jsonl(path)
    assert next(rows) == Row({"n": 1}, 1)
    with pytest.raises(DataError, match=message) as caught:
        next(rows)
    assert str(caught.value.where).startswith(f"{path}:3")
    if column is not None:
        assert str(caught.value.where) == f"{path}:3:{column}"
    assert caught.value.hint
