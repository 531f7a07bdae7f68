"""Retraining as a scheduler does it: the command in processes of its own, several at once."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftkit.gateway import connect
from ftkit.settings import Settings

ROWS_EACH = 120  # enough that the tuned model is surely better than its base


@pytest.fixture
def call(own_platform: Path, recipe: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts ``ftkit retrain`` on a platform of the test's own."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "ftkit", "retrain", str(recipe), "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


def ended(process: subprocess.Popen[str]) -> tuple[int, dict[str, Any]]:
    out, err = process.communicate(timeout=150)
    assert out, err
    return process.returncode, json.loads(out)


def settings(state: Path) -> Settings:
    return Settings(state_dir=state, poll_seconds=0.05)


def jobs(state: Path) -> list[str]:
    with connect(settings=settings(state)) as there:
        return [job.id for job in there.jobs.list()]


@pytest.mark.slow
def test_exit_codes_tell_a_scheduler_what_happened(call: Any) -> None:
    code, first = ended(call())
    assert (code, first["outcome"], first["exit_code"]) == (0, "promoted", 0)
    code, second = ended(call())
    assert (code, second["outcome"], second["exit_code"]) == (11, "nothing to do", 11)
    assert ended(call("--exit-zero"))[0] == 0


def test_of_two_at_once_one_works_and_the_other_has_nothing_to_do(call: Any, own_platform: Path) -> None:
    both = [call(), call()]
    results = sorted((ended(one) for one in both), key=lambda pair: pair[0])
    assert [code for code, _ in results] == [0, 11]
    assert results[1][1]["reasons"][0].startswith(
        ("another call is retraining it now (process ", "the data is that of the last round")
    )
    assert len(jobs(own_platform)) == 1


def test_options_may_come_first_and_a_recipe_that_is_none_is_a_wrong_call(here: Any) -> None:
    done = here("retrain", "--json", "no-such-recipe")
    assert done.returncode == 2 and "no recipe is called" in done.stderr
    assert "Exit codes: 0 promoted" in " ".join(here("retrain", "run", "--help").stdout.split())
    assert here("retrain", "--help").returncode == 0
