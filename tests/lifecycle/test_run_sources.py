"""What a run can read: every kind of source gives the same examples; changed data is noticed."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import ftkit
from ftkit.display import SilentDisplay
from ftkit.errors import DataError, FtkitError, UsageError
from ftkit.lifecycle import Recipe, RunOptions
from ftkit.lifecycle.journal import Journal
from ftkit.lifecycle.prepare import Preparation
from ftkit.settings import Settings

ROWS = [
    {"prompt": f"{text} in unit {i}", "response": label}
    for i in range(20)
    for text, label in (("profit rose", "up"), ("sales, sadly, fell", "down"), ('"naïve" 利益 rose', "up"))
]
TEXT = "prompt,response\n" + "".join(
    f'"{r["prompt"].replace(chr(34), chr(34) * 2)}",{r["response"]}\n' for r in ROWS
)


def recipe_for(data: str | Path, **tables: Any) -> Recipe:
    """A recipe made in Python for a two-column file of prompts and responses."""
    given = {
        "name": "pairs",
        "title": "Pairs",
        "source": {"data": str(data)},
        "example": {"user": "{prompt}", "assistant": "{response}"},
        "split": {"test": 20},
    }
    return Recipe(**{**given, **tables})


def preparation(recipe: Recipe, directory: Path, options: RunOptions | None = None) -> Preparation:
    made = (options or RunOptions()).applied_to(recipe, "local")
    return Preparation(made, Journal(directory), Settings(), SilentDisplay())


def turns(examples: Path) -> list[tuple[str, ...]]:
    lines = [json.loads(line) for line in examples.read_text("utf-8").splitlines()]
    return [tuple(m["content"] for m in line["messages"]) for line in lines]


def as_csv(folder: Path) -> Path:
    file = folder / "pairs.csv"
    file.write_text(TEXT, "utf-8")
    return file


def as_packed_csv(folder: Path) -> Path:
    file = folder / "pairs.csv.gz"
    file.write_bytes(gzip.compress(TEXT.encode()))
    return file


def as_jsonl(folder: Path) -> Path:
    file = folder / "pairs.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), "utf-8")
    return file


def as_parquet(folder: Path) -> Path:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(ROWS), folder / "pairs.parquet")
    return folder / "pairs.parquet"


def as_saved_dataset(folder: Path) -> Path:
    from datasets import Dataset

    Dataset.from_list(ROWS).save_to_disk(folder / "pairs")
    return folder / "pairs"


KINDS = [as_csv, as_packed_csv, as_jsonl, as_parquet, as_saved_dataset]


@pytest.mark.parametrize("write", KINDS)
def test_every_kind_of_source_gives_the_same_examples(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    made = preparation(recipe_for(write(tmp_path)), tmp_path / "run")
    assert turns(made.examples()) == [(row["prompt"], row["response"]) for row in ROWS]
    result = made.journal.entries()["examples"].result
    assert (result["rows"], result["rejected"]) == (60, 0)
    assert len(result["source_hash"]) == 64


@pytest.mark.parametrize("write", [as_csv, as_saved_dataset])
def test_unchanged_data_is_not_read_again_and_changed_data_is(
    tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    data = write(tmp_path)
    examples = preparation(recipe_for(data), tmp_path / "run").examples()
    before = examples.stat().st_mtime_ns
    preparation(recipe_for(data), tmp_path / "run").examples()
    assert examples.stat().st_mtime_ns == before
    if data.is_dir():
        from datasets import Dataset

        Dataset.from_list(ROWS[:30]).save_to_disk(data)
    else:
        data.write_text("".join(TEXT.splitlines(keepends=True)[:31]), "utf-8")
    assert len(turns(preparation(recipe_for(data), tmp_path / "run").examples())) == 30


def test_changed_data_in_the_home_folder_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    data = as_csv(tmp_path)
    assert len(turns(preparation(recipe_for("~/pairs.csv"), tmp_path / "run").examples())) == 60
    data.write_text("".join(TEXT.splitlines(keepends=True)[:31]), "utf-8")
    assert len(turns(preparation(recipe_for("~/pairs.csv"), tmp_path / "run").examples())) == 30


def test_a_user_who_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="home folder"):
        preparation(recipe_for("~nobody-of-this-name/x.csv"), tmp_path / "run").examples()


def test_a_recipe_made_in_python_runs_on_a_saved_dataset(platform: Settings, tmp_path: Path) -> None:
    as_saved_dataset(tmp_path)
    result = ftkit.run(recipe_for("pairs"), RunOptions(seed=1), settings=platform)
    assert result.parameters["source"]["data"] == "pairs"
    assert {m.n for m in result.benchmark.models} == {20}
    assert result.benchmark.models[0].accuracy == 1.0
    assert ftkit.run(recipe_for("pairs"), RunOptions(seed=1), settings=platform).state == "already done"


@pytest.mark.parametrize("as_path", [str, Path])
def test_other_data_is_read_although_the_recipes_own_was_looked_up(tmp_path: Path, as_path: Any) -> None:
    recipe = recipe_for(as_csv(tmp_path))
    assert recipe.data_path.endswith("pairs.csv")
    other = tmp_path / "other.csv"
    other.write_text("prompt,response\nmine,up\n")
    made = preparation(recipe, tmp_path / "run", RunOptions(data=as_path(other)))
    assert turns(made.examples()) == [("mine", "up")]


def test_columns_may_change_places(tmp_path: Path) -> None:
    """A file that calls them just the other way round."""
    file = tmp_path / "swapped.csv"
    file.write_text("response,prompt\nprofit rose,up\n")
    options = RunOptions(columns={"prompt": "response", "response": "prompt"})
    assert turns(preparation(recipe_for(file), tmp_path / "run", options).examples()) == [
        ("profit rose", "up")
    ]


def test_renaming_leaves_literal_braces_alone(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("Question,response\nwhat,up\n")
    recipe = recipe_for(file, example={"user": "{{prompt}}: { prompt }", "assistant": "{response}"})
    options = RunOptions(columns={"prompt": "Question"})
    assert turns(preparation(recipe, tmp_path / "run", options).examples()) == [("{prompt}: what", "up")]


def test_column_names_for_a_file_without_a_header(tmp_path: Path) -> None:
    file = tmp_path / "bare.csv"
    file.write_text("up,profit rose\ndown,sales fell\n")
    made = preparation(
        recipe_for(file), tmp_path / "run", RunOptions(file_columns=("response", "prompt"), limit=1)
    )
    assert turns(made.examples()) == [("profit rose", "up")]


def test_rejected_rows_of_any_type_are_kept(tmp_path: Path) -> None:
    """Parquet holds times, decimals, bytes and lists; JSON has to say them all the same."""
    import pyarrow
    from pyarrow import parquet

    odd = {
        "prompt": None,
        "response": "up",
        "at": datetime(2024, 2, 29, 12, tzinfo=UTC),
        "price": Decimal("1.10"),
        "raw": b"\xff\x00",
        "tags": ["a", "b"],
    }
    parquet.write_table(pyarrow.Table.from_pylist([odd, {**odd, "prompt": "rose"}]), tmp_path / "odd.parquet")
    made = preparation(recipe_for(tmp_path / "odd.parquet"), tmp_path / "run")
    assert turns(made.examples()) == [("rose", "up")]
    (line,) = (tmp_path / "run" / "rejected.jsonl").read_text().splitlines()
    rejected = json.loads(line)
    assert (rejected["line"], rejected["row"]["tags"]) == (1, ["a", "b"])
    assert "'prompt' is empty" in rejected["reason"]


@pytest.mark.parametrize(
    ("content", "words"),
    [("prompt,response\n,\n,up\n", "no row"), ("prompt,response\n", "no row|no rows|header")],
    ids=["blank cells", "header only"],
)
def test_data_without_one_example(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "none.csv"
    file.write_text(content)
    with pytest.raises(DataError, match=words) as caught:
        preparation(recipe_for(file), tmp_path / "run").examples()
    assert caught.value.hint


def test_a_source_that_breaks_off_leaves_no_half_file(tmp_path: Path) -> None:
    whole = as_packed_csv(tmp_path).read_bytes()
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    made = preparation(recipe_for(cut), tmp_path / "run")
    with pytest.raises(FtkitError) as caught:
        made.examples()
    assert "cut.csv.gz" in str(caught.value)
    assert os.listdir(tmp_path / "run") == ["journal.json"]  # noqa: PTH208 - hidden files count too
    assert made.journal.entries()["examples"].status == "intent"


@pytest.mark.parametrize(
    "split", [{"train": 1000, "test": 10}, {"train": 0.9, "test": 0.9}, {"test": None}], ids=repr
)
def test_splits_that_cannot_be(tmp_path: Path, split: dict[str, Any]) -> None:
    made = preparation(recipe_for(as_csv(tmp_path), split=split), tmp_path / "run")
    with pytest.raises((UsageError, DataError)) as caught:
        made.split(made.examples())
    assert caught.value.hint


def split_of(folder: Path) -> Path:
    chat = folder / "chat.jsonl"
    with chat.open("w", encoding="utf-8") as file:
        for row in ROWS:
            messages = [
                {"role": "user", "content": row["prompt"]},
                {"role": "assistant", "content": row["response"]},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")
    return ftkit.split(chat, train=40, validation=5, test=10, out=folder / "parts").manifest.parent


@pytest.mark.parametrize("named", ["folder", "manifest"])
def test_a_split_is_taken_as_it_is(tmp_path: Path, named: str) -> None:
    folder = split_of(tmp_path)
    data = folder if named == "folder" else folder / "manifest.json"
    ready = preparation(recipe_for("unused.csv"), tmp_path / "run", RunOptions(data=data))
    examples = ready.examples()
    ready.check(examples)
    parts = ready.split(examples)
    assert parts == {name: folder / f"{name}.jsonl" for name in ("train", "validation", "test")}
    assert turns(examples) == [turn for path in parts.values() for turn in turns(path)]
    again = preparation(recipe_for("unused.csv"), tmp_path / "run", RunOptions(data=data))
    assert again.split(again.examples()) == parts


def test_a_split_that_changed_since_is_refused(tmp_path: Path) -> None:
    folder = split_of(tmp_path)
    with (folder / "test.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(DataError, match="changed since it was split"):
        preparation(recipe_for("unused.csv"), tmp_path / "run", RunOptions(data=folder)).examples()


@pytest.mark.parametrize("given", [{"train": 10}, {"limit": 5}, {"columns": {"prompt": "text"}}])
def test_a_split_cannot_be_divided_or_mapped_again(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no meaning for a split"):
        RunOptions(data=split_of(tmp_path), **given).applied_to(recipe_for("unused.csv"), "local")


def test_a_split_without_a_test_part_is_refused(tmp_path: Path) -> None:
    folder = split_of(tmp_path)
    only = ftkit.split(folder / "train.jsonl", train=30, validation=10, out=tmp_path / "two").manifest.parent
    ready = preparation(recipe_for("unused.csv"), tmp_path / "run", RunOptions(data=only))
    with pytest.raises(DataError, match="none to test on") as refused:
        ready.split(ready.examples())
    assert str(only) in str(refused.value)
