"""Pairs: both orders, ties where they disagree, the judge's leaning to a place, panels and the truth."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from judging_parts import Court, judge_called, part

from ftkit.benchmarking.judging import Columns, Judge, JudgeReport, Rubric
from ftkit.benchmarking.judging.forms import written
from ftkit.benchmarking.judging.results import PANEL
from ftkit.errors import UsageError

PAIR = Rubric(kind="pair")
COLUMNS = Columns("question", ("a", "b"))


Texts = Sequence[tuple[str | None, str | None]]


def pairs(texts: Texts, **more: Any) -> list[dict[str, Any]]:
    return [{"question": f"q{n}", "a": a, "b": b, **more} for n, (a, b) in enumerate(texts)]


def prefers(value: Any) -> Any:
    """A judge that says what ``value`` makes of the two texts as they are shown."""

    def say(messages: list[dict[str, Any]]) -> str:
        said = value(part(messages, "first_answer"), part(messages, "second_answer"))
        return written(PAIR, said, "so")

    return say


def longer(first: str, second: str) -> int:
    return 0 if len(first) == len(second) else 1 if len(first) > len(second) else 2


def ask(folder: Path, rows: list[dict[str, Any]], *judges: Judge, **options: Any) -> JudgeReport:
    given = {"columns": COLUMNS, "pairwise": ("a", "b"), **options}
    return Court(folder, rows).judge(*judges, **given)


def test_a_judge_that_does_not_mind_the_order(tmp_path: Path) -> None:
    texts: Texts = [("xxx", "x")] * 12 + [("x", "xx")] * 2 + [("ab", "cd")] * 3
    report = ask(tmp_path, pairs(texts), judge_called("ruler", prefers(longer), tmp_path))
    (found,) = report.preferences
    assert (found.first_wins, found.second_wins, found.ties, found.torn) == (12, 2, 3, 0)
    assert found.first_share == pytest.approx((12 + 1.5) / 17) and found.consistency == 1.0
    assert found.shown_first == 0.5 and found.bias_p == 1.0
    assert found.p_value == pytest.approx(0.01294, abs=1e-5)  # binomial test, 12 of 14
    assert "ruler prefers a to b, 12 to 2 and 3 even" in report.verdict


def test_a_judge_that_takes_what_stands_first_decides_nothing_and_is_found_out(tmp_path: Path) -> None:
    texts: Texts = [(f"a{n}", f"b{n}") for n in range(20)]
    report = ask(tmp_path, pairs(texts), judge_called("lazy", prefers(lambda one, two: 1), tmp_path))
    (found,) = report.preferences
    assert (found.first_wins, found.second_wins, found.torn) == (0, 0, 20)
    assert (found.consistency, found.shown_first, found.first_share) == (0.0, 1.0, 0.5)
    assert found.bias_p is not None and found.bias_p < 0.001 and found.p_value == 1.0
    assert "leans to what is shown first" in found.words and "no preference" in found.words


def test_a_judge_that_leans_a_little_is_measured(tmp_path: Path) -> None:
    def torn_on_sevens(first: str, second: str) -> int:
        return 2 if "7" in first else longer(first, second)

    texts: Texts = [(f"a{n:02}", f"b{n:02}x") for n in range(30)]
    (found,) = ask(tmp_path, pairs(texts), judge_called("odd", prefers(torn_on_sevens), tmp_path)).preferences
    assert (found.second_wins, found.torn) == (27, 3)
    assert found.consistency == pytest.approx(0.9)
    assert found.shown_first == pytest.approx((27 * 0.5) / 30)
    assert found.bias_low is not None and found.bias_low < found.shown_first  # type: ignore[operator]
    assert found.bias_p == pytest.approx(0.25)  # three pairs, all to one side


def test_equal_answers_and_missing_ones_are_not_shown_and_all_are_counted(tmp_path: Path) -> None:
    calls: list[str] = []

    def noting(messages: list[dict[str, Any]]) -> str:
        calls.append(part(messages, "question"))
        return prefers(longer)(messages)

    texts: Texts = [
        ("same ", "same"),
        ("x", None),
        (None, "x"),
        ("", None),
        ("xx", "x"),
    ]
    report = ask(tmp_path, pairs(texts), judge_called("ruler", noting, tmp_path))
    (found,) = report.preferences
    assert calls == ["q4", "q4"]
    assert (found.n, found.same, found.unusable) == (5, 1, 3)
    assert (found.first_wins, found.second_wins, found.ties) == (2, 1, 1)
    assert found.first_share == pytest.approx((2 + 1) / 5)


def test_a_pair_without_a_verdict_in_one_order_is_undecided(tmp_path: Path) -> None:
    def shy(messages: list[dict[str, Any]]) -> str:
        return "?" if part(messages, "first_answer") == "b1" else prefers(lambda one, two: 0)(messages)

    texts: Texts = [("a0", "b0"), ("a1", "b1")]
    report = ask(tmp_path, pairs(texts), judge_called("shy", shy, tmp_path))
    (found,) = report.preferences
    assert (found.undecided, found.ties, found.first_share) == (1, 1, 0.5)


def test_a_panel_takes_what_most_say(tmp_path: Path) -> None:
    texts: Texts = [("xx", "y")] * 3 + [("x", "yy")]
    judges = [
        judge_called("long", prefers(longer), tmp_path),
        judge_called("long too", prefers(longer), tmp_path),
        judge_called("short", prefers(lambda one, two: longer(two, one)), tmp_path),
    ]
    report = ask(tmp_path, pairs(texts), *judges)
    panel = report.preferences[-1]
    assert (panel.judge, panel.first_wins, panel.second_wins) == (PANEL, 3, 1)
    assert panel.shown_first is None and panel.consistency is None
    agreements = {(one.first, one.second): one.share for one in report.between}
    assert agreements == {("long", "long too"): 1.0, ("long", "short"): 0.0, ("long too", "short"): 0.0}
    assert report.disputes_total == 4


def test_where_one_of_two_is_right_the_judge_is_measured(tmp_path: Path) -> None:
    texts: Texts = [("right", "no")] * 6 + [("no", "right")] * 3 + [("no", "nope")]
    texts = [*texts, *[("right", "wrong!")] * 2]  # the longer one is wrong
    report = ask(tmp_path, pairs(texts, expected="right"), judge_called("ruler", prefers(longer), tmp_path))
    (agreement,) = report.against_truth
    assert (agreement.n, agreement.both, agreement.neither) == (11, 6, 3)
    assert (agreement.only_first, agreement.only_second) == (0, 2)
    assert {one.row for one in report.disputes} == {10, 11}
    with (tmp_path / "judged" / "verdicts-pair.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["right"] for row in rows][:10] == ["a"] * 6 + ["b"] * 3 + [""]
    assert rows[6]["model"] == "a | b" and rows[6]["verdict"] == "b" and "swapped" in rows[6]["reason"]


def test_a_pair_is_of_two(tmp_path: Path) -> None:
    rows = [{"question": "q", "a": "1", "b": "2", "c": "3"}]
    court = Court(tmp_path, rows)
    judge = judge_called("ruler", prefers(longer), tmp_path)
    columns = Columns("question", ("a", "b", "c"))
    with pytest.raises(UsageError, match="answers of 3"):
        court.judge(judge, columns=columns, pairwise=True)
    with pytest.raises(UsageError, match="no answers of 'd'"):
        court.judge(judge, columns=columns, pairwise=("a", "d"))
    report = court.judge(judge, columns=columns, pairwise=("c", "a"))
    assert (report.preferences[0].first, report.models) == ("c", ("c", "a"))


def test_questions_of_one_of_the_two_are_no_pairs(tmp_path: Path) -> None:
    rows = [
        {"model": "a", "question": "q0", "answer": "xx"},
        {"model": "b", "question": "q0", "answer": "x"},
        {"model": "a", "question": "q1", "answer": "y"},
    ]
    court = Court(tmp_path, rows)
    judge = judge_called("ruler", prefers(longer), tmp_path)
    (found,) = court.judge(judge, pairwise=True).preferences
    assert (found.n, found.first_wins, found.unusable) == (1, 1, 0)
    apart = [rows[0], rows[2], rows[1]]
    with pytest.raises(UsageError, match="no question has answers of both"):
        court.judge(judge, answers=apart, pairwise=True)


@pytest.mark.parametrize(("wins", "losses"), [(5, 5), (8, 2), (30, 12), (1, 0), (0, 0)])
def test_the_sign_test_is_scipy_s(tmp_path: Path, wins: int, losses: int) -> None:
    from scipy.stats import binomtest

    texts: Texts = [(f"{n}xxxx", f"{n}") for n in range(wins)] + [(f"{n}", f"{n}xxxx") for n in range(losses)]
    texts = [*texts, ("tied", "even")]
    (found,) = ask(tmp_path, pairs(texts), judge_called("ruler", prefers(longer), tmp_path)).preferences
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert found.p_value == pytest.approx(expected)
    assert (found.first_wins, found.second_wins, found.ties) == (wins, losses, 1)


def test_a_pair_asked_again_is_asked_in_its_own_order(tmp_path: Path) -> None:
    orders: list[tuple[str, int]] = []

    def slow(messages: list[dict[str, Any]]) -> str:
        orders.append((part(messages, "first_answer"), len(messages)))
        return "Hm." if len(messages) == 2 else prefers(longer)(messages)

    report = ask(tmp_path, pairs([("long", "x")]), judge_called("slow", slow, tmp_path))
    assert sorted(orders) == [("long", 2), ("long", 4), ("x", 2), ("x", 4)]
    assert report.preferences[0].first_wins == 1 and report.judges[0].undecided == 0
