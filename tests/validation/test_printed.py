"""What a person reads in the terminal, and the sums behind it."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ftkit.validation import Finding, ModelFit, TokenStats, ValidationReport
from ftkit.validation.report import Excerpt
from ftkit.validation.tally import LabelTally, quantile
from ftkit.validation.output.terminal import print_findings
from ftkit.validation.output.words import groups_of, summary_lines

EMPTY = ValidationReport(
    ok=True,
    source="a.jsonl",
    kind="jsonl",
    platform="local",
    rows=0,
    accepted=0,
    rejected=0,
    messages=0,
    errors=0,
    warnings=0,
    counts={},
    findings=[],
)


def printed(report: ValidationReport, *, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_findings(console, groups_of(report), {})
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def finding(**fields: object) -> Finding:
    base = {
        "code": "FT101",
        "rule": "some-rule",
        "severity": "error",
        "message": "it is wrong",
        "file": "a.jsonl",
    }
    return Finding.model_validate({**base, **fields})


def report_of(*findings: Finding, **fields: object) -> ValidationReport:
    counts = Counter(f.code for f in findings)
    return EMPTY.model_copy(update={"findings": list(findings), "counts": dict(counts), **fields})


@pytest.mark.parametrize(
    ("fields", "head"),
    [
        ({}, "a.jsonl FT101 [some-rule] error: it is wrong"),
        ({"line": 3}, "a.jsonl:3 FT101 [some-rule] error: it is wrong"),
        ({"line": 3, "column": 7}, "a.jsonl:3:7 FT101 [some-rule] error: it is wrong"),
        ({"severity": "warning"}, "a.jsonl FT101 [some-rule] warning: it is wrong"),
        ({"message": "[bold]x[/bold] [/]"}, "a.jsonl FT101 [some-rule] error: [bold]x[/bold] [/]"),
    ],
)
def test_the_first_line_of_a_finding(fields: dict[str, object], head: str) -> None:
    assert printed(report_of(finding(**fields))).splitlines()[0] == head


@pytest.mark.parametrize(
    ("text", "start", "length", "mark"),
    [
        ("abcdef", 2, 3, "  ^^^"),
        ("日本語 abc", 4, 3, "       ^^^"),
        ("日本語", 1, 1, "  ^^"),
        ("abc", 3, 1, "   ^"),
    ],
)
def test_the_caret_stands_under_what_is_meant(text: str, start: int, length: int, mark: str) -> None:
    excerpt = Excerpt(text=text, start=start, length=length)
    lines = printed(report_of(finding(line=1, column=start + 1, excerpt=excerpt))).splitlines()
    assert lines[1:3] == [f"  | {text}", f"  | {mark}"]


def test_long_lines_are_not_broken() -> None:
    out = printed(report_of(finding(message="word " * 60, hint="hint " * 60)), width=40)
    assert len(out.rstrip("\n").split("\n")) == 2


def test_what_is_not_shown_is_counted() -> None:
    report = report_of(finding(), finding(code="FT203"))
    more = report.model_copy(update={"counts": {"FT101": 1, "FT203": 1200, "FT301": 2}})
    out = printed(more)
    assert "... and 1,199 more FT203" in out and "... and 2 more FT301" in out and "more FT101" not in out


def test_nothing_is_printed_of_nothing() -> None:
    assert printed(EMPTY) == ""


def test_the_summary() -> None:
    stats = TokenStats(tokenizer="words", rows=4, total=1234, mean=308.5, p50=300, p95=400, max=410)
    labels = {f"label {n}": 20 - n for n in range(15)}
    full = EMPTY.model_copy(
        update={
            "rows": 5,
            "accepted": 4,
            "rejected": 1,
            "errors": 1,
            "warnings": 2,
            "messages": 8,
            "ok": False,
            "tokens": stats,
            "labels": labels,
            "notes": ["a note"],
        }
    )
    first, tokens, replies, note, verdict = summary_lines(full)
    assert first == "5 rows read from a.jsonl: 4 accepted, 1 rejected; 1 error, 2 warnings"
    assert tokens == "8 messages, 1,234 tokens (words): median 300, p95 400, longest 410 a row"
    assert replies.startswith("replies: label 0 20, label 1 19") and replies.endswith("and 3 more")
    assert (note, verdict) == ("note: a note", "not fit for local as it is")
    assert summary_lines(EMPTY)[-1] == "fit for local"


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_a_quantile_is_the_smallest_count_that_covers_its_share(values: list[int], share: float) -> None:
    got = quantile(Counter(values), share)
    assert got in values
    assert sum(v <= got for v in values) >= share * len(values)
    assert sum(v < got for v in values) < max(share * len(values), 1e-9) or got == min(values)


def test_quantile_of_nothing() -> None:
    assert quantile(Counter(), 0.5) == 0


@pytest.mark.parametrize(
    ("replies", "labels"),
    [
        (["a", "b", "a", "a"], {"a": 3, "b": 1}),
        (["a ", " a", "b", "b"], {"a": 2, "b": 2}),
        (["a"], {"a": 1}),
        (["a", "b", "c", "d", "e"], None),
        (["a"] * 100 + ["x" * 81], None),
        ([f"{n}" for n in range(51)] * 4, None),
        (["a", "a", None], None),
        ([], None),
    ],
)
def test_replies_are_labels_where_they_are_few_and_short(
    replies: list[str | None], labels: dict[str, int] | None
) -> None:
    tally = LabelTally()
    for reply in replies:
        tally.add({"messages": [{"role": "assistant", "content": reply}]})
    assert tally.result() == labels


def test_a_fit_without_limit_or_price_says_so_by_none() -> None:
    fit = ModelFit(
        model="m",
        provider="p",
        tokenizer="words",
        limit=None,
        over=0,
        max_tokens=1,
        total_tokens=1,
        p50=1,
        p95=1,
    )
    assert fit.training_cost is None and ModelFit.model_validate_json(fit.model_dump_json()) == fit
