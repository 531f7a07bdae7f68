"""Two models as one judge sees them: paired tests on the rows that have both verdicts, corrected."""

from __future__ import annotations

import random
from math import nan
from pathlib import Path
from typing import Any

import pytest
from judging_parts import Court, judge_called, part, right_when

from ftkit.benchmarking.judging import Columns, JudgeReport, Rubric, judges_markdown
from ftkit.benchmarking.judging.differences import Marks, mark
from ftkit.benchmarking.judging.forms import written
from ftkit.benchmarking.statistics import difference_interval, holm, mcnemar_exact, paired_bootstrap


def marks(rows: list[tuple[float, ...]], models: str = "ab") -> Marks:
    found = Marks(["j"], list(models))
    for row in rows:
        found.add({("j", model): value for model, value in zip(models, row, strict=True)})
    return found


def test_right_and_wrong_are_compared_by_mcnemar() -> None:
    rows = [(1.0, 1.0)] * 30 + [(1.0, 0.0)] * 12 + [(0.0, 1.0)] * 2 + [(0.0, 0.0)] * 6
    (found,) = marks(rows).differences(scores=False)
    assert (found.n, found.only_first, found.only_second) == (50, 12, 2)
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == difference_interval(12, 2, 50)
    assert found.p_value == found.p_adjusted == mcnemar_exact(12, 2)
    assert found.words.startswith("by j, a: better than b by 20.0 points")


def test_rows_without_both_verdicts_say_nothing() -> None:
    rows = [(1.0, 0.0)] * 3 + [(1.0, nan)] * 50 + [(nan, 0.0)] * 50 + [(nan, nan)]
    (found,) = marks(rows).differences(scores=False)
    assert (found.n, found.only_first) == (3, 3)
    assert marks([(1.0, nan)] * 9).differences(scores=False) == ()


def test_scores_are_compared_by_a_paired_bootstrap() -> None:
    chance = random.Random(3)
    one = [chance.choice([0.25, 0.5, 0.75, 1.0]) for _ in range(200)]
    other = [max(value - chance.choice([0.0, 0.0, 0.25]), 0.0) for value in one]
    (found,) = marks(list(zip(one, other, strict=True))).differences(scores=True)
    tested = paired_bootstrap(one, other)
    assert found.difference == pytest.approx(tested.estimate)
    assert (found.low, found.high, found.p_value) == pytest.approx((tested.low, tested.high, tested.p))
    assert found.low > 0 and found.only_second == 0


def test_several_pairs_are_corrected() -> None:
    chance = random.Random(1)
    rows = [tuple(float(chance.random() < share) for share in (0.5, 0.6, 0.75)) for _ in range(120)]
    found = marks(rows, "abc").differences(scores=False)
    assert [(one.first, one.second) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [one.p_adjusted for one in found] == holm([one.p_value for one in found])
    assert any(one.p_adjusted > one.p_value for one in found)


@pytest.mark.parametrize(
    ("value", "usable", "scale", "wanted"),
    [(1.0, True, None, 1.0), (0.0, True, None, 0.0), (7.0, True, 10, 0.7), (None, False, 10, 0.0)],
)
def test_a_verdict_as_a_mark(value: float | None, usable: bool, scale: int | None, wanted: float) -> None:
    assert mark(value, usable, scale) == wanted
    missing = mark(None, True, scale)
    assert missing != missing  # NaN: an answer without a verdict is neither right nor wrong


def judged(folder: Path, count: int, better: float, **options: Any) -> JudgeReport:
    chance = random.Random(7)
    rows = [
        {"q": f"q{n}", "a": "yes" if chance.random() < better else "no", "b": "yes" if n % 2 else "no"}
        for n in range(count)
    ]
    judge = judge_called("j", right_when(lambda text: text == "yes"), folder)
    return Court(folder, rows).judge(judge, columns=Columns("q", ("a", "b")), **options)


def test_a_judge_says_in_the_report_which_model_is_better(tmp_path: Path) -> None:
    report = judged(tmp_path, 100, 0.9)
    (found,) = report.differences
    assert found.p_value < 0.001 and found.n == 100
    assert ". By j, a: better than b by" in report.verdict
    assert "Models against each other" in judges_markdown(report)


def test_a_judge_that_cannot_tell_says_so(tmp_path: Path) -> None:
    report = judged(tmp_path, 20, 0.5)
    assert report.differences[0].p_value > 0.05 and "no difference from b is shown" in report.verdict


def test_what_was_not_to_be_judged_counts_against_a_model(tmp_path: Path) -> None:
    rows = [{"q": f"q{n}", "a": f"yes {n}", "b": "" if n < 9 else f"yes {n}"} for n in range(12)]
    judge = judge_called("j", right_when(lambda text: "yes" in text), tmp_path)
    (found,) = Court(tmp_path, rows).judge(judge, columns=Columns("q", ("a", "b"))).differences
    assert (found.n, found.only_first, found.p_value) == (12, 9, mcnemar_exact(9, 0))


def test_scores_of_several_judges_and_their_panel(tmp_path: Path) -> None:
    rubric = Rubric(scale=4)

    def fixed(low: int, high: int) -> Any:
        return lambda messages: written(rubric, high if part(messages, "answer").startswith("a") else low)

    rows = [{"q": f"q{n}", "a": f"a{n}", "b": f"b{n}"} for n in range(30)]
    judges = [judge_called("harsh", fixed(0, 2), tmp_path), judge_called("mild", fixed(3, 4), tmp_path)]
    report = Court(tmp_path, rows).judge(*judges, rubric=rubric, columns=Columns("q", ("a", "b")))
    assert [(one.judge, one.difference) for one in report.differences] == [
        ("harsh", pytest.approx(0.5)),
        ("mild", pytest.approx(0.25)),
        ("panel", pytest.approx(0.375)),
    ]
