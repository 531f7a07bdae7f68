"""The commands on a platform, as a person types them: results, exit codes, Ctrl-C, no key in sight."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.cli.frame import App
from ftkit.cli.remote import same_platform
from ftkit.gateway import connect

Command = Callable[..., "subprocess.CompletedProcess[str]"]
KEY = "sk-proj-0123456789abcdefghijklmnop"
SYSTEM = {"role": "system", "content": "Answer with one word: up or down."}


@pytest.fixture(scope="module")
def shared_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of one local platform for this module; it is ended afterwards."""
    state = tmp_path_factory.mktemp("cli-platform")
    yield state
    record = state / "local" / "server.json"
    if record.exists():
        os.kill(json.loads(record.read_text())["pid"], signal.SIGTERM)


Done = subprocess.CompletedProcess[str]


@pytest.fixture
def at_local(shared_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's local platform is the one to use; a key for another stands in the environment."""
    monkeypatch.setenv("FTKIT_STATE_DIR", str(shared_state))
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def clean(done: Done) -> Done:
    assert KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def local(at_local: None, ftkit: Command) -> Command:
    """The command in a process of its own, on the module's local platform."""
    return lambda *arguments, **options: clean(ftkit(*arguments, **options))


@pytest.fixture
def inside(at_local: None, here: Command) -> Command:
    """The command in this process (the openai client is loaded once), on the module's platform."""
    return lambda *arguments: clean(here(*arguments))


def answer_of(done: Done) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def train(tmp_path: Path) -> Path:
    rows = [("profit rose", "up"), ("sales climbed", "up"), ("loss widened", "down"), ("sales fell", "down")]
    lines = [
        {
            "messages": [
                SYSTEM,
                {"role": "user", "content": f"{text} in region {n}"},
                {"role": "assistant", "content": label},
            ]
        }
        for n in range(10)
        for text, label in rows
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_from_file_to_answers(
    local: Command, inside: Command, train: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = local(
        "jobs", "create", "--training-file", str(train), "--model", "linear", "--suffix", "cli", "--watch"
    )
    assert created.returncode == 0, created.stderr
    assert "local platform at http://127.0.0.1:" in created.stderr
    assert "Upload train.jsonl" in created.stderr
    fields = dict(line.split(maxsplit=1) for line in created.stdout.splitlines())
    assert fields["status"] == "succeeded"
    job_id, model = fields["id"], fields["fine_tuned_model"]

    watched = inside("jobs", "watch", job_id, "--json")
    assert answer_of(watched)["fine_tuned_model"] == model
    shown = [json.loads(line) for line in watched.stderr.splitlines()]
    assert [e for e in shown if e["type"] == "event"]

    events = inside("jobs", "events", job_id, "--follow", "--json")
    assert events.returncode == 0
    assert len(events.stdout.splitlines()) == len([e for e in shown if e["type"] == "event"])
    assert all(json.loads(line)["id"] for line in events.stdout.splitlines())

    monkeypatch.setattr("sys.stdin", io.StringIO("sales climbed in region 3"))
    reply = inside("chat", model, "-", "--system", str(SYSTEM["content"]))
    assert (reply.returncode, reply.stdout) == (0, "up\n")

    requests = tmp_path / "requests.jsonl"
    body = {"model": model, "messages": [SYSTEM, {"role": "user", "content": "loss widened in region 2"}]}
    request = {"custom_id": "r-1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    requests.write_text(json.dumps(request) + "\n")
    batch = answer_of(inside("batches", "submit", str(requests), "--watch", "--json"))
    assert (batch["status"], batch["completed"]) == ("completed", 1)
    assert inside("batches", "results", batch["id"], "-q").stdout == "r-1\tdown\n"
    out = tmp_path / "answers.jsonl"
    saved = answer_of(inside("batches", "results", batch["id"], "--out", str(out), "--json"))
    assert (saved["answers"], saved["failed"]) == (1, 0)
    assert json.loads(out.read_text())["custom_id"] == "r-1"


def test_a_batch_that_fails_says_the_line(inside: Command, tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    ask = [{"role": "user", "content": "x"}]
    lines = [
        {
            "custom_id": str(n),
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": m, "messages": ask},
        }
        for n, m in enumerate(["linear", "no-such-model"])
    ]
    requests.write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = inside("batches", "submit", str(requests), "--watch")
    assert done.returncode == 1
    assert "line 2: " in done.stderr
    assert "no-such-model" in done.stderr
    fields = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert fields["status"] == "failed"
    assert inside("batches", "watch", fields["id"], "-q").returncode == 1
    assert inside("batches", "results", fields["id"]).returncode == 1
    assert fields["id"] in inside("batches", "list").stdout
    assert answer_of(inside("batches", "show", fields["id"], "--json"))["errors"][0]["line"] == 2


def test_a_batch_is_checked_before_it_is_sent(inside: Command, tmp_path: Path) -> None:
    requests = tmp_path / "requests.jsonl"
    requests.write_text('{"custom_id": "a", "body": {}}\n{"custom_id": "a", "body": {}}\n')
    done = inside("batches", "submit", str(requests))
    assert done.returncode == 1
    assert f"{requests}:2: custom_id 'a' was used before" in done.stderr
    assert inside("batches", "submit", str(requests), "--window", "9h").returncode == 2


def test_a_job_that_fails_says_why(inside: Command, tmp_path: Path) -> None:
    path = tmp_path / "faulty.jsonl"
    path.write_text('{"messages": []}\n' * 12)
    done = inside("jobs", "create", "--training-file", str(path), "--model", "linear", "--watch")
    assert done.returncode == 1
    assert f"ftkit validate {path} --model linear" in done.stderr and "--no-validate" in done.stderr
    done = inside(
        "jobs", "create", "--training-file", str(path), "--model", "linear", "--watch", "--no-validate"
    )
    assert done.returncode == 1
    assert "failed: " in done.stderr
    assert "the platform gave no reason" not in done.stderr
    (job_id,) = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("id ")]
    assert job_id in inside("jobs", "list").stdout
    assert answer_of(inside("jobs", "show", job_id, "--json"))["error"]["message"]
    assert inside("jobs", "checkpoints", job_id).returncode == 0
    assert inside("jobs", "cancel", job_id).returncode == 3


def test_chat_whole_and_as_json(inside: Command) -> None:
    whole = inside(
        "chat", "linear", "Answer with up or down: profit rose", "--no-stream", "--max-tokens", "3"
    )
    assert whole.returncode == 0
    assert whole.stdout.strip()
    reply = answer_of(inside("chat", "linear", "Answer with up or down: profit rose", "--json"))
    assert reply["text"]
    assert reply["usage"]["prompt_tokens"] > 0


def test_the_way_back_names_the_platform() -> None:
    app = App(platform="kluster", base_url="http://h/v1?a=b c", config=Path("my conf.toml"))
    assert same_platform(app) == (
        " --platform kluster --base-url 'http://h/v1?a=b c' --config 'my conf.toml'"
    )
    assert same_platform(App()) == ""


def test_serve_ends_at_ctrl_c(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ftkit",
            "serve",
            "--port",
            "0",
            "--state",
            "served",
            "--stand-in",
            "org/big-model",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        address = next(word for word in process.stdout.readline().split() if word.startswith("http"))
        with connect("local", base_url=address) as platform:
            assert platform.models.get("org/big-model").stand_in_for
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=20)[1]
    finally:
        process.kill()
    assert process.returncode in (0, 130)
    assert "Traceback" not in rest
    assert not (tmp_path / "served" / "server.json").exists()


def test_lists_and_files(inside: Command, train: Path, tmp_path: Path) -> None:
    uploaded = inside("upload", str(train))
    file_id = uploaded.stdout.strip()
    assert answer_of(inside("files", "show", file_id, "--json"))["bytes"] == train.stat().st_size
    assert file_id in inside("files", "list").stdout
    assert inside("files", "content", file_id, "-q").stdout == train.read_text()
    copy = tmp_path / "copy.jsonl"
    assert inside("files", "content", file_id, "--out", str(copy)).returncode == 0
    assert copy.read_bytes() == train.read_bytes()
    assert inside("files", "delete", file_id).stdout == f"deleted {file_id}\n"
    gone = inside("files", "show", file_id)
    assert gone.returncode == 3
    assert "ftkit files list" in gone.stderr


def test_models(inside: Command) -> None:
    assert "linear" in [m["id"] for m in answer_of(inside("models", "list", "--json"))]
    shown = answer_of(inside("models", "show", "linear", "--json"))
    assert shown["platform"]["id"] == shown["catalog"]["id"] == "linear"
    text = inside("models", "show", "linear").stdout
    assert "longest reply" in text
    assert "32,768 tokens" in text
    assert inside("models", "show", "no-such-model").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["upload", "missing.jsonl"], 2, "not there"),
        (["jobs", "show", "ftjob-none"], 3, "ftkit jobs list"),
        (["jobs", "create", "--training-file", "none.jsonl", "--model", "linear"], 2, "not there"),
        (["batches", "results", "batch_none"], 3, "ftkit batches list"),
        (["chat", "no-such-model", "hello"], 3, "no-such-model"),
    ],
)
def test_wrong_calls_on_the_platform(inside: Command, arguments: list[str], code: int, words: str) -> None:
    done = inside(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["jobs", "list", "--platform", "openai"], 4, "OPENAI_API_KEY"),
        (["jobs", "list", "--platform", "kluster"], 4, "KLUSTER_API_KEY"),
        (["files", "list", "--platform", "opneai"], 2, "openai"),
        (["models", "list", "--platform", "custom"], 4, "--base-url"),
        (["models", "list", "--catalog", "--platform", "nope"], 2, "'nope'"),
        (["chat", "linear", "  "], 2, "question is empty"),
        (["jobs", "create", "--training-file", "f", "--model", "m", "--epochs", "0"], 2, "'0' is neither"),
        (
            ["jobs", "create", "--training-file", "f", "--model", "m", "--epochs", "some"],
            2,
            "'some' is neither",
        ),
    ],
)
def test_wrong_calls_that_reach_no_platform(
    here: Command, arguments: list[str], code: int, words: str
) -> None:
    done = here(*arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(Path.cwd().rglob("server.json"))


def test_nothing_answers(here: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTKIT_MAX_RETRIES", "0")
    done = here("jobs", "list", "--base-url", "http://127.0.0.1:9/v1", "--json")
    assert done.returncode == 3
    error = json.loads(done.stderr.splitlines()[-1])["error"]
    assert error["type"] == "PlatformUnreachable"
    assert "http://127.0.0.1:9/v1" in error["message"]


def test_the_catalog_needs_no_platform(here: Command) -> None:
    listed = answer_of(here("models", "list", "--catalog", "--json"))
    assert {"local", "openai", "kluster"} <= {m["provider"] for m in listed}
    only = here("models", "list", "--catalog", "--platform", "kluster").stdout
    assert "klusterai/" in only
    assert "gpt-4.1" not in only


def test_a_model_is_shown_from_the_catalog_without_a_key(here: Command) -> None:
    done = here("models", "show", "gpt-4.1-mini", "--platform", "openai")
    assert done.returncode == 0
    assert "only the catalog's entry" in done.stderr
    assert "no new jobs after" in done.stdout
