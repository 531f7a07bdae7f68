"""Attacks over the wire: paths in names, forms, headers, sizes, encodings, pickles; nothing gets through.

An audit hook of Python sees every path that this process opens, lists, makes, renames or removes, and every
object that a pickle asks for: so "no path from a client reaches the file system" is watched, not believed.
"""

from __future__ import annotations

import ast
import json
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from local_platform import jsonl, training_bytes
from protocol_platform import FORM, JSON, Answer, Platform, field, form, part

import ftkit.local

MARK = "zz-mark-zz"
CHAT = "/v1/chat/completions"
TRAVERSALS = [
    f"../../../../tmp/{MARK}",
    f"/etc/{MARK}",
    f"..\\..\\{MARK}",
    f"....//....//{MARK}",
    f"%2e%2e%2f{MARK}",
    f"..%252f{MARK}",
    f"{MARK}\x00.jsonl",
    f"~root/{MARK}",
    f"file:///{MARK}",
    f"\\\\host\\share\\{MARK}",
    f"C:\\{MARK}",
    f"${{HOME}}/{MARK}",
    f"{MARK}; touch /tmp/{MARK} #",
    f"$(touch {MARK})",
    f"' OR 1=1 -- {MARK}",
    f"<script>alert('{MARK}')</script>",
    f"{{{{7*7}}}}{MARK}",
    f"%s%n{MARK}",
    f"\u202e{MARK}\u2066",
    f"{MARK}\r\nset-cookie: a=b",
    "." * 4000 + MARK,
]
WATCHED: list[tuple[str, str]] = []
_watching = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event.partition(".")[0] in (
        "open",
        "os",
        "shutil",
        "subprocess",
        "pickle",
        "glob",
        "exec",
    ):
        WATCHED.append((event, repr(arguments)))


sys.addaudithook(_hook)


@contextmanager
def watched() -> Iterator[list[tuple[str, str]]]:
    """Everything that this process does to files, processes and pickles within the block."""
    global _watching
    WATCHED.clear()
    _watching = True
    try:
        yield WATCHED
    finally:
        _watching = False


def whole(answer: Answer) -> Answer:
    """A refusal that is no fault of the server's, in the envelope, and without a header of the client's."""
    assert 400 <= answer.status < 500, answer
    assert set(answer.json) == {"error"} and "set-cookie" not in answer.headers
    return answer


def test_the_watch_sees_files(tmp_path: Path) -> None:
    with watched() as seen:
        (tmp_path / MARK).write_text("x")
        pickle.loads(pickle.dumps(Path(MARK)))
    assert any(event == "open" and MARK in said for event, said in seen)
    assert any(event == "pickle.find_class" for event, _ in seen)


@pytest.mark.parametrize("name", TRAVERSALS)
def test_no_name_that_a_client_gives_reaches_the_file_system(platform: Platform, name: str) -> None:
    file = platform.upload(training_bytes(12), "fine-tune")
    disposition = b'name="file"; filename="' + name.replace("\r\n", "").encode() + b'"'
    with watched() as seen:
        sent = platform.ask(
            "POST", "/v1/files", form({"purpose": "batch"}, part(None, b"{}", disposition)), FORM
        )
        upload = platform.post(
            "/v1/uploads", {"filename": name, "bytes": 1, "mime_type": name, "purpose": "batch"}
        )
        for body in (
            {"model": name, "training_file": file},
            {"model": "linear", "training_file": name},
            {"model": "linear", "training_file": file, "validation_file": name},
            {"model": "linear", "training_file": file, "suffix": name},
        ):
            whole(platform.post("/v1/fine_tuning/jobs", body))
        whole(
            platform.post("/v1/batches", {"input_file_id": name, "endpoint": CHAT, "completion_window": "1h"})
        )
        whole(platform.post(CHAT, {"model": name, "messages": [{"role": "user", "content": name}]}))
        for path in ("/v1/files/{}", "/v1/files/{}/content", "/v1/models/{}", "/v1/batches/{}", "/page/{}"):
            whole(platform.ask("GET", path.format(quote(name, safe=""))))
            whole(platform.ask("GET", path.format(quote(name, safe="/"))))
        for path in ("/v1/fine_tuning/jobs/{}/events", "/status/jobs/{}", "/v1/fine_tuning/jobs?after={}"):
            whole(platform.ask("GET", path.format(quote(name, safe=""))))
    assert [event for event in seen if MARK in event[1]] == []
    assert [event for event in seen if event[0].startswith(("subprocess", "pickle", "os.system"))] == []
    if sent.status == 200:
        shown = sent.json["filename"]
        assert not set("/\\\x00\r\n\u202e\u2066") & set(shown) and len(shown) <= 256
        content = platform.ask("GET", f"/v1/files/{sent.json['id']}/content")
        assert content.body == b"{}" and "set-cookie" not in content.headers
        assert content.headers["content-disposition"].startswith("attachment")
    else:
        whole(sent)
    assert upload.status == 200 or whole(upload)


def test_the_work_itself_uses_no_name_of_a_client(tmp_path: Path) -> None:
    with Platform(tmp_path) as platform:
        job = platform.job(training_bytes(12), suffix=MARK[:10], hyperparameters={"n_epochs": 1})
        platform.batch()
        with watched() as seen:
            platform.work()
        assert platform.ask("GET", f"/v1/fine_tuning/jobs/{job['id']}").json["status"] == "succeeded"
        opened = [said for event, said in seen if event == "open"]
        assert any("models" in said for said in opened)
        assert not [said for said in opened if MARK[:10] in said]
        assert not [event for event, _ in seen if event.startswith("pickle")]


def test_a_pickle_is_only_ever_bytes(tmp_path: Path) -> None:
    """A pickle that would run a command, sent wherever bytes may be sent, and then asked to be used."""

    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.write_text, (tmp_path / "boom", "x")

    bomb = pickle.dumps(Bomb())
    with Platform(tmp_path / "state") as platform, watched() as seen:
        for purpose in ("fine-tune", "batch"):
            platform.upload(bomb, purpose)
        assert platform.job(bomb)["status"] == "validating_files"
        platform.batch(bomb)
        platform.work()
        for kind in ("jobs", "batches"):
            [row] = platform.context.state.db.all(f"SELECT status FROM {kind}")
            assert row["status"] == "failed"
        assert not [event for event, _ in seen if event.startswith("pickle")]
    assert not (tmp_path / "boom").exists()


def test_no_module_of_the_platform_reads_pickles() -> None:
    """numpy reads them only on request, torch unless told otherwise, joblib always."""
    root = Path(ftkit.local.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            )
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "joblib", "dill", "cloudpickle", "shelve", "marshal"} & set(names), path
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "load"
            ):
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert given.get("allow_pickle", "False") == "False", path
                if ast.unparse(node.func) == "torch.load":
                    assert given.get("weights_only") == "True", path


WRONG_FORMS = {
    "no boundary": (b"x", "multipart/form-data"),
    "an empty boundary": (b"x", "multipart/form-data; boundary="),
    "a boundary of 5000 bytes": (b"x", "multipart/form-data; boundary=" + "b" * 5000),
    "another boundary": (form(file=part("a", b"x")), "multipart/form-data; boundary=C"),
    "nothing": (b"", FORM["content-type"]),
    "only the end": (b"--B--\r\n", FORM["content-type"]),
    "no end": (b"--B\r\nContent-Disposition: form-data; name=file\r\n\r\nx", FORM["content-type"]),
    "no blank line": (b"--B\r\nContent-Disposition: form-data; name=file\r\n--B--\r\n", FORM["content-type"]),
    "no disposition": (b"--B\r\nX: y\r\n\r\nx\r\n--B--\r\n", FORM["content-type"]),
    "a disposition of another kind": (
        form(None, b"Content-Disposition: attachment\r\n\r\nx"),
        FORM["content-type"],
    ),
    "a header without a colon": (b"--B\r\nnonsense\r\n\r\nx\r\n--B--\r\n", FORM["content-type"]),
    "a header of 20 kB": (form(None, b"X: " + b"y" * 20_000 + b"\r\n\r\n"), FORM["content-type"]),
    "1,000 parts": (form(None, *[field(str(n), "") for n in range(1000)]), FORM["content-type"]),
    "a field of 100 kB": (form({"purpose": "b" * 100_000}, file=part("a", b"x")), FORM["content-type"]),
    "two files": (form({"purpose": "batch"}, part("a", b"x"), part("b", b"y")), FORM["content-type"]),
    "a form in a form": (
        form(None, b"Content-Type: multipart/mixed; boundary=B\r\n\r\n" + form()),
        FORM["content-type"],
    ),
    "bytes of no encoding": (form({"purpose": b"\xff\xfe\x00"}, file=part("a", b"x")), FORM["content-type"]),
    "a form of another kind": (b"purpose=batch&file=x", "application/x-www-form-urlencoded"),
    "JSON": (b'{"purpose": "batch", "file": "x"}', "application/json"),
    "control characters": (b"\x00\x01\x02", "multipart/form-data; boundary=\x01"),
}


@pytest.mark.parametrize("fault", list(WRONG_FORMS))
def test_a_malformed_form_is_refused_and_leaves_nothing(platform: Platform, fault: str) -> None:
    body, kind = WRONG_FORMS[fault]
    before = platform.ask("GET", "/v1/files").json["data"]
    for path in ("/v1/files", "/v1/uploads/none/parts"):
        heard = platform.send(
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode("latin-1")
            + body
        )
        assert heard.startswith(b"HTTP/1.1 4"), heard
    assert platform.ask("GET", "/v1/files").json["data"] == before
    assert not any((platform.root / "files" / "incoming").iterdir())


SMUGGLED = {
    "two lengths": b"Content-Length: 4\r\nContent-Length: 40\r\n\r\nbody",
    "length and chunks": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "an unknown encoding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "encodings in the wrong order": b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "an encoding behind a space": b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "a length with a sign": b"Content-Length: +4\r\n\r\nbody",
    "a length in another base": b"Content-Length: 0x4\r\n\r\nbody",
    "a length of letters": b"Content-Length: four\r\n\r\nbody",
    "a length of 30 digits": b"Content-Length: 999999999999999999999999999999\r\n\r\nbody",
    "a chunk of a negative length": b"Transfer-Encoding: chunked\r\n\r\n-4\r\nbody\r\n0\r\n\r\n",
    "a chunk of an enormous length": b"Transfer-Encoding: chunked\r\n\r\n"
    + b"f" * 22
    + b"\r\nbody\r\n0\r\n\r\n",
    "a chunk without a line end": b"Transfer-Encoding: chunked\r\n\r\n4\r\nbodyXX0\r\n\r\n",
    "a null in a header": b"X: a\0b\r\n\r\n",
    "a carriage return in a header": b"X: a\rContent-Length: 4\r\n\r\nbody",
    "a header without a name": b": x\r\n\r\n",
    "two hosts": b"Host: evil.example\r\n\r\n",
    "two content types": b"Content-Type: a/b\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
    "a compressed body": b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    "headers of 100 kB": b"X: " + b"y" * 100_000 + b"\r\n\r\n",
    "5,000 headers": b"X: y\r\n" * 5_000 + b"\r\n",
}


@pytest.mark.parametrize("trick", list(SMUGGLED))
def test_no_second_request_hides_in_the_first(platform: Platform, trick: str) -> None:
    """After what can be read in two ways the line is closed, so nothing behind it is taken for a request."""
    hidden = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    head = f"POST {CHAT} HTTP/1.1\r\nHost: localhost\r\n".encode()
    heard = platform.send(head + SMUGGLED[trick] + hidden)
    assert heard.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501 ")), heard[:300]
    assert b'"status":"ok"' not in heard
    assert platform.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    "line",
    [
        b"GET http://evil.example/healthz HTTP/1.1",
        b"GET //evil.example/v1/models HTTP/1.1",
        b"GET /../../etc/passwd HTTP/1.1",
        b"GET /page/../../config.py HTTP/1.1",
        b"GET /page/..%2f..%2fconfig.py HTTP/1.1",
        b"GET /page/__init__.py HTTP/1.1",
        b"GET /v1/models%00 HTTP/1.1",
        b"GET /v1/files/%ff%fe HTTP/1.1",
        b"GET /%0d%0aset-cookie:a=b HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET /v1/models HTTP/9.9",
        b"GET  /v1/models HTTP/1.1",
        b"CONNECT evil.example:80 HTTP/1.1",
        b"G\xc3\x8bT /v1/models HTTP/1.1",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1",
    ],
)
def test_strange_request_lines(platform: Platform, line: bytes) -> None:
    heard = platform.send(line + b"\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert heard.startswith((b"HTTP/1.1 4", b"HTTP/1.1 501 ", b"HTTP/1.1 505 ")), heard[:200]
    assert b"\r\nset-cookie" not in heard.lower() and b"root:" not in heard and b"import" not in heard


BODIES = {
    "16 MiB of spaces and more": b" " * (16 * 1024 * 1024 + 1),
    "depth": b"[" * 200_000,
    "objects in objects": b'{"a":' * 100_000,
    "a lone surrogate": b'{"model": "\\ud800", "messages": [{"role": "user", "content": "\\udfff"}]}',
    "a null character": b'{"model": "lin\\u0000ear", "messages": []}',
    "UTF-16": '{"model": "linear"}'.encode("utf-16"),
    "a byte-order mark": b"\xef\xbb\xbf{}",
    "no encoding": b'{"model": "\xff\xfe"}',
    "overlong UTF-8": b'{"model": "\xc0\xaf"}',
    "NaN": b'{"model": "linear", "temperature": NaN}',
    "a number of 100,000 digits": b'{"model": "linear", "seed": ' + b"9" * 100_000 + b"}",
    "1e999": b'{"model": "linear", "messages": [{"role": "user", "content": "x"}], "temperature": 1e999}',
    "a list": b"[]",
    "nothing": b"",
    "a thousand names": json.dumps({str(n): n for n in range(1000)}).encode(),
    "a prototype": b'{"__proto__": {"model": "linear"}, "constructor": 1}',
}


@pytest.mark.parametrize("kind", list(BODIES))
def test_no_body_makes_a_fault(platform: Platform, kind: str) -> None:
    for path in (CHAT, "/v1/fine_tuning/jobs", "/v1/batches", "/v1/uploads"):
        answer = whole(platform.ask("POST", path, BODIES[kind], JSON))
        assert len(answer.body) < 2000


def test_lines_and_files_beyond_every_limit_end_as_failed_work(tmp_path: Path) -> None:
    with Platform(tmp_path) as platform:
        long = b'{"messages": [{"role": "user", "content": "' + b"a" * (17 * 1024 * 1024) + b'"}]}\n'
        platform.job(training_bytes(12) + long)
        platform.job(b"\n" * 3_000_000)
        platform.job(b"[" * 300_000 + b"\n")
        platform.batch(long)
        platform.batch(jsonl([{"custom_id": "a" * 100_000, "method": "POST", "url": CHAT, "body": {}}]))
        platform.work()
        rows = platform.context.state.db.all(
            "SELECT status, error FROM jobs UNION ALL SELECT status, errors FROM batches"
        )
        assert len(rows) == 5 and all(row["status"] in ("failed", "completed") for row in rows)
        assert all(len(row["error"] or "") < 5000 for row in rows), "a fault is not said with what was sent"


def test_every_answer_says_that_it_is_no_web_page(platform: Platform) -> None:
    for path in ("/v1/models", "/v1/nowhere", "/status", "/healthz"):
        headers = platform.ask("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["content-type"] == "application/json" and "server" not in headers
        assert not [name for name in headers if name.startswith("access-control")]


def test_sent_html_never_comes_back_as_html(platform: Platform) -> None:
    html = b"<!doctype html><script>alert(1)</script>"
    file = platform.upload(html, name="page.html")
    answer = platform.ask("GET", f"/v1/files/{file}/content")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    refusal = platform.ask("GET", "/v1/models/" + quote(html.decode(), safe=""))
    assert refusal.headers["content-type"] == "application/json"
