"""With --json every command prints JSON on stdout and nothing else, and JSON lines on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from ftkit.cli.root import COMMANDS, cli
from ftkit.gateway import chat_request, connect
from ftkit.lifecycle import RunOptions, promote, run
from ftkit.lifecycle.migration import export
from ftkit.settings import Settings

CALLS = {
    "run": "run sentiment --out {directory}",
    "retrain run": "retrain sentiment --dry-run",
    "retrain history": "retrain history sentiment",
    "recipes list": "recipes list",
    "recipes show": "recipes show genre",
    "recipes copy": "recipes copy genre mein-rezept-ü",
    "recipes check": "recipes check genre",
    "retrain schedule": "retrain schedule systemd sentiment",
    "validate": "validate {train} --model linear",
    "split": "split {train} --out parts --test 0.5",
    "rules": "rules",
    "explain": "explain FT201",
    "upload": "upload {train}",
    "files list": "files list",
    "files show": "files show {file}",
    "files content": "files content {file} --out copy.jsonl",
    "files delete": "files delete {spare}",
    "jobs create": "jobs create --training-file {train} --model linear",
    "jobs list": "jobs list",
    "jobs show": "jobs show {job}",
    "jobs events": "jobs events {job}",
    "jobs watch": "jobs watch {job}",
    "jobs wait": "jobs wait {job}",
    "jobs checkpoints": "jobs checkpoints {job}",
    "batches submit": "batches submit {requests}",
    "batches run": "batches run {requests} --out {requests}.answers --via batch --workdir {requests}.run",
    "batches resume": "batches resume {requests}.run",
    "batches list": "batches list",
    "batches show": "batches show {batch}",
    "batches watch": "batches watch {batch}",
    "batches results": "batches results {batch}",
    "benchmark": "benchmark {test} --model linear --out scores",
    "compare": "compare {scores} {scores}",
    "judge": "judge {scores} --judge linear --out judged",
    "metrics": "metrics",
    "generate": "generate {test} --model linear --out made.jsonl",
    "cache list": "cache list",
    "cache clear": "cache clear --older-than 90d",
    "models list": "models list",
    "models show": "models show {model}",
    "models platforms": "models platforms",
    "models download": "models download {model} --out taken",
    "models promote": "models promote mood {model} --run {directory}",
    "models history": "models history named",
    "models resolve": "models resolve named",
    "models names": "models names",
    "models card": "models card named",
    "models export": "models export named --to huggingface --out card",
    "migrate inventory": "migrate inventory",
    "migrate export": "migrate export --folder {house} --model {model}",
    "migrate record": "migrate record --folder {house}",
    "migrate retrain": "migrate retrain --folder {house} --base linear",
    "migrate compare": "migrate compare --folder {house}",
    "migrate report": "migrate report --folder {house}",
    "chat": "chat linear hello",
    "ledger list": "ledger list",
    "ledger show": "ledger show {job}",
    "ledger export": "ledger export",
    "local status": "local status",
    "local clean": "local clean --older-than 90d",
    "tokenizers list": "tokenizers list",
    "doctor": "doctor",
    "completion": "completion bash",
}
LINES = ("jobs events", "batches results", "ledger export")  # one object a line, as they come
ELSEWHERE = {
    "serve": "prints no result: it serves",
    "tokenizers fetch": "needs a network",
    "tokenizers import": "needs a vocabulary",
    "jobs cancel": "needs a job that runs",
    "jobs pause": "needs a job that runs",
    "jobs resume": "needs a job that was paused",
    "batches cancel": "needs a batch that runs",
    "models rollback": "tests/registry/test_registry_command.py: each call needs one more model before",
    "models delete": "tests/cli/test_cli_platform_answers.py: the others need the model",
    "ledger forget": "tests/ledger: what is forgotten is missed by the calls after it",
}


def requests(path: Path) -> Path:
    """A file of three requests."""
    lines = [
        chat_request(f"r{n}", "linear", [{"role": "user", "content": f"yes or no {n}"}]) for n in range(3)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A finished run on a platform of the module's own, and what the calls need to know of it."""
    home = tmp_path_factory.mktemp("json")
    settings = Settings(state_dir=home / "state", poll_seconds=0.05)
    with connect(settings=settings) as platform:
        result = run("sentiment", RunOptions(out=home / "run"), settings=settings)
        export(platform, home / "house")
        promote("named", run=result, settings=settings)
        yield {
            "state": str(home / "state"),
            "directory": str(result.directory),
            "job": result.job,
            "model": result.tuned_model,
            "train": str(result.directory / "splits" / "train.jsonl"),
            "test": str(result.directory / "splits" / "test.jsonl"),
            "file": result.steps["upload validation"]["result"]["file"],
            "spare": result.steps["upload train"]["result"]["file"],
            "batch": next(platform.batches.list()).id,
            "house": str(home / "house"),
            "requests": str(requests(home / "requests.jsonl")),
            "scores": str(result.directory / "benchmark"),
        }
        platform.stop_local()


@pytest.fixture
def call(facts: dict[str, str], here: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("FTKIT_STATE_DIR", facts["state"])
    monkeypatch.setenv("FTKIT_POLL_SECONDS", "0.05")
    return lambda line: here(*line.format(**facts).split())


def paths() -> set[str]:
    found = set()
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        below = command.commands if isinstance(command, click.Group) else None
        found |= {f"{name} {one}" for one in below} if below else {name}
    return found


def test_no_command_is_forgotten() -> None:
    assert paths() == CALLS.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("path", CALLS)
def test_json_and_nothing_else(call: Any, path: str) -> None:
    done = call(f"{CALLS[path]} --json")
    assert done.returncode == 0, done.stderr
    documents = done.stdout.splitlines() if path in LINES else [done.stdout]
    assert documents
    for document in documents:
        assert isinstance(json.loads(document, parse_constant=pytest.fail), dict | list)
    for line in done.stderr.splitlines():
        kinds = ("note", "warning", "event", "state", "start", "progress", "end")
        assert json.loads(line)["type"] in kinds


@pytest.mark.parametrize("path", [p for p in CALLS if p != "files delete"])
def test_words_for_a_person_and_silence_when_asked_for(call: Any, path: str, tmp_path: Path) -> None:
    done = call(f"{CALLS[path]} --quiet")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not done.stdout.startswith(("{", "[")) or path in LINES
