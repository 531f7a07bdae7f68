"""What a split must never do: overwrite its source, leave half a split, or name files that are not there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.data import open_rows
from ftkit.errors import DataError, StorageError, UsageError
from ftkit.splitting import SplitOptions, SplitResult, read_manifest, split
from ftkit.splitting.shuffle import ShuffledLines


def chat(number: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"{number}?"}, {"role": "assistant", "content": "yes"}]}


def write(path: Path, rows: int = 20) -> Path:
    path.write_text("".join(json.dumps(chat(n)) + "\n" for n in range(rows)))
    return path


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("train.jsonl", "the train part"),
        ("validation.jsonl", "the validation part"),
        ("manifest.json", "the manifest"),
        ("rows.index", "the list of rows"),
    ],
)
@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_the_source_is_never_overwritten(name: str, what: str, link: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    source = write(out / name if link is None else tmp_path / "source.jsonl")
    if link is not None:
        link(source, out / name)
    before = content(out)
    with pytest.raises(UsageError, match=f"{what} would overwrite the source") as caught:
        split(source, out=out)
    assert "--out" in str(caught.value.hint)
    assert content(out) == before


def test_a_part_that_is_not_asked_for_may_be_the_source(tmp_path: Path) -> None:
    source = write(tmp_path / "test.jsonl")
    before = source.read_bytes()
    result = split(source, train=0.5, validation=0.5, out=tmp_path)
    assert source.read_bytes() == before
    assert result.notes == [f"{tmp_path / 'test'}.jsonl was there before and is no part of this split"]


def test_a_split_of_a_part_of_a_split_is_a_split(tmp_path: Path) -> None:
    first = split(write(tmp_path / "data.jsonl"), train=10, test=10, out=tmp_path / "a")
    second = split(first.parts["train"].path, train=5, validation=5, out=tmp_path / "b")
    assert second.source_sha256 == first.parts["train"].sha256
    rows = [row.data for part in second.parts.values() for row in open_rows(part.path)]
    wanted = [row.data for row in open_rows(first.parts["train"].path)]
    assert sorted(rows, key=str) == sorted(wanted, key=str)


def test_the_same_split_again_changes_no_byte(tmp_path: Path) -> None:
    source = write(tmp_path / "data.jsonl")
    split(source, train=0.6, validation=0.2, test=0.2, out=tmp_path / "parts")
    before = content(tmp_path / "parts")
    split(source, train=0.6, validation=0.2, test=0.2, out=tmp_path / "parts")
    assert content(tmp_path / "parts") == before
    assert set(before) == {"train.jsonl", "validation.jsonl", "test.jsonl", "manifest.json", "rows.index"}


@pytest.mark.parametrize("bad", ['{"a": ', '{"messages": []}', "5"])
def test_a_bad_row_at_the_end_leaves_the_old_split_as_it_was(bad: str, tmp_path: Path) -> None:
    source = write(tmp_path / "data.jsonl")
    split(source, out=tmp_path / "parts")
    before = content(tmp_path / "parts")
    source.write_text(source.read_text() + bad + "\n")
    with pytest.raises(DataError) as caught:
        split(source, out=tmp_path / "parts")
    assert str(caught.value.where) == f"{source}:21"
    assert content(tmp_path / "parts") == before


def test_a_file_that_changes_between_the_readings_is_noticed(tmp_path: Path) -> None:
    """Same rows, another order: only the hash can tell."""
    source = write(tmp_path / "data.jsonl")
    lines = source.read_text().splitlines(keepends=True)

    class Swapping:
        """A display that swaps two lines of the file when the writing begins."""

        def note(self, text: str) -> None: ...

        def warn(self, text: str) -> None: ...

        def work(self, title: str, total: float | None, unit: str) -> Any:
            from ftkit.display import SilentDisplay

            if title.startswith("write"):
                source.write_text("".join([*lines[1:], lines[0]]))
            return SilentDisplay().work(title, total, unit)

    with pytest.raises(DataError, match="the source changed while it was being split"):
        split(source, out=tmp_path / "parts", display=Swapping())  # type: ignore[arg-type]
    assert not (tmp_path / "parts" / "manifest.json").exists()


def test_rows_that_end_early_the_second_time_are_noticed(tmp_path: Path) -> None:
    class Shrinking:
        reads = 0

        def __iter__(self) -> Iterator[dict[str, Any]]:
            self.reads += 1
            return (chat(n) for n in range(20 - self.reads))

    with pytest.raises(DataError, match="changed while it was being split"):
        split(Shrinking(), out=tmp_path / "parts")
    assert list((tmp_path / "parts").iterdir()) == []


def test_a_folder_that_goes_while_lines_wait_is_said_in_words(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    with ShuffledLines(folder, run_bytes=10) as mixed, pytest.raises(StorageError) as caught:
        mixed.add([b"some long line"], [0])
    assert str(caught.value.where) == str(folder)


@pytest.mark.parametrize("out", ["a/b/c", "with space", "[x]", "ünï", "."])
def test_any_folder_may_hold_a_split(out: str, tmp_path: Path) -> None:
    source = write(tmp_path / "data.jsonl")
    result = split(source, out=out)  # relative to the working directory
    assert result.manifest == Path(out) / "manifest.json"
    assert read_manifest(Path(out)) == result
    assert all(part.path.is_file() for part in result.parts.values())


def rewritten(folder: Path, **changes: Any) -> Path:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))
    return folder


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": 3}, "a manifest of version 3; this ftkit reads versions 1 to 2"),
        ({"parts": {"train": {}}}, "parts.train.path: Field required"),
        ({"seed": "x"}, "seed: "),
        ({"method": "guess"}, "method: "),
    ],
)
def test_a_manifest_that_is_none_says_what_is_wrong(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    split(write(tmp_path / "data.jsonl"), out=tmp_path / "parts")
    with pytest.raises(DataError) as caught:
        read_manifest(rewritten(tmp_path / "parts", **changes))
    assert words in caught.value.message
    assert str(caught.value.where) == str(tmp_path / "parts" / "manifest.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_a_file_that_is_no_json_is_no_manifest(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text, "latin-1")
    with pytest.raises(DataError, match="not a split's manifest"):
        read_manifest(tmp_path)


def test_a_manifest_keeps_fields_that_came_later(tmp_path: Path) -> None:
    result = split(write(tmp_path / "data.jsonl"), out=tmp_path / "parts")
    assert read_manifest(rewritten(tmp_path / "parts", made_by="a later ftkit")) == result


def test_a_result_survives_json_with_all_its_options(tmp_path: Path) -> None:
    options = SplitOptions.model_validate(
        {
            "template": {"user": "{a}", "assistant": "{b}"},
            "source": {"limit": 9},
            "group": "row",
            "shuffle": False,
        }
    )
    rows = [{"a": f"{n} é", "b": "yes"} for n in range(10)]
    result = split(rows, train=5, test=0.25, seed=-3, out=tmp_path / "parts", options=options)
    again = SplitResult.model_validate_json(result.model_dump_json())
    assert again == result and again.options == options
    assert type(again.parts["train"].requested) is int and type(again.parts["test"].requested) is float
