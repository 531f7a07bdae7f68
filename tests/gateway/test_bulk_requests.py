"""Requests of any number are read once, said in the platform's words and cut at its limits."""

from __future__ import annotations

import gzip
import json
from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.catalog import Dialect, Provider
from ftkit.display import SilentDisplay
from ftkit.errors import DataError, NotOnPlatform, StorageError, UsageError
from ftkit.gateway import chat_request
from ftkit.gateway.bulk import ids
from ftkit.gateway.bulk.ids import IdIndex, first_repeated, line_blocks, read_ids
from ftkit.gateway.bulk.lines import read_requests
from ftkit.gateway.bulk.plan import IDS, OFFSETS, Prepared, ShardLimits, estimated_tokens
from ftkit.gateway.bulk.prepare import fingerprint, prepare
from ftkit.gateway.dialect import Translator

PLAIN = Translator(Provider(name="p", title="P"), SilentDisplay())
RENAMING = Translator(
    Provider(
        name="r",
        title="R",
        dialect=Dialect(
            rename_request={"max_tokens": "max_completion_tokens"},
            drop_request=("store",),
            refuse_request=("seed",),
        ),
    ),
    SilentDisplay(),
)


UNLIMITED = ShardLimits()


def good(custom_id: str, text: str = "x", **params: Any) -> dict[str, Any]:
    return chat_request(custom_id, "m", [{"role": "user", "content": text}], **params)


def lines_of(source: Any, translator: Translator = PLAIN) -> list[bytes]:
    return [request.line for request in read_requests(source, translator)]


def written(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"\n".join(lines))
    return path


def test_a_line_goes_out_as_it_is_where_the_platform_speaks_openai_s_words(tmp_path: Path) -> None:
    odd = b'{"url": "/v1/x",  "body": {"b": 1.0, "model": "m"}, "custom_id": "\xc3\xa9", "method": "POST"}'
    path = written(
        tmp_path / "r.jsonl", b"\xef\xbb\xbf" + odd + b"\r", b"", b"  " + odd.replace(b"\xc3\xa9", b"b")
    )
    first, second = read_requests(path, PLAIN)
    assert (first.line, first.custom_id, first.number, first.url, first.model) == (odd, "é", 1, "/v1/x", "m")
    assert (second.line.strip(), second.number, second.same) == (odd.replace(b"\xc3\xa9", b"b"), 3, True)


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_files_are_read_packed_and_unpacked(tmp_path: Path, suffix: str) -> None:
    content = "".join(json.dumps(good(str(n))) + "\n" for n in range(3)).encode()
    path = tmp_path / f"requests{suffix}"
    if suffix.endswith("zst"):
        import pyarrow as pa

        with pa.CompressedOutputStream(str(path), "zstd") as file:
            file.write(content)
    else:
        path.write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    assert b"\n".join(lines_of(path)) + b"\n" == content


def test_what_a_request_leaves_out_is_filled_in() -> None:
    (line,) = lines_of([{"custom_id": "a", "body": {"model": "m"}}])
    assert json.loads(line) == {
        "custom_id": "a",
        "body": {"model": "m"},
        "method": "POST",
        "url": "/v1/chat/completions",
    }


def test_requests_are_said_in_the_platform_s_words(tmp_path: Path) -> None:
    given_request = good("a", max_tokens=5, store=True, temperature=None)
    path = written(tmp_path / "r.jsonl", json.dumps(given_request).encode())
    for source in (path, [given_request]):
        (request,) = read_requests(source, RENAMING)
        assert json.loads(request.line)["body"] == {
            "model": "m",
            "messages": [{"role": "user", "content": "x"}],
            "max_completion_tokens": 5,
        }
        assert (request.most, request.same) == (5, False)


def test_line_separators_within_a_text_are_escaped(tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", json.dumps(good("a", "x\u2028y"), ensure_ascii=False).encode())
    for source in (path, [good("a", "x\u2028y")]):
        (line,) = lines_of(source)
        assert b"\\u2028" in line and len(line.decode().splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"custom_id": "a", "body": {"text": "\\ud83d"}, "url": "/u", "method": "POST"}', "surrogate"),
        (b'{"custom_id": "a", "body": {"text": "\xff"}, "url": "/u", "method": "POST"}', "UTF-8"),
        (b'{"custom_id": "a", "body": [], "url": "/u", "method": "POST"}', "no body"),
        (b'{"custom_id": "", "body": {}, "url": "/u", "method": "POST"}', "no custom_id"),
        (b'{"custom_id": "a", "body": {}, "url": "/u", "method": "POST"', "not JSON"),
    ],
)
def test_a_faulty_line_is_named(tmp_path: Path, line: bytes, words: str) -> None:
    path = written(tmp_path / "r.jsonl", b"", json.dumps({**good("ok"), "url": "/u"}).encode(), line)
    with pytest.raises(DataError, match=words) as caught:
        lines_of(path)
    assert str(caught.value.where).startswith(f"{path}:3")


def test_a_field_that_the_platform_refuses_is_named_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", json.dumps(good("a", seed=1)).encode())
    with pytest.raises(NotOnPlatform, match="'seed'") as caught:
        lines_of(path, RENAMING)
    assert str(caught.value.where) == f"{path}:1"
    with pytest.raises(UsageError, match="not there"):
        lines_of(tmp_path / "none.jsonl")


def prepared(source: Any, folder: Path, limits: ShardLimits = UNLIMITED) -> Prepared:
    return prepare(source, folder, PLAIN, limits, SilentDisplay())


@settings(max_examples=25)  # each is fsynced
@given(
    sizes=st.lists(st.integers(0, 60), min_size=1, max_size=40),
    limits=st.builds(
        ShardLimits,
        requests=st.none() | st.integers(1, 10),
        bytes=st.none() | st.integers(300, 900),
        tokens=st.none() | st.integers(100, 300),
    ),
)
def test_shards_hold_all_requests_in_order_within_the_limits(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limits: ShardLimits
) -> None:
    folder = tmp_path_factory.mktemp("prepared")
    source = [good(f"id-{n}", "é" * size) for n, size in enumerate(sizes)]
    made = prepared(iter(source), folder / "requests", limits)
    content = [(made.folder / shard.file).read_bytes() for shard in made.plan.shards]
    assert [json.loads(line) for part in content for line in part.splitlines()] == source
    first = 0
    for shard, part in zip(made.plan.shards, content, strict=True):
        lines = part.splitlines()
        tokens = sum(map(estimated_tokens, lines))
        assert limits.allow(len(lines), len(part), tokens)
        assert (shard.first, shard.rows, shard.bytes, shard.tokens) == (first, len(lines), len(part), tokens)
        first += shard.rows
    assert (made.plan.requests, made.plan.bytes) == (len(source), sum(map(len, content)))
    backwards = range(len(source) - 1, -1, -1)
    assert [json.loads(line) for line in made.lines(backwards)] == source[::-1]
    made.close()


def test_a_shard_takes_as_much_as_it_may(tmp_path: Path) -> None:
    size = len(json.dumps(good("0"), separators=(",", ":"))) + 1
    made = prepared([good(str(n)) for n in range(9)], tmp_path / "p", ShardLimits(bytes=4 * size))
    assert [shard.rows for shard in made.plan.shards] == [4, 4, 1]


def test_the_plan_says_what_a_choice_needs(tmp_path: Path) -> None:
    made = prepared([good("a", max_tokens=5), good("b", max_completion_tokens=7)], tmp_path / "p")
    assert (made.plan.models, made.plan.most_output) == (("m",), 12)
    assert made.plan.endpoint == "/v1/chat/completions"
    assert prepared([good("a", max_tokens=5), good("b")], tmp_path / "q").plan.most_output is None


def test_each_request_knows_its_line_in_the_source(tmp_path: Path) -> None:
    path = written(
        tmp_path / "r.jsonl", b"", json.dumps(good("a")).encode(), b"", json.dumps(good("b")).encode()
    )
    made = prepared(path, tmp_path / "p")
    assert [str(made.where(n)) for n in range(2)] == [f"{path}:2", f"{path}:4"]
    assert str(prepared([good("a")], tmp_path / "q").where(0)) == "requests:1"


@pytest.mark.parametrize("limits", [ShardLimits(bytes=300), ShardLimits(tokens=100)])
def test_a_request_larger_than_a_batch_is_named(tmp_path: Path, limits: ShardLimits) -> None:
    with pytest.raises(DataError, match="at most") as caught:
        prepared([good("a"), good("b", "x" * 400)], tmp_path / "p", limits)
    assert str(caught.value.where) == "requests:2"
    assert Prepared.at(tmp_path / "p") is None


def test_an_id_that_comes_twice_is_named_with_both_lines(tmp_path: Path) -> None:
    requests = [good(str(n)) for n in range(700)]
    with pytest.raises(DataError, match="on line 4") as caught:
        prepared([*requests, good("3"), good("600")], tmp_path / "p", ShardLimits(requests=100))
    assert str(caught.value.where) == "requests:701"


def test_equal_hashes_are_no_equal_ids() -> None:
    names = ["a", "b", "c", "b"]
    assert first_repeated(array("q", [7, 7, 7, 7]), lambda: names) == ("b", 1, 3)
    assert first_repeated(array("q", [7, 7, 1, 2]), lambda: [*names[:3], "d"]) is None
    assert first_repeated(array("q"), list) is None


def test_a_preparation_that_breaks_off_leaves_no_plan(tmp_path: Path) -> None:
    def broken() -> Any:
        yield from (good(str(n)) for n in range(300))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared(broken(), tmp_path / "p", ShardLimits(requests=100))
    assert Prepared.at(tmp_path / "p") is None
    assert prepared([good("a")], tmp_path / "p").count == 1
    assert not [path for path in (tmp_path / "p").iterdir() if path.name.endswith(".tmp")]


def test_a_damaged_preparation_is_named(tmp_path: Path) -> None:
    made = prepared([good("a"), good("b")], tmp_path / "p")
    (made.folder / OFFSETS).write_bytes(b"\0" * 8)
    with pytest.raises(DataError, match="cut off"):
        list(made.lines([0]))
    (made.folder / "plan.json").write_text("{}")
    with pytest.raises(DataError, match="no plan"):
        Prepared.at(made.folder)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        prepared([good("a")], tmp_path / "file" / "p")


def test_a_file_is_known_again_until_it_or_the_platform_s_words_change(tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", json.dumps(good("a")).encode())
    first = fingerprint(path, PLAIN, ShardLimits())
    assert first == fingerprint(path, PLAIN, ShardLimits())
    assert (
        len({first, fingerprint(path, RENAMING, ShardLimits()), fingerprint(path, PLAIN, ShardLimits(1))})
        == 3
    )
    path.write_text(json.dumps(good("ab")))
    assert fingerprint(path, PLAIN, ShardLimits()) != first
    assert fingerprint([good("a")], PLAIN, ShardLimits()) is None


@pytest.mark.parametrize("one_hash", [False, True])
def test_positions_are_found_by_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_hash: bool) -> None:
    if one_hash:
        monkeypatch.setattr(ids, "hash", lambda text: 7, raising=False)
    names = ["é", "line\nbreak", "a", "b" * 500, '"', "\u2028"]
    made = prepared([good(name) for name in names], tmp_path / "p")
    assert list(read_ids(made.folder / IDS)) == names
    index = IdIndex(made.folder / IDS, len(names))
    asked = [*reversed(names), "stranger", "a"]
    assert index.positions(asked).tolist() == [5, 4, 3, 2, 1, 0, -1, 2]
    index.close()


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b"")), max_size=30), st.booleans())
def test_blocks_are_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ended: bool
) -> None:
    content = b"\n".join(lines) + (b"\n" if ended else b"")
    path = tmp_path_factory.mktemp("blocks") / "file"
    path.write_bytes(content)
    found = b""
    for block, start in line_blocks(path, size=7):
        assert start == len(found)
        found += block
        ends = ids.line_ends(block).tolist()
        assert ends[-1] == len(block)
        assert all(block[end - 1 : end] == b"\n" for end in ends[:-1])
        assert len(ends) == len(block.split(b"\n")) - block.endswith(b"\n")
    assert found == content
