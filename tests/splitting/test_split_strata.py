"""Strata: exact cuts, proportions within bounds, and what is reported."""

from __future__ import annotations

import random
from array import array
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from split_helpers import chat, codes_of, columns_of, divide

from ftkit.splitting.amounts import PARTS, as_counts
from ftkit.splitting.assign import assign
from ftkit.splitting.cut import apportion
from ftkit.splitting.groups import groups_of
from ftkit.splitting.keys import Hasher

SHARES = st.lists(st.floats(0.01, 1), min_size=2, max_size=3)


def ranks_of(sizes: list[int], seed: int = 0) -> array[int]:
    hasher = Hasher(seed)
    return array("Q", [hasher.rank(b"%d" % g) for g, size in enumerate(sizes) for _ in range(size)])


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30), st.data())
@settings(max_examples=200, deadline=None)
def test_apportioned_rows_add_up_and_none_is_a_row_away_from_its_share(
    rows: list[int], data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, sum(rows)))
    quotas = apportion(np.array(rows), count).tolist()
    assert sum(quotas) == count
    for have, quota in zip(rows, quotas, strict=True):
        assert abs(quota - count * have / max(sum(rows), 1)) < 1 and quota <= have


@given(SHARES, st.integers(1, 5000))
@settings(max_examples=200, deadline=None)
def test_fractions_as_counts_add_up_to_the_rows(weights: list[float], rows: int) -> None:
    shares: dict[str, Any] = {n: w / sum(weights) for n, w in zip(PARTS, weights, strict=False)}
    counts = as_counts(shares, rows)
    assert sum(counts.values()) == rows  # type: ignore[arg-type]
    assert all(abs(counts[name] - share * rows) < 1 + 1e-6 for name, share in shares.items())


@pytest.mark.parametrize(
    ("shares", "rows", "counts"),
    [
        ({"train": 0.8, "validation": 0.1, "test": 0.1}, 10, {"train": 8, "validation": 1, "test": 1}),
        ({"train": 0.8, "validation": 0.1, "test": 0.1}, 14, {"train": 11, "validation": 1, "test": 2}),
        ({"train": 0.5, "test": 0.5}, 1, {"train": 0, "test": 1}),
        ({"train": "rest", "test": 0.1}, 25, {"train": "rest", "test": 3}),
        ({"train": 7, "test": 0.1}, 100, {"train": 7, "test": 10}),
        (
            {"train": 0.7, "validation": 0.2, "test": 0.1},
            1000,
            {"train": 700, "validation": 200, "test": 100},
        ),
    ],
)
def test_how_fractions_are_rounded(shares: Any, rows: int, counts: Any) -> None:
    assert as_counts(shares, rows) == counts


@given(st.integers(1, 200), SHARES, st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_exact_is_exact_where_rows_differ(rows: int, weights: list[float], seed: int) -> None:
    shares: dict[str, Any] = {n: w / sum(weights) for n, w in zip(PARTS, weights, strict=False)}
    codes = codes_of(ranks_of([1] * rows, seed), shares, exact=True)
    counts = as_counts(shares, rows)
    assert {name: codes.count(PARTS.index(name)) for name in shares} == counts


def test_an_exact_cut_of_a_part_of_the_rows_has_nothing_to_note() -> None:
    rows = [chat(f"question {n}") for n in range(50)]
    result, parts = divide(rows, train=0.5, test=0.2, exact=True)
    assert (len(parts["train"]), len(parts["test"]), result.unused, result.notes) == (25, 10, 15, [])
    paired = divide([chat(f"question {n // 2}", f"{n}") for n in range(50)], train=0.5, test=0.5, exact=True)[
        0
    ]
    assert {part.rows for part in paired.parts.values()} == {24, 26} and len(paired.notes) == 2


def test_an_exact_cut_differs_from_thresholds_by_few_rows() -> None:
    shares = {"train": 0.8, "validation": 0.1, "test": 0.1}
    ranks = ranks_of([1] * 5000)
    exact, by_threshold = codes_of(ranks, shares, exact=True), codes_of(ranks, shares)
    moved = sum(one != two for one, two in zip(exact, by_threshold, strict=True))
    off = sum(abs(by_threshold.count(PARTS.index(n)) - share * 5000) for n, share in shares.items())
    assert 0 < moved <= off


@given(
    st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), min_size=1, max_size=60),
    SHARES,
    st.integers(0, 5),
)
@settings(max_examples=200, deadline=None)
def test_strata_never_divide_a_group_and_leave_no_row_out(
    groups: list[tuple[int, int]], weights: list[float], seed: int
) -> None:
    ranks = ranks_of([size for size, _ in groups], seed)
    strata = [stratum for size, stratum in groups for _ in range(size)]
    made = groups_of(columns_of(ranks, strata=strata))
    shares: dict[str, Any] = {n: w / sum(weights) for n, w in zip(PARTS, weights, strict=False)}
    codes = assign(made, shares, exact=True)[made.member].tolist()
    sides: dict[int, int] = {}
    assert all(sides.setdefault(rank, code) == code for rank, code in zip(ranks, codes, strict=True))
    for name, count in as_counts(shares, len(ranks)).items():
        assert isinstance(count, int) and abs(codes.count(PARTS.index(name)) - count) < 4
    assert -1 not in codes


@given(st.lists(st.sampled_from("aaaaabbc"), min_size=5, max_size=120), SHARES, st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_every_stratum_has_its_share_to_the_row(labels: list[str], weights: list[float], seed: int) -> None:
    ranks = ranks_of([1] * len(labels), seed)
    made = groups_of(columns_of(ranks, strata=[ord(label) for label in labels]))
    shares: dict[str, Any] = {n: w / sum(weights) for n, w in zip(PARTS, weights, strict=False)}
    codes = assign(made, shares, exact=True)[made.member].tolist()
    for label, rows in Counter(labels).items():
        for name, share in shares.items():
            got = sum(c == PARTS.index(name) for c, one in zip(codes, labels, strict=True) if one == label)
            assert abs(got - share * rows) < 3, "a row of rounding for each cut"
    assert Counter(codes) == Counter(
        {PARTS.index(n): c for n, c in as_counts(shares, len(labels)).items() if c}
    )


def test_many_strata_of_one_row_are_still_cut_exactly() -> None:
    ranks = ranks_of([1] * 5000)
    made = groups_of(columns_of(ranks, strata=range(5000)))
    codes = assign(made, {"train": 4000, "test": 1000})
    assert Counter(codes.tolist()) == {0: 4000, 2: 1000}


def test_large_groups_of_many_strata_are_cut_exactly_together() -> None:
    """No stratum alone can give its share, all together can."""
    sizes = [3, 2, 2, 1] * 300
    made = groups_of(
        columns_of(ranks_of(sizes), strata=[n // 4 % 40 for n, size in enumerate(sizes) for _ in range(size)])
    )
    codes = assign(made, {"train": 0.9, "test": 0.1}, exact=True)
    assert int(made.sizes[codes == 2].sum()) == 240 and int(made.sizes[codes == 0].sum()) == 2160


def test_a_group_is_of_the_stratum_of_most_of_its_rows() -> None:
    made = groups_of(columns_of([5, 5, 5, 9, 9, 2], strata=[30, 10, 30, 20, 10, 20]))
    assert made.ranks.tolist() == [2, 5, 9] and made.stratum_names is not None and made.strata is not None
    assert [made.stratum_names.tolist()[n] for n in made.strata] == [20, 30, 10]


def test_fractions_keep_proportions_within_sampling_error_and_sides_without_strata() -> None:
    rows = [chat(f"question {n}", "rare" if n % 10 == 0 else "often", n=n) for n in range(4000)]
    result, parts = divide(rows, train=0.8, test=0.2, stratify="reply")
    assert result.strata is not None and (result.strata.by, result.strata.count) == ("reply", 2)
    assert [(s.label, s.rows) for s in result.strata.listed] == [("often", 3600), ("rare", 400)]
    for stratum in result.strata.listed:
        assert stratum.shares["test"] == pytest.approx(0.2, abs=0.06)
        assert sum(stratum.parts.values()) == stratum.rows
        got = Counter(r["messages"][1]["content"] for r in parts["test"])[stratum.label]
        assert stratum.parts["test"] == got
    rare = result.strata.listed[1]
    wanted = max(abs(s.shares["test"] - result.parts["test"].share) for s in result.strata.listed)
    assert result.strata.widest == pytest.approx(wanted, abs=1e-5) and rare.rows == 400
    assert divide(rows, train=0.8, test=0.2)[1] == parts


def test_counts_and_strata_and_groups_at_once() -> None:
    rng = random.Random(2)
    rows = [
        chat(f"question {n // 3}", rng.choices(["yes", "no", "maybe"], (6, 3, 1))[0], user=n // 9, n=n)
        for n in range(1800)
    ]
    result, parts = divide(rows, train=900, test=450, stratify="reply", group=("user", "prompt"))
    assert len(parts["train"]) == 900 and len(parts["test"]) == 450 and result.unused == 450
    assert not {r["user"] for r in parts["train"]} & {r["user"] for r in parts["test"]}
    assert result.strata is not None and result.strata.widest < 0.08


def test_a_label_that_is_hardly_ever_repeated_is_said() -> None:
    rows = [chat(f"question {n}", f"reply {n % 30}") for n in range(40)]
    assert any("30 values of reply in 40 rows" in n for n in divide(rows, stratify="reply")[0].notes)
    long = [chat(f"question {n}", "word " * 60) for n in range(9)]
    strata = divide(long, stratify="reply")[0].strata
    assert strata is not None and len(strata.listed[0].label) == 60 and strata.listed[0].label.endswith("…")


def test_rows_without_the_label_are_a_stratum_of_their_own() -> None:
    rows = [chat(f"question {n}", language="en" if n % 2 else None) for n in range(40)]
    strata = divide(rows, train=30, test=10, stratify="/language")[0].strata
    assert strata is not None
    assert {s.label: s.parts["test"] for s in strata.listed} == {"en": 5, "": 5}
