"""The DAG that ``ftkit retrain schedule airflow`` makes, read and run by Airflow itself."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ftkit.lifecycle.scheduling import ScheduleOptions, schedule

ROOT = Path(__file__).parents[2]
NAME = "airflow"
HOME = ROOT / ".clients" / NAME
NASTY = 'it\'s a $HOME 100% "recipe"; {{ rm }} {% raw %} `x` \\ ü'
PROGRAM = """#!/bin/sh
printf '%s|' "$PWD" "$@" > said
exit $CODE
"""

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's directory with its database and one DAG; beside it the program that the DAG calls."""
    assert (HOME / "ready").exists(), "make it with tools/client_environments.py"
    home = tmp_path_factory.mktemp("airflow")
    program = home / "a program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    options = ScheduleOptions(
        recipe=NASTY,
        name="Nightly",
        cron="*/20 1-3 1,15 * mon-fri",
        timezone="Europe/Berlin",
        folder=home,
        program=str(program),
        arguments=("--max-cost", "20"),
    )
    schedule("airflow", options).write(home / "dags")
    for command in (("db", "migrate"), ("dags", "reserialize")):
        called(home, "airflow", *command)
    return home


def called(home: Path, program: str, *arguments: str, code: int = 0) -> str:
    """What a command of Airflow's environment prints."""
    mine = {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"), "CODE": str(code)}
    done = subprocess.run(
        [str(HOME / "bin" / program), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | mine | {"AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def read(home: Path, *run: str, code: int = 0) -> dict[str, Any]:
    reader = str(Path(__file__).with_name("airflow_reader.py"))
    found: dict[str, Any] = json.loads(
        called(home, "python", reader, str(home / "dags"), *run, code=code).splitlines()[-1]
    )
    return found


def test_airflow_reads_the_dag_as_it_was_meant(home: Path) -> None:
    found = read(home)
    assert (found["errors"], found["dags"]) == ({}, ["nightly"])
    assert (found["schedule"], found["timezone"]) == ("0,20,40 1-3 1,15 * 1-5", "Europe/Berlin")
    assert (found["catchup"], found["max_active_runs"], found["retries"]) == (False, 1, 2)
    assert (found["cwd"], found["skip"]) == (str(home), [10, 11])


@pytest.mark.parametrize(("code", "state"), [(0, "success"), (10, "skipped"), (11, "skipped")])
def test_airflow_runs_it_and_knows_what_the_exit_codes_mean(home: Path, code: int, state: str) -> None:
    found = read(home, "run", code=code)
    assert (found["state"], found["tasks"]) == ("success", [state])
    said = (home / "said").read_text().split("|")
    assert said == [str(home), "retrain", NASTY, "--max-cost", "20", ""]
