"""Sums over rows: put together from any cut they are the sums of the whole, and at a glance they say so."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.settings import Settings
from ftkit.validation import FileFacts, Found, RowView, rule
from ftkit.validation.glance import fit_of, fits_of, glance_of, histogram_of, stats_of
from ftkit.validation.inspection import Inspection, frozen, thawed
from ftkit.validation.log import FindingLog
from ftkit.validation.rules import ROW_KINDS, Severity
from ftkit.validation.tally import LabelTally, LongestRows, TokenKey, TokenSums, quantile

Item = TypeVar("Item")
KEY: TokenKey = ("words", "words")
CUTS = st.lists(st.integers(0, 40), max_size=4).map(sorted)
FAST = settings(max_examples=60, deadline=None)


def pieces(items: Sequence[Item], cuts: Iterable[int]) -> list[Sequence[Item]]:
    """The items in consecutive shards, some of them empty."""
    ends = [0, *(min(cut, len(items)) for cut in cuts), len(items)]
    return [items[start:end] for start, end in pairwise(ends)]


def sums_of(rows: Iterable[int | str | None]) -> TokenSums:
    """Sums of rows with so many tokens, not counted (None), or not countable for a reason."""
    sums = TokenSums()
    for row in rows:
        if row is None:
            sums.uncounted += 1
        elif isinstance(row, str):
            sums.unknown[row] += 1
        else:
            sums.rows[row] += 1
            sums.total, sums.trained, sums.replies = (
                sums.total + row,
                sums.trained + row // 2,
                sums.replies + 1,
            )
    return sums


@given(st.lists(st.one_of(st.integers(0, 30), st.none(), st.sampled_from("ab")), max_size=40), CUTS)
@FAST
def test_token_sums_of_any_cut_are_those_of_the_whole(rows: list[Any], cuts: list[int]) -> None:
    merged, whole = TokenSums(), sums_of(rows)
    for piece in pieces(rows, cuts):
        merged.merge(sums_of(piece))
    assert merged == whole
    assert whole.whole == all(isinstance(row, int) for row in rows)


@given(st.lists(st.integers(0, 50), min_size=1), st.one_of(st.none(), st.integers(1, 50)))
@FAST
def test_within_and_over_are_those_of_each_row(rows: list[int], limit: int | None) -> None:
    sums = sums_of(rows)
    assert sums.within(limit) == sum(rows if limit is None else (min(row, limit) for row in rows))
    assert sums.over(limit) == (0 if limit is None else sum(row > limit for row in rows))


def test_a_row_at_the_limit_is_neither_over_nor_cut() -> None:
    sums = sums_of([9, 10, 11])
    assert (sums.over(10), sums.within(10), sums.over(11), sums.within(11)) == (1, 29, 0, 30)


@given(st.lists(st.integers(0, 1000), min_size=1), st.sampled_from((0.01, 0.25, 0.5, 0.95, 0.99, 1.0)))
@FAST
def test_a_quantile_is_the_least_that_enough_rows_do_not_exceed(rows: list[int], share: float) -> None:
    found = quantile(Counter(rows), share)
    assert found in rows and sum(row <= found for row in rows) >= share * len(rows)
    assert sum(row < found for row in rows) < share * len(rows)


@given(st.lists(st.one_of(st.integers(0, 300), st.integers(0, 10**6)), min_size=1))
@FAST
def test_the_histogram_has_every_row_in_its_bucket(rows: list[int]) -> None:
    buckets = histogram_of(Counter(rows))
    uppers = [bucket.upper for bucket in buckets]
    assert sum(bucket.rows for bucket in buckets) == len(rows)
    assert uppers == sorted(set(uppers)) and uppers[-1] >= max(rows) and len(buckets) <= 11
    for lower, bucket in zip([None, *uppers], buckets, strict=False):
        if lower is not None:
            assert bucket.rows == sum(lower < row <= bucket.upper for row in rows)


def test_a_few_far_longer_rows_share_the_last_bucket() -> None:
    buckets = histogram_of(Counter([*range(1, 101)] * 4 + [100_000]))
    assert [(b.upper, b.rows) for b in buckets] == [*((n, 40) for n in range(10, 101, 10)), (100_000, 1)]
    assert histogram_of(Counter()) == [] and quantile(Counter(), 0.5) == 0


REPLIES = st.lists(
    st.one_of(st.sampled_from(("yes", "no", " yes ", "maybe")), st.text(max_size=3)), max_size=40
)


def labels_of(replies: Iterable[str | None]) -> LabelTally:
    tally = LabelTally()
    for reply in replies:
        tally.add_reply(reply)
    return tally


def merged_labels(replies: Sequence[str | None], cuts: Iterable[int]) -> LabelTally:
    merged = LabelTally()
    for piece in pieces(replies, cuts):
        merged.merge(pickle.loads(pickle.dumps(labels_of(piece))))
    return merged


@given(REPLIES, CUTS)
@FAST
def test_labels_of_any_cut_are_those_of_the_whole(replies: list[str], cuts: list[int]) -> None:
    merged, whole = merged_labels(replies, cuts), labels_of(replies)
    assert (merged.open, merged.result()) == (whole.open, whole.result())
    if (found := whole.result()) is not None:
        assert sum(found.values()) == len(replies)
        assert list(found.values()) == sorted(found.values(), reverse=True)


@pytest.mark.parametrize(
    ("replies", "is_open"),
    [
        ([str(n) for n in range(50)] * 2, True),
        ([str(n) for n in range(51)] * 2, False),
        (["x" * 80] * 4, True),
        (["x" * 81] * 4, False),
        (["a", None, "a"], False),
    ],
)
@pytest.mark.parametrize("cuts", [[], [1], [25, 40], [2, 2, 30]])
def test_replies_stop_being_labels_in_any_cut(replies: list[str], is_open: bool, cuts: list[int]) -> None:
    merged = merged_labels(replies, cuts)
    assert merged.open is is_open is labels_of(replies).open
    assert (merged.result() is not None) == is_open


@given(st.lists(st.integers(0, 9), max_size=40), CUTS)
@FAST
def test_the_longest_rows_of_any_cut_are_those_of_the_whole(sizes: list[int], cuts: list[int]) -> None:
    merged, before = LongestRows(), 0
    for piece in pieces(sizes, cuts):
        shard = LongestRows()
        for line, size in enumerate(piece, 1):
            shard.add(size, line)
        merged.merge(shard, before)
        before += len(piece)
    expected = sorted(((size, line) for line, size in enumerate(sizes, 1)), key=lambda r: (-r[0], r[1]))[:5]
    assert [tuple(row) for row in merged.result()] == expected
    assert merged.floor == (expected[-1][0] if len(expected) == 5 else -1)


def facts_of(lines: Sequence[str]) -> FileFacts:
    """What is known of lines that are each the kind of a row or blank."""
    facts = FileFacts(bytes=10 * len(lines))
    for number, kind in enumerate(lines, 1):
        if kind == "crlf":
            facts.crlf += 1
            facts.first_crlf = facts.first_crlf or number
        else:
            facts.rows += 1
            facts.saw(kind, number)  # type: ignore[arg-type]
    facts.lines = len(lines)
    return facts


@given(st.lists(st.sampled_from((*ROW_KINDS, "crlf")), max_size=40), CUTS)
@FAST
def test_facts_of_any_cut_are_those_of_the_whole(lines: list[str], cuts: list[int]) -> None:
    first, *rest = pieces(lines, cuts)
    merged = facts_of(first)
    for piece in rest:
        merged.merge(facts_of(piece))
    assert asdict(merged) == asdict(facts_of(lines))


def test_what_the_head_of_a_file_tells_is_not_added_up() -> None:
    head = FileFacts(has_bom=True, utf16=False, lines=3)
    head.merge(FileFacts(has_bom=False, utf16=True, lines=2, first_cr=1))
    assert (head.has_bom, head.utf16, head.lines, head.first_cr) == (True, False, 5, 4)
    head.merge(FileFacts(first_cr=1))
    assert head.first_cr == 4 and head.bytes is None


def own_rule(code: str, severity: Severity) -> Any:
    def look(row: RowView) -> Iterable[Found]:
        """Says nothing."""
        return ()

    return rule(code, code.lower(), severity=severity, bad="{}", good="{}")(look)


RULES = [own_rule("ZZ1", "error"), own_rule("ZZ2", "warning"), own_rule("ZZ3", "info")]


def log_of(said: Iterable[Sequence[int]], keep: int) -> FindingLog:
    log = FindingLog("f", keep)
    for line, numbers in enumerate(said, 1):
        for number in numbers:
            log.add(RULES[number], Found("it"), line)
    return log


@given(st.lists(st.lists(st.integers(0, 2), max_size=3), max_size=25), CUTS, st.integers(1, 6))
@FAST
def test_a_log_of_any_cut_keeps_and_counts_what_the_whole_does(
    said: list[list[int]], cuts: list[int], keep: int
) -> None:
    merged, before, whole = FindingLog("f", keep), 0, log_of(said, keep)
    for piece in pieces(said, cuts):
        merged.merge(log_of(piece, keep), before)
        before += len(piece)
    assert merged.findings() == whole.findings()
    assert (merged.counts, merged.severities) == (whole.counts, whole.severities)
    for number, each in enumerate(RULES):
        lines = [line for line, numbers in enumerate(said, 1) for n in numbers if n == number]
        assert [f.line for f in whole.findings() if f.code == each.code] == lines[:keep]
        assert whole.counts[each.code] == len(lines) == whole.severities[each.severity]


def test_a_finding_that_is_only_counted_is_not_made() -> None:
    log = FindingLog("f", 1)
    assert log.add(RULES[0], Found("first"), 4) is not None
    assert log.add(RULES[0], Found("second"), 5) is None
    assert log.add(RULES[1], Found("of the file"), None) is not None
    assert [(f.message, f.line) for f in log.findings()] == [("of the file", None), ("first", 4)]
    later = FindingLog("f", 1)
    later.add(RULES[2], Found("whole file"), None)
    log.merge(later, 7)
    assert [f.line for f in log.findings()] == [None, None, 4]


class Open:
    """A check's state in ``__dict__``."""

    def __init__(self) -> None:
        self.seen = [1]

    def merge(self, later: Any, lines: int) -> None:
        self.seen += [line + lines for line in later.seen]


class Slotted(Open):
    __slots__ = ("extra",)

    def __init__(self) -> None:
        super().__init__()
        self.extra = 5


class Tight:
    __slots__ = ("seen", "unset")

    def __init__(self) -> None:
        self.seen = [1]


class Own(Open):
    def __getstate__(self) -> Any:
        return ["own", self.seen]

    def __setstate__(self, state: Any) -> None:
        self.seen = state[1]


@pytest.mark.parametrize("make", [Open, Slotted, Tight, Own])
def test_a_check_is_thawed_as_it_was_frozen(make: Callable[[], Any]) -> None:
    check = make()
    check.seen.append(7)
    again: Any = thawed(make, pickle.loads(pickle.dumps(frozen(check))))
    assert type(again) is make and again.seen == [1, 7]
    assert getattr(again, "extra", None) == getattr(check, "extra", None) and not hasattr(again, "unset")


def test_an_empty_state_thaws_too() -> None:
    class Nothing:
        pass

    assert isinstance(thawed(Nothing, frozen(Nothing())), Nothing)  # type: ignore[arg-type]


def inspection(lines: int, seen: Any = None) -> Inspection:
    each = Inspection("f", 2)
    each.facts = facts_of(["chat"] * lines)
    each.messages, each.roles = 2 * lines, Counter(user=lines)
    each.sums[KEY] = sums_of(range(lines))
    each.failed["ZZ9"], each.unread["odd"] = 1, lines
    each.trouble["ZZ9"] = (f"of {lines}", lines)
    each.log.add(RULES[0], Found("it"), lines)
    each.states = {"ZZ8": frozen(seen), "gone": {}} if seen else {}
    return each


def test_an_inspection_takes_in_all_of_the_next() -> None:
    first, check = inspection(3), Open()
    first.sums = {}
    for lines in (4, 5):
        first.merge(pickle.loads(pickle.dumps(inspection(lines, Open()))), {"ZZ8": (Open, check)})  # type: ignore[dict-item]
    assert (first.facts.lines, first.messages, first.roles) == (12, 24, {"user": 12})
    assert check.seen == [1, 4, 8]
    assert first.sums[KEY] == sums_of([*range(4), *range(5)])
    assert (first.failed, first.unread, first.trouble) == ({"ZZ9": 3}, {"odd": 12}, {"ZZ9": ("of 3", 3)})
    assert [f.line for f in first.log.findings()] == [3, 7] and first.log.counts["ZZ1"] == 3
    empty = Inspection("f", 2)
    empty.facts.lines = 10
    later = inspection(4)
    later.trouble["ZZ7"] = ("at the end", None)
    before = copy.deepcopy(later.sums)
    empty.merge(later, {})
    empty.merge(inspection(2), {})
    assert empty.trouble == {"ZZ9": ("of 4", 14), "ZZ7": ("at the end", None)}
    assert later.sums == before


CHOSEN = Settings(
    models={
        "m": {
            "provider": "local",
            "tokenizer": "words",
            "limits": {"training_context": 10},
            "price": {"train": 2},
        }
    }
)
MODEL = CHOSEN.catalog.require_model("m", "local")


def test_a_fit_says_only_what_is_known() -> None:
    known = fit_of(MODEL, sums_of([5, 10, 15]), epochs=3)
    assert (known.over, known.unknown, known.max_tokens, known.total_tokens) == (1, 0, 15, 30)
    assert (known.p50, known.p95, known.billable_tokens) == (10, 15, 25)
    assert known.training_cost == pytest.approx(50e-6)
    assert known.training_cost_all == pytest.approx(150e-6)
    partly = fit_of(MODEL, sums_of([15, None, "no size", "no size"]), epochs=3)
    assert (partly.over, partly.unknown) == (1, 2)
    assert {partly.max_tokens, partly.total_tokens, partly.p95, partly.training_cost_all} == {None}
    assert fits_of([(MODEL, KEY)], {KEY: sums_of([15])}) == [fit_of(MODEL, sums_of([15]))]


def test_the_spread_is_told_where_every_countable_row_was_counted() -> None:
    stats = stats_of([(MODEL, KEY)], {KEY: sums_of([4, 5, 9, "no size"])})
    assert stats is not None
    assert (stats.rows, stats.total, stats.mean, stats.p50, stats.max) == (3, 18, 6.0, 5, 9)
    assert (stats.trained, stats.prompt) == (8, 10) and sum(b.rows for b in stats.histogram) == 3
    assert stats_of([(MODEL, KEY)], {KEY: sums_of([4, None])}) is None
    assert stats_of([(MODEL, KEY)], {KEY: sums_of(["no size"])}) is None and stats_of([], {}) is None


@pytest.mark.parametrize("counted", [True, False])
def test_a_glance_is_ordered_by_number_then_by_name(counted: bool) -> None:
    longest = LongestRows()
    longest.add(7, 3)
    glance = glance_of(Counter(chat=2, completion=5), Counter(b=1, a=1, c=4), longest, counted=counted)
    assert list(glance.kinds) == ["completion", "chat"] and list(glance.roles) == ["c", "a", "b"]
    assert [(row.line, row.tokens, row.bytes) for row in glance.longest] == (
        [(3, 7, None)] if counted else [(3, None, 7)]
    )
