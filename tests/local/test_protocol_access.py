"""Who may ask and how: keys, hosts and origins, methods, and connections that go on after a refusal."""

from __future__ import annotations

import http.client
import re
import statistics
import time
from collections.abc import Iterator
from urllib.parse import urlparse

import openai
import pytest
from local_platform import LocalServer, wait_for
from protocol_platform import FORM, JSON, Platform, exchange, form, part, refused

KEYS = ("key-one", "second key", "schlüssel")
CHAT = "/v1/chat/completions"
EVERY_ROUTE = [
    ("GET", "/v1/files"),
    ("POST", "/v1/files"),
    ("GET", "/v1/files/x"),
    ("DELETE", "/v1/files/x"),
    ("GET", "/v1/files/x/content"),
    ("GET", "/v1/fine_tuning/jobs"),
    ("POST", "/v1/fine_tuning/jobs"),
    ("GET", "/v1/fine_tuning/jobs/x"),
    ("GET", "/v1/fine_tuning/jobs/x/events"),
    ("GET", "/v1/fine_tuning/jobs/x/checkpoints"),
    ("POST", "/v1/fine_tuning/jobs/x/cancel"),
    ("POST", "/v1/fine_tuning/jobs/x/pause"),
    ("POST", "/v1/fine_tuning/jobs/x/resume"),
    ("GET", "/v1/batches"),
    ("POST", "/v1/batches"),
    ("GET", "/v1/batches/x"),
    ("POST", "/v1/batches/x/cancel"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/linear"),
    ("DELETE", "/v1/models/linear"),
    ("POST", CHAT),
]


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform with keys."""
    with Platform(tmp_path_factory.mktemp("locked"), KEYS) as running:
        yield running


def test_no_route_and_no_other_path_answers_without_a_key(locked: Platform) -> None:
    others = [
        ("GET", "/status"),
        ("GET", "/status/jobs/x"),
        ("GET", "/v1/nowhere"),
        ("PUT", "/v1/files"),
        ("OPTIONS", CHAT),
        ("GET", "/healthz/"),
    ]
    for method, path in (*EVERY_ROUTE, *others):
        answer = locked.ask(method, path)
        said = refused(answer, 401, "invalid_api_key")
        assert "didn't provide" in said and answer.headers["www-authenticate"] == "Bearer"
    assert locked.ask("GET", "/healthz").json["status"] == "ok"


@pytest.mark.parametrize(
    "header",
    [
        *("", "Bearer", "Bearer ", "Basic a2V5LW9uZQ==", "Basic key-one", "key-one", "Token key-one"),
        *("Bearerkey-one", "Bearer key-on", "Bearer key-one1", "Bearer KEY-ONE", "Bearer second"),
        *("Bearer key-one, second key", "Bearer key-one\tx", "Bearer None", 'Bearer "key-one"'),
        *("Bearer schl\xfcssel", "Bearer \xff\xfe"),
    ],
)
def test_a_wrong_key_is_refused_and_not_said_back(locked: Platform, header: str) -> None:
    answer = locked.ask("GET", "/v1/models", headers={"authorization": header.encode("latin-1")})
    said = refused(answer, 401, "invalid_api_key")
    assert not any(key in said for key in KEYS)


@pytest.mark.parametrize(
    "header",
    ["Bearer key-one", "bearer key-one", "BEARER  key-one  ", "Bearer second key", "Bearer schlüssel"],
)
def test_any_of_the_keys_opens(locked: Platform, header: str) -> None:
    assert locked.ask("GET", "/v1/models", headers={"authorization": header.encode()}).status == 200


def test_with_keys_a_host_and_an_origin_do_not_matter(locked: Platform) -> None:
    headers = {"authorization": "Bearer key-one", "host": "gpu.example", "origin": "https://app.example"}
    assert locked.ask("GET", "/v1/models", headers=headers).status == 200


def test_the_client_sees_authentication_errors(locked: Platform) -> None:
    assert locked.client("key-one").models.retrieve("linear").id == "linear"
    with pytest.raises(openai.AuthenticationError) as wrong:
        locked.client("key-two").models.list()
    assert (wrong.value.status_code, wrong.value.code, wrong.value.param) == (401, "invalid_api_key", None)
    assert wrong.value.request_id is not None and wrong.value.request_id.startswith("req_")


def test_an_upload_without_a_key_is_not_taken_in(locked: Platform) -> None:
    body = form({"purpose": "batch"}, file=part("a", b"x" * 300_000))
    refused(locked.ask("POST", "/v1/files", body, FORM), 401, "invalid_api_key")
    assert not any((locked.root / "files" / "incoming").iterdir())
    files = locked.ask("GET", "/v1/files", headers={"authorization": "Bearer key-one"})
    assert files.json["data"] == []


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("127.0.0.1", 200),
        ("[::1]:80", 200),
        ("localhost.evil.example", 403),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("127.0.0.1@evil.example", 403),
        ("localhost:80@evil.example", 403),
        ("evil.example#127.0.0.1", 403),
        ("2130706433", 403),
        ("0.0.0.0", 403),
        ("[::1", 403),
        ("", 403),
        ("\xff", 403),
    ],
)
def test_without_keys_only_this_machines_own_names_are_hosts(
    platform: Platform, host: str, status: int
) -> None:
    answer = platform.ask("GET", "/v1/models", headers={"host": host.encode("latin-1")})
    if status == 403:
        refused(answer, 403, "wrong_origin")
    else:
        assert answer.status == status


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/files"), ("POST", CHAT), ("OPTIONS", CHAT)])
def test_without_keys_no_page_of_elsewhere_is_an_origin(platform: Platform, method: str, path: str) -> None:
    for origin in ("https://evil.example", "null", "", "http://localhost.evil.example", "file://", "x"):
        answer = platform.ask(method, path, b"{}", {"origin": origin})
        refused(answer, 403, "wrong_origin")
        assert not any(name.startswith("access-control") for name in answer.headers)
    own = platform.ask(method, path, b"{}", {"origin": platform.url})
    assert own.status in (200, 400, 405)


ALLOWED = {
    "/healthz": "GET, HEAD",
    "/v1/files": "GET, HEAD, POST",
    "/v1/files/x": "DELETE, GET, HEAD",
    "/v1/files/x/content": "GET, HEAD",
    "/v1/fine_tuning/jobs": "GET, HEAD, POST",
    "/v1/fine_tuning/jobs/x": "GET, HEAD",
    "/v1/fine_tuning/jobs/x/cancel": "POST",
    "/v1/batches": "GET, HEAD, POST",
    "/v1/batches/x/cancel": "POST",
    "/v1/models": "GET, HEAD",
    "/v1/models/a/b": "DELETE, GET, HEAD",
    CHAT: "POST",
}


@pytest.mark.parametrize("path", list(ALLOWED))
def test_a_wrong_method_is_told_all_the_right_ones(platform: Platform, path: str) -> None:
    for method in ("PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND"):
        answer = platform.ask(method, path)
        assert method in refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == ALLOWED[path]


@pytest.mark.parametrize(
    "path",
    [
        "/page",
        "/page/",
        "/page/x",
        "/v1",
        "/v1/",
        "/V1/models",
        "//v1/models",
        "/v1/models%2f",
        "/v1/files/a/b/c",
    ],
)
def test_other_paths_are_unknown(platform: Platform, path: str) -> None:
    answer = platform.ask("GET", path)
    assert answer.json["error"]["code"] in ("unknown_url", "model_not_found")
    refused(answer, 404, answer.json["error"]["code"], answer.json["error"]["param"])


def test_head_says_what_get_says_without_the_body(platform: Platform) -> None:
    file = platform.upload(b"0123456789")
    for path in ("/healthz", "/v1/models", "/v1/models/linear", f"/v1/files/{file}/content", "/v1/files/x"):
        with platform.connection() as connection:
            head, get = (exchange(connection, method, path) for method in ("HEAD", "GET"))
        assert head.status == get.status and head.body == b"" and get.body
        for name in ("content-type", "content-disposition"):
            assert head.headers.get(name) == get.headers.get(name)
        if get.status == 200:
            assert head.headers["content-length"] == str(len(get.body))


def test_a_connection_goes_on_after_every_kind_of_refusal(platform: Platform) -> None:
    big = b"x" * 200_000
    refusals = [
        ("POST", "/v1/nowhere", big, JSON, 404),
        ("POST", "/v1/files/x/content", big, JSON, 405),
        ("PUT", CHAT, big, JSON, 405),
        ("POST", CHAT, b"{", JSON, 400),
        ("POST", "/v1/files", big, JSON, 415),
        ("POST", "/v1/files", big, FORM, 400),
        ("POST", "/v1/files", form({}, b"X: 1\r\n\r\n" + big * 2), FORM, 400),
        ("POST", "/v1/batches/none/cancel", big, JSON, 404),
        ("GET", "/v1/models", b"a body that nobody wants", JSON, 200),
        ("POST", CHAT, big, {"origin": "https://evil.example"}, 403),
        ("DELETE", "/v1/files/none", None, {}, 404),
    ]
    with platform.connection() as connection:
        connection.connect()
        line = connection.sock
        for method, path, body, headers, status in refusals:
            assert exchange(connection, method, path, body, headers).status == status
            assert exchange(connection, "GET", "/healthz").json["status"] == "ok"
            assert connection.sock is line, f"after {method} {path} a new connection was needed"


def test_pipelined_requests_are_answered_in_order(platform: Platform) -> None:
    ask = "{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}"
    asked = [("POST", CHAT), ("GET", "/healthz"), ("POST", "/v1/nowhere"), ("GET", "/v1/models/linear")]
    said = "".join(ask.format(*one) for one in asked) + "GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"
    heard = platform.send(said.encode())
    assert re.findall(rb"HTTP/1.1 (\d+)", heard) == [b"400", b"200", b"404", b"200", b"200"]


def test_a_body_may_wait_for_the_servers_word(platform: Platform) -> None:
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n"
    heard = platform.send(f"{head}Expect: 100-continue\r\n\r\n[]".encode())
    assert heard.startswith(b"HTTP/1.1 100 ") and b"HTTP/1.1 400 " in heard


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /h\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ],
)
def test_what_is_no_http_is_400_and_hurts_nobody(platform: Platform, data: bytes) -> None:
    assert platform.send(data).startswith(b"HTTP/1.1 400 ")
    assert platform.ask("GET", "/healthz").status == 200


def test_answers_on_a_kept_connection_come_at_once(server: LocalServer) -> None:
    """Without TCP_NODELAY on the server's side, every one waits for a delayed acknowledgement: 40 ms."""
    connection = http.client.HTTPConnection("127.0.0.1", urlparse(server.url).port or 0, timeout=20)

    def ask() -> float:
        begun = time.perf_counter()
        assert exchange(connection, "GET", "/healthz").status == 200
        return time.perf_counter() - begun

    for _ in range(10):
        if statistics.median(ask() for _ in range(15)) < 0.03:
            break
    else:
        pytest.fail("the median of 15 answers was over 30 ms, ten times in a row")
    connection.close()


def test_a_client_that_hangs_up_is_no_fault_in_the_log(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    for path, kind in ((CHAT, "application/json"), ("/v1/files", FORM["content-type"])):
        with platform.connection() as connection:
            connection.putrequest("POST", path)
            connection.putheader("content-type", kind)
            connection.putheader("content-length", "1000")
            connection.endheaders(b"--B\r\nContent-Disposition: form-data; name=file\r\n\r\nsome")
            wait_for(lambda: platform.context.activity.open)
        wait_for(lambda: not platform.context.activity.open)
    assert not any((platform.root / "files" / "incoming").iterdir())
    assert not [record for record in caplog.records if record.name.startswith("ftkit")]
