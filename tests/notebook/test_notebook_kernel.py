"""Cells in a real kernel: bars and boards that change in their place, tables, and text beside the HTML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftkit import notebook
from ftkit.display import choose_display
from ftkit.display.notebook import NotebookDisplay, in_notebook
from ftkit.display.plain import PlainDisplay
from ftkit.gateway import Platform

Outputs = list[list[dict[str, Any]]]
Run = Callable[..., Outputs]
Read = Callable[[str], Any]

TRAIN = """
import ftkit, json
from ftkit import notebook
with open("train.jsonl", "w") as file:
    for n in range(60):
        label, text = [("up", "profit rose"), ("down", "sales fell")][n % 2]
        turns = [("system", "Answer up or down."), ("user", f"{text} in unit {n}"), ("assistant", label)]
        file.write(json.dumps({"messages": [{"role": r, "content": c} for r, c in turns]}) + "\\n")
platform = ftkit.connect("local", display=notebook.display(widgets=False))
uploaded = platform.files.upload("train.jsonl")
"""
LAUNCH = "job = platform.jobs.create(uploaded.id, 'linear', suffix='<b>', hyperparameters={'n_epochs': 2})"


def html_of(outputs: list[dict[str, Any]]) -> list[str]:
    return [one["data"]["text/html"] for one in outputs if "text/html" in one.get("data", {})]


def text_of(outputs: list[dict[str, Any]]) -> str:
    return "".join(one.get("text", "") for one in outputs)


@pytest.fixture(scope="module")
def ran(run_cells: Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a notebook puts out, and what its kernel said to do so, by the name of the cell."""
    named = {
        "setup": TRAIN,
        "launch": LAUNCH.replace("<b>", "quick"),
        "watch": "job = notebook.watch(platform, job)",
        "job": "job",
        "again": "notebook.watch(platform, job.id).id == job.id",
        "several": "len(notebook.watch_all(platform, [job, job.id]))",
        "none": "notebook.watch_all(platform, [])",
        "show": "notebook.show(job, platform.jobs.list(), [], 3, {'a': '<i>'}, [object()])",
        "frame": "notebook.frame(platform.jobs.events(job.id))['message'].str.len().min() > 0",
        "bars": """
import time
display = notebook.display(widgets=False)
with display.work("<b>counting</b>", 4, "rows") as progress:
    for done in range(4):
        progress.update(done + 1, text="going")
        time.sleep(0.3)
display.note("noted"); display.warn("warned"); display.event("happened")
with display.work("tuning") as progress:
    for n in range(5):
        display.event(f"line <{n}>")
try:
    with display.work("breaking"):
        raise ValueError
except ValueError:
    pass
""",
        "widgets": """
with notebook.display(widgets=True).work("<b>counting</b>", 4, "rows") as progress:
    progress.update(4)
""",
        "no widgets": """
import sys
kept, sys.modules["ipywidgets"] = sys.modules["ipywidgets"], None
with notebook.display().work("plain bar", 2) as progress:
    progress.update(2)
sys.modules["ipywidgets"] = kept
""",
        "batch": """
from ftkit.gateway import chat_request
asked = [chat_request(f"q{n}", "linear", [{"role": "user", "content": f"up or down {n}"}]) for n in range(5)]
batch = notebook.watch(platform, platform.batches.submit(asked))
batch.status
""",
        "chosen": "from ftkit.display import choose_display; type(choose_display()).__name__",
        "end": "platform.stop_local()",
    }
    said: dict[int, Any] = {}
    outputs = dict(zip(named, run_cells(*named.values(), said=said), strict=True))
    return outputs, {name: said[number] for number, name in enumerate(named)}


@pytest.fixture(scope="module")
def cells(ran: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, Any]:
    """What a notebook puts out, by the name of its cell."""
    return ran[0]


@pytest.fixture(scope="module")
def messages(ran: tuple[dict[str, Any], dict[str, Any]]) -> dict[str, list[tuple[str, str | None]]]:
    """Kind and display of each message about an output, by the name of its cell."""
    return ran[1]


def test_a_job_is_one_output_that_changed_in_its_place(cells: dict[str, Any], page: Read) -> None:
    shown = cells["watch"]
    (html,) = html_of(shown)
    read = page(html)
    assert read.harmless()
    assert "succeeded" in read.words and "ft:" in read.words and "step" in read.words
    assert "polyline" in read.tags, "the loss curve"


@pytest.mark.parametrize("name", ["watch", "bars", "no widgets"])
def test_what_changes_changes_in_its_place(name: str, messages: dict[str, Any]) -> None:
    began = [which for kind, which in messages[name] if kind == "display_data"]
    changed = [which for kind, which in messages[name] if kind == "update_display_data"]
    assert len(began) == len(set(began)) == (3 if name == "bars" else 1), "one output for each bar or board"
    assert None not in began and set(changed) == set(began)
    assert len(changed) >= (2 if name == "watch" else 1)


def test_where_no_html_is_drawn_there_is_text(cells: dict[str, Any]) -> None:
    (shown,) = (one for one in cells["watch"] if "data" in one)
    assert "succeeded" in shown["data"]["text/plain"] and "loss" in shown["data"]["text/plain"]


def test_the_last_value_of_a_cell_draws_itself(cells: dict[str, Any], page: Read) -> None:
    (html,) = html_of(cells["job"])
    assert "quick" in page(html).words


def test_a_job_that_has_ended_may_be_watched_again(cells: dict[str, Any]) -> None:
    assert cells["again"][-1]["data"]["text/plain"] == "True"
    assert cells["several"][-1]["data"]["text/plain"] == "1"
    assert cells["none"][-1]["data"]["text/plain"] == "()"


def test_whatever_is_shown_is_drawn_and_escaped(cells: dict[str, Any], page: Read) -> None:
    job, jobs, nothing, number, mapping, odd = map(page, html_of(cells["show"]))
    assert "Job" in job.words and "quick" in jobs.words and "table" in jobs.tags
    assert "Nothing" in nothing.words and "3" in number.words and "<i>" in mapping.words
    assert "<object object" in odd.words and all(one.harmless() for one in (mapping, odd))


def test_a_frame_of_events(cells: dict[str, Any]) -> None:
    assert "True" in cells["frame"][-1]["data"]["text/plain"]


def test_bars_end_with_a_mark_and_notices_are_lines(cells: dict[str, Any], page: Read) -> None:
    good, logged, bad = map(page, html_of(cells["bars"]))
    assert "5 lines of the log" in logged.words and "line <0>\nline <1>" in logged.words
    assert "details" in logged.tags and logged.harmless()
    assert "✓ <b>counting</b>" in good.words and "4 of 4 rows, going" in good.words
    assert "✗ breaking" in bad.words
    assert "  noted\nwarning: warned\n    happened\n" in text_of(cells["bars"])
    assert not any(one.get("name") == "stderr" for one in cells["bars"])


def test_widgets_are_drawn_where_they_are(cells: dict[str, Any]) -> None:
    (shown,) = cells["widgets"]
    assert "application/vnd.jupyter.widget-view+json" in shown["data"]


def test_without_widgets_bars_are_html(cells: dict[str, Any], page: Read) -> None:
    (html,) = html_of(cells["no widgets"])
    assert "✓ plain bar" in page(html).words


def test_a_batch_is_followed_to_its_end(cells: dict[str, Any]) -> None:
    assert cells["batch"][-1]["data"]["text/plain"] == "'completed'"


def test_the_notebooks_display_is_chosen_in_a_kernel_and_nowhere_else(cells: dict[str, Any]) -> None:
    assert cells["chosen"][-1]["data"]["text/plain"] == "'NotebookDisplay'"
    assert not in_notebook()
    assert isinstance(choose_display("plain"), PlainDisplay)
    assert not isinstance(notebook.display(), NotebookDisplay)


@pytest.mark.slow
def test_an_interrupt_says_that_the_job_goes_on_and_it_does(run_cells: Run) -> None:
    interrupted = """
import os, signal
from ftkit.display import notebook as shelf
put = shelf.Slot.put
def once(slot, html, text):
    put(slot, html, text)
    if job.id in text:
        shelf.Slot.put = put
        os.kill(os.getpid(), signal.SIGINT)
shelf.Slot.put = once
notebook.watch(platform, job)
"""
    launch = LAUNCH.replace("'n_epochs': 2", "'n_epochs': 10").replace("<b>", "slow")
    outputs = run_cells(
        TRAIN, launch, interrupted, "notebook.watch(platform, job).status", "platform.stop_local()",
        allow_errors=True,
    )  # fmt: skip
    assert outputs[2][-1]["ename"] == "KeyboardInterrupt"
    said = text_of(outputs[2])
    assert "goes on; the same call comes back to it, platform.jobs.cancel('ftjob" in said
    assert outputs[3][-1]["data"]["text/plain"] == "'succeeded'"


def test_elsewhere_results_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from ftkit.gateway.results import Job

    notebook.show(Job(id="ftjob-1", status="running"), [])
    out = capsys.readouterr().out
    assert "ftjob-1" in out and "(nothing)" in out


SCRIPT = """
import sys
import ftkit
from ftkit import notebook
from ftkit.gateway import chat_request

platform = ftkit.connect("local")
train = platform.files.upload(sys.argv[1])
job = notebook.watch(platform, platform.jobs.create(train.id, "linear", suffix="piped"))
notebook.show(job, [job])
asked = [chat_request("q1", "linear", [{"role": "user", "content": "up or down?"}])]
print(notebook.watch(platform, platform.batches.submit(asked)).status)
"""


def test_in_a_script_whose_output_is_piped_all_of_it_is_text(platform: Platform, tmp_path: Path) -> None:
    turns = [("system", "Answer up or down."), ("user", "profit rose"), ("assistant", "up")]
    row = json.dumps({"messages": [{"role": r, "content": c} for r, c in turns]})
    (tmp_path / "train.jsonl").write_text("".join(f"{row}\n".replace("rose", f"rose {n}") for n in range(30)))
    state = str(platform.settings.state_dir)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "train.jsonl"], capture_output=True, text=True, timeout=120,
        check=False, env={**os.environ, "FTKIT_STATE_DIR": state, "FTKIT_POLL_SECONDS": "0.05"}, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout + done.stderr and "<div" not in done.stdout + done.stderr
    assert "succeeded" in done.stderr and "loss" in done.stderr
    assert done.stdout.count("status='succeeded'") == 2 and done.stdout.endswith("completed\n")
