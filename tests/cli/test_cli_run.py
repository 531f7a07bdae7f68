"""`ftkit run` as a person calls it: output, bad input, Ctrl-C, kills, a full disk."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.gateway import connect
from ftkit.settings import Settings

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


@pytest.fixture(scope="module")
def shared_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of a local platform that runs as long as the module's tests."""
    state = tmp_path_factory.mktemp("platform")
    with connect(settings=Settings(state_dir=state)) as platform:
        yield state
        platform.stop_local()


@pytest.fixture
def at_shared(shared_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's platform is the one to use."""
    monkeypatch.setenv("FTKIT_STATE_DIR", str(shared_state))
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.05")


def test_a_run_on_awkward_data(ftkit: Any, data: Path, tmp_path: Path) -> None:
    done = ftkit("run", "sentiment", "--data", str(data), "--train", "30", "--test", "30", "--seed", "42")
    assert done.returncode == 0, done.stderr
    for word in ("ISO-8859-1", "line ends: CR", "header: none"):
        assert word.lower() in done.stderr.lower()
    assert "linear" in done.stdout
    assert "report.html" in done.stdout
    directory = next((tmp_path / "runs").iterdir())
    assert {"report.html", "run.json", "journal.json"} <= {p.name for p in directory.iterdir()}


def test_json_is_the_record_and_progress_is_json(at_shared: None, here: Any, data: Path) -> None:
    done = here("run", "sentiment", "--data", str(data), "--json")
    result = json.loads(done.stdout)
    assert result["recipe"] == "sentiment"
    kinds = {json.loads(line)["type"] for line in done.stderr.splitlines()}
    assert {"note", "start", "end", "event"} <= kinds
    again = json.loads(here("run", "sentiment", "--data", str(data), "--json").stdout)
    assert again["state"] == "already done"


def test_quiet_is_quiet(at_shared: None, here: Any, data: Path) -> None:
    done = here("run", "sentiment", "--data", str(data), "--quiet")
    assert done.returncode == 0
    assert done.stderr == ""


@pytest.mark.parametrize("epochs", ["51", "101", "1.5", "-1", "nan", "many"])
def test_epochs_that_cannot_be(at_shared: None, here: Any, data: Path, epochs: str) -> None:
    """51 is more than the local platform takes: it says so itself, and nothing runs there."""
    done = here("run", "sentiment", "--data", str(data), "--epochs", epochs)
    assert done.returncode == (3 if epochs == "51" else 2)
    assert "epochs" in done.stderr
    assert (done.stdout, "bug" in done.stderr) == ("", False)


@pytest.mark.parametrize("option", ["--train", "--validation", "--test"])
@pytest.mark.parametrize("amount", ["0", "1.0", "-3", "2.5", "nan", "inf", "1e-400", "half"])
def test_amounts_that_cannot_be(here: Any, option: str, amount: str) -> None:
    done = here("run", "sentiment", option, amount)
    assert done.returncode == 2
    assert f"{option}'" in done.stderr and repr(amount) in done.stderr


def test_a_way_out_of_a_damaged_run(at_shared: None, here: Any, data: Path, tmp_path: Path) -> None:
    arguments = ("run", "sentiment", "--data", str(data), "--limit", "40", "--out", "mine")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "journal.json").write_text("{")
    stuck = here(*arguments, "--json")
    assert stuck.returncode == 1
    error = json.loads(stuck.stderr.splitlines()[-1])["error"]
    assert (error["where"], "--fresh" in error["hint"]) == ("mine/journal.json", True)
    done = here(*arguments, "--fresh")
    assert done.returncode == 0, done.stderr
    assert "Report       mine/report.html" in done.stdout
    assert (tmp_path / "mine" / "report.md").read_text().startswith("| Model")
    again = here(*arguments)
    assert "already done" in again.stdout


def bad(tmp_path: Path, name: str, content: bytes) -> str:
    file = tmp_path / name
    file.write_bytes(content)
    return str(file)


def test_missing_file(here: Any, data: Path) -> None:
    done = here("run", "sentiment", "--data", str(data.with_name("headline.csv")))
    assert done.returncode == 2
    assert "headline.csv" in done.stderr
    assert "headlines.csv" in done.stderr, "the nearest name is offered"


def test_empty_file(here: Any, tmp_path: Path) -> None:
    done = here("run", "sentiment", "--data", bad(tmp_path, "empty.csv", b""))
    assert done.returncode == 1
    assert "empty" in done.stderr


def test_wrong_column(here: Any, tmp_path: Path) -> None:
    file = bad(tmp_path, "wrong.csv", b"lable,text,x\npositive,profit rose,1\n")
    done = here("run", "sentiment", "--data", file)
    assert done.returncode == 2
    assert "'label'" in done.stderr
    assert "lable" in done.stderr


def test_a_directory_as_data(here: Any, tmp_path: Path) -> None:
    done = here("run", "sentiment", "--data", str(tmp_path))
    assert done.returncode in (1, 2)
    assert str(tmp_path) in done.stderr


def test_a_label_that_is_not_one(here: Any, data: Path, tmp_path: Path) -> None:
    file = bad(tmp_path, "odd.csv", data.read_bytes() + b"\rgood,shares are good")
    done = here("run", "sentiment", "--data", file)
    assert done.returncode == 1
    assert "good" in done.stderr
    assert "examples.jsonl:62" in done.stderr


def test_unknown_model(here: Any) -> None:
    done = here("run", "sentiment", "--model", "linaer")
    assert done.returncode in (2, 3)
    assert "linaer" in done.stderr


def test_unknown_platform(here: Any) -> None:
    done = here("run", "sentiment", "--platform", "opnai")
    assert done.returncode == 2
    assert "openai" in done.stderr


def test_no_key_names_the_variable(here: Any) -> None:
    done = here("run", "sentiment", "--platform", "openai")
    assert done.returncode == 4
    assert "OPENAI_API_KEY" in done.stderr


def test_a_rehearsal_stays_local_where_the_settings_name_the_platform(
    here: Any, tmp_path: Path, at_shared: None
) -> None:
    """Without a key and a network: whatever went to openai would fail."""
    (tmp_path / "ftkit.toml").write_text('platform = "openai"\n')
    done = here("run", "sentiment", "--rehearse", "openai", "--limit", "60", "--epochs", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["platform"] == "local"
    typed = here("run", "sentiment", "--rehearse", "openai", "--platform", "openai")
    assert typed.returncode == 2 and "no rehearsal" in typed.stderr


def test_platform_not_reachable(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTKIT_MAX_RETRIES", "0")
    done = here("run", "sentiment", "--platform", "local", "--base-url", "http://127.0.0.1:9/v1")
    assert done.returncode == 3
    assert "127.0.0.1:9" in done.stderr


def test_bad_recipe_toml(here: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "recipe.toml").write_text('name = "x"\ntitle = 3\n[source]\ndta = "x"\n')
    done = here("run", "./mine")
    assert done.returncode == 4
    for place in ("recipe.toml:2", "recipe.toml:4"):
        assert place in done.stderr


def test_unwritable_directory(here: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = here("run", "sentiment", "--out", str(tmp_path / "file" / "run"))
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


def started(data: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "ftkit", "run", "sentiment", "--data", str(data), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(process: subprocess.Popen[str], words: str) -> None:
    """Read progress up to the line that holds ``words``."""
    assert process.stderr is not None
    seen = ""
    for line in process.stderr:
        seen += line
        if words in line:
            return
    raise AssertionError(f"the run ended without {words!r}: {seen}")


def test_ctrl_c_then_the_same_command_again(ftkit: Any, data: Path) -> None:
    """While the job runs; tests/lifecycle/test_interrupt.py has every stage."""
    process = started(data)
    until(process, '"work": "Tuning linear"')
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    error = json.loads(err.splitlines()[-1])["error"]
    assert error["exit_code"] == 130
    assert "run the same command again" in error["hint"]
    done = ftkit("run", "sentiment", "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "resumed"


def test_killed_again_and_again_then_resumed(ftkit: Any, data: Path) -> None:
    """SIGKILL in four stages of one run; then it ends, with one job and one file and batch of each kind."""
    for words in ("Splitting", "Upload sentiment-validation", "Tuning linear", "15 requests"):
        process = started(data)
        until(process, f'"start", "work": "{words}')
        process.kill()
        process.communicate(timeout=60)
    done = ftkit("run", "sentiment", "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    with connect("local") as platform:
        assert len(list(platform.jobs.list())) == 1
        assert len(list(platform.files.list(purpose="fine-tune"))) == 2
        assert len(list(platform.batches.list())) == 2
