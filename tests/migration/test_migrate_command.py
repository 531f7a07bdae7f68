"""``ftkit migrate`` as a person and a program call it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Old

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


def test_the_whole_way_by_command(on: Any, old: Old, new_settings: Settings, folder: Path) -> None:
    done = on(old.settings, "migrate inventory")
    assert done.returncode == 0, done.stderr
    assert old.model in done.stdout
    assert "tuned model" in done.stdout
    done = on(old.settings, f"migrate export --folder {folder} --model {old.model}")
    assert done.returncode == 0, done.stderr
    assert str(folder) in done.stdout
    done = on(old.settings, f"migrate record --folder {folder} --param top_p=1 --limit 20")
    assert done.returncode == 0, done.stderr
    assert "20 answers recorded; 20 with log probabilities" in done.stdout
    done = on(new_settings, f"migrate retrain --folder {folder} --base linear --hyperparameter n_epochs=5")
    assert done.returncode == 0, done.stderr
    assert "60 rows on local" in done.stdout
    done = on(new_settings, f"migrate compare --folder {folder} --margin 20 --labels up,down")
    assert done.returncode == 0, done.stderr
    assert "with 95 % confidence" in done.stdout
    assert "Both say the same on 100.0 % of the rows" in done.stdout
    done = on(new_settings, f"migrate report --folder {folder}")
    assert done.returncode == 0, done.stderr
    assert "equivalent" in done.stdout
    assert (folder / "report.md").exists()


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
