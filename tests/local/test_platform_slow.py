"""Clients that are slow, many or too eager, against a real platform with small limits."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import openai
import pytest
from local_platform import LocalServer, raw_with_headers, training_bytes, wait_for
from protocol_platform import FORM, Platform, exchange, form, part, refused

from ftkit.local import Limits

CHAT = "/v1/chat/completions"
HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
QUICK = Limits(head_seconds=0.3, stall_seconds=0.4, least_rate=100_000, connections=20)


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with little patience."""
    with Platform(tmp_path_factory.mktemp("hasty"), limits=QUICK) as running:
        yield running


def line_to(platform: Platform) -> socket.socket:
    """A raw connection."""
    return socket.create_connection(("127.0.0.1", platform.port), timeout=20)


def heard(line: socket.socket) -> bytes:
    """All that comes until the server closes."""
    try:
        return b"".join(iter(lambda: line.recv(65536), b""))
    except ConnectionResetError:
        return b""


def test_a_connection_that_says_nothing_is_closed(hasty: Platform) -> None:
    with line_to(hasty) as line:
        assert heard(line) == b""


@pytest.mark.parametrize("sent", [b"G", HEAD, HEAD + b"X: y"])
def test_half_a_head_is_not_waited_for(hasty: Platform, sent: bytes) -> None:
    with line_to(hasty) as line:
        line.sendall(sent)
        assert heard(line).startswith(b"HTTP/1.1 408 ")


def test_a_head_byte_by_byte_is_not_waited_for(hasty: Platform) -> None:
    """A slow-loris: each byte is a sign of life, and the head has to be whole in time all the same."""
    with line_to(hasty) as line:
        ended = threading.Event()

        def drip() -> None:
            try:
                for byte in HEAD + b"X: " + b"y" * 10_000:
                    line.sendall(bytes([byte]))
                    if ended.wait(0.02):
                        return
            except OSError:
                return

        dripping = threading.Thread(target=drip)
        dripping.start()
        said = heard(line)
        ended.set()
        dripping.join()
        assert said == b"" or said.startswith(b"HTTP/1.1 408 ")


def test_a_second_head_has_a_time_of_its_own(hasty: Platform) -> None:
    with line_to(hasty) as line:
        line.sendall(HEAD + b"\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 200 ")
        line.sendall(HEAD)
        assert b"HTTP/1.1 200 " not in heard(line)


@pytest.mark.parametrize("path", [CHAT, "/v1/files", "/v1/uploads"])
def test_a_body_that_stops_is_408_and_leaves_nothing(hasty: Platform, path: str) -> None:
    kind = FORM["content-type"] if path == "/v1/files" else "application/json"
    body = form({"purpose": "batch"}, file=part("a", b"x" * 100))[:-10] if path == "/v1/files" else b'{"model'
    with line_to(hasty) as line:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: 5000\r\n\r\n"
        )
        line.sendall(head.encode() + body)
        said = heard(line)
    assert said.startswith(b"HTTP/1.1 408 ") and b'"request_timeout"' in said
    wait_for(lambda: not any((hasty.root / "files" / "incoming").iterdir()))


def test_a_body_that_trickles_is_408(hasty: Platform) -> None:
    with line_to(hasty) as line:
        line.sendall(f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n".encode())
        line.settimeout(0.02)
        said = b""
        for _ in range(500):
            try:
                line.sendall(b" ")
                said += line.recv(65536)
                break
            except TimeoutError:
                continue
            except OSError:
                break
    assert said.startswith(b"HTTP/1.1 408 ")


def test_the_body_of_a_refused_request_is_not_taken_in_for_ever(hasty: Platform) -> None:
    with line_to(hasty) as line:
        line.sendall(b"POST /v1/nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nx")
        begun = time.monotonic()
        while time.monotonic() - begun < 15:
            try:
                line.sendall(b"x")
            except OSError:
                break
            time.sleep(0.02)
        else:
            pytest.fail("after 15 seconds it still took bytes that nobody reads")


def test_a_client_that_does_not_take_its_answer_is_let_go(hasty: Platform) -> None:
    file = hasty.upload(b"x" * 30_000_000)
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.connect(("127.0.0.1", hasty.port))
        line.sendall(f"GET /v1/files/{file}/content HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        wait_for(lambda: hasty.context.activity.open)
        wait_for(lambda: not hasty.context.activity.open)
        assert len(heard(line)) < 30_000_000
    assert len(hasty.ask("GET", f"/v1/files/{file}/content").body) == 30_000_000, "others take it as ever"


def test_too_many_connections_are_turned_away_and_the_rest_goes_on(tmp_path: Path) -> None:
    with (
        Platform(tmp_path, limits=Limits(connections=20)) as platform,
        ExitStack() as open_lines,
        platform.connection() as kept,
    ):
        assert exchange(kept, "GET", "/healthz").status == 200
        lines = [open_lines.enter_context(line_to(platform)) for _ in range(40)]
        assert all(heard(line).startswith(b"HTTP/1.1 503 ") for line in lines[25:])
        assert exchange(kept, "GET", "/v1/models").status == 200
        for line in lines:
            line.close()
        wait_for(lambda: platform.ask("GET", "/healthz").status == 200)


def test_the_rate_of_a_key(tmp_path: Path) -> None:
    limits = Limits(requests_per_minute=5)
    with Platform(tmp_path, ("key-one", "key-two"), limits=limits) as platform:
        one, two = ({"authorization": f"Bearer key-{name}"} for name in ("one", "two"))
        for left in (4, 3, 2, 1, 0):
            answer = platform.ask("GET", "/v1/models", headers=one)
            assert answer.headers["x-ratelimit-limit-requests"] == "5"
            assert answer.headers["x-ratelimit-remaining-requests"] == str(left)
        with pytest.raises(openai.RateLimitError) as refusal:
            platform.client("key-one").models.list()
        assert refusal.value.code == "rate_limit_exceeded"
        assert 0 < int(refusal.value.response.headers["retry-after"]) <= 12
        for path in ("/healthz", "/", "/page/app.js", "/status"):
            assert platform.ask("GET", path, headers=one).status == 200
        assert platform.ask("GET", "/v1/models", headers=two).status == 200
        for _ in range(20):
            assert platform.ask("GET", "/v1/models", headers={"authorization": "Bearer wrong"}).status == 401
        assert platform.ask("GET", "/v1/models", headers=two).status == 200, "wrong keys cost others nothing"


def test_the_client_waits_for_its_rate_by_itself(tmp_path: Path) -> None:
    with Platform(tmp_path, limits=Limits(requests_per_minute=120)) as platform:
        client = platform.client().with_options(max_retries=4)
        for _ in range(122):
            client.models.retrieve("linear")


def test_a_full_queue_takes_no_more_work(tmp_path: Path) -> None:
    with Platform(tmp_path, limits=Limits(queued=2)) as platform:
        job, batch = platform.job(), platform.batch()
        create = {"model": "linear", "training_file": platform.upload(training_bytes(12), "fine-tune")}
        begin = {"input_file_id": batch["input_file_id"], "endpoint": CHAT, "completion_window": "1h"}
        for path, body in (("/v1/fine_tuning/jobs", create), ("/v1/batches", begin)):
            answer = platform.post(path, body)
            assert (answer.status, answer.json["error"]["code"]) == (429, "queue_full")
            assert int(answer.headers["retry-after"]) > 0
        assert platform.post(f"/v1/fine_tuning/jobs/{job['id']}/cancel", {}).status == 200
        assert platform.post("/v1/fine_tuning/jobs", create).status == 200


def test_a_refused_line_has_the_envelope(hasty: Platform) -> None:
    said = hasty.send(b"nonsense\r\n\r\n")
    head, _, body = said.partition(b"\r\n\r\n")
    assert json.loads(body)["error"]["code"] == "invalid_http" and b"x-request-id: req_" in head


def test_elsewhere_with_a_key_of_its_own(tmp_path: Path) -> None:
    """The real server: its key file is told and not its key; the log has neither keys nor content."""
    server = LocalServer(tmp_path / "state", "--host", "0.0.0.0", "--verbose", "--log", "json").start()
    key = (server.state / "api-key").read_text().strip()
    assert raw_with_headers(server, "GET", "/v1/models")[0] == 401
    client = server.client(key)
    secret = "a very private sentence"
    client.chat.completions.create(model="linear", messages=[{"role": "user", "content": secret}])
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve(secret)
    file = client.files.create(file=("private-name.jsonl", training_bytes(12)), purpose="fine-tune")
    client.files.retrieve(file.id)
    for path in (server.state / "api-key", server.state / "platform.db", server.state / "server.json"):
        assert path.stat().st_mode & 0o077 == 0, path
    _, out, err = server.stop()
    assert str(server.state / "api-key") in out and key not in out + err
    for hidden in (secret, "private", "citrus"):
        assert hidden not in out + err
    lines = [json.loads(line) for line in err.splitlines()]
    told = [
        (line["method"], line["route"], line["status"]) for line in lines if line.get("event") == "request"
    ]
    assert ("POST", CHAT, 200) in told and ("GET", "-", 401) in told
    [shown] = [line for line in lines if line.get("object") == file.id]
    assert shown["route"] == "/v1/files/{file_id}" and shown["key"] == 1 and shown["bytes_out"] > 50
    assert all(line["request_id"].startswith("req_") and line["ms"] >= 0 for line in lines if "ms" in line)


def test_an_open_page_does_not_keep_an_idle_platform(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "state", "--idle-exit", "1").start()
    assert server.process is not None
    begun = time.monotonic()
    while server.process.poll() is None and time.monotonic() - begun < 30:
        try:
            assert raw_with_headers(server, "GET", "/status")[0] == 200
        except OSError:
            break
        time.sleep(0.1)
    assert server.process.wait(timeout=10) == 0


def test_refusals_in_the_middle_of_requests_are_no_faults(
    hasty: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    with line_to(hasty) as line:
        line.sendall(
            f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        line.sendall(b"2\r\n{}\r\nnonsense\r\n")
        assert heard(line).startswith(b"HTTP/1.1 4")
    answer = hasty.ask("GET", "/v1/nowhere")
    refused(answer, 404, "unknown_url")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
