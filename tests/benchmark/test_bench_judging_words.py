"""What is said of judges: agreement in words, notes, tables in the terminal and in Markdown."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from judging_parts import Court, judge_called, part, right_when
from rich.console import Console

from ftkit.benchmarking.judging import JudgeReport, Rubric, judges_markdown, print_judges, with_judges
from ftkit.benchmarking.judging.disputes import LONGEST, MOST, Disputes, shown
from ftkit.benchmarking.judging.forms import written
from ftkit.benchmarking.judging.measuring import Agreements, kappa_words, share_words, strength
from ftkit.benchmarking.judging.results import TRUTH, Agreement, Dispute, Judged, JudgeUsed
from ftkit.benchmarking.judging.words import notes_of, score_words


@pytest.mark.parametrize(
    ("kappa", "word"),
    [
        (-0.1, "poor"),
        (0.0, "slight"),
        (0.2, "slight"),
        (0.21, "fair"),
        (0.4, "fair"),
        (0.6, "moderate"),
        (0.8, "substantial"),
        (0.81, "almost perfect"),
        (1.0, "almost perfect"),
    ],
)
def test_landis_and_koch_have_words_for_kappa(kappa: float, word: str) -> None:
    assert strength(kappa) == word


def test_figures_in_words() -> None:
    assert share_words(0.82, 0.795, 0.843) == "82.0 % (79.5 to 84.3)"
    assert share_words(0.5, None, None) == "50.0 %"
    assert share_words(None, None, None) == "unknown"
    assert kappa_words(0.614, 0.55, 0.67) == "kappa 0.61 (0.55 to 0.67, substantial)"
    assert kappa_words(-0.001, -0.001, 0.001) == "kappa 0.00 (0.00 to 0.00, poor)"
    assert kappa_words(None, None, None).startswith("kappa not defined")


def agreements(cells: dict[tuple[bool, bool], int], model: str = "m") -> Agreements:
    found = Agreements()
    for (mine, theirs), count in cells.items():
        for _ in range(count):
            found.add("judge", TRUTH, model, mine, theirs)
    return found


def test_an_agreement_names_both_kinds_of_error() -> None:
    cells = {(True, True): 60, (True, False): 5, (False, True): 20, (False, False): 15}
    (found,) = agreements(cells).between("judge", TRUTH)
    assert (found.n, found.share) == (100, 0.75)
    assert found.words.startswith("judge agrees with the right answers on 75.0 %")
    assert found.words.endswith("it calls 25 % of the wrong ones right and 25 % of the right ones wrong")


def test_an_agreement_of_nothing_is_none() -> None:
    assert Agreements().between("judge", TRUTH) == ()
    (alone,) = agreements({(True, True): 7}).between("judge", TRUTH)
    assert alone.kappa is None and "wrong ones" not in alone.words


def test_between_judges_nobody_is_wrong() -> None:
    found = Agreements()
    found.add("one", "other", "m", True, False)
    found.add("one", "other", "n", True, True)
    whole, *each = found.between("one", "other")
    assert whole.words.startswith("one agrees with other on 50.0 %") and "wrong" not in whole.words
    assert [one.model for one in each] == ["m", "n"]


def test_disputes_are_a_sample_in_order_that_is_the_same_every_time() -> None:
    def sample() -> tuple[int, ...]:
        disputes = Disputes()
        for row in range(1000):
            disputes.add(lambda row=row: Dispute(row=row, question="q", expected=(), answers={}, verdicts={}))
        assert disputes.total == 1000
        return tuple(one.row for one in disputes.kept)

    first = sample()
    assert first == sample() == tuple(sorted(first)) and len(first) == MOST
    assert any(row < 500 for row in first) and any(row >= 500 for row in first)


def test_long_texts_are_cut_and_missing_ones_are_named() -> None:
    assert shown("x" * LONGEST) == "x" * LONGEST and shown("x" * (LONGEST + 1)) == "x" * LONGEST + "…"
    assert shown(None) == "(no usable answer)"


def judge_used(**fields: Any) -> JudgeUsed:
    given = {"judge": "j", "backend": "local", "enforced": True, "requests": 10, "different": 10}
    return JudgeUsed(**{**given, "asked": 10, "cached": 0, "undecided": 0, **fields})


def measured(**fields: Any) -> Agreement:
    given = {"first": "j", "second": TRUTH, "n": 100, "both": 0, "only_first": 0, "only_second": 0}
    figures = {"neither": 0, "share": 0.8, "low": 0.7, "high": 0.9, "kappa_low": 0.5, "kappa_high": 0.7}
    return Agreement(**{**given, **figures, "kappa": 0.6, **fields})


@pytest.mark.parametrize(
    ("used", "fields", "said"),
    [
        ({"undecided": 2, "failures": {"429": 2}}, {}, r"j: 2 requests have no verdict \(2 429\)"),
        ({"cached": 4, "oldest": 1735689600}, {}, r"4 replies were there .* the oldest of 2025-01-01"),
        ({"enforced": False, "rounds": 3}, {}, r"asked for in words.*3 rounds"),
        ({"judge": "m"}, {}, "m judges its own answers"),
        ({}, {"against_truth": (measured(kappa=0.2, kappa_low=0.1),)}, "agrees too little"),
        (
            {},
            {"against_truth": (measured(kappa=0.2, kappa_low=-0.1),)},
            "not shown to judge .* better than chance",
        ),
        ({}, {"known": False}, "nothing measures"),
    ],
)
def test_what_a_reader_must_know(used: dict[str, Any], fields: dict[str, Any], said: str) -> None:
    whole = {"against_truth": (measured(),), **fields}
    notes = notes_of([judge_used(**used)], ["m"], whole, fields.get("known", True))
    assert len(notes) == 1 and re.search(said, notes[0])


def test_nothing_is_said_where_nothing_is_odd() -> None:
    fields = {"against_truth": (measured(), measured(kappa=None), measured(model="m", kappa=0.0))}
    assert notes_of([judge_used()], ["m"], fields, True) == ()


def test_a_score_is_said_on_its_scale() -> None:
    figures = {"judge": "j", "model": "m", "n": 4, "unusable": 0, "undecided": 0, "correct": 3}
    shares = {"share": 0.75, "low": 0.3, "high": 0.95}
    assert score_words(Judged(**figures, **shares), None) == "75.0 % (30.0 to 95.0)"  # type: ignore[arg-type]
    scored = Judged(**figures, **shares, mean_score=7.25, score_low=6.5, score_high=8.0)  # type: ignore[arg-type]
    assert score_words(scored, 10) == "7.25 of 10 (6.50 to 8.00)"


def report_of(folder: Path, **options: Any) -> JudgeReport:
    rows = [
        {"row": n, "model": model, "question": f"<b>q{n}</b> | x", "answer": answer, "expected": "yes"}
        for n in range(12)
        for model, answer in (("a|b", "yes"), ("c*d", "yes" if n % 3 else "no"))
    ]
    judges = [judge_called(name, right_when(lambda text: text == "yes"), folder) for name in ("one", "two")]
    return Court(folder, rows).judge(*judges, **options)


def printed(report: JudgeReport) -> str:
    console = Console(file=io.StringIO(), width=200, highlight=False)
    print_judges(console, report)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_all_tables_are_printed_with_the_verdict_and_notes(tmp_path: Path) -> None:
    text = printed(report_of(tmp_path))
    for title in (
        "Models as the judges see them",
        "against the right answers",
        "against each other",
        "What it took",
    ):
        assert title in text
    assert "Which answer is better" not in text and "mean score" not in text
    assert text.count("Note:") == 2 and "panel calls right a|b: 100.0 %" in text
    assert re.search(r"one\s+c\*d\s+66\.7 %", text)


def test_scores_and_pairs_have_their_columns(tmp_path: Path) -> None:
    rubric = Rubric(scale=4)

    def high(messages: list[dict[str, Any]]) -> str:
        return written(rubric, 4 if part(messages, "answer") == "yes" else 1)

    rows = [{"question": f"q{n}", "answer": "yes" if n else "no"} for n in range(4)]
    text = printed(Court(tmp_path, rows).judge(judge_called("j", high, tmp_path), rubric=rubric))
    assert "mean score" in text and "3.25 of 4" in text

    def first(messages: list[dict[str, Any]]) -> str:
        return written(Rubric(kind="pair"), 1)

    columns = [{"question": f"q{n}", "a": "x", "b": "y"} for n in range(9)]
    from ftkit.benchmarking.judging import Columns

    (tmp_path / "pairs").mkdir()
    court = Court(tmp_path / "pairs", columns)
    report = court.judge(
        judge_called("lazy", first, tmp_path), pairwise=True, columns=Columns("question", ("a", "b"))
    )
    text = printed(report)
    assert "a : b" in text and "0 : 0" in text and "100.0 %" in text
    assert any("leans to what is shown first" in note for note in report.notes)


def test_markdown_is_a_table_that_texts_from_outside_cannot_break(tmp_path: Path) -> None:
    rubric = "Be <script>kind</script>\n| and *brief*"
    text = judges_markdown(report_of(tmp_path, rubric=rubric))
    assert "<script>" not in text and "\\*brief\\*" in text and "&lt;script>kind" in text
    for block in re.findall(r"(?:^\|.*\|$\n?)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.strip().splitlines()}
        assert len(widths) == 1, block
    assert "a\\|b" in text and "c\\*d" in text
    assert (tmp_path / "judged" / "judges-correct.md").read_text() == text


def test_what_the_same_judges_said_before_gives_way(tmp_path: Path) -> None:
    from ftkit.benchmarking import BenchmarkReport

    benchmark = BenchmarkReport(
        metric="label",
        labels=(),
        confidence=0.95,
        data="test.jsonl",
        data_sha256="0",
        rows=12,
        platform="local",
        models=(),
        reference="m",
    )
    first = report_of(tmp_path)
    again = first.model_copy(update={"created_at": "later"})
    other = first.model_copy(update={"criteria": "Others."})
    whole = with_judges(with_judges(benchmark, [first, other]), [again], tmp_path)
    assert whole.judges == (other, again)
    assert BenchmarkReport.model_validate_json((tmp_path / "report.json").read_bytes()) == whole


@pytest.mark.parametrize(("split_on", "leads"), [(1, ["panel"]), (10, ["one", "two"])])
def test_a_panel_that_is_often_split_is_no_headline(tmp_path: Path, split_on: int, leads: list[str]) -> None:
    rows = [{"question": f"q{n}", "answer": f"a{n}", "expected": f"a{n}"} for n in range(40)]
    other = {f"a{n}" for n in range(split_on)}
    judges = [
        judge_called("one", right_when(lambda text: True), tmp_path),
        judge_called("two", right_when(lambda text: text not in other), tmp_path),
    ]
    report = Court(tmp_path, rows).judge(*judges)
    assert re.findall(r"(\w+) calls right", report.verdict) == leads
    assert any("evenly split" in note for note in report.notes)
