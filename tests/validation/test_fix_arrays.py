"""A whole file that is one array: cut at its items, whatever the chunks, in constant memory."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftkit.validation.fixing import array
from ftkit.validation.fixing.array import ArrayCutter, Element, opens_array
from ftkit.validation.lines import LongLine

ROW = b'{"messages": [{"role": "user", "content": "a, ]}\\" [{"}]}'


@pytest.fixture(autouse=True)
def small_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every chunk be seen by itself."""
    monkeypatch.setattr(array, "_LEAST_READ", 1)


def cut(
    data: bytes, chunk: int = 1 << 20, longest: int = 1 << 20
) -> tuple[list[tuple[int, bytes]], ArrayCutter]:
    cutter = ArrayCutter((data[i : i + chunk] for i in range(0, len(data), chunk)), longest)
    return list(cutter), cutter


@pytest.mark.parametrize(
    ("head", "opens"),
    [
        (b"[{", True),
        (b" [\r\n\t{", True),
        (b"[", False),
        (b"[[", False),
        (b"{", False),
        (b"", False),
        (b'["a", {', False),
        (b"[1, {", False),
        (b"[/* a */ {", False),
    ],
)
def test_which_files_begin_an_array_of_objects(head: bytes, opens: bool) -> None:
    assert opens_array(head) is opens


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("quote", ["'", '"'])
def test_brackets_within_texts_and_comments_count_for_nothing(chunk: int, quote: str) -> None:
    text = f"{quote}a, ]}} \\{quote} [{{ // /* #{quote}"
    first = f'{{"a": {text}, "b": [1, {{}}]}}'
    second = '{"c": 1 /* ], } " */, "d": 2 // it\'s ]\n}'
    data = f"[ {first} ,\n\n {second}\n] rest".encode()
    found, cutter = cut(data, chunk)
    assert found == [(1, first.encode()), (3, second.encode())]
    rest = cutter.rest + data[len(data) - 5 :][len(cutter.rest) :]
    assert cutter.closed and rest == b" rest" and cutter.line == 5
    assert all(type(raw) is Element for _, raw in found)


@pytest.mark.parametrize("data", [b"[]", b"[ \n]", b"[,]", b"[ , ,\n]"])
def test_nothing_within_gives_nothing(data: bytes) -> None:
    found, cutter = cut(data, 1)
    assert found == [] and cutter.closed


@pytest.mark.parametrize("end", [b"", b",", b"\n", b" , \n"])
def test_an_array_without_its_end(end: bytes) -> None:
    found, cutter = cut(b"[" + ROW + b",\n" + ROW + end, 5)
    assert found == [(1, ROW), (2, ROW)] and not cutter.closed and cutter.rest == b""


@pytest.mark.parametrize(
    "tail", [b'{"a": [1, {"b', b'{"a": "x', b"{'a': 'x", b'{"a": 1 /* x', b'{"a": 1 // x']
)
def test_an_item_that_is_cut_off_is_kept_as_it_is(tail: bytes) -> None:
    for chunk in (1, 4, 1000):
        found, cutter = cut(b"[" + ROW + b"," + tail, chunk)
        assert found == [(1, ROW), (1, tail)] and not cutter.closed


@pytest.mark.parametrize("chunk", [3, 50, 10_000])
@pytest.mark.parametrize(
    "long",
    [
        b'{"a": "' + b"x" * 500 + b'"}',
        b'{"a": [' + b"1, " * 300 + b"2]}",
        b" " * 300 + b'{"a": ' + b" " * 400 + b"1}",
    ],
)
def test_an_item_that_is_too_long_is_told_by_its_size(long: bytes, chunk: int) -> None:
    small = b'{"b": 1}'
    found, cutter = cut(b"[" + small + b",\n" + long + b",\n" + small + b"]", chunk, 200)
    meant = long.strip()
    assert found[0] == (1, small) and found[1][0] == 2
    assert isinstance(found[1][1], LongLine) and meant.startswith(found[1][1])
    if len(found) == 3:
        assert found[1][1].size == len(meant) and found[2] == (3, small) and cutter.closed
    else:  # a single text is longer than the limit: its end was not looked for
        assert b'"x' in long and found[1][1].size == len(meant) + len(b",\n" + small + b"]")


def test_a_text_that_never_ends_does_not_fill_the_memory() -> None:
    def chunks() -> Iterator[bytes]:
        yield b'[{"a": 1}, {"b": "'
        for _ in range(200):
            yield b"x" * 100_000

    tracemalloc.start()
    cutter = ArrayCutter(chunks(), 500_000)
    *_, (_, last) = cutter
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(last, LongLine) and last.size == 20_000_000 + len('{"b": "')
    assert peak < 4_000_000


@given(
    st.lists(st.dictionaries(st.text(), st.text() | st.lists(st.text()), min_size=1), max_size=5),
    st.integers(1, 30),
    st.sampled_from([None, 2]),
)
def test_items_come_out_as_they_went_in(items: list[Any], chunk: int, indent: int | None) -> None:
    data = json.dumps(items, indent=indent).encode()
    found, cutter = cut(data, chunk)
    assert [json.loads(raw) for _, raw in found] == items and cutter.closed
    lines = data.split(b"\n")
    for line, raw in found:
        assert raw.split(b"\n")[0] in lines[line - 1]


@given(st.binary(max_size=60).map(lambda data: b"[{" + data), st.integers(1, 20))
def test_no_byte_is_lost_whatever_they_are(data: bytes, size: int) -> None:
    chunks = iter([data[at : at + size] for at in range(0, len(data), size)])
    cutter = ArrayCutter(chunks, 1000)
    found = b"".join(raw for _, raw in cutter)
    without = b" ,[]\t\r\n\x0b\x0c"
    kept = found + cutter.rest + b"".join(chunks)
    assert kept.translate(None, without) == data.translate(None, without)
