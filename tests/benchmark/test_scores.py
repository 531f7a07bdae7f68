"""From answers to figures: label scores against scikit-learn, cost, comparison, picked rows."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from bench_parts import LABELS, Bench, answer, chat_row
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from ftkit.benchmarking.compare import Marks, compare, disagreeing_rows, reference_of, rival_of, verdict
from ftkit.benchmarking.cost import Cost, batch_cost
from ftkit.benchmarking.results import BenchmarkReport, ModelScore
from ftkit.benchmarking.words import dollars, faults, percent, seconds, shortened, whole
from ftkit.catalog import Model, Price
from ftkit.errors import DataError


def test_label_figures_agree_with_scikit_learn(tmp_path: Path) -> None:
    chance = random.Random(11)
    truth = [chance.choice(LABELS) for _ in range(200)]
    said = [chance.choice([right, *LABELS, "what?"]) for right in truth]
    bench = Bench(tmp_path, [chat_row(f"text {i}", right) for i, right in enumerate(truth)], "label", LABELS)
    score = bench.report({"m": lambda row: answer(bench.task.ids.id_of(row), said[row])}).models[0]
    read = [word if word in LABELS else "other" for word in said]
    names = [*LABELS, "other"]
    assert score.confusion is not None
    assert [list(row) for row in score.confusion.counts] == confusion_matrix(truth, read, labels=names)[
        :3
    ].tolist()
    theirs = precision_recall_fscore_support(truth, read, labels=list(LABELS))
    ours = [(label.precision, label.recall, label.f1, label.support) for label in score.per_label]
    for mine, other in zip(ours, zip(*theirs, strict=True), strict=True):
        assert mine == pytest.approx(other)
    assert score.macro_f1 == pytest.approx(theirs[2].mean())
    assert score.correct == sum(a == b for a, b in zip(truth, read, strict=True))
    assert score.invalid == read.count("other")


def test_a_label_that_never_occurs_has_no_figures(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [chat_row("a", "positive")], "label", LABELS)
    score = bench.report({"m": lambda row: answer(bench.task.ids.id_of(row))}).models[0]
    assert [(label.label, label.precision, label.recall, label.f1) for label in score.per_label] == [
        ("negative", None, None, None),
        ("neutral", None, None, None),
        ("positive", 1.0, 1.0, 1.0),
    ]
    assert score.macro_f1 == 1.0


def test_a_wrong_answer_to_several_right_ones_stands_under_the_first(tmp_path: Path) -> None:
    rows = [chat_row("a", "Crime, Drama"), chat_row("b", "Crime, Drama"), chat_row("c", "Action")]
    bench = Bench(tmp_path, rows, "one_of", ())
    said = ["Drama", "Action", "Action"]
    report = bench.report({"m": lambda row: answer(bench.task.ids.id_of(row), said[row])})
    assert report.labels == ("Action", "Crime", "Drama")
    assert report.models[0].confusion is not None
    assert report.models[0].confusion.counts == ((1, 0, 0, 0), (1, 0, 0, 0), (0, 0, 1, 0))
    assert (report.majority_label, report.majority_share) == ("Drama", 2 / 3)


def test_exact_has_no_labels(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [chat_row("a", "some text")], "exact", ())
    report = bench.report({"m": lambda row: answer(bench.task.ids.id_of(row), "some text")})
    assert (report.labels, report.majority_label, report.models[0].confusion) == ((), None, None)
    assert (report.models[0].accuracy, report.models[0].per_label) == (1.0, ())


def test_a_label_outside_the_given_ones_stops_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'mixed' is not among the labels"):
        Bench(tmp_path, [chat_row("a", "positive"), chat_row("b", "mixed")], "label", LABELS)
    assert list((tmp_path / "out").iterdir()) == []


PRICED = Price(input=1.0, output=4.0, tuned_input=2.0, tuned_output=8.0, batch_discount=0.5)


@pytest.mark.parametrize(
    ("price", "role", "cost"),
    [
        (PRICED, "base", (1.0 * 3 + 4.0 * 1) / 2),
        (PRICED, "tuned", (2.0 * 3 + 8.0 * 1) / 2),
        (
            PRICED.model_copy(update={"tuned_batch_input": 3.0, "tuned_batch_output": 5.0}),
            "tuned",
            3.0 * 3 + 5.0,
        ),
        (PRICED.model_copy(update={"tuned_batch_input": 3.0}), "tuned", (2.0 * 3 + 8.0 * 1) / 2),
        (PRICED.model_copy(update={"tuned_batch_input": 3.0, "tuned_batch_output": 5.0}), "base", 3.5),
        (Price(input=0.0, output=0.0), "base", 0.0),
        (Price(input=0.0, output=0.0), "tuned", None),
        (Price(input=1.0), "base", None),
        (Price(), "base", None),
        (Price(input=1.0, output=4.0), "base", None),
    ],
)
def test_cost_is_what_the_catalog_says_or_unknown(price: Price, role: str, cost: float | None) -> None:
    entry = Model(id="m", provider="p", price=price)
    found = batch_cost(entry, role, 3_000_000, 1_000_000)  # type: ignore[arg-type]
    assert found.dollars == (None if cost is None else pytest.approx(cost))
    assert (found.note is None) == (cost is not None)


def test_what_makes_a_cost_unknown_is_said() -> None:
    entry = Model(id="m", provider="p", price=Price(input=1.0, output=4.0))
    assert batch_cost(entry, "base", 3_000_000, 1_000_000) == Cost(
        None, "at most $7.0000: the batch discount is not known"
    )
    assert batch_cost(None, "base", 1, 1).note == "the catalog does not list this model"
    assert batch_cost(entry, "base", None, 1).note == "the platform did not count the tokens of every answer"


def test_every_row_can_be_picked_and_both_sides_are_shown() -> None:
    first = bytearray([1, 0] * 100)
    second = bytearray([0, 1] * 100)
    picked, total = disagreeing_rows(first, second, limit=10)
    assert total == 200
    assert picked == sorted(set(picked)) and len(picked) == 10
    assert sum(first[row] for row in picked) == 5
    assert picked[-1] > 150  # from the whole file, not from its beginning
    assert disagreeing_rows(bytearray([1, 1, 0, 0]), bytearray([1, 0, 0, 0])) == ([1], 1)
    assert disagreeing_rows(bytearray([0] * 60), bytearray([1] * 60), limit=10)[0] == list(range(0, 60, 6))


def _score(name: str, role: str, correct: int) -> ModelScore:
    share = correct / 10
    return ModelScore(
        model=name,
        title=name,
        role=role,
        n=10,
        correct=correct,
        accuracy=share,
        low=0,
        high=1,  # type: ignore[arg-type]
    )


def test_the_best_tuned_model_is_held_against_the_best_base_model() -> None:
    scores = [
        _score("a", "base", 9),
        _score("b", "tuned", 5),
        _score("c", "tuned", 7),
        _score("d", "base", 3),
    ]
    reference = reference_of(scores)
    assert reference.model == "c"
    assert [rival.model if (rival := rival_of(scores, reference)) else None] == ["a"]
    assert reference_of([scores[3], scores[0]]).model == "a"
    assert rival_of([scores[0]], scores[0]) is None


def test_a_stand_in_is_never_spoken_of_as_the_model_itself() -> None:
    tuned, base = _score("ft:a:b:c", "tuned", 9), _score("gpt-4.1-mini", "base", 2)
    standing_in = base.model_copy(update={"stand_in_for": "gpt-4.1-mini"})
    ten, two = bytearray([1] * 9 + [0]), bytearray([1] * 2 + [0] * 8)
    comparison = compare(tuned, standing_in, Marks(ten), Marks(two))
    assert comparison.verdict.startswith("better than gpt-4.1-mini (stand-in) by 70.0 points (")
    assert comparison.verdict.endswith("), p = 0.016")
    assert verdict(standing_in, []).startswith("gpt-4.1-mini (stand-in) is right on 20.0 % of 10 rows")


def test_the_report_compares_and_shows_texts(sample: BenchmarkReport) -> None:
    assert sample.reference == "ft:linear:sentiment:9f8e7d6c"
    assert [c.other for c in sample.comparisons] == [s.model for s in sample.models if s.role == "base"]
    for c in sample.comparisons:
        assert c.difference == pytest.approx((c.only_model - c.only_other) / c.n)
    assert sample.verdict.startswith("ft:linear:sentiment:9f8e7d6c is right on 85.3 % of 300 rows")
    assert "better than linear by" in sample.verdict
    assert sample.rival == "gpt-4.1-mini"
    for row in sample.disagreements:
        assert row.correct[sample.reference] != row.correct[sample.rival]
        assert (row.answers[sample.reference] == row.expected[0]) == row.correct[sample.reference]
    assert len(sample.disagreements) == min(200, sample.disagreements_total)
    for score in sample.models:
        assert score.low <= score.accuracy <= score.high
        wrong = sum(sum(row) for row in score.confusion.counts) if score.confusion else 0
        assert wrong == score.n == 300
    assert any("linear: 7 requests have no answer" in note for note in sample.notes)
    assert sample.model("linear").missing == 3
    with pytest.raises(KeyError):
        sample.model("none")


def test_the_report_is_its_json(sample: BenchmarkReport) -> None:
    assert BenchmarkReport.model_validate_json(sample.model_dump_json()) == sample


def test_figures_in_words() -> None:
    assert [percent(x) for x in (None, 0.7234)] == ["–", "72.3 %"]
    assert [whole(x) for x in (None, 12345)] == ["unknown", "12,345"]
    assert [seconds(x) for x in (None, 0.84, 12.2, 245, 7380)] == [
        "unknown",
        "0.8 s",
        "12 s",
        "4 min 5 s",
        "2 h 3 min",
    ]
    assert [dollars(x) for x in (None, 0, 0.00001, 0.0031, 1.274)] == [
        "unknown",
        "$0",
        "< $0.0001",
        "$0.0031",
        "$1.27",
    ]
    assert shortened("abcdefghij", 5) == "ab…ij"
    assert shortened("abcde", 5) == "abcde"
    assert faults(_score("a", "base", 1)) == "none"
