"""A split is a partition, it is stable, counts are exact, and groups are never divided."""

from __future__ import annotations

import json
import tempfile
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_helpers import codes_of

from ftkit.errors import UsageError
from ftkit.splitting import SplitOptions, SplitResult, split
from ftkit.splitting.amounts import PARTS, requests_of
from ftkit.splitting.keys import Hasher, group_key

PROMPTS = st.text("abcxyz ÄßİŉΣ\u00a0\n", min_size=1, max_size=4)
ROWS = st.lists(st.tuples(PROMPTS, st.sampled_from(["yes", "no"])), min_size=1, max_size=60)
Pair = tuple[str, str]


def chat(prompt: str, reply: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]}


def pairs_in(path: Path) -> list[Pair]:
    examples = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    return [(e["messages"][0]["content"], e["messages"][1]["content"]) for e in examples]


def divide(rows: list[Pair], **asked: Any) -> tuple[SplitResult, dict[str, list[Pair]]]:
    with tempfile.TemporaryDirectory() as folder:
        result = split([chat(*row) for row in rows], out=folder, **asked)
        return result, {name: pairs_in(part.path) for name, part in result.parts.items()}


def side_of(parts: dict[str, list[Pair]]) -> dict[str, str]:
    """The side of each prompt; fails where a group is on two sides."""
    sides: dict[str, str] = {}
    for name, rows in parts.items():
        for prompt, _ in rows:
            key = group_key(chat(prompt, "")).decode()
            assert sides.setdefault(key, name) == name, "a group is divided"
    return sides


@given(ROWS, st.integers(-5, 2**70))
@settings(max_examples=60, deadline=None)
def test_every_row_is_on_exactly_one_side(rows: list[Pair], seed: int) -> None:
    result, parts = divide(rows, train=0.5, validation=0.2, test=0.3, seed=seed)
    assert sum((Counter(part) for part in parts.values()), Counter()) == Counter(rows)
    assert result.unused == 0 and result.rows == len(rows)
    assert result.groups == len(side_of(parts))


@given(ROWS, ROWS, st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_added_rows_move_no_other(rows: list[Pair], more: list[Pair], seed: int) -> None:
    asked = {"train": 0.6, "test": 0.3, "seed": seed}
    before, after = side_of(divide(rows, **asked)[1]), side_of(divide(more + rows, **asked)[1])
    assert before.items() <= after.items()
    assert divide(list(reversed(rows)), **asked)[0].rows == len(rows)


@given(st.integers(1, 60), st.data(), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_counts_are_exact_where_prompts_differ(number: int, data: st.DataObject, seed: int) -> None:
    rows = [(f"prompt {n}", "yes") for n in range(number)]
    train = data.draw(st.integers(1, number))
    test = data.draw(st.integers(0, number - train))
    result, parts = divide(rows, train=train, test=test or None, seed=seed)
    assert len(parts["train"]) == train and len(parts.get("test", [])) == test
    assert result.unused == number - train - test and result.notes == []


@given(st.lists(st.integers(1, 6), min_size=1, max_size=40), st.data(), st.integers(0, 9))
@settings(max_examples=200, deadline=None)
def test_counts_never_overshoot_and_are_exact_while_single_rows_are_left(
    sizes: list[int], data: st.DataObject, seed: int
) -> None:
    hasher = Hasher(seed)
    ranks = array("Q", [hasher.rank(b"%d" % g) for g, size in enumerate(sizes) for _ in range(size)])
    singles = sizes.count(1)
    count = data.draw(st.integers(1, len(ranks)))
    got = Counter(codes_of(ranks, {"test": count}))[PARTS.index("test")]
    assert got <= count
    assert got == count or singles < 6
    assert count - got < 6


@given(ROWS, st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_the_same_call_writes_the_same_bytes(rows: list[Pair], seed: int) -> None:
    first, second = divide(rows, seed=seed)[0], divide(rows, seed=seed)[0]
    assert [p.sha256 for p in first.parts.values()] == [p.sha256 for p in second.parts.values()]
    assert first.source_sha256 == second.source_sha256


def test_fractions_hold_within_sampling_error_and_seeds_differ() -> None:
    rows = [(f"prompt {n}", "yes") for n in range(4000)]
    result, parts = divide(rows, train=0.7, validation=0.1, test=0.2, seed=1)
    for name, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
        assert result.parts[name].share == pytest.approx(share, abs=0.03)
        assert result.parts[name].rows == len(parts[name])
    other = divide(rows, train=0.7, validation=0.1, test=0.2, seed=2)[1]
    overlap = len(set(parts["test"]) & set(other["test"])) / 4000
    assert overlap == pytest.approx(0.04, abs=0.02)


def test_a_larger_train_part_keeps_the_test_part() -> None:
    rows = [(f"prompt {n}", "yes") for n in range(300)]
    small, large = divide(rows, train=20, test=100)[1], divide(rows, train=200, test=100)[1]
    assert small["test"] == large["test"] and set(small["train"]) < set(large["train"])


def test_the_train_part_is_shuffled_and_the_others_are_not() -> None:
    rows = [(f"prompt {n:03}", "yes") for n in range(200)]
    _, parts = divide(rows, train=0.5, test=0.5)
    assert parts["test"] == sorted(parts["test"]) and parts["train"] != sorted(parts["train"])
    _, plain = divide(rows, train=0.5, test=0.5, options=SplitOptions(shuffle=False))
    assert plain["train"] == sorted(parts["train"])


def test_what_makes_a_group() -> None:
    def key(*messages: tuple[str, Any]) -> bytes:
        return group_key({"messages": [{"role": role, "content": content} for role, content in messages]})

    plain = key(("user", "What is  it?"), ("assistant", "a"))
    assert plain == key(("system", "Be kind."), ("user", " what is\nit?"), ("assistant", "b"))
    assert plain != key(("user", "What is it"), ("assistant", "a"))
    assert key(("user", "e\u0301")) == key(("user", "\u00e9"))
    assert key(("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")) != key(("user", "c"))
    assert key(("user", "ab"), ("user", "c")) != key(("user", "a"), ("user", "bc"))
    assert key(("system", "only"), ("assistant", "x")) != key(("system", "other"), ("assistant", "x"))
    assert key(("user", [{"type": "text", "text": "a"}])) != key(("user", [{"type": "text", "text": "b"}]))


def test_groups_by_row_keep_only_equal_rows_together() -> None:
    rows = [("same", f"reply {n % 40}") for n in range(80)]
    assert divide(rows, train=0.5, test=0.5)[0].groups == 1
    by_row, parts = divide(rows, train=0.5, test=0.5, options=SplitOptions(group="row"))
    assert by_row.groups == 40 and by_row.largest_group == 2
    assert not set(parts["train"]) & set(parts["test"])


@pytest.mark.parametrize(
    ("asked", "result"),
    [
        ((None, None, None), {"train": 0.9, "validation": 0.1}),
        ((None, None, 0.2), {"train": "rest", "test": 0.2}),
        ((None, 5, 10), {"train": "rest", "validation": 5, "test": 10}),
        ((None, 0.5, 0.5), {"validation": 0.5, "test": 0.5}),
        ((100, None, None), {"train": 100}),
        ((100, 0.1, None), {"train": 100, "validation": 0.1}),
        ((1.0, None, None), {"train": 1.0}),
    ],
)
def test_what_amounts_mean(asked: tuple[Any, Any, Any], result: dict[str, Any]) -> None:
    assert requests_of(*asked) == result


@pytest.mark.parametrize("amount", [0, -1, 0.0, -0.1, 1.5, float("nan"), float("inf"), True, "10"])
def test_amounts_that_mean_nothing(amount: Any) -> None:
    with pytest.raises(UsageError, match="neither a fraction nor a count"):
        requests_of(amount, None, None)


def test_fractions_over_one() -> None:
    with pytest.raises(UsageError, match=r"add up to 1\.1"):
        requests_of(0.6, None, 0.5)
    assert requests_of(0.7, 0.2, 0.1) == {"train": 0.7, "validation": 0.2, "test": 0.1}


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=50))
def test_fractions_that_add_up_to_one_leave_no_rank_out(values: list[int]) -> None:
    ranks = array("Q", [*values, 0, 2**64 - 1])
    codes = codes_of(ranks, {"train": 0.7, "validation": 0.2, "test": 0.1})
    assert -1 not in codes


def test_counts_beyond_the_rows_say_how_many_there_are() -> None:
    rows = [(f"prompt {n}", "yes") for n in range(50)]
    with pytest.raises(UsageError, match="test asks for 51 rows, and there are 50 rows") as caught:
        divide(rows, test=51)
    assert "test 51" in str(caught.value.hint)
    with pytest.raises(
        UsageError, match="train asks for 45 rows, and there are 50 rows, of which 40 are left"
    ):
        divide(rows, train=45, test=10)


def test_a_count_that_groups_do_not_allow_is_reported() -> None:
    rows = [(f"prompt {n // 4}", f"reply {n}") for n in range(40)]
    result, parts = divide(rows, test=6)
    assert len(parts["test"]) == 4 and len(parts["train"]) == 36
    assert result.notes == [
        "test: 4 rows instead of 6, because examples with the same prompt are not divided"
    ]


def test_mixed_counts_and_fractions() -> None:
    rows = [(f"prompt {n}", "yes") for n in range(500)]
    result, parts = divide(rows, train=100, test=0.2)
    fractions = divide(rows, test=0.2)[1]
    assert parts["test"] == fractions["test"] and len(parts["train"]) == 100
    assert result.method == "threshold and rank" and result.unused == 400 - len(parts["test"])
