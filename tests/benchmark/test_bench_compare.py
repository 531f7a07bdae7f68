"""Models side by side: which is the reference, which test, how many comparisons, and what is said."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from scipy.stats import binomtest

from ftkit.benchmarking.compare import Compared, Marks, compare, compare_models, parity, verdict
from ftkit.benchmarking.results import Comparison, ModelScore
from ftkit.benchmarking.statistics import (
    holm,
    mcnemar_exact,
    parity_of_scores,
    parity_of_shares,
    wilson_interval,
)


def right_with(share: float, n: int, seed: int) -> bytearray:
    """Marks of a model that is right so often; models share what is hard."""
    hard, chance = random.Random(0), random.Random(seed)
    return bytearray((hard.random() * 0.7 + chance.random() * 0.3) < share for _ in range(n))


def score_of(name: str, role: str, right: Sequence[int]) -> ModelScore:
    """A model's score as the summary makes it."""
    n, correct = len(right), sum(right)
    low, high = wilson_interval(correct, n)
    return ModelScore.model_validate(
        {
            "model": name,
            "title": name,
            "role": role,
            "n": n,
            "correct": correct,
            "accuracy": correct / n,
            "low": low,
            "high": high,
        }
    )


def compared(models: dict[str, Marks], **options: object) -> Compared:
    """Models whose names begin with ``ft:`` are tuned."""
    scores = [
        score_of(name, "tuned" if name.startswith("ft:") else "base", marks.right)
        for name, marks in models.items()
    ]
    return compare_models(scores, models, **options)  # type: ignore[arg-type]


def test_right_and_wrong_are_compared_exactly_and_corrected() -> None:
    models = {
        name: Marks(right_with(share, 400, seed))
        for seed, (name, share) in enumerate({"ft:a": 0.8, "b": 0.7, "c": 0.78, "d": 0.4}.items())
    }
    found = compared(models)
    assert found.reference.model == "ft:a"
    assert [one.other for one in found.comparisons] == ["b", "c", "d"]
    raw = []
    for one in found.comparisons:
        ours, theirs = models["ft:a"].right, models[one.other].right
        first = sum(a and not b for a, b in zip(ours, theirs, strict=True))
        second = sum(b and not a for a, b in zip(ours, theirs, strict=True))
        assert (one.only_model, one.only_other, one.n) == (first, second, 400)
        assert one.p_value == pytest.approx(binomtest(first, first + second).pvalue)
        assert one.difference == pytest.approx((first - second) / 400)
        assert one.low is not None and one.high is not None and one.low <= one.difference <= one.high
        assert (one.test, one.continuous, one.groups) == ("mcnemar", False, None)
        raw.append(one.p_value)
    assert [one.p_adjusted for one in found.comparisons] == pytest.approx(holm(raw))
    assert {one.family for one in found.comparisons} == {3}
    for score in found.scores:
        assert (score.score, score.score_low, score.score_high) == (score.accuracy, score.low, score.high)


def test_a_reference_that_the_rows_chose_counts_all_pairs() -> None:
    """The best of five is a choice among ten pairs, the best of two tuned ones among seven."""
    base = {name: Marks(right_with(0.7, 120, seed)) for seed, name in enumerate("abcde")}
    assert {one.family for one in compared(base).comparisons} == {10}
    two = {**{f"ft:{name}": marks for name, marks in list(base.items())[:2]}, "c": base["c"], "d": base["d"]}
    assert {one.family for one in compared(two).comparisons} == {5}
    assert [one.family for one in compared({"a": base["a"], "b": base["b"]}).comparisons] == [1]


def test_equal_models_are_seldom_told_apart_however_many_there_are() -> None:
    corrected = plain = 0
    for trial in range(150):
        marks = [right_with(0.6, 60, 1000 * trial + seed) for seed in range(5)]
        pairs = [
            mcnemar_exact(
                sum(a > b for a, b in zip(x, y, strict=True)), sum(a < b for a, b in zip(x, y, strict=True))
            )
            for i, x in enumerate(marks)
            for y in marks[i + 1 :]
        ]
        plain += min(pairs) < 0.05
        corrected += min(holm(pairs)) < 0.05
    assert plain > 15  # without a correction one benchmark in ten and more shows what is not there
    assert corrected <= 12


def test_what_is_not_shown_says_what_could_have_been() -> None:
    models = {"ft:a": Marks(right_with(0.62, 300, 1)), "b": Marks(right_with(0.6, 300, 2))}
    (one,) = compared(models).comparisons
    assert one.p >= 0.05
    assert one.detectable is not None and abs(one.difference) < one.detectable < 0.2
    assert one.rows_needed is not None and one.rows_needed > 300
    assert "no difference from b is shown" in one.verdict
    assert "these rows show" in one.verdict and "you would need about" in one.verdict
    twice = {name: Marks(bytes(marks.right) * 2) for name, marks in models.items()}
    (more,) = compared(twice).comparisons
    assert more.detectable is not None and more.detectable < one.detectable


def test_what_is_shown_needs_no_more_rows() -> None:
    models = {"ft:a": Marks(right_with(0.8, 300, 1)), "b": Marks(right_with(0.5, 300, 2))}
    (one,) = compared(models).comparisons
    assert one.p < 0.001 and one.rows_needed is None and one.low is not None and one.low > 0
    assert one.verdict.startswith("better than b by ")
    assert one.verdict.endswith("), p < 0.001")


def values_of(n: int, mean: float, seed: int) -> list[float]:
    chance, hard = random.Random(seed), random.Random(0)
    return [min(max(mean + 0.3 * (hard.random() - 0.5) + chance.gauss(0, 0.1), 0), 1) for _ in range(n)]


def graded(n: int, mean: float, seed: int) -> Marks:
    """Scores of 0 to 1; from 0.5 on they are right."""
    values = values_of(n, mean, seed)
    return Marks(bytearray(value >= 0.5 for value in values), values)


def test_scores_are_compared_by_their_means() -> None:
    models = {"ft:a": graded(250, 0.62, 1), "b": graded(250, 0.58, 2), "c": graded(250, 0.3, 3)}
    found = compared(models, continuous=True)
    for score in found.scores:
        values = models[score.model].values
        assert score.continuous and score.score == pytest.approx(sum(values) / 250)
        assert score.figure == (score.score, score.score_low, score.score_high)
        assert score.score_low is not None and score.score_high is not None
        assert score.score_low < score.score < score.score_high
        assert score.accuracy == sum(models[score.model].right) / 250
    near, far = found.comparisons
    assert (near.test, near.continuous, near.groups) == ("paired bootstrap", True, None)
    assert near.difference == pytest.approx(found.scores[0].score - found.scores[1].score)  # type: ignore[operator]
    assert far.p < 0.001 and far.difference > near.difference > 0
    assert far.detectable is not None and 0 < far.detectable < far.difference


def test_the_best_by_score_is_the_reference_even_where_another_is_right_more_often() -> None:
    sure = Marks(bytearray([1] * 6 + [0] * 4), [0.6] * 6 + [0.0] * 4)
    close = Marks(bytearray([1] * 5 + [0] * 5), [0.9] * 5 + [0.45] * 5)
    found = compared({"sure": sure, "close": close}, continuous=True)
    assert found.reference.model == "close"
    assert compared({"sure": sure, "close": close}).reference.model == "sure"
    assert found.rival is not None and found.rival.model == "sure"
    assert found.comparisons[0].only_other == 1


def test_rows_of_a_group_do_not_count_as_so_many_rows() -> None:
    n, each = 60, 8
    one, other = right_with(0.66, n, 1), right_with(0.55, n, 2)
    models = {
        "ft:a": Marks(bytearray(mark for mark in one for _ in range(each))),
        "b": Marks(bytearray(mark for mark in other for _ in range(each))),
    }
    groups = [row for row in range(n) for _ in range(each)]
    (alone,), (grouped,) = compared(models).comparisons, compared(models, groups=groups).comparisons
    assert alone.p < grouped.p
    assert (grouped.test, grouped.groups, grouped.n) == ("cluster bootstrap", n, n * each)
    assert alone.groups is None
    assert grouped.low is not None and alone.low is not None and grouped.low < alone.low
    wide = [score.high - score.low for score in compared(models, groups=groups).scores]
    narrow = [score.high - score.low for score in compared(models).scores]
    assert all(a > 2 * b for a, b in zip(wide, narrow, strict=True))
    said = verdict(grouped_reference(models, groups), [grouped])
    assert said.endswith("Rows of a group count together: there are 60 groups.")


def grouped_reference(models: dict[str, Marks], groups: list[int]) -> ModelScore:
    """The reference of such a benchmark."""
    return compared(models, groups=groups).reference


def test_scores_in_groups() -> None:
    models = {"a": graded(90, 0.6, 1), "b": graded(90, 0.5, 2)}
    found = compared(models, continuous=True, groups=[row // 3 for row in range(90)])
    (one,) = found.comparisons
    assert (one.test, one.groups, one.continuous) == ("cluster bootstrap", 30, True)
    assert found.scores[0].figure[0] == found.scores[0].score


def test_one_model_has_nothing_to_be_compared_with() -> None:
    found = compared({"a": Marks(bytearray([1, 0, 1]))})
    assert (found.comparisons, found.rival) == ([], None)
    assert verdict(found.reference, []) == "a is right on 66.7 % of 3 rows (95 % interval 20.8 – 93.9 %)."


def test_two_runs_of_one_model_can_be_compared() -> None:
    old, new = right_with(0.5, 200, 1), right_with(0.8, 200, 2)
    found = compare(score_of("m", "tuned", new), score_of("m", "tuned", old), Marks(new), Marks(old))
    assert (found.model, found.other, found.family, found.p) == ("m", "m", 1, found.p_value)
    assert found.verdict.startswith("better than m by")


def test_the_whole_verdict() -> None:
    models = {
        "ft:a": Marks(bytearray([1] * 80 + [0] * 20)),
        "b": Marks(bytearray([1] * 50 + [0] * 50)),
        "c": Marks(bytearray([1] * 79 + [0] * 20 + [1])),
    }
    found = compared(models)
    said = verdict(found.reference, found.comparisons)
    assert said.startswith(
        "ft:a is right on 80.0 % of 100 rows (95 % interval 71.1 – 86.7 %); better than b by"
    )
    assert "better than b by 30.0 points (21.9 to 39.6), p < 0.001; " in said
    assert "no difference from c is shown (equal, " in said
    assert said.endswith("The p-values are corrected for 2 comparisons (Holm).")


def test_a_verdict_on_scores_says_so() -> None:
    found = compared({"a": graded(50, 0.6, 1)}, continuous=True)
    said = verdict(found.reference, [])
    assert said.startswith("a scores ") and " on average over 50 rows (95 % interval " in said


def test_a_comparison_is_its_json_and_old_ones_are_read() -> None:
    (one,) = compared({"a": Marks(bytearray([1, 1, 0])), "b": Marks(bytearray([0, 1, 0]))}).comparisons
    assert Comparison.model_validate_json(one.model_dump_json()) == one
    old = {"model": "a", "other": "b", "n": 3, "only_model": 1, "only_other": 0}
    read = Comparison.model_validate({**old, "difference": 1 / 3, "p_value": 0.5, "verdict": "better"})
    assert (read.p, read.family, read.test, read.low) == (0.5, 1, "mcnemar", None)


def test_parity_is_of_what_the_metric_measures() -> None:
    """Right and wrong by shares, values and groups by the bootstrap; each end at its own confidence."""
    new = Marks(bytearray([1] * 70 + [0] * 30), [0.7] * 70 + [0.1] * 30)
    old = Marks(bytearray([1] * 66 + [0] * 4 + [1] * 2 + [0] * 28), [0.6] * 66 + [0.2] * 34)
    groups = [row // 10 for row in range(100)]
    assert parity(new, old) == parity_of_shares(4, 2, 100)
    assert parity(new, old, continuous=True) == parity_of_scores(new.values, old.values)
    assert parity(new, old, groups=groups) == parity_of_scores(new.right, old.right, groups)
    wide, narrow = parity(new, old, confidence=0.99), parity(new, old, confidence=0.8)
    assert wide.low < parity(new, old).low < narrow.low < narrow.estimate == pytest.approx(0.02)


def test_a_model_is_as_good_as_itself_the_surer_the_more_rows() -> None:
    marks = Marks(right_with(0.7, 50, 1))
    more = Marks(right_with(0.7, 500, 1))
    assert parity(marks, marks).within > parity(more, more).within > 0
