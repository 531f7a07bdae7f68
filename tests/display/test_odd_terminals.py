"""Terminals without a cursor, without unicode, without colour: less is shown there, and nothing breaks."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from ftkit.display import Display, choose_display
from ftkit.display.choose import MARKS, Style
from ftkit.display.fancy import RichDisplay
from ftkit.display.jsonlines import JsonDisplay
from ftkit.display.plain import PlainDisplay
from ftkit.display.streams import bear_any_text, can_say

Command = Callable[..., "subprocess.CompletedProcess[str]"]
ODD = "é 好 😀 ✓ \udcff [red]not markup[/red] [/] \x1b[31m"


class Terminal(io.TextIOWrapper):
    """A text stream over bytes that says it is a terminal, or not."""

    def __init__(self, encoding: str, *, live: bool = True, errors: str = "strict") -> None:
        self.bytes = io.BytesIO()
        self.live = live
        super().__init__(self.bytes, encoding=encoding, errors=errors, write_through=True, newline="")

    def isatty(self) -> bool:
        return self.live

    @property
    def text(self) -> str:
        return self.bytes.getvalue().decode(self.encoding)


def play(display: Display, text: str) -> None:
    display.note(text)
    display.warn(text)
    display.event(text)
    with display.work(text, 3, "rows") as progress:
        progress.update(1, text=text)
        with display.work("inner") as inner:
            inner.update(5)


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A usual terminal, whatever the tests are run in."""
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "koi8-r", "utf-8", "utf-16"])
@pytest.mark.parametrize("style", ["auto", "plain", "json", "rich", "none"])
def test_no_text_breaks_a_display(encoding: str, style: Style) -> None:
    terminal = Terminal(encoding)
    bear_any_text(terminal)
    play(choose_display(style, terminal), ODD)
    assert bool(terminal.text) is (style != "none")
    if style == "json":
        notes = [json.loads(line) for line in terminal.text.splitlines()]
        assert notes[0] == {"type": "note", "text": ODD}


@pytest.mark.parametrize(
    ("encoding", "live", "term", "kind"),
    [
        ("utf-8", True, "xterm", RichDisplay),
        ("utf-8", True, "dumb", PlainDisplay),
        ("utf-8", False, "xterm", PlainDisplay),
        ("ascii", True, "xterm", PlainDisplay),
        ("latin-1", True, "xterm", PlainDisplay),
        ("cp1252", True, "xterm", PlainDisplay),
    ],
)
def test_bars_are_drawn_only_where_they_can_be(
    monkeypatch: pytest.MonkeyPatch, encoding: str, live: bool, term: str, kind: type
) -> None:
    monkeypatch.setenv("TERM", term)
    assert type(choose_display("auto", Terminal(encoding, live=live))) is kind


@pytest.mark.parametrize("style", ["rich", "plain", "json"])
def test_a_chosen_style_wins_over_the_place(monkeypatch: pytest.MonkeyPatch, style: Style) -> None:
    monkeypatch.setenv("TERM", "dumb")
    kinds = {"rich": RichDisplay, "plain": PlainDisplay, "json": JsonDisplay}
    assert type(choose_display(style, Terminal("utf-8", live=False))) is kinds[style]


def test_a_dumb_terminal_gets_no_control_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal("utf-8")
    play(choose_display("auto", terminal), "plain words")
    assert "\x1b" not in terminal.text
    assert "\r" not in terminal.text


def test_the_marks_are_those_that_are_drawn() -> None:
    terminal = Terminal("utf-8")
    display = RichDisplay(Console(file=terminal, force_terminal=True, width=100))
    play(display, "words")
    with pytest.raises(ValueError, match="no"), display.work("fails", 2) as progress:
        progress.update(1)
        raise ValueError("no")
    drawn = {mark for mark in terminal.text if ord(mark) > 127}
    assert {"✓", "✗", "│"} <= drawn & set(MARKS)
    assert not can_say(Terminal("cp437"), MARKS)
    assert can_say(io.StringIO(), MARKS)


@settings(max_examples=50, deadline=None)
@given(st.text(st.characters()), st.sampled_from(["ascii", "latin-1", "utf-8", "koi8-r"]))
def test_json_stays_the_same_json_in_every_encoding(text: str, encoding: str) -> None:
    """Half surrogates included: what the encoding lacks becomes an escape, which JSON reads back."""
    terminal = Terminal(encoding)
    bear_any_text(terminal)
    terminal.write(json.dumps({"text": text}, ensure_ascii=False))
    terminal.flush()
    told = json.loads(terminal.text)["text"]
    assert told.encode("utf-16", "surrogatepass") == text.encode("utf-16", "surrogatepass")


def test_streams_that_are_no_files_are_left_alone() -> None:
    stream = io.StringIO()
    bear_any_text(stream)
    stream.write("é")
    assert stream.getvalue() == "é"


def test_brackets_of_a_title_are_shown_by_every_display() -> None:
    for style in ("plain", "rich"):
        terminal = Terminal("utf-8", live=False)
        with choose_display(style, terminal).work("read [bold]a[1].csv", 2, "rows") as progress:  # type: ignore[arg-type]
            progress.update(2, text="[state]")
        assert "read [bold]a[1].csv" in terminal.text
        assert "[state]" in terminal.text


def test_work_of_unknown_size_says_how_far_it_came() -> None:
    for style, words in (("plain", "1,500 rows"), ("rich", "1,500 rows")):
        terminal = Terminal("utf-8", live=False)
        with choose_display(style, terminal).work("Reading", unit="rows") as progress:  # type: ignore[arg-type]
            progress.update(1500)
        assert words in terminal.text


def test_a_total_that_is_learnt_on_the_way_stays() -> None:
    terminal = Terminal("utf-8", live=False)
    with PlainDisplay(terminal).work("Sending", unit="B") as progress:
        progress.update(10, total=2000)
        progress.update(1500)
    assert "1.5 kB of 2.0 kB" in terminal.text


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A project with data that no small encoding can say."""
    turns = [{"role": "user", "content": "好 é"}, {"role": "assistant", "content": "😀", "nope": 1}]
    (tmp_path / "data.jsonl").write_text(json.dumps({"messages": turns}, ensure_ascii=False) + "\n", "utf-8")
    yield tmp_path


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_the_command_in_a_small_encoding(folder: Path, ftkit: Command, encoding: str) -> None:
    """click takes ASCII for a broken setting and writes UTF-8 there, of which ASCII is a part."""
    read_as = "utf-8" if encoding == "ascii" else encoding
    variables = os.environ | {"PYTHONIOENCODING": encoding, "TERM": "dumb"}
    done = ftkit("validate", "data.jsonl", "--json", env=variables, encoding=read_as)
    report = json.loads(done.stdout)
    assert report["rows"] == 1
    assert "bug" not in done.stderr
    for line in done.stderr.splitlines():
        json.loads(line)
    shown = ftkit("validate", "data.jsonl", env=variables, encoding=read_as)
    assert shown.returncode == done.returncode
    assert "bug" not in shown.stderr + shown.stdout
