"""Figures at their ends: no row right, all right, ties, huge counts, and labels made of odd characters."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from bench_parts import Bench, answer, chat_row, write_rows
from hypothesis import given
from hypothesis import strategies as st
from report_parts import table_widths
from rich.console import Console
from scipy.stats import binomtest

from ftkit.benchmarking import print_report, to_markdown
from ftkit.benchmarking.compare import Marks, compare, reference_of, rival_of
from ftkit.benchmarking.confusions import confusion_chart
from ftkit.benchmarking.heldout import LabelCensus, read_held_out
from ftkit.benchmarking.metrics import label, normalise, one_of, read_label
from ftkit.benchmarking.report import render_report
from ftkit.benchmarking.results import BenchmarkReport, Confusion, ModelScore
from ftkit.benchmarking.statistics import mcnemar_exact, p_words, verdict_words, wilson_interval
from ftkit.benchmarking.words import percent, seconds
from ftkit.errors import DataError, UsageError, Where

HERE = Where("test.jsonl", 1)


@pytest.mark.parametrize("n", [1, 2, 30, 10**4, 10**8, 10**12])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.999999])
def test_wilson_agrees_with_scipy_at_its_ends(n: int, confidence: float) -> None:
    for correct in {0, 1, n // 2, n - 1, n}:
        low, high = wilson_interval(correct, n, confidence)
        theirs = binomtest(correct, n).proportion_ci(confidence, method="wilson")
        assert (low, high) == pytest.approx((theirs.low, theirs.high), rel=1e-7, abs=1e-15)
        assert 0 <= low <= correct / n <= high <= 1
        assert (low == 0) == (correct == 0)
        assert (high == 1) == (correct == n)


@pytest.mark.parametrize(
    ("only_first", "only_second"),
    [(0, 1), (0, 1074), (0, 5000), (1, 10**5), (500, 501), (10**5, 10**5), (49_000, 51_000), (10**6, 0)],
)
def test_mcnemar_agrees_with_scipy_at_its_ends(only_first: int, only_second: int) -> None:
    theirs = binomtest(only_first, only_first + only_second, 0.5).pvalue
    ours = mcnemar_exact(only_first, only_second)
    assert ours == pytest.approx(theirs, rel=1e-7, abs=1e-300)
    assert 0 <= ours <= 1
    assert ours == mcnemar_exact(only_second, only_first)


@given(st.integers(0, 400), st.integers(0, 400))
def test_one_more_row_for_the_better_model_is_never_weaker_evidence(fewer: int, more: int) -> None:
    fewer, more = sorted((fewer, more))
    assert mcnemar_exact(fewer, more + 1) <= mcnemar_exact(fewer, more)


@pytest.mark.parametrize("p", [0.0, 5e-324, 0.00099999, 0.001, 0.0999, 0.1, 1.0])
def test_a_p_value_in_words_never_says_zero(p: float) -> None:
    said = p_words(p)
    assert said.startswith("p < 0.001" if p < 0.001 else "p = ")
    assert not re.search(r"= 0\.?0*$", said)
    assert "nan" not in verdict_words("m", 0.0, p)


def score(name: str, role: str, correct: int, n: int = 10) -> ModelScore:
    share = correct / n
    return ModelScore(
        model=name,
        title=name,
        role="tuned" if role == "tuned" else "base",
        n=n,
        correct=correct,
        accuracy=share,
        low=0.0,
        high=1.0,
    )


def test_of_equals_the_first_named_is_the_reference_and_the_rival() -> None:
    scores = [score(name, "base", 5) for name in "abc"]
    assert reference_of(scores).model == "a"
    rival = rival_of(scores, scores[0])
    assert rival is not None and rival.model == "b"
    tuned = [score("t1", "tuned", 0), score("t2", "tuned", 0)]
    assert reference_of([*scores, *tuned]).model == "t1"  # what was tuned is what is asked about
    only_tuned = rival_of(tuned, tuned[0])
    assert only_tuned is not None and only_tuned.model == "t2"


@pytest.mark.parametrize("right", [bytearray(10), bytearray([1] * 10)], ids=["none right", "all right"])
def test_models_that_answer_alike_are_equal(right: bytearray) -> None:
    a, b = score("a", "tuned", sum(right)), score("b", "base", sum(right))
    found = compare(a, b, Marks(right), Marks(right))
    assert (found.only_model, found.only_other, found.difference, found.p_value) == (0, 0, 0.0, 1.0)
    assert found.verdict.startswith("no difference from b is shown (equal, −27.8 to +27.8, p = 1.00): ")


def test_as_many_right_on_other_rows_is_no_difference_either() -> None:
    first, second = bytearray([1] * 5 + [0] * 5), bytearray([0] * 5 + [1] * 5)
    found = compare(score("a", "tuned", 5), score("b", "base", 5), Marks(first), Marks(second))
    assert (found.only_model, found.only_other, found.p_value) == (5, 5, 1.0)
    assert "equal" in found.verdict


def report_of(
    folder: Path, truth: list[str], said: list[str | None], labels: tuple[str, ...] = ()
) -> BenchmarkReport:
    """A report on two models: one says ``said``, the other nothing at all."""
    bench = Bench(folder, [chat_row(f"text {i}", t) for i, t in enumerate(truth)], "label", labels)
    name = bench.task.ids.id_of
    return bench.report({"m": lambda row: answer(name(row), said[row]), "silent": lambda row: None})


def test_a_report_of_empty_answers_alone_is_whole(tmp_path: Path) -> None:
    report = report_of(tmp_path, ["yes", "no"], ["", None])
    talking, silent = report.models
    assert (talking.correct, talking.empty, silent.missing) == (0, 2, 2)
    assert (silent.prompt_tokens, silent.completion_tokens) == (0, 0)
    assert talking.macro_f1 == 0.0
    assert [s.precision for s in silent.per_label] == [None, None]
    page, text, out = render_report(report), to_markdown(report), io.StringIO()
    print_report(Console(file=out, width=120), report)
    for shown in (page, text, out.getvalue()):
        assert "2 empty" in shown and "2 missing" in shown and "0.0 %" in shown
        assert "nan" not in shown.lower().split()
    assert report.disagreements == () and report.disagreements_total == 0


@pytest.mark.parametrize("labels", [("<", ">", "="), ("!", "?"), ("*", "**"), ("()", "[]"), (".", "...")])
def test_labels_of_punctuation_alone_are_told_apart(tmp_path: Path, labels: tuple[str, ...]) -> None:
    assert len({normalise(one) for one in labels}) == len(labels)
    for one in labels:
        assert read_label(f" {one} ", labels) == one
        assert not label.score(one, [other for other in labels if other != one], labels).correct
    assert read_label("#", labels) is None
    report = report_of(tmp_path, list(labels), [labels[0]] * len(labels))
    assert set(report.labels) == set(labels)
    assert report.models[0].correct == 1


def test_punctuation_around_a_word_still_does_not_matter() -> None:
    assert read_label("<yes>!", ("yes", "no")) == "yes"
    with pytest.raises(UsageError, match="the same but for case or punctuation"):
        LabelCensus(("yes", "(Yes)"))


@given(st.text(min_size=1, max_size=12))
def test_a_label_is_read_as_itself_whatever_it_is_made_of(text: str) -> None:
    form = normalise(text)
    assert normalise(form) == form
    if form:
        assert read_label(text, (text, f"{text}x1")) == text


ODD = [
    "a|b",
    "<b>",
    "x & y",
    "$a_b$",
    'say "hi"',
    "line\nbreak",
    "\u202egnp",
    "#1 (*best*)",
    "正面",
    "é\u0301",
    "_",
]


def test_odd_labels_come_through_every_form_of_the_report(tmp_path: Path) -> None:
    report = report_of(tmp_path, ODD, [*ODD[1:], ODD[0]], tuple(ODD))
    assert report.labels == tuple(ODD)
    assert report.models[0].confusion is not None
    assert BenchmarkReport.model_validate_json(report.model_dump_json()) == report
    page = render_report(report)
    assert "<b>" not in page and "&lt;b&gt;" in page and "x &amp; y" in page
    assert all(len(widths) == 1 for widths in table_widths(to_markdown(report)))
    print_report(Console(file=io.StringIO(), width=80), report)
    with (tmp_path / "out" / report.files["answers"]).open(encoding="utf-8", newline="") as file:
        table = [line for line in csv.DictReader(file) if line["model"] == "m"]
    assert [line["expected"] for line in table] == ODD
    assert [line["predicted"] for line in table] == [*ODD[1:], ODD[0]]


@pytest.mark.parametrize("odd", ['id="x"', 'href="#top"', "url(#a)", "#010203", "--><!-- x", "<svg>", "]]>"])
def test_a_label_that_looks_like_the_chart_s_own_markup_is_shown_as_it_is(odd: str) -> None:
    confusion = Confusion(labels=(odd, "b"), columns=(odd, "b", "other"), counts=((1, 0, 0), (0, 2, 0)))
    svg = confusion_chart(confusion, "chart", f"model {odd}")
    assert svg is not None
    root = ET.fromstring(svg.replace("xlink:href", "href"))
    assert odd in "".join(root.itertext())
    assert odd in str(root.get("aria-label"))
    ids = {e.get("id") for e in root.iter() if e.get("id")}
    assert ids and all(str(one).startswith("chart-") for one in ids)


def test_a_model_that_looks_like_a_heading_is_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [chat_row("a", "yes")], "exact", ())
    report = bench.report({"# Title": lambda row: answer(bench.task.ids.id_of(row), "yes")})
    assert not [line for line in to_markdown(report).splitlines() if line.startswith("#")]


@pytest.mark.parametrize(
    ("expected", "right"), [(["x", " ", ""], ("x",)), ([" x"], (" x",)), ("a", ("a",)), (["a", "a"], ("a",))]
)
def test_a_blank_among_the_right_answers_is_none(
    tmp_path: Path, expected: object, right: tuple[str, ...]
) -> None:
    path = write_rows(tmp_path / "t.jsonl", [chat_row("q", "ignored", expected=expected)])
    assert [row.expected for row in read_held_out(path, label)] == [right]


@pytest.mark.parametrize("expected", [["", "  "], "", "\n"])
def test_blanks_alone_are_no_right_answer(tmp_path: Path, expected: object) -> None:
    path = write_rows(tmp_path / "t.jsonl", [chat_row("q", "ignored", expected=expected)])
    with pytest.raises(DataError, match="no expected answer") as caught:
        list(read_held_out(path, label))
    assert str(caught.value.where) == f"{path}:1"


@pytest.mark.parametrize("reply", [",", " , ,", ""])
def test_commas_alone_name_no_answer(tmp_path: Path, reply: str) -> None:
    path = write_rows(tmp_path / "t.jsonl", [chat_row("q", reply)])
    with pytest.raises(DataError, match="no expected answer"):
        list(read_held_out(path, one_of))


def test_the_majority_of_equals_is_the_same_each_time() -> None:
    for order in (["b", "a", "c"], ["c", "b", "a"]):
        census = LabelCensus(("a", "b", "c"))
        for text in order:
            census.add([text], HERE)
        assert census.majority == ("c", pytest.approx(1 / 3))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0.0 s"),
        (9.99, "10.0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599.7, "1 h 0 min"),
        (90000, "25 h 0 min"),
    ],
)
def test_times_in_words_at_their_turns(value: float, words: str) -> None:
    assert seconds(value) == words


@given(st.floats(0, 1), st.floats(0, 1e7))
def test_figures_in_words_are_always_words(share: float, time: float) -> None:
    assert re.fullmatch(r"\d{1,3}\.\d %", percent(share))
    assert re.fullmatch(r"\d+\.\d s|\d+ s|\d+ min \d{1,2} s|\d+ h \d{1,2} min", seconds(time))


def test_a_report_s_json_has_no_number_that_is_none(tmp_path: Path) -> None:
    report = report_of(tmp_path, ["yes"], ["yes"], ("yes", "no"))

    def refuse(word: str) -> float:
        raise AssertionError(word)

    read = json.loads(report.model_dump_json(), parse_constant=refuse)
    assert [one["f1"] for one in read["models"][0]["per_label"]] == [1.0, None]
