"""Boards of many jobs: live in a terminal of any width, plain lines, JSON."""

from __future__ import annotations

import io
import json
import math
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ftkit.display import Board, Display, Line, SilentDisplay, choose_display, open_board
from ftkit.display.board import Thinning, shorten
from ftkit.display.fancy import RichDisplay
from ftkit.display.jsonlines import JsonDisplay
from ftkit.display.layout import BARS, bar, clock, lay_out, left_text, sparkline
from ftkit.display.plain import PlainDisplay

FINISH = datetime(2026, 5, 1, 12, tzinfo=UTC)


def line(number: int = 1, **fields: Any) -> Line:
    given: dict[str, Any] = {
        "state": "running",
        "done": 120.0,
        "total": 400.0,
        "figures": {"loss": 0.53123, "validation loss": 0.6, "accuracy": 0.91},
        "series": tuple(1 / (n + 1) for n in range(40)),
        "elapsed": 151.0,
        "left": 300.0,
        "finish": FINISH,
    }
    return Line(f"ftjob-{number:03}abcdefghijklmnopqr{number:03}", **{**given, **fields})


def rows(lines: list[Line], width: int) -> list[str]:
    return [" ".join(cell.text for cell in row) for row in lay_out(lines, width, lines[0].at)]


def play(display: Display, count: int = 1, **ends: Any) -> None:
    with open_board(display, "Job j" if count == 1 else f"{count} jobs", count) as board:
        for number in range(count):
            for step in range(1, 101):
                shown = Line(f"j{number}", "running", done=step, total=100, figures={"loss": 1 / step})
                board.show(shown)
                board.event(shown.id, f"Step {step}/100", metrics=True, record={"id": f"e{step}"})
            board.event(f"j{number}", "saving [bold]", level="warn", record={"id": "w"})
            board.show(Line(f"j{number}", "succeeded", ended=True, ok=True, result="ft:m:x", **ends))


def test_all_columns_of_a_wide_terminal() -> None:
    (row,) = rows([line()], 140)
    for part in (
        line().id,
        "running",
        "120/400",
        "loss 0.531",
        "val 0.6",
        "acc 91%",
        "2:31",
        "-5:00",
        "━━━",
        "█",
    ):
        assert part in row


def test_eighty_columns_hold_all_of_it() -> None:
    (row,) = rows([line()], 79)
    assert row.startswith("• ftjob")
    for part in ("running", "120/400", "loss 0.531", "val 0.6", "acc 91%", "2:31", "-5:00", "━", "█"):
        assert part in row


def test_forty_columns_hold_what_matters_most() -> None:
    (row,) = rows([line()], 39)
    for part in ("ftjob", "running", "120/400", "loss 0.531"):
        assert part in row


@given(
    st.lists(
        st.builds(
            Line,
            st.text("abc-", min_size=1, max_size=60),
            st.sampled_from(["running", "queued", "validating_files", "x" * 90]),
            done=st.none() | st.floats(0, 1e7),
            total=st.none() | st.floats(1, 1e7),
            figures=st.dictionaries(
                st.sampled_from(["loss", "validation loss", "accuracy", "reward"]), st.floats(-1e9, 1e9)
            ),
            series=st.lists(st.floats(-1e6, 1e6), max_size=70).map(tuple),
            elapsed=st.floats(0, 1e6),
            left=st.none() | st.floats(0, 1e6),
            finish=st.just(FINISH),
            ended=st.booleans(),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(24, 200),
)
def test_no_line_is_wider_than_the_terminal_and_all_are_in_columns(lines: list[Line], width: int) -> None:
    found = rows(lines, width)
    assert {len(row) for row in found} == {len(found[0])}
    assert len(found[0]) <= width


def test_lines_without_a_figure_leave_its_place_empty() -> None:
    first, second = rows([line(), line(2, done=None, total=None, figures={}, series=(), left=None)], 100)
    assert len(first) == len(second)
    assert "loss" not in second
    assert second.rstrip().endswith("2:31")


def test_time_goes_on_between_two_looks_and_stops_at_the_end() -> None:
    running, ended = line(), line(ended=True, ok=True, state="succeeded")
    later = [" ".join(c.text for c in row) for row in lay_out([running, ended], 140, running.at + 60)]
    assert "3:31" in later[0]
    assert "-4:00" in later[0]
    assert later[0].startswith("•")
    assert "2:31" in later[1]
    assert later[1].startswith("✓")


@pytest.mark.parametrize(
    ("values", "width", "drawn"),
    [
        ((), 5, ""),
        ((1.0,), 5, "▁"),
        ((1.0, 1.0, 1.0), 5, "▁▁▁"),
        (tuple(range(8)), 8, BARS),
        (tuple(range(16)), 8, BARS),
        ((0.0, 100.0), 8, "▁█"),
        (tuple(range(64)), 2, "▁█"),
    ],
)
def test_sparklines(values: tuple[float, ...], width: int, drawn: str) -> None:
    assert sparkline(values, width) == drawn


@pytest.mark.parametrize(
    ("done", "drawn"), [(0, "────"), (50, "━━──"), (100, "━━━━"), (900, "━━━━"), (-5, "────")]
)
def test_bars(done: float, drawn: str) -> None:
    assert bar(done, 100, 4) == drawn


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.9, "0:59"), (751, "12:31"), (11_045, "3:04:05"), (97_500, "1d 03:05")],
)
def test_clocks(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_a_far_end_is_a_time_of_day() -> None:
    assert left_text(300, FINISH) == "-5:00"
    assert left_text(7200, None) == "-2:00:00"
    assert left_text(7200, FINISH) == f"ends {FINISH.astimezone():%H:%M}"
    assert left_text(200_000, FINISH) == f"ends {FINISH.astimezone():%a %H:%M}"


@pytest.mark.parametrize(
    ("width", "text"), [(30, "ftjob-abc123"), (12, "ftjob-abc123"), (9, "ftjo…c123"), (2, "f…"), (1, "…")]
)
def test_shortened_ids_keep_both_ends(width: int, text: str) -> None:
    assert shorten("ftjob-abc123", width) == text


def test_many_metrics_are_thinned_to_a_tenth() -> None:
    thinning = Thinning()
    shown = [n for n in range(1, 1001) if thinning.lets_through(Line("j", "running", done=n, total=1000))]
    assert shown[0] == 1
    assert shown[-1] == 1000
    assert 10 <= len(shown) <= 12
    unknown = [n for n in range(1, 101) if thinning.lets_through(Line("k", "running", done=n))]
    assert unknown == list(range(1, 101, 10))


def test_plain_lines_of_one_job() -> None:
    stream = io.StringIO()
    play(PlainDisplay(stream))
    lines = stream.getvalue().splitlines()
    assert lines[:2] == ["Job j ...", "  running"]
    assert sum("Step" in text for text in lines) <= 13
    assert "    warn: saving [bold]" in lines
    assert "  succeeded: ft:m:x" in lines
    assert lines[-1].startswith("Job j: done")


def test_plain_lines_of_several_jobs_name_them() -> None:
    stream = io.StringIO()
    play(PlainDisplay(stream), 2)
    lines = stream.getvalue().splitlines()
    assert "  j0 is running" in lines
    assert "    j1: Step 1/100" in lines
    assert "  j1 is succeeded: ft:m:x" in lines
    assert "2 jobs: done, 2 of 2 jobs, 2 succeeded" in lines[-1]


def test_json_has_every_event_and_every_state() -> None:
    stream = io.StringIO()
    play(JsonDisplay(stream), left=None, elapsed=4.25)
    records = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert [r["type"] for r in records] == ["state", *["event"] * 101, "state"]
    assert records[1] == {
        "type": "event",
        "job": "j0",
        "text": "Step 1/100",
        "level": "info",
        "id": "e1",
        "figures": {"step": 1.0, "total_steps": 100.0, "loss": 1.0},
    }
    assert records[-2]["level"] == "warn"
    assert records[-1] == {
        "type": "state",
        "job": "j0",
        "state": "succeeded",
        "ended": True,
        "ok": True,
        "result": "ft:m:x",
        "elapsed_seconds": 4.2,
    }


def test_json_has_no_number_that_json_has_not() -> None:
    stream = io.StringIO()
    with open_board(JsonDisplay(stream), "Job j", 1) as board:
        board.show(Line("j", "running", done=1, figures={"loss": math.nan, "reward": math.inf}))
        board.event("j", "diverged", metrics=True, record={"type": "metrics"})
    last = json.loads(stream.getvalue().splitlines()[-1], parse_constant=pytest.fail)
    assert last["figures"] == {"step": 1.0}
    assert last["event_type"] == "metrics"


def test_a_silent_board_and_one_of_a_display_that_knows_none() -> None:
    play(SilentDisplay())


@pytest.fixture
def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100, height=12, no_color=True, emoji=False)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return re.sub(r"\x1b\[[0-9;]*m", "", console.file.getvalue())


def test_a_live_board(terminal: Console) -> None:
    play(RichDisplay(terminal), elapsed=61.0)
    text = written(terminal)
    assert "warn: saving [bold]" in text
    assert "✓ j0 succeeded: ft:m:x 1:01" in text
    assert text.count("Step") <= 13


def wait_for(console: Console, words: str) -> None:
    deadline = time.monotonic() + 20
    while words not in written(console):
        assert time.monotonic() < deadline, written(console)[-2000:]
        time.sleep(0.02)


def test_a_live_board_is_drawn_while_nothing_happens(terminal: Console) -> None:
    with open_board(RichDisplay(terminal), "Job j", 1) as board:
        board.show(line())
        wait_for(terminal, "2:31")
        wait_for(terminal, "2:32")


def test_a_board_higher_than_the_terminal_counts_the_rest(terminal: Console) -> None:
    with open_board(RichDisplay(terminal), "30 jobs", 30) as board:
        for number in range(30):
            board.show(
                line(number, state="failed" if number < 5 else "running", ended=number < 5, result="bad")
            )
        wait_for(terminal, "and 21 more, 5 ended")
        assert "Step" not in written(terminal)
    text = written(terminal)
    assert "✗ ftjob-004abcdefghijklmnopqr004 failed: bad" in text
    assert "• ftjob-029abcdefghijklmnopqr029 running, step 120 of 400" in " ".join(text.split())


def test_a_board_that_is_left_shows_where_things_stood(terminal: Console) -> None:
    def leave(board: Board) -> None:
        board.show(line())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_board(RichDisplay(terminal), "Job j", 1) as board:
        leave(board)
    assert "running, step 120 of 400, loss 0.5312" in " ".join(written(terminal).split())


def test_the_name_of_a_model_is_no_emoji(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    display = choose_display("rich", stream)
    display.event("ft:m:1 :smile:")
    play(display)
    assert "ft:m:1 :smile:" in stream.getvalue()
    assert "ft:m:x" in stream.getvalue()
