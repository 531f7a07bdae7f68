"""The command's frame: help, exit codes, errors in words, completion, speed of start-up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from ftkit.cli.root import COMMANDS, cli

HEAVY = ("openai", "datasets", "pandas", "numpy", "sklearn", "matplotlib", "tiktoken", "pydantic", "rich")


def every_command() -> list[tuple[str, ...]]:
    paths: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        if isinstance(command, click.Group):
            paths += [(name, below) for below in command.commands]
        else:
            paths.append((name,))
    return paths


@pytest.mark.parametrize("path", every_command(), ids=" ".join)
def test_every_command_has_help_an_example_and_json(path: tuple[str, ...]) -> None:
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    text = command.get_help(click.Context(command, info_name=" ".join(("ftkit", *path))))
    assert command.help
    assert "Examples:" in text
    assert f"ftkit {path[0]}" in text.split("Examples:")[1]
    assert "--json" in text


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['ftkit', '--help']\n"
        "from ftkit.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_lists_every_command(ftkit: Any) -> None:
    done = ftkit("--help")
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


def test_version(ftkit: Any) -> None:
    assert ftkit("--version").stdout.startswith("ftkit ")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nonsense"], 2, "no command is called 'nonsense'"),
        (["vaildate"], 2, "Did you mean validate"),
        (["run"], 2, "Missing argument"),
        (["run", "sentiment", "--limit", "0"], 2, "--limit"),
        (["run", "sentiment", "--train", "1.5"], 2, "neither a count"),
        (["run", "sentiment", "--column", "text"], 2, "OURS=THEIRS"),
        (["run", "sentimnt"], 2, "Did you mean sentiment"),
        (["recipes", "show", "nope"], 2, "no recipe is called 'nope'"),
        (["--config", "x"], 2, "No such option"),
        (["doctor", "--config", "missing.toml"], 2, "missing.toml"),
    ],
)
def test_wrong_calls(here: Any, arguments: list[str], code: int, words: str) -> None:
    done = here(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_bad_configuration_is_said_whole(here: Any, tmp_path: Path) -> None:
    (tmp_path / "ftkit.toml").write_text('platfrom = "x"\ntimeout = "soon"\n')
    done = here("doctor")
    assert done.returncode == 4
    assert "ftkit.toml:1: unknown key 'platfrom'" in done.stderr
    assert "ftkit.toml:2: timeout" in done.stderr


def test_errors_as_json(here: Any) -> None:
    done = here("run", "nope", "--json")
    error = json.loads(done.stderr)["error"]
    assert done.returncode == error["exit_code"] == 2
    assert error["type"] == "UsageError"
    assert error["hint"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nonsense"], "no command is called 'nonsense'"),
        (["run"], "Missing argument 'RECIPE'"),
        (["run", "sentiment", "--limit", "0"], "--limit"),
        (["recipes", "show", "sentiment", "--platform", "x"], "No such option"),
    ],
)
def test_wrong_calls_as_json(here: Any, arguments: list[str], words: str) -> None:
    done = here(*arguments, "--json")
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["exit_code"], error["type"]) == (2, 2, "UsageError")
    assert words in error["message"]
    assert "--help" in error["hint"]
    assert done.stdout == ""


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), RuntimeError("oh"), OSError(28, "full", "/x/y")], ids=repr
)
def test_whatever_happens_is_one_json_object(
    here: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def broken(_: object) -> None:
        raise error

    monkeypatch.setattr("ftkit.lifecycle.load_recipe", broken, raising=False)
    done = here("recipes", "show", "sentiment", "--json")
    said = json.loads(done.stderr)["error"]
    codes = {"Interrupted": 130, "RuntimeError": 70, "StorageError": 4}
    assert done.returncode == said["exit_code"] == codes[said["type"]]
    assert said["message"]


@pytest.mark.parametrize("arguments", [[], ["recipes"], ["jobs"]], ids=len)
def test_a_group_alone_shows_its_help(here: Any, arguments: list[str]) -> None:
    done = here(*arguments)
    assert done.returncode == 2
    assert "Commands:" in done.stdout + done.stderr


def test_debug_shows_where(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTKIT_DEBUG", "1")
    done = here("recipes", "show", "nope")
    assert done.returncode == 2
    assert "Traceback" in done.stderr and "recipe.py" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(("Installed", "Did you mean"))


def test_a_bug_is_called_a_bug(tmp_path: Path) -> None:
    code = (
        "import sys\nimport ftkit.lifecycle.recipe as r\n"
        "def broken(*a, **k): raise RuntimeError('token sk-abcdefghijklmnopqrstuvwxyz')\n"
        "r.load_recipe = broken\nsys.argv = ['ftkit', 'recipes', 'show', 'sentiment']\n"
        "import ftkit.lifecycle\nftkit.lifecycle.load_recipe = broken\n"
        "from ftkit.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 70
    assert "ftkit has a bug: RuntimeError" in done.stderr
    assert "Traceback" not in done.stderr
    assert "abcdefghijkl" not in done.stderr


def test_a_reader_that_leaves_early_is_no_error() -> None:
    producer = subprocess.Popen(
        [sys.executable, "-m", "ftkit", "recipes", "list", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert producer.stdout is not None
    assert producer.stderr is not None
    producer.stdout.close()
    assert b"Traceback" not in producer.stderr.read()
    assert producer.wait(30) in (0, 1)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script(here: Any, shell: str) -> None:
    done = here("completion", shell)
    assert done.returncode == 0
    assert "_FTKIT_COMPLETE" in done.stdout


def test_completion_answers(ftkit: Any) -> None:
    environment = {
        **os.environ,
        "_FTKIT_COMPLETE": "bash_complete",
        "COMP_WORDS": "ftkit reci",
        "COMP_CWORD": "1",
    }
    assert "plain,recipes" in ftkit(env=environment).stdout


def test_interrupt_before_the_work_starts() -> None:
    code = (
        "import os, signal, sys\nimport ftkit.lifecycle\n"
        "def slow(*a, **k): os.kill(os.getpid(), signal.SIGINT)\n"
        "ftkit.lifecycle.load_recipe = slow\nsys.argv = ['ftkit', 'recipes', 'show', 'sentiment']\n"
        "from ftkit.cli import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert "interrupted" in done.stderr
    assert signal.SIGINT.name not in done.stderr
