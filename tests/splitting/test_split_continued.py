"""A split that continues an earlier one: every old row stays, new rows of old groups go with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from split_helpers import chat, divide, sides

from ftkit.data import sha256_file
from ftkit.errors import DataError, UsageError
from ftkit.splitting import read_manifest
from ftkit.splitting.index import read_index

NUMBERS = st.lists(st.integers(0, 60), min_size=4, max_size=40, unique=True)


def rows_of(numbers: Any, copies: int = 1) -> list[dict[str, Any]]:
    return [chat(f"question {n}", f"reply {c}", n=f"{n}.{c}", q=n) for n in numbers for c in range(copies)]


@given(NUMBERS, NUMBERS, st.integers(1, 3), st.integers(0, 5), st.data())
@settings(max_examples=40, deadline=None)
def test_whatever_the_new_amounts_no_old_row_moves(
    tmp_path_factory: Any, old: list[int], new: list[int], copies: int, seed: int, data: st.DataObject
) -> None:
    folder: Path = tmp_path_factory.mktemp("kept")
    first = sides(divide(rows_of(old), out=folder / "a", train=0.5, test=0.5, seed=seed)[1], "q")
    left = data.draw(st.sets(st.sampled_from(old)))
    numbers = [*new, *[n for n in old if n not in left and n not in new]]
    how = data.draw(st.sampled_from(({"train": 0.9, "test": 0.1}, {"test": 2}, {"train": 1, "test": 1}, {})))
    exact = data.draw(st.booleans())
    try:
        result, parts = divide(
            rows_of(numbers, copies), out=folder / "b", keep=folder / "a", exact=exact, **how
        )
    except UsageError:
        assume(False)  # more rows than there are
    second = sides(parts, "q")
    assert {n: side for n, side in first.items() if n in numbers} == {
        n: s for n, s in second.items() if n in first
    }
    assert result.seed == seed and result.parent is not None
    assert result.parent.kept == len(set(numbers) & set(first))
    assert result.parent.sha256 == sha256_file(folder / "a" / "manifest.json")


def test_new_rows_fall_as_they_would_have_without_the_old_split(tmp_path: Path) -> None:
    divide(rows_of(range(100)), out=tmp_path / "a", train=50, test=50)
    kept = sides(
        divide(rows_of(range(400)), out=tmp_path / "b", keep=tmp_path / "a", train=0.8, test=0.2)[1], "q"
    )
    anew = sides(divide(rows_of(range(400)), train=0.8, test=0.2)[1], "q")
    assert {n: s for n, s in kept.items() if n >= 100} == {n: s for n, s in anew.items() if n >= 100}


def test_counts_include_the_old_rows(tmp_path: Path) -> None:
    divide(rows_of(range(50)), out=tmp_path / "a", train=30, test=20)
    result, parts = divide(rows_of(range(200)), out=tmp_path / "b", keep=tmp_path / "a", train=100, test=25)
    assert (len(parts["train"]), len(parts["test"]), result.unused) == (100, 25, 75)
    less = divide(rows_of(range(200)), out=tmp_path / "c", keep=tmp_path / "b", train=100, test=10)[0]
    assert less.parts["test"].rows == 25 and "test: 25 rows instead of 10, for kept rows stay" in less.notes


def test_without_amounts_the_old_ones_hold(tmp_path: Path) -> None:
    divide(rows_of(range(50)), out=tmp_path / "a", train=0.6, test=10, seed=4)
    result = divide(rows_of(range(60)), out=tmp_path / "b", keep=tmp_path / "a" / "manifest.json")[0]
    assert {name: part.requested for name, part in result.parts.items()} == {"train": 0.6, "test": 10}
    assert result.seed == 4
    assert read_manifest(tmp_path / "b").parent == result.parent


def test_rows_that_link_old_groups_of_two_sides_are_not_trained_on(tmp_path: Path) -> None:
    old = [chat(f"question {n}", user=f"u{n}", n=n) for n in range(40)]
    first = sides(divide(old, out=tmp_path / "a", train=0.5, test=0.5, group=("prompt", "user"))[1], "n")
    train, test = (next(n for n in range(40) if first[n] == side) for side in ("train", "test"))
    link = chat(f"question {train}", user=f"u{test}", n=99)
    result, parts = divide([*old, link], out=tmp_path / "b", keep=tmp_path / "a", group=("prompt", "user"))
    second = sides(parts, "n")
    assert {n: second[n] for n in first} == first and second[99] == "test"
    assert any("joined by new rows" in note for note in result.notes)


def test_a_row_of_an_old_group_that_is_no_longer_there_goes_where_it_was(tmp_path: Path) -> None:
    first = sides(divide(rows_of(range(60)), out=tmp_path / "a", train=30, test=30)[1], "q")
    result, parts = divide(
        rows_of(range(40, 80), 2)[1::2], out=tmp_path / "b", keep=tmp_path / "a", test=0.01
    )
    assert result.parent is not None and result.parent.kept == 0, "no line is an old one, all prompts are"
    assert all(side == first[n] for n, side in sides(parts, "q").items() if n in first)


def test_groups_of_another_kind_still_keep_every_row(tmp_path: Path) -> None:
    old = [chat(f"question {n}", user=n % 7, n=n) for n in range(70)]
    first = sides(divide(old, out=tmp_path / "a", train=0.5, test=0.5)[1], "n")
    assert sides(divide(old, out=tmp_path / "b", keep=tmp_path / "a", group="user")[1], "n") == first


def test_a_sample_a_balance_and_a_budget_never_drop_an_old_row(tmp_path: Path) -> None:
    rows = [chat(f"question {n}", "often" if n % 5 else "rare", n=n) for n in range(200)]
    first = sides(divide(rows[:100], out=tmp_path / "a", train=0.8, test=0.2)[1], "n")
    for thin in ({"sample": 0.01}, {"balance": 1}, {"max_tokens": 1, "model": "linear"}):
        second = sides(divide(rows, out=tmp_path / "b", keep=tmp_path / "a", **thin)[1], "n")
        assert first.items() <= second.items()


def test_a_split_of_version_1_is_continued_from_its_parts(tmp_path: Path) -> None:
    first = sides(divide(rows_of(range(60)), out=tmp_path / "a", train=30, test=30, seed=3)[1], "q")
    old = json.loads((tmp_path / "a" / "manifest.json").read_text())
    options = {key: old["options"][key] for key in ("template", "source", "shuffle")} | {"group": "prompt"}
    gone = ("index", "strata", "parent", "left_out")
    old = {k: v for k, v in old.items() if k not in gone} | {"version": 1, "options": options}
    (tmp_path / "a" / "manifest.json").write_text(json.dumps(old))
    (tmp_path / "a" / "rows.index").unlink()
    second = sides(divide(rows_of(range(90)), out=tmp_path / "b", keep=tmp_path / "a", test=0.1)[1], "q")
    assert first.items() <= second.items()
    with (tmp_path / "a" / "test.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(DataError, match="has changed since it was split"):
        divide(rows_of(range(90)), out=tmp_path / "c", keep=tmp_path / "a")


def test_what_cannot_be_continued_is_said(tmp_path: Path) -> None:
    divide(rows_of(range(30)), out=tmp_path / "a", train=0.8, validation=0.1, test=0.1, seed=1)
    again = {"out": tmp_path / "b", "keep": tmp_path / "a"}
    with pytest.raises(UsageError, match="the earlier split has the seed 1, and seed 2 would"):
        divide(rows_of(range(30)), **again, seed=2)
    with pytest.raises(UsageError, match="the earlier split has a validation part of") as caught:
        divide(rows_of(range(30)), **again, train=0.8, test=0.2)
    assert "--validation" in str(caught.value.hint)
    with pytest.raises(UsageError, match="no split here"):
        divide(rows_of(range(30)), out=tmp_path / "b", keep=tmp_path)
    index = tmp_path / "a" / "rows.index"
    content = index.read_bytes()
    index.write_bytes(content[:-1] + b"\x05")
    with pytest.raises(DataError, match="not the one that the manifest names") as found:
        divide(rows_of(range(30)), **again)
    assert str(found.value.where) == str(index)
    index.unlink()
    with pytest.raises(DataError, match="is not there"):
        divide(rows_of(range(30)), **again)
    assert not (tmp_path / "b").exists(), "nothing was written"


def test_the_list_of_rows_tells_each_rows_part(tmp_path: Path) -> None:
    result, parts = divide(rows_of(range(40)), out=tmp_path, train=20, test=10)
    assert result.index is not None
    index = read_index(result.index.path, result.index.sha256)
    assert sorted(index.codes.tolist()) == [-1] * 10 + [0] * 20 + [2] * 10
    assert index.names.tolist() == sorted(index.names.tolist()) and list(index.keys) == ["prompt"]
    assert result.index.path.stat().st_size < 17 * 40 + 120
    assert sum(map(len, parts.values())) == 30


def test_a_split_can_continue_itself_in_place(tmp_path: Path) -> None:
    first = sides(divide(rows_of(range(50)), out=tmp_path, train=25, test=25)[1], "q")
    second = sides(divide(rows_of(range(80)), out=tmp_path, keep=tmp_path, train=0.9, test=0.1)[1], "q")
    assert first.items() <= second.items() and len(second) == 80


@given(st.lists(st.sets(st.integers(0, 40), min_size=4), min_size=1, max_size=4), st.booleans())
@settings(max_examples=25, deadline=None)
def test_rows_that_were_away_come_back_to_their_part(
    tmp_path_factory: Any, nights: list[set[int]], counted: bool
) -> None:
    """However often the data shrinks and grows, and counts that are free draw other rows meanwhile."""
    folder: Path = tmp_path_factory.mktemp("away")
    how = {"test": 2, "validation": 1} if counted else {"train": 0.6, "test": 0.4}
    known = sides(divide(rows_of(range(41)), out=folder / "0", **how)[1], "q")
    for number, night in enumerate([*nights, set(range(50))], start=1):
        result, parts = divide(
            rows_of(sorted(night)), out=folder / f"{number}", keep=folder / f"{number - 1}", **how
        )
        now = sides(parts, "q")
        assert {n: side for n, side in now.items() if n in known} == {n: known[n] for n in known if n in now}
        known = now | known
        assert result.parent is not None and result.rows == len(night)


def test_the_list_keeps_what_is_away_and_counts_only_what_is_there(tmp_path: Path) -> None:
    divide(rows_of(range(40)), out=tmp_path / "a", train=20, test=10)
    result, _ = divide(rows_of(range(10, 40)), out=tmp_path / "b", keep=tmp_path / "a")
    assert result.index is not None and result.parent is not None
    index = read_index(result.index.path, result.index.sha256)
    assert len(index.names) == len(set(index.names.tolist())) <= 40
    assert index.names.tolist() == sorted(index.names.tolist())
    assert result.rows == 30 and result.parent.kept <= 30
