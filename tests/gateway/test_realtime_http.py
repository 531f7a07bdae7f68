"""Connections in real time: kept, broken, encrypted, through proxies."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from canned_platform import Canned

from ftkit.errors import PlatformUnreachable
from ftkit.gateway import Platform, chat_request, connect
from ftkit.gateway.realtime import Pace, answer_all
from ftkit.settings import Settings

Connect = Callable[..., Platform]
OK = b"HTTP/1.1 200 OK\r\n"
BODY = json.dumps({"model": "m", "choices": [{"message": {"content": "up"}}]}).encode()
PLAIN = OK + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY


@contextmanager
def server(
    serve: Callable[[Callable[[], bytes], Callable[[bytes], None], int], None],
    context: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """A server whose ``serve(read_request, send, number)`` has each connection; its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def one(raw: socket.socket, number: int) -> None:
        try:
            with context.wrap_socket(raw, server_side=True) if context else raw as link:

                def request() -> bytes:
                    data = b""
                    while b"\r\n\r\n" not in data:
                        data += link.recv(65536) or b"\r\n\r\n"
                    head, _, body = data.partition(b"\r\n\r\n")
                    _, _, rest = head.lower().partition(b"content-length:")
                    while len(body) < int(rest.split(b"\r\n")[0] or 0):
                        body += link.recv(65536)
                    return data

                serve(request, link.sendall, number)
        except OSError:
            pass  # the client has left

    def accept() -> None:
        number = 0
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(raw, number), daemon=True).start()
            number += 1

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.close()


def ask(address: str, count: int, concurrency: int = 1, **settings: Any) -> list[dict[str, Any]]:
    """The answers to so many requests."""
    got: list[dict[str, Any]] = []
    given = Settings(**{"max_retries": 0, "timeout": 5.0, **settings})
    requests = (chat_request(f"r{i}", "m", [{"role": "user", "content": "x"}]) for i in range(count))
    with connect("custom", settings=given, base_url=address, api_key="k") as platform:
        answer_all(platform._wire, requests, Pace(concurrency), got.append)
    return got


def good(answers: list[dict[str, Any]]) -> int:
    """How many of them are answers."""
    return sum(a["response"] is not None and a["response"]["status_code"] == 200 for a in answers)


def test_a_connection_is_kept() -> None:
    connections: list[int] = []

    def serve(read_request: Callable[[], bytes], send: Callable[[bytes], None], number: int) -> None:
        connections.append(number)
        while (data := read_request()) != b"\r\n\r\n":
            assert data.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
            send(PLAIN)

    with server(serve) as address:
        assert good(ask(address, 20)) == 20
        assert connections == [0]
        assert good(ask(address, 60, concurrency=3)) == 60
        assert len(connections) == 4


def test_a_connection_that_the_platform_closes_is_made_anew() -> None:
    def serve(read_request: Callable[[], bytes], send: Callable[[bytes], None], number: int) -> None:
        read_request()
        send(PLAIN)

    with server(serve) as address:
        assert good(ask(address, 5, max_retries=3)) == 5


def test_a_word_of_farewell_is_at_worst_a_reason_to_ask_again() -> None:
    late = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n"

    def serve(read_request: Callable[[], bytes], send: Callable[[bytes], None], number: int) -> None:
        read_request()
        send(PLAIN + late)
        time.sleep(0.3)

    with server(serve) as address:
        assert good(ask(address, 4, max_retries=1)) == 4


def test_answers_drop_by_drop() -> None:
    def serve(read_request: Callable[[], bytes], send: Callable[[bytes], None], number: int) -> None:
        while read_request() != b"\r\n\r\n":
            for i in range(0, len(PLAIN), 7):
                send(PLAIN[i : i + 7])

    with server(serve) as address:
        assert good(ask(address, 3)) == 3


def test_an_answer_that_never_ends_is_cut_off() -> None:
    def serve(read_request: Callable[[], bytes], send: Callable[[bytes], None], number: int) -> None:
        read_request()
        send(OK + b"content-length: 1000\r\n\r\n")
        for _ in range(100):
            send(b" ")
            time.sleep(0.05)

    with server(serve) as address:
        began = time.monotonic()
        (answer,) = ask(address, 1, timeout=0.4)
    assert time.monotonic() - began < 2
    assert "no answer from" in answer["error"]["message"]


def test_a_reset_is_tried_again() -> None:
    def serve(read_request: Callable[[], bytes], send: Callable[[bytes], None], number: int) -> None:
        read_request()
        if number > 0:
            send(PLAIN)

    with server(serve) as address:
        assert good(ask(address, 1, max_retries=1)) == 1


def test_packed_answers_are_unpacked() -> None:
    packed = gzip.compress(BODY)
    head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)

    def serve(read_request: Callable[[], bytes], send: Callable[[bytes], None], number: int) -> None:
        read_request()
        send(head + packed)

    with server(serve) as address:
        assert good(ask(address, 1)) == 1


def test_another_place_is_followed() -> None:
    def serve(read_request: Callable[[], bytes], send: Callable[[bytes], None], number: int) -> None:
        while (data := read_request()) != b"\r\n\r\n":
            moved = b"HTTP/1.1 307 Moved\r\nlocation: /v2/chat\r\ncontent-length: 0\r\n\r\n"
            send(moved if b"POST /v1/" in data else PLAIN)

    with server(serve) as address:
        assert good(ask(address, 2)) == 2


def test_a_platform_that_comes_back(tmp_path: Path) -> None:
    """Nobody listens at first; a moment later somebody does."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    def serve_later() -> None:
        time.sleep(0.6)
        with socket.create_server(("127.0.0.1", port)) as listener:
            link, _ = listener.accept()
            with link:
                link.recv(65536)
                link.sendall(PLAIN)
                link.recv(1)

    threading.Thread(target=serve_later, daemon=True).start()
    assert good(ask(f"http://127.0.0.1:{port}/v1", 1, max_retries=1)) == 1


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for this machine that signs itself, with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command")
    file = tmp_path / "own.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    ]
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(file), "-out"]
    subprocess.run([*command, *names, str(tmp_path / "cert")], check=True, capture_output=True)
    file.write_text(file.read_text() + (tmp_path / "cert").read_text())
    return file


def test_encrypted_only_with_whom_is_trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(read_request: Callable[[], bytes], send: Callable[[bytes], None], number: int) -> None:
        while read_request() != b"\r\n\r\n":
            send(PLAIN)

    with server(serve, context) as address:
        with pytest.raises(PlatformUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
            ask(address, 1)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.parent / "cert"))
        assert good(ask(address, 3)) == 3


def test_proxies_of_the_environment_are_used(canned: Canned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another machine's address is asked through the proxy, with the library's own transport."""
    monkeypatch.setenv("http_proxy", canned.address.removesuffix("/v1"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    canned.answer("POST", "/chat/completions", json.loads(BODY))
    assert good(ask("http://models.invalid/v1", 3)) == 3
    assert {asked.headers["host"] for asked in canned.asked} == {"models.invalid"}


def test_a_line_is_not_used_after_a_cancelled_request(canned: Canned, to_canned: Connect) -> None:
    """What a request that nobody waits for gets must not become the answer to the next one."""

    def slow_then_quick(asked: Any) -> Any:
        text = asked.json["messages"][0]["content"]
        time.sleep(0.6 if text == "slow" else 0.0)
        return {"choices": [{"message": {"content": text}}]}

    canned.answer("POST", "/chat/completions", slow_then_quick)
    platform = to_canned(settings={"timeout": 0.3})
    words = ["slow", "a", "b", "c", "slow", "d"]
    requests = [chat_request(w + str(i), "m", [{"role": "user", "content": w}]) for i, w in enumerate(words)]
    got: list[dict[str, Any]] = []
    answer_all(platform._wire, requests, Pace(1), got.append)
    texts = [a["response"]["body"]["choices"][0]["message"]["content"] if a["response"] else "" for a in got]
    assert texts == ["", "a", "b", "c", "", "d"]
