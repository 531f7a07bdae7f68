"""What a split reads and writes: sources, files, manifest, and what goes wrong."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.data import ExampleTemplate, SourceOptions, sha256_file
from ftkit.errors import DataError, StorageError, UsageError
from ftkit.splitting import SplitOptions, read_manifest, split
from ftkit.splitting.shuffle import ShuffledLines

MAPPED = SplitOptions(template=ExampleTemplate(user="{text}", assistant="{label}"))


def line(number: int, end: str = "\n") -> str:
    return (
        f'{{"messages" : [{{"role": "user", "content": "text {number} é\\u00e9 1.0"}}, '
        f'{{"role": "assistant", "content": "yes"}}], "n": {number}.0}}{end}'
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data.jsonl"
    path.write_text("".join(line(n) for n in range(100)), "utf-8")
    return path


def test_lines_of_a_chat_file_are_kept_as_they_are(data: Path, tmp_path: Path) -> None:
    result = split(data, train=0.8, test=0.2, out=tmp_path / "parts")
    written = b"".join(part.path.read_bytes() for part in result.parts.values()).splitlines(keepends=True)
    assert sorted(written) == sorted(data.read_bytes().splitlines(keepends=True))


def test_the_manifest_tells_all(data: Path, tmp_path: Path) -> None:
    result = split(data, train=60, test=30, seed=7, out=tmp_path / "parts")
    manifest = json.loads((tmp_path / "parts" / "manifest.json").read_text())
    assert (manifest["version"], manifest["seed"], manifest["method"]) == (2, 7, "rank")
    assert manifest["source"] == str(data) and manifest["source_sha256"] == sha256_file(data)
    assert (manifest["rows"], manifest["groups"], manifest["unused"]) == (100, 100, 10)
    assert list(manifest["parts"]) == ["train", "test"]
    for name, part in manifest["parts"].items():
        content = (tmp_path / "parts" / part["path"]).read_bytes()
        assert part["sha256"] == hashlib.sha256(content).hexdigest() and part["bytes"] == len(content)
        assert part["rows"] == content.count(b"\n") == part["requested"]
        assert part["share"] == part["rows"] / 100 and part["path"] == f"{name}.jsonl"
    assert read_manifest(tmp_path / "parts") == result
    (tmp_path / "parts").rename(tmp_path / "moved")
    moved = read_manifest(tmp_path / "moved" / "manifest.json")
    assert moved.parts["train"].path == tmp_path / "moved" / "train.jsonl"


def test_reading_what_is_no_manifest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no split here"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text('{"version": 1}')
    with pytest.raises(DataError, match="not a split's manifest"):
        read_manifest(tmp_path)


def test_sources_of_every_kind(data: Path, tmp_path: Path) -> None:
    import pandas

    def rows_of(source: Any, options: SplitOptions | None = None) -> set[str]:
        result = split(source, train=0.5, test=0.5, out=tmp_path / "parts", options=options)
        assert result.rows == 100 and result.unused == 0
        return {
            json.loads(text)["messages"][0]["content"]
            for part in result.parts.values()
            for text in part.path.read_text("utf-8").splitlines()
        }

    wanted = {f"text {n} éé 1.0" for n in range(100)}
    packed = tmp_path / "data.jsonl.gz"
    packed.write_bytes(gzip.compress(data.read_bytes()))
    odd_ends = tmp_path / "odd.jsonl"
    odd_ends.write_bytes(b"\xef\xbb\xbf\n" + data.read_bytes().replace(b"\n", b"\r\n \r\n"))
    for source in (
        data,
        packed,
        odd_ends,
        [json.loads(text) for text in data.read_text("utf-8").splitlines()],
    ):
        assert rows_of(source) == wanted
    rows = [{"text": text, "label": "yes"} for text in sorted(wanted)]
    table = tmp_path / "data.csv"
    table.write_text("text,label\n" + "".join(f"{row['text']},yes\n" for row in rows), "utf-8")
    for mapped in (rows, pandas.DataFrame(rows), table):
        assert rows_of(mapped, MAPPED) == wanted
    table.write_text(table.read_text("utf-8").replace("text,label", "prompt,response", 1), "utf-8")
    assert rows_of(table) == wanted


def test_the_same_examples_fall_the_same_way_from_any_source(data: Path, tmp_path: Path) -> None:
    examples = [json.loads(text) for text in data.read_text("utf-8").splitlines()]
    random.Random(3).shuffle(examples)
    first = split(data, test=0.3, out=tmp_path / "a")
    second = split(examples, test=0.3, out=tmp_path / "b")
    sets = [
        {json.loads(x)["n"] for x in r.parts["test"].path.read_text().splitlines()} for r in (first, second)
    ]
    assert sets[0] == sets[1]


def test_limit_takes_the_first_rows(data: Path, tmp_path: Path) -> None:
    options = SplitOptions(source=SourceOptions(limit=30))
    assert split(data, out=tmp_path / "parts", options=options).rows == 30


def test_a_part_without_rows_and_a_left_over_file_are_noted(data: Path, tmp_path: Path) -> None:
    split(data, train=0.5, test=0.5, out=tmp_path / "parts")
    one = tmp_path / "one.jsonl"
    one.write_text(line(1))
    result = split(one, out=tmp_path / "parts")
    empty = next(name for name, part in result.parts.items() if not part.rows)
    assert f"{empty}: no row fell into this part" in result.notes
    assert any("test.jsonl was there before" in note for note in result.notes)


def test_a_row_that_is_no_example_has_a_place(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    for bad, words in [
        ('{"a": 1,}', "not JSON"),
        ('{"prompt": "x"}', "not a chat example"),
        ('{"messages": [1]}', "not a chat example"),
        ("[]", "not a chat example"),
    ]:
        data.write_text(line(1) + "\n" + bad + "\n")
        with pytest.raises(DataError, match=words) as caught:
            split(data, out=tmp_path / "parts")
        assert str(caught.value.where) == f"{data}:3" and "ftkit validate" in str(caught.value.hint)
    assert list((tmp_path / "parts").iterdir()) == []


def test_bad_sources(tmp_path: Path, data: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "table.csv").write_text("text,label\na,b\n")
    with pytest.raises(DataError, match="empty"):
        split(tmp_path / "empty.jsonl", out=tmp_path / "parts")
    with pytest.raises(UsageError, match="no such file"):
        split(tmp_path / "nothing.jsonl", out=tmp_path / "parts")
    with pytest.raises(UsageError, match=r"columns \(text, label\)"):
        split(tmp_path / "table.csv", out=tmp_path / "parts")
    with pytest.raises(UsageError, match="no column 'labl'"):
        options = SplitOptions(template=ExampleTemplate(user="{text}", assistant="{labl}"))
        split(tmp_path / "table.csv", out=tmp_path / "parts", options=options)
    with pytest.raises(UsageError, match="only once"):
        split(iter([json.loads(line(1))]), out=tmp_path / "parts")


def test_a_part_never_overwrites_its_source(tmp_path: Path) -> None:
    source = tmp_path / "train.jsonl"
    source.write_text(line(1) + line(2))
    before = source.read_bytes()
    with pytest.raises(UsageError, match="the train part would overwrite the source"):
        split(source, out=tmp_path)
    assert source.read_bytes() == before


def test_places_that_cannot_be_written(data: Path, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        split(data, out=data / "parts")
    with pytest.raises(StorageError):
        split(data, out=Path(os.devnull) / "parts")


def test_a_source_that_changes_meanwhile_leaves_the_old_split(data: Path, tmp_path: Path) -> None:
    split(data, train=50, out=tmp_path / "parts")
    before = {path.name: path.read_bytes() for path in (tmp_path / "parts").iterdir()}

    class Growing:
        """A source that has one row more each time it is read."""

        reads = 0

        def __iter__(self) -> Iterator[dict[str, Any]]:
            self.reads += 1
            return (json.loads(line(n)) for n in range(10 + self.reads))

    with pytest.raises(DataError, match="changed while it was being split"):
        split(Growing(), train=5, out=tmp_path / "parts")
    assert {path.name: path.read_bytes() for path in (tmp_path / "parts").iterdir()} == before


def test_shuffling_on_disk_equals_shuffling_in_memory(tmp_path: Path) -> None:
    lines = [f'{{"n": {n}}}'.encode() for n in range(500)] * 2

    places = [int.from_bytes(hashlib.sha256(text).digest()[:8], "big") for text in lines]

    def shuffled(run_bytes: int) -> list[bytes]:
        with ShuffledLines(tmp_path, run_bytes) as mixed:
            for at in range(0, len(lines), 70):
                mixed.add(lines[at : at + 70], places[at : at + 70])
            return [text for block in mixed.blocks() for text in block]

    assert (
        shuffled(1 << 30) == shuffled(1000) == [text for _, text in sorted(zip(places, lines, strict=True))]
    )
    assert list(tmp_path.iterdir()) == []
