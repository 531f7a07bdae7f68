"""`ftkit run` as a person calls it: output, bad input, Ctrl-C at every stage, a full disk."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HEADLINES = "".join(
    f"{label},{text} in quarter {i}\n"
    for i in range(20)
    for label, text in (("positive", "profit rose"), ("negative", "sales fell"), ("neutral", "the board met"))
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """60 rows, no header, CR line ends, Latin-1: as awkward as the real file."""
    file = tmp_path / "headlines.csv"
    text = HEADLINES + 'neutral,"the caf\xe9, they say, opened"\n'
    file.write_bytes(text.replace("\n", "\r").encode("latin-1"))
    return file


@pytest.fixture(autouse=True)
def no_server_left(tmp_path: Path) -> Iterator[None]:
    """No local platform outlives its test."""
    yield
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, json.JSONDecodeError):
        os.kill(json.loads((tmp_path / "state" / "local" / "server.json").read_text())["pid"], signal.SIGKILL)


def test_a_run_on_awkward_data(ftkit: Any, data: Path, tmp_path: Path) -> None:
    done = ftkit("run", "sentiment", "--data", str(data), "--train", "30", "--test", "30", "--seed", "42")
    assert done.returncode == 0, done.stderr
    for word in ("ISO-8859-1", "line ends: CR", "header: none"):
        assert word.lower() in done.stderr.lower()
    assert "linear" in done.stdout
    assert "report.html" in done.stdout
    directory = next((tmp_path / "runs").iterdir())
    assert {"report.html", "run.json", "journal.json"} <= {p.name for p in directory.iterdir()}


def test_json_is_the_record_and_progress_is_json(ftkit: Any, data: Path) -> None:
    done = ftkit("run", "sentiment", "--data", str(data), "--json")
    result = json.loads(done.stdout)
    assert result["recipe"] == "sentiment"
    kinds = {json.loads(line)["type"] for line in done.stderr.splitlines()}
    assert {"note", "start", "end", "event"} <= kinds
    again = json.loads(ftkit("run", "sentiment", "--data", str(data), "--json").stdout)
    assert again["state"] == "already done"


def test_quiet_is_quiet(ftkit: Any, data: Path) -> None:
    done = ftkit("run", "sentiment", "--data", str(data), "--quiet")
    assert done.returncode == 0
    assert done.stderr == ""


def bad(tmp_path: Path, name: str, content: bytes) -> str:
    file = tmp_path / name
    file.write_bytes(content)
    return str(file)


def test_missing_file(ftkit: Any, data: Path) -> None:
    done = ftkit("run", "sentiment", "--data", str(data.with_name("headline.csv")))
    assert done.returncode == 2
    assert "headline.csv" in done.stderr
    assert "headlines.csv" in done.stderr, "the nearest name is offered"


def test_empty_file(ftkit: Any, tmp_path: Path) -> None:
    done = ftkit("run", "sentiment", "--data", bad(tmp_path, "empty.csv", b""))
    assert done.returncode == 1
    assert "empty" in done.stderr


def test_wrong_column(ftkit: Any, tmp_path: Path) -> None:
    file = bad(tmp_path, "wrong.csv", b"lable,text,x\npositive,profit rose,1\n")
    done = ftkit("run", "sentiment", "--data", file)
    assert done.returncode == 2
    assert "'label'" in done.stderr
    assert "lable" in done.stderr


def test_a_directory_as_data(ftkit: Any, tmp_path: Path) -> None:
    done = ftkit("run", "sentiment", "--data", str(tmp_path))
    assert done.returncode in (1, 2)
    assert str(tmp_path) in done.stderr


def test_a_label_that_is_not_one(ftkit: Any, data: Path, tmp_path: Path) -> None:
    file = bad(tmp_path, "odd.csv", data.read_bytes() + b"\rgood,shares are good")
    done = ftkit("run", "sentiment", "--data", file)
    assert done.returncode == 1
    assert "good" in done.stderr
    assert "examples.jsonl:62" in done.stderr


def test_unknown_model(ftkit: Any) -> None:
    done = ftkit("run", "sentiment", "--model", "linaer")
    assert done.returncode in (2, 3)
    assert "linaer" in done.stderr


def test_unknown_platform(ftkit: Any) -> None:
    done = ftkit("run", "sentiment", "--platform", "opnai")
    assert done.returncode == 2
    assert "openai" in done.stderr


def test_no_key_names_the_variable(ftkit: Any) -> None:
    done = ftkit("run", "sentiment", "--platform", "openai")
    assert done.returncode == 4
    assert "OPENAI_API_KEY" in done.stderr


def test_platform_not_reachable(ftkit: Any) -> None:
    environment = {**os.environ, "FTKIT_API_KEY": "k", "FTKIT_MAX_RETRIES": "0"}
    done = ftkit(
        "run", "sentiment", "--platform", "local", "--base-url", "http://127.0.0.1:9/v1", env=environment
    )
    assert done.returncode == 3
    assert "127.0.0.1:9" in done.stderr


def test_bad_recipe_toml(ftkit: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "recipe.toml").write_text('name = "x"\ntitle = 3\n[source]\ndta = "x"\n')
    done = ftkit("run", "./mine")
    assert done.returncode == 4
    for place in ("recipe.toml:2", "recipe.toml:4"):
        assert place in done.stderr


def test_unwritable_directory(ftkit: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = ftkit("run", "sentiment", "--out", str(tmp_path / "file" / "run"))
    assert done.returncode == 4
    assert "not a directory" in done.stderr.lower()


def test_a_full_disk(ftkit: Any, data: Path) -> None:
    """The process may write no file longer than 4 kB: the write of the examples fails half way."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    arguments = ("run", "sentiment", "--data", str(data))
    done = ftkit(*arguments, preexec_fn=limited)
    assert done.returncode == 4
    assert "examples.jsonl" in done.stderr
    assert "Traceback" not in done.stderr
    assert ftkit(*arguments).returncode == 0, "with room again, it goes on"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_to_a_full_disk(ftkit: Any) -> None:
    with Path("/dev/full").open("w") as full:
        done = ftkit("recipes", "list", "--json", capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 4
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr


STAGES = ["Reading rows", "Validating", "Splitting", "Upload", "Tuning", "Benchmark", "Writing the report"]


@pytest.mark.parametrize("stage", STAGES)
def test_ctrl_c_at_every_stage_then_resume(data: Path, stage: str) -> None:
    command = [sys.executable, "-m", "ftkit", "run", "sentiment", "--data", str(data), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if stage.lower() in line.lower():
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=60)
    if process.returncode == 0:  # the stage was over before the signal came
        assert json.loads(out)["recipe"] == "sentiment"
        return
    assert process.returncode == 130, seen + err
    assert "Traceback" not in seen + err
    error = json.loads(err.splitlines()[-1])["error"]
    assert "run the same command again" in error["hint"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] in ("resumed", "new")


def test_killed_at_any_moment_then_resume(data: Path, tmp_path: Path) -> None:
    """SIGKILL at four moments of one run; then it ends, with one job and one file each."""
    command = [sys.executable, "-m", "ftkit", "run", "sentiment", "--data", str(data), "--json"]
    for delay in (1.0, 2.0, 3.0, 4.0):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.kill()
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    from ftkit.gateway import connect

    with connect("local") as platform:
        assert len(list(platform.jobs.list())) == 1
        assert len(list(platform.files.list(purpose="fine-tune"))) == 2
        assert len(list(platform.batches.list())) == 2
