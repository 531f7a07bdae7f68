"""Displays: what a person, a log and a program see on stderr."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from ftkit.display import Display, SilentDisplay, choose_display
from ftkit.display.fancy import RichDisplay
from ftkit.display.jsonlines import JsonDisplay
from ftkit.display.plain import PlainDisplay, amount


def play(display: Display) -> None:
    display.note("a [bold] note")
    display.warn("careful")
    with display.work("Reading", 10, "rows") as progress:
        progress.update(4)
        display.event("step 1: loss 0.5")
        progress.update(10, text="ready")


def test_plain_lines() -> None:
    stream = io.StringIO()
    play(PlainDisplay(stream))
    lines = stream.getvalue().splitlines()
    assert lines[:3] == ["  a [bold] note", "warning: careful", "Reading ..."]
    assert lines[-1].startswith("Reading: done, 10 of 10 rows, ready (")


def test_plain_shows_long_work_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftkit.display.plain.EVERY_SECONDS", 0.0)
    stream = io.StringIO()
    with PlainDisplay(stream).work("Uploading", 2_000_000, "B") as progress:
        progress.update(500_000)
    assert "  Uploading: 500.0 kB of 2.0 MB" in stream.getvalue()


def test_json_lines_are_json() -> None:
    stream = io.StringIO()
    play(JsonDisplay(stream))
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [r["type"] for r in records] == ["note", "warning", "start", "progress", "event", "end"]
    assert records[3]["done"] == 4
    assert records[-1]["seconds"] >= 0


def test_rich_keeps_brackets_and_marks_the_end() -> None:
    stream = io.StringIO()
    play(RichDisplay(Console(file=stream, force_terminal=True, width=100, no_color=True)))
    text = stream.getvalue()
    assert "a [bold] note" in text
    assert "✓" in text
    assert "10/10 rows, ready" in text


def test_rich_marks_a_failure() -> None:
    stream = io.StringIO()
    display = RichDisplay(Console(file=stream, force_terminal=True, width=100, no_color=True))
    with pytest.raises(ValueError, match="no"), display.work("Reading"):
        raise ValueError("no")
    assert "✗" in stream.getvalue()


def test_rich_work_inside_work() -> None:
    stream = io.StringIO()
    display = RichDisplay(Console(file=stream, force_terminal=True, width=100, no_color=True))
    with display.work("outer"), display.work("inner"):
        pass
    text = stream.getvalue()
    assert text.index("✓ inner") < text.index("✓ outer")


def test_silence() -> None:
    play(SilentDisplay())


@pytest.mark.parametrize(
    ("style", "kind"),
    [("auto", PlainDisplay), ("none", SilentDisplay), ("json", JsonDisplay), ("rich", RichDisplay)],
)
def test_choice_for_a_pipe(style: str, kind: type) -> None:
    assert isinstance(choose_display(style, io.StringIO()), kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "B", "0 B"),
        (999, "B", "999 B"),
        (1_500, "B", "1.5 kB"),
        (3e12, "B", "3000.0 GB"),
        (12_345, "rows", "12,345 rows"),
    ],
)
def test_amount(value: float, unit: str, text: str) -> None:
    assert amount(value, unit) == text


def test_work_that_breaks_off_says_so() -> None:
    plain, lines = io.StringIO(), io.StringIO()
    for display in (PlainDisplay(plain), JsonDisplay(lines)):
        with pytest.raises(ValueError, match="no"), display.work("Reading"):
            raise ValueError("no")
    assert "Reading: stopped (" in plain.getvalue()
    assert json.loads(lines.getvalue().splitlines()[-1])["ok"] is False
