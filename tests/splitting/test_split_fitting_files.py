"""Splits with a limit of tokens a row: what is written, what is said of it, and what it leaves alone."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_helpers import chat, divide, rows_in, sides

from ftkit.catalog import Model, builtin_catalog
from ftkit.catalog.schema import ModelLimits
from ftkit.errors import DataError, UsageError
from ftkit.splitting import SplitOptions, SplitResult, read_manifest, split
from ftkit.splitting.fitting import fit_plan
from ftkit.splitting.ranges import ranges_of
from ftkit.splitting.source import ExampleSource
from ftkit.tokens import counter_for

LIMIT = 40
SHARES: dict[str, Any] = {"train": 0.6, "test": 0.4}
FIT: dict[str, Any] = {"model": "linear", "max_row_tokens": LIMIT}


def talk(number: int, turns: int) -> dict[str, Any]:
    """A conversation of so many turns, each of 8 tokens; its id is in its first question."""
    said = [chat(f"question {number} of turn {n}", f"answer to {n}")["messages"] for n in range(turns)]
    return {"messages": [message for pair in said for message in pair], "n": number}


ROWS = [talk(number, 1 + number % 9) for number in range(120)]
LONG = {row["n"] for row in ROWS if len(row["messages"]) > 10}


def model() -> Model:
    return builtin_catalog().require_model("linear")


def written(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    """A file with odd spacing, and a blank line after each line."""
    lines = [json.dumps(row, separators=(" , ", " : ")) for row in rows]
    path.write_text("\n\n".join(lines) + "\n")
    return path


def lines_of(result: SplitResult, name: str) -> list[bytes]:
    return result.parts[name].path.read_bytes().splitlines()


@pytest.mark.parametrize("mode", ["drop", "truncate", "window"])
@pytest.mark.parametrize("packed", [False, True])
def test_rows_that_fit_are_written_as_they_are_and_no_side_moves(
    tmp_path: Path, mode: Any, packed: bool
) -> None:
    source = written(tmp_path / "data.jsonl")
    if packed:  # which is read from its beginning to its end, instead of row by row from where it lies
        file = tmp_path / "data.jsonl.gz"
        file.write_bytes(gzip.compress(source.read_bytes()))
        source = file
    before = split(source, out=tmp_path / "a", **SHARES)
    result = split(source, out=tmp_path / "b", **SHARES, options=SplitOptions(over_limit=mode, **FIT))
    was, now = ({name: lines_of(one, name) for name in SHARES} for one in (before, result))
    for name in SHARES:
        short = {line for line in was[name] if json.loads(line)["n"] not in LONG}
        assert short == {line for line in now[name] if json.loads(line)["n"] not in LONG}
        assert {json.loads(line)["n"] for line in now[name]} <= {json.loads(line)["n"] for line in was[name]}
    kept = sides({name: rows_in(part.path) for name, part in result.parts.items()}, "n")
    assert set(kept) == {row["n"] for row in ROWS} - (LONG if mode == "drop" else set())


@given(st.integers(8, 80), st.integers(0, 2), st.integers(0, 5), st.booleans())
@settings(max_examples=12, deadline=None)
def test_the_numbers_told_are_those_of_the_files(limit: int, overlap: int, seed: int, shuffle: bool) -> None:
    asked = {**SHARES, **FIT, "max_row_tokens": limit, "overlap": overlap, "seed": seed, "shuffle": shuffle}
    result, parts = divide(ROWS, over_limit="window", **asked)
    count, told = counter_for(model()).count_example, result.fitting
    assert told is not None
    long = [row for row in ROWS if count(row) > limit]
    assert (told.over, told.dropped + told.divided) == (len(long), len(long))
    for name, rows in parts.items():
        assert result.parts[name].rows == len(rows)
        assert result.parts[name].tokens == sum(map(count, rows))
        assert max(map(count, rows)) <= limit
        assert result.parts[name].source_rows == len({row["n"] for row in rows})
    all_rows = [row for rows in parts.values() for row in rows]
    assert told.windows == len(all_rows) - (len(ROWS) - len(long))
    trained = sum(m.get("weight") != 0 and m["role"] == "assistant" for r in all_rows for m in r["messages"])
    assert trained + told.lost_answers == sum(len(row["messages"]) // 2 for row in ROWS)


def test_the_manifest_says_what_was_lost(tmp_path: Path) -> None:
    rows = [talk(1, 2), chat("word " * 50, n=2), talk(3, 9), {**talk(4, 2), "messages": mixed()}]
    result = split(
        written(tmp_path / "data.jsonl", rows),
        train=1.0,
        out=tmp_path / "out",
        options=SplitOptions(over_limit="window", overlap=1, **FIT),
    )
    assert read_manifest(tmp_path / "out").fitting == result.fitting
    assert result.fitting is not None
    assert result.fitting.model_dump() == {
        "limit": LIMIT,
        "over_limit": "window",
        "overlap": 1,
        "over": 3,
        "dropped": 1,
        "dropped_tokens": 51,
        "truncated": 0,
        "divided": 2,
        "windows": 4,
        "lost_messages": 2,
        "lost_answers": 1,
        "lost_tokens": 51,
        "first_lines": [3, 7],
    }
    assert result.left_out == {"over_limit": 1} and result.unused == 1


def mixed() -> list[dict[str, Any]]:
    """A turn, one that fits nowhere, and another."""
    return [*chat("first")["messages"], *chat("word " * 50)["messages"], *chat("last")["messages"]]


def test_too_long_rows_are_named_by_their_lines(tmp_path: Path) -> None:
    source = written(tmp_path / "data.jsonl", [talk(n, 9 if n in (1, 4) else 1) for n in range(8)])
    with pytest.raises(DataError) as caught:
        split(source, out=tmp_path / "out", options=SplitOptions(**FIT))
    tokens = counter_for(model()).count_example(talk(1, 9))
    assert f"2 rows have more than 40 tokens: {source}:3 ({tokens}), {source}:9 ({tokens})" in str(
        caught.value
    )
    assert str(caught.value.where) == f"{source}:3"
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_rows_are_found_in_a_file_of_many_ranges(tmp_path: Path) -> None:
    source = ExampleSource(str(written(tmp_path / "data.jsonl")), SplitOptions())
    ranges = ranges_of(tmp_path / "data.jsonl", 3000)
    assert ranges is not None and len(ranges) > 5
    source.__dict__["ranges"] = ranges
    assert source.numbers_of([0, 7, 60, 61, 119]) == [1, 15, 121, 123, 239]
    assert source.numbers_of([]) == []


def test_rows_of_no_part_may_be_too_long() -> None:
    short = [talk(n, 1) for n in range(200)]
    long = [talk(n, 9) for n in range(200, 203)]
    with pytest.raises(DataError, match="3 rows have more"):
        divide([*short, *long], **SHARES, over_limit="error", **FIT)
    sampled = divide([*short, *long], **SHARES, sample=0.05, over_limit="error", **FIT)[0]
    assert sampled.fitting is not None and sampled.fitting.over == 0


def test_many_too_long_rows_are_counted_and_the_first_are_named() -> None:
    with pytest.raises(DataError, match=rf"{len(LONG)} rows have .*:6 .* and {len(LONG) - 5} more"):
        divide(ROWS, over_limit="error", **FIT)


def test_counts_say_why_they_are_not_met() -> None:
    result = divide(ROWS, train=100, test=20, over_limit="drop", **FIT)[0]
    assert all("without those that are too long" in note for note in result.notes) and len(result.notes) == 2
    result = divide(ROWS, train=100, test=20, over_limit="window", **FIT)[0]
    assert result.notes == [] and result.parts["train"].rows > 100


@pytest.mark.parametrize("budget", [500, 1500])
def test_a_budget_is_one_of_what_is_written(budget: int) -> None:
    result, parts = divide(ROWS, **SHARES, over_limit="window", overlap=2, max_tokens=budget, **FIT)
    spent = sum(map(counter_for(model()).count_example, parts["train"]))
    assert budget - 150 < spent <= budget
    assert result.parts["train"].tokens == spent


def test_what_was_dropped_can_come_back_on_its_side(tmp_path: Path) -> None:
    source = written(tmp_path / "data.jsonl")
    whole = divide(ROWS, **SHARES)[1]
    split(source, out=tmp_path / "a", **SHARES, options=SplitOptions(over_limit="drop", **FIT))
    again = split(source, out=tmp_path / "b", options=SplitOptions(keep=tmp_path / "a"))
    assert again.parent is not None and again.parent.kept == len(ROWS) - len(LONG)
    parts = {name: rows_in(part.path) for name, part in again.parts.items()}
    assert sides(parts, "n") == sides(whole, "n")
    third = split(
        source, out=tmp_path / "c", options=SplitOptions(keep=tmp_path / "b", over_limit="drop", **FIT)
    )
    assert third.parent is not None and third.parent.kept == len(ROWS) - len(LONG)


def test_rows_of_columns_are_fitted_too(tmp_path: Path) -> None:
    table = tmp_path / "data.csv"
    table.write_text("prompt,response\nshort,yes\n" + "word " * 60 + ",no\n")
    result = split(table, train=1.0, out=tmp_path / "out", options=SplitOptions(over_limit="window", **FIT))
    assert [row["messages"][1]["content"] for row in rows_in(result.parts["train"].path)] == ["yes"]
    assert result.fitting is not None and result.fitting.dropped == 1


def limited(**limits: Any) -> Model:
    return model().model_copy(update={"limits": ModelLimits(**limits)})


def test_the_limit_is_the_training_context_else_the_context_else_what_is_given() -> None:
    options = SplitOptions(over_limit="window", model="linear")
    for limits, expected in (
        ({"training_context": 5, "inference_context": 9}, 5),
        ({"inference_context": 9}, 9),
    ):
        plan = fit_plan(options, limited(**limits))
        assert plan is not None and plan.limit == expected
    plan = fit_plan(options.model_copy(update={"max_row_tokens": 7}), limited(training_context=5))
    assert plan is not None and plan.limit == 7
    with pytest.raises(
        UsageError, match=r"how long an example of linear may be is not known.*(\n.*)?--max-row"
    ):
        fit_plan(options, limited())
    assert fit_plan(SplitOptions(model="linear"), limited()) is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"over_limit": "drop"}, "needs a model to count with"),
        ({"max_row_tokens": 5}, "needs a model to count with"),
        ({"overlap": 1, "over_limit": "truncate", "model": "linear"}, "an overlap is one of windows"),
    ],
)
def test_options_that_need_others(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        divide(ROWS[:9], **asked)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--over-limit", "window", "--overlap", "1"], "52 rows have more than 40 tokens: 52 divided into"),
        (
            ["--over-limit", "truncate"],
            "52 rows have more than 40 tokens: 52 truncated\nlost of what was cut: ",
        ),
        (
            ["--over-limit", "drop"],
            "left out: 52 by over-limit\n52 rows have more than 40 tokens: 52 dropped (",
        ),
        (["--over-limit", "drop", "--max-row-tokens", "900"], "no row has more than 900 tokens"),
    ],
)
def test_the_command_says_what_was_lost(
    tmp_path: Path, here: Callable[..., CompletedProcess[str]], flags: list[str], said: str
) -> None:
    source = written(tmp_path / "data.jsonl")
    limit = [] if "--max-row-tokens" in flags else ["--max-row-tokens", str(LIMIT)]
    done = here("split", str(source), "--model", "linear", *flags, *limit, "--out", "parts")
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert ("first with a loss" in done.stdout) == (
        "drop (" in said or "truncated" in said or "dropped" in said
    )
