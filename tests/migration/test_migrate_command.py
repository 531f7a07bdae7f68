"""``ftkit migrate`` as a person and a program call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Old

from ftkit.gateway import connect
from ftkit.settings import Settings


@pytest.fixture
def on(here: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls the command on a platform."""
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.05")

    def call(settings: Settings, line: str) -> Any:
        monkeypatch.setenv("FTKIT_STATE_DIR", str(settings.state_dir))
        done = here(*line.split())
        assert "Traceback" not in done.stderr
        return done

    return call


def next_of(done: Any) -> str:
    """The command that a person is told to go on with."""
    [line] = [line for line in done.stdout.splitlines() if line.startswith("Next  ")]
    return str(line.removeprefix("Next  "))


def test_the_whole_way_by_command(on: Any, old: Old, new_settings: Settings, folder: Path) -> None:
    done = on(old.settings, "migrate inventory")
    assert done.returncode == 0, done.stderr
    assert old.model in done.stdout
    assert "1 tuned model on ftkit's local platform" in done.stdout
    assert next_of(done) == "ftkit migrate export --folder FOLDER"
    done = on(old.settings, f"migrate export --folder {folder} --model {old.model}")
    assert done.returncode == 0, done.stderr
    assert next_of(done) == f"ftkit migrate record --folder {folder}"
    done = on(old.settings, f"migrate record --folder {folder} --param top_p=1 --limit 20 --dry-run")
    assert f"{old.model} would be asked 20 rows of" in done.stdout
    assert "By batch that costs nothing." in done.stdout
    done = on(old.settings, f"migrate record --folder {folder} --param top_p=1 --limit 20")
    assert done.returncode == 0, done.stderr
    assert "20 answers recorded; 20 with log probabilities" in done.stdout
    assert next_of(done) == f"ftkit migrate retrain --folder {folder} --platform PLATFORM --base BASE"
    done = on(old.settings, f"migrate record --folder {folder} --param top_p=1 --limit 20 --dry-run")
    assert "recorded already" in done.stdout
    line = f"migrate retrain --folder {folder} --base linear --hyperparameter n_epochs=5"
    done = on(new_settings, f"{line} --dry-run --max-cost 0")
    assert done.returncode == 0, done.stderr
    assert f"{old.model} → linear, by supervised training" in done.stdout
    assert "60 rows on local, validated on 30" in done.stdout
    assert f"would upload {folder}" in done.stdout
    done = on(new_settings, line)
    assert done.returncode == 0, done.stderr
    assert "60 rows on local, validated on 30" in done.stdout
    assert next_of(done) == f"ftkit migrate compare --folder {folder}"
    done = on(new_settings, f"migrate compare --folder {folder} --margin 20 --labels up,down")
    assert done.returncode == 0, done.stderr
    assert "with 95 % confidence" in done.stdout
    assert "Both say the same on 100.0 % of the rows" in done.stdout
    assert next_of(done) == f"ftkit migrate report --folder {folder}"
    done = on(new_settings, f"migrate report --folder {folder}")
    assert done.returncode == 0, done.stderr
    assert "equivalent" in done.stdout
    assert "The one model is shown to have a successor that is as good." in done.stdout
    assert "Next" not in done.stdout
    assert all((folder / f"report.{kind}").exists() for kind in ("html", "md", "json"))


def test_exit_code_where_parity_is_not_shown(on: Any, old: Old, new_settings: Settings, folder: Path) -> None:
    assert on(old.settings, f"migrate export --folder {folder} --model {old.model}").returncode == 0
    assert on(old.settings, f"migrate record --folder {folder}").returncode == 0
    line = f"migrate compare --folder {folder} --new linear --margin 0.1 --json"
    done = on(new_settings, line)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["verdict"] in ("not shown", "worse")
    assert found["rows_needed"] is None or found["rows_needed"] > found["rows"]
    assert on(new_settings, f"{line} --fail-unless-parity").returncode == 1


def test_a_wrong_call_is_said_in_words(on: Any, old: Old, tmp_path: Path) -> None:
    done = on(old.settings, f"migrate report --folder {tmp_path / 'none'}")
    assert done.returncode == 2
    assert "there is no migration here" in done.stderr
    done = on(old.settings, f"migrate compare --folder {tmp_path / 'none'} --margin 0")
    assert done.returncode == 2
    done = on(old.settings, f"migrate record --folder {tmp_path / 'none'} --param nonsense")
    assert done.returncode == 2


def test_without_waiting_the_same_order_is_the_same_job(
    on: Any, old: Old, new_settings: Settings, folder: Path
) -> None:
    assert on(old.settings, f"migrate export --folder {folder} --model {old.model}").returncode == 0
    line = f"migrate retrain --folder {folder} --base linear --suffix once --no-wait --json"
    first, second = (json.loads(on(new_settings, line).stdout) for _ in range(2))
    assert first["job"] == second["job"]
    done = on(new_settings, line.replace(" --no-wait", ""))
    assert json.loads(done.stdout)["status"] == "succeeded"


def test_a_dry_run_sends_nothing_and_says_what_it_would(
    on: Any, old: Old, new_settings: Settings, folder: Path
) -> None:
    assert on(old.settings, f"migrate export --folder {folder} --model {old.model}").returncode == 0
    line = f"migrate retrain --folder {folder} --base linear --suffix dry --dry-run --json"
    found = json.loads(on(new_settings, line).stdout)
    assert (found["training_rows"], found["estimate"]["dollars"]["high"]) == (60, 0)
    with connect(settings=new_settings) as platform:
        assert [job for job in platform.jobs.list() if job.suffix == "dry"] == []
    assert (
        json.loads(on(old.settings, f"migrate report --folder {folder} --json").stdout)["models"][0][
            "retrained"
        ]
        == []
    )


def test_an_unfinished_job_is_said_and_then_compared(
    on: Any, old: Old, new_settings: Settings, folder: Path
) -> None:
    """A retraining that nobody waited for is looked up when it is needed."""
    assert on(old.settings, f"migrate export --folder {folder} --model {old.model}").returncode == 0
    assert on(old.settings, f"migrate record --folder {folder} --limit 8").returncode == 0
    line = f"migrate retrain --folder {folder} --base linear --suffix later --no-wait"
    done = on(new_settings, line)
    assert done.returncode == 0, done.stderr
    assert next_of(done) == f"ftkit migrate retrain --folder {folder} --base linear"
    [told] = json.loads(on(new_settings, f"migrate report --folder {folder} --json").stdout)["models"]
    [job] = told["retrained"]
    with connect(settings=new_settings) as platform:
        model = platform.jobs.wait(job["job"]).fine_tuned_model
    found = json.loads(on(new_settings, f"migrate compare --folder {folder} --margin 40 --json").stdout)
    assert found["new"] == model
    [told] = json.loads(on(new_settings, f"migrate report --folder {folder} --json").stdout)["models"]
    assert told["retrained"][0]["model"] == model


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("inventory --platform openai", "OPENAI_API_KEY"),
        ("export --folder {folder} --model nobody", "has no tuned model 'nobody'"),
        ("record --folder {folder}", "there is no exported model here"),
        ("retrain --folder {folder} --base linear", "there is no exported model here"),
        ("compare --folder {folder}", "there is no exported model here"),
        ("retrain --folder {folder} --base linear --method magic", "'magic' is not 'supervised'"),
        ("retrain --folder {folder}", "Missing option '--base'"),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(
    on: Any, old: Old, folder: Path, line: str, words: str
) -> None:
    done = on(old.settings, f"migrate {line.format(folder=folder)}")
    assert done.returncode in (2, 4)
    assert words in done.stderr
