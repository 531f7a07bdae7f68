"""What a person reads in the terminal: findings by rule, marks that stand right, totals that add up."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from output_reports import EMPTY, finding, marked, report_of
from rich.cells import cell_len
from rich.console import Console

from ftkit.validation import Rule, ValidationReport, load_rules, rule
from ftkit.validation.output.terminal import cut, print_findings, print_report
from ftkit.validation.output.words import dollars, groups_of, in_short, names, summary_lines
from ftkit.validation.report import Excerpt


def console_of(width: int = 80, **options: Any) -> Console:
    return Console(file=io.StringIO(), width=width, highlight=False, emoji=False, **options)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def printed(report: ValidationReport, *rules: Rule, width: int = 80, **options: Any) -> str:
    console = console_of(width, **options)
    print_findings(console, groups_of(report), {r.code: r for r in rules})
    return text_of(console)


def whole(report: ValidationReport, width: int = 80, **options: Any) -> str:
    console = console_of(width, **options)
    print_report(console, report, {r.code: r for r in load_rules().rules})
    return text_of(console)


@pytest.mark.parametrize(
    ("fields", "head"),
    [
        ({}, "a.jsonl FT101 [some-rule] error: it is wrong"),
        ({"line": 3}, "a.jsonl:3 FT101 [some-rule] error: it is wrong"),
        ({"line": 3, "column": 7}, "a.jsonl:3:7 FT101 [some-rule] error: it is wrong"),
        ({"severity": "warning"}, "a.jsonl FT101 [some-rule] warning: it is wrong"),
        ({"line": 1, "pointer": "/a~1b/0"}, "a.jsonl:1 FT101 [some-rule] error: it is wrong (/a~1b/0)"),
        ({"message": "[bold]x[/bold] [/]"}, "a.jsonl FT101 [some-rule] error: [bold]x[/bold] [/]"),
    ],
)
def test_the_line_of_a_finding(fields: dict[str, object], head: str) -> None:
    assert printed(report_of(finding(**fields))).splitlines()[1] == head


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
    assert lines[2:4] == [f"  | {text}", f"  | {mark}"]


@given(st.text("ab日😀e\u0301…", max_size=120), st.data(), st.integers(20, 120))
def test_an_excerpt_is_cut_around_its_mark_to_the_width(text: str, data: st.DataObject, room: int) -> None:
    start = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(1, max(1, len(text) - start)))
    head, meant, tail = cut(Excerpt(text=text, start=start, length=length), room)
    assert cell_len(head) + cell_len(meant) + cell_len(tail) <= room
    assert text[start : start + length].startswith(meant), "what is meant is cut at its end only"
    assert bool(meant) == bool(text[start : start + length])
    if cell_len(text) <= room:
        assert head + meant + tail == text
    else:
        assert text[:start].endswith(head.removeprefix("…"))
        assert text[start + length :].startswith(tail.removesuffix("…"))


def test_a_finding_is_one_line_however_narrow_the_terminal_is_and_its_excerpt_fits() -> None:
    excerpt = marked("x" * 60, "here", "y" * 60)
    report = report_of(finding(line=1, message="word " * 60, hint="hint " * 60, excerpt=excerpt))
    _, head, shown, mark, hint, *_ = printed(report, width=40).split("\n")
    assert head.startswith("a.jsonl:1 FT101") and hint.startswith("  = hint")
    assert len(shown) <= 40 and shown[mark.index("^") : mark.rindex("^") + 1] == "here"
    assert shown.startswith("  | …x") and shown.endswith("y…")


def test_why_is_said_once_for_a_rule_and_wrapped_to_the_terminal() -> None:
    @rule("FT101", "some-rule", bad="", good="")
    def check(row: object) -> None:
        """It matters for this reason, which takes a few words to tell. It is short. Enough is enough."""

    out = printed(report_of(*[finding(line=n) for n in (1, 2, 3)]), check, width=40)
    assert out.startswith("FT101 some-rule  3 findings\n  It matters for this reason, which\n  takes a few")
    assert out.count("It matters") == 1
    assert all(len(line) <= 40 for line in out.splitlines() if not line.startswith("a.jsonl"))


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("One.", "One."),
        ("One. Two.", "One. Two."),
        ("One, e.g. this. " + "Two " * 50 + "end.", "One, e.g. this."),
        ("A" * 300 + ". Two.", "A" * 300 + "."),
        ("No stop", "No stop"),
    ],
)
def test_a_why_is_shortened_at_a_sentence(why: str, said: str) -> None:
    assert in_short(why) == said


def test_the_same_hint_is_said_once_and_another_one_where_it_begins() -> None:
    hints = ("mend", "mend", None, "other", "mend")
    out = printed(report_of(*[finding(line=n, hint=hint) for n, hint in enumerate(hints, 1)])).splitlines()
    assert [line for line in out if line.startswith("  = ")] == ["  = mend", "  = other"]
    assert out.index("  = mend") == 2 and out[out.index("  = other") - 1].startswith("a.jsonl:4 ")


def test_errors_come_before_warnings_and_infos_and_each_rule_by_itself() -> None:
    codes = [
        ("FT900", "error"),
        ("FT200", "info"),
        ("FT300", "warning"),
        ("FT900", "error"),
        ("FT1", "error"),
    ]
    report = report_of(*[finding(code=c, severity=s, line=n) for n, (c, s) in enumerate(codes, 1)])
    heads = [line.split()[0] for line in printed(report).splitlines() if "some-rule  " in line]
    assert heads == ["FT1", "FT900", "FT300", "FT200"]
    assert [g.total for g in groups_of(report)] == [1, 2, 1, 1]


def test_what_is_not_shown_is_counted() -> None:
    counts = {"FT101": 1, "FT203": 1234, "FT301": 2}
    report = report_of(finding(), finding(code="FT203"), counts=counts)
    out = whole(report)
    assert "... and 1,233 more FT203\n" in out and "... and 2 more FT301\n" in out
    assert "more FT101" not in out
    table = out.split("severity  findings\n")[1].splitlines()[1:4]
    assert [(line.split()[0], line.split()[-1]) for line in table] == [
        ("FT101", "1"),
        ("FT203", "1,234"),
        ("FT301", "2"),
    ]


def test_nothing_is_printed_of_nothing_but_the_verdict() -> None:
    assert printed(EMPTY) == ""
    assert (
        whole(EMPTY)
        == "0 rows read from a.jsonl: 0 accepted, 0 rejected; 0 errors, 0 warnings\nfit for local\n"
    )


EVIL = "\x1b[31m\x07\r\u202e\x9b2J\n::error::[bold]"


def test_no_character_of_the_data_is_obeyed_by_the_terminal() -> None:
    evil = finding(file=EVIL, message=EVIL, hint=EVIL, line=1, pointer=f"/{EVIL}", code="XX1\x1b", rule=EVIL)
    out = whole(report_of(evil, finding(), source=EVIL, notes=[EVIL], labels={EVIL: 3}, messages=1))
    assert all(line.isprintable() for line in out.split("\n"))
    assert "\\x1b[31m" in out and "\\u202e" in out and "[bold]" in out


def test_colours_are_for_terminals_only() -> None:
    report = report_of(finding(line=1, excerpt=marked("a", "b")))
    assert "\x1b[" not in whole(report)
    terminal: dict[str, Any] = {"force_terminal": True, "color_system": "truecolor"}
    assert "\x1b[1;31m" in whole(report, **terminal, no_color=False)
    assert "\x1b[1;31m" not in whole(report, **terminal, no_color=True)


def test_the_summary() -> None:
    report = EMPTY.model_copy(
        update={"rows": 5, "accepted": 4, "rejected": 1, "errors": 1, "warnings": 2, "ok": False}
    )
    first, note, verdict = summary_lines(report.model_copy(update={"notes": ["a note"], "infos": 1}))
    assert first == "5 rows read from a.jsonl: 4 accepted, 1 rejected; 1 error, 2 warnings, 1 info"
    assert (note, verdict) == ("note: a note", "not fit for local as it is")


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (None, "unknown"),
        (0, "$0"),
        (0.00001, "< $0.0001"),
        (0.25, "$0.2500"),
        (1.005, "$1.00"),
        (12345.678, "$12,345.68"),
    ],
)
def test_what_is_not_known_is_never_zero(amount: float | None, words: str) -> None:
    assert dollars(amount) == words


def test_names_are_listed_up_to_a_number() -> None:
    assert names(["a", "", "c"], 5) == "a, (empty), c"
    assert names(map(str, range(1500)), 2) == "0, 1, and 1,498 more"
