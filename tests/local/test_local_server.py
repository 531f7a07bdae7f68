"""The server as a process: start, keys, ports, signals, idle end, the envelope everywhere."""

from __future__ import annotations

import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import openai
import pytest
from local_platform import (
    LocalServer,
    batch_bytes,
    raw,
    raw_with_headers,
    run_batch,
    training_bytes,
    tune,
    wait_for,
)

from ftkit import __version__
from ftkit.local.__main__ import main

Start = Callable[..., LocalServer]


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the server's command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "ftkit.local", *arguments], capture_output=True, text=True, timeout=30
    )


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Call the command's main with a server that cannot start: what it says on stderr, after exit code 4."""

    def call(*arguments: str) -> str:
        assert main(arguments) == 4
        said = capsys.readouterr()
        assert said.out == "" and said.err.startswith("error: ") and "Traceback" not in said.err
        return said.err

    return call


def test_it_announces_itself_and_cleans_up(own_server: Start) -> None:
    begun = time.monotonic()
    server = own_server()
    assert time.monotonic() - begun < 5
    assert server.process is not None
    told = {"pid": server.process.pid, "url": server.url, "version": __version__, "api_key_file": None}
    assert server.announced() == told
    assert raw(server, "GET", "/healthz") == (200, {"status": "ok", "version": __version__})
    begun = time.monotonic()
    code, out, err = server.stop()
    assert (code, err) == (0, "") and time.monotonic() - begun < 5
    assert out.count("\n") == 1 and server.url in out
    assert server.announced() is None


def test_starting_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'scipy', 'sklearn', 'openai', 'datasets', 'pydantic'}"
    script = f"import sys, ftkit.local.server; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_one_server_for_a_state(own_server: Start) -> None:
    server = own_server()
    assert server.process is not None
    second = command("--state", str(server.state), "--port", "0")
    assert second.returncode == 4 and "Traceback" not in second.stderr
    assert str(server.process.pid) in second.stderr and server.url in second.stderr
    assert raw(server, "GET", "/healthz")[0] == 200


def test_a_stale_announcement_does_not_matter(own_server: Start, tmp_path: Path) -> None:
    server = own_server()
    server.kill()
    assert server.announced() is not None
    again = own_server(state=server.state)
    assert again.announced() != server and raw(again, "GET", "/healthz")[0] == 200


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = command("--state", str(tmp_path / "s"), "--port", str(port))
    assert ended.returncode == 4
    assert f"127.0.0.1:{port} is in use" in ended.stderr and "--port" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--host", "999.1.1.1"], ["--port", "70000"], ["--host", "192.0.2.1"]],
)
def test_an_impossible_address(tmp_path: Path, refusal: Callable[..., str], arguments: list[str]) -> None:
    (tmp_path / "keys").write_text("k\n")
    said = refusal("--state", str(tmp_path / "s"), "--api-key-file", str(tmp_path / "keys"), *arguments)
    assert "cannot listen" in said and "--port" in said


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_state_that_cannot_be_written(tmp_path: Path, refusal: Callable[..., str], below: str) -> None:
    (tmp_path / "file").write_text("in the way")
    assert str(tmp_path / "file") in refusal("--state", str(tmp_path / "file" / below), "--port", "0")


def test_a_database_of_another_kind_is_not_touched(tmp_path: Path, refusal: Callable[..., str]) -> None:
    (tmp_path / "platform.db").write_bytes(b"this is no database, but it is somebody's" * 100)
    before = (tmp_path / "platform.db").read_bytes()
    assert "platform.db" in refusal("--state", str(tmp_path), "--port", "0")
    assert (tmp_path / "platform.db").read_bytes() == before


def test_a_newer_schema_is_refused(tmp_path: Path, refusal: Callable[..., str]) -> None:
    with closing(sqlite3.connect(tmp_path / "platform.db")) as connection:
        connection.execute("PRAGMA user_version=99")
    assert "schema 99" in refusal("--state", str(tmp_path), "--port", "0")


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe"])
def test_a_key_file_without_a_key(tmp_path: Path, refusal: Callable[..., str], content: bytes | None) -> None:
    keys = tmp_path / "keys"
    if content is not None:
        keys.write_bytes(content)
    assert str(keys) in refusal("--state", str(tmp_path / "s"), "--port", "0", "--api-key-file", str(keys))


def test_a_stand_in_with_a_strange_name(tmp_path: Path, refusal: Callable[..., str]) -> None:
    said = refusal("--state", str(tmp_path / "t"), "--port", "0", "--stand-in", "../x y")
    assert "../x y" in said


def test_keys(own_server: Start, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("first-key\n\nsecond-key\n")
    server = own_server("--api-key-file", str(keys), "--host", "0.0.0.0", "--verbose")
    for key in ("first-key", "second-key"):
        assert "linear" in {model.id for model in server.client(key).models.list()}
    for key in ("first-ke", "first-key2", "FIRST-KEY", "first-key second-key"):
        with pytest.raises(openai.AuthenticationError) as refused:
            server.client(key).models.list()
        assert refused.value.code == "invalid_api_key"
    for headers in ({}, {"authorization": "first-key"}, {"authorization": "Basic first-key"}):
        status, found, answer = raw_with_headers(server, "GET", "/v1/models", headers=headers)
        assert status == 401 and found["www-authenticate"] == "Bearer"
        assert answer["error"]["type"] == "invalid_request_error"
    assert raw(server, "GET", "/v1/nowhere")[0] == 401
    assert raw(server, "GET", "/healthz")[0] == 200
    _, out, err = server.stop()
    assert "GET /v1/models 200" in err and "first-key" not in err + out and "second-key" not in err + out


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "evil.example:80"}, 403),
        ({"host": "["}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:3000"}, 200),
        ({"host": "localhost:1234"}, 200),
        ({"host": "[::1]:1234"}, 200),
    ],
)
def test_web_pages_are_not_let_in_without_a_key(
    server: LocalServer, headers: dict[str, str], status: int
) -> None:
    found, answer = raw(server, "GET", "/v1/models", headers=headers)
    assert found == status
    assert status == 200 or answer["error"]["code"] == "wrong_origin"


def test_every_answer_has_a_request_id(server: LocalServer) -> None:
    ids = set()
    for path, status in (("/healthz", 200), ("/v1/models", 200), ("/v1/nowhere", 404), ("/v1/files/x", 404)):
        found, headers, _ = raw_with_headers(server, "GET", path)
        assert found == status and headers["x-request-id"].startswith("req_")
        ids.add(headers["x-request-id"])
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/page/none", 404, "unknown_url"),
        ("GET", "/v1", 404, "unknown_url"),
        ("POST", "/v1/unheard", 404, "unknown_url"),
        ("GET", "/v1/files/", 404, "unknown_url"),
        ("DELETE", "/v1/batches", 405, "method_not_allowed"),
        ("PUT", "/v1/chat/completions", 405, "method_not_allowed"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
    ],
)
def test_no_such_route(server: LocalServer, method: str, path: str, status: int, code: str) -> None:
    found, answer = raw(server, method, path)
    assert (found, answer["error"]["code"]) == (status, code)
    assert set(answer["error"]) == {"message", "type", "param", "code"}


def test_an_unexpected_fault_is_an_enveloped_500(own_server: Start) -> None:
    server = own_server()
    client = server.client()
    model = tune(client, hyperparameters={"n_epochs": 1}).fine_tuned_model
    for path in (server.state / "models").rglob("model.json"):
        path.write_text("{}")
    with pytest.raises(openai.InternalServerError) as failed:
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": "x"}])
    assert failed.value.code == "model_unreadable" and failed.value.request_id
    file = client.files.create(file=("a", b"gone"), purpose="batch")
    shutil.rmtree(server.state / "files")
    with pytest.raises(openai.InternalServerError) as failed:
        client.files.create(file=("a", b"x"), purpose="batch")
    assert failed.value.status_code == 507
    with pytest.raises(openai.InternalServerError):
        client.files.content(file.id)
    assert raw(server, "GET", "/healthz")[0] == 200


def test_idle_exit_ends_it(own_server: Start) -> None:
    server = own_server("--idle-exit", "0.9")
    assert server.process is not None
    for _ in range(3):
        time.sleep(0.4)
        assert raw(server, "GET", "/healthz")[0] == 200
    assert server.process.wait(timeout=10) == 0
    assert server.announced() is None


def test_idle_exit_waits_for_work(own_server: Start) -> None:
    server = own_server("--idle-exit", "3")
    assert server.process is not None
    client = server.client()
    data = batch_bytes("linear", [f"Is {number} odd or even?" for number in range(9_000)])
    file = client.files.create(file=("in", data), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    client.close()
    assert server.process.wait(timeout=60) == 0
    again = own_server(state=server.state)
    assert again.client().batches.retrieve(batch.id).status == "completed"


def test_workers_end_when_idle_and_with_the_server(own_server: Start) -> None:
    server = own_server(FTKIT_LOCAL_WORKER_IDLE="0.5")
    assert server.workers() == []
    tune(server.client(), hyperparameters={"n_epochs": 1})
    wait_for(lambda: not server.workers(), seconds=10)
    file = server.client().files.create(file=("t", training_bytes()), purpose="fine-tune")
    server.client().fine_tuning.jobs.create(model="linear", training_file=file.id)
    [worker] = wait_for(server.workers)
    server.kill()
    wait_for(lambda: ended(worker), seconds=10)


def ended(pid: int) -> bool:
    """Whether a process is gone, or only its entry in the process table is left."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_another_stand_in(own_server: Start) -> None:
    server = own_server("--stand-in", "acme/Model-1")
    model = server.client().models.retrieve("acme/Model-1")
    assert model.stand_in_for == "acme/Model-1"  # type: ignore[attr-defined]
    data = batch_bytes("acme/Model-1", ["Is it a or b?"])
    assert run_batch(server.client(), data).status == "completed"
