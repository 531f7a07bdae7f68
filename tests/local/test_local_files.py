"""The files routes: what comes in comes out again, paged, and what is wrong is said."""

from __future__ import annotations

import base64
import hashlib
import http.client
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import openai
import pytest
from local_platform import LocalServer, raw

FILE_PART = b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
FIELD_PART = b'--B\r\nContent-Disposition: form-data; name="n"\r\n\r\n'


def upload(client: openai.OpenAI, data: bytes = b"x\n", name: str = "a.jsonl", **options: Any) -> Any:
    options.setdefault("purpose", "fine-tune")
    return client.files.create(file=(name, data), **options)


def test_upload_retrieve_content_delete(client: openai.OpenAI) -> None:
    data = "naïve 日本\r\n".encode() * 1000
    file = upload(client, data, "train.jsonl")
    assert (file.bytes, file.filename, file.purpose) == (len(data), "train.jsonl", "fine-tune")
    assert file.status == "processed" and file.object == "file" and file.id.startswith("file-")
    assert client.files.retrieve(file.id) == file
    content = client.files.content(file.id)
    assert content.content == data
    digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
    assert content.response.headers["repr-digest"] == f"sha-256=:{digest}:"
    deleted = client.files.delete(file.id)
    assert deleted.deleted and deleted.id == file.id
    with pytest.raises(openai.NotFoundError) as refused:
        client.files.retrieve(file.id)
    assert refused.value.code == "not_found"


def test_bytes_lie_under_their_hash_and_go_with_the_last_file(
    client: openai.OpenAI, server: LocalServer
) -> None:
    data = b"the same bytes twice\n"
    first, second = upload(client, data), upload(client, data, "b.jsonl")
    sha256 = hashlib.sha256(data).hexdigest()
    blob = server.state / "files" / sha256[:2] / sha256
    assert blob.read_bytes() == data
    client.files.delete(first.id)
    assert client.files.content(second.id).content == data
    client.files.delete(second.id)
    assert not blob.exists()


def test_list_filters_orders_and_pages(client: openai.OpenAI) -> None:
    made = [upload(client, name=f"{number}.jsonl", purpose="user_data").id for number in range(5)]
    newest_first = [file.id for file in client.files.list(purpose="user_data")]
    assert newest_first == made[::-1]
    assert [file.id for file in client.files.list(purpose="user_data", order="asc")] == made
    page = client.files.list(purpose="user_data", order="asc", limit=2)
    assert [file.id for file in page.data] == made[:2] and page.has_more
    assert [file.id for file in client.files.list(purpose="user_data", order="asc", limit=2)] == made
    rest = client.files.list(purpose="user_data", order="asc", after=made[2])
    assert [file.id for file in rest.data] == made[3:] and not rest.has_more


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"after": "file-none"}, "after"),
        ({"order": "sideways"}, "order"),
    ],
)
def test_wrong_paging_is_refused(client: openai.OpenAI, query: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.list(**query)
    assert refused.value.param == param


def test_a_wrong_purpose_is_refused_and_leaves_nothing(client: openai.OpenAI, server: LocalServer) -> None:
    before = len(list(client.files.list()))
    with pytest.raises(openai.BadRequestError) as refused:
        upload(client, b"unwanted\n", purpose="espionage")
    assert refused.value.param == "purpose"
    assert len(list(client.files.list())) == before
    assert not list((server.state / "files" / "incoming").iterdir())


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\evil.jsonl", "a\x00b", "é" * 400])
def test_a_file_name_never_reaches_the_file_system(
    client: openai.OpenAI, server: LocalServer, name: str
) -> None:
    body = b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--B\r\n'
    body += (
        b'Content-Disposition: form-data; name="file"; filename="'
        + name.encode()
        + b'"\r\n\r\nhi\r\n--B--\r\n'
    )
    status, answer = raw_upload(server, body)
    assert status == 200
    file = client.files.retrieve(answer["id"])
    assert "/" not in file.filename and "\\" not in file.filename and len(file.filename) <= 256
    assert {path.name for path in server.state.iterdir()} >= {"files", "platform.db"}
    assert not list(server.state.rglob("*passwd*")) and not list(server.state.rglob("*evil*"))


@pytest.mark.parametrize("identifier", ["..%2F..%2Fplatform.db", "%2e%2e", "file-" + "x" * 500])
def test_an_id_is_only_looked_up(server: LocalServer, identifier: str) -> None:
    status, answer = raw(server, "GET", f"/v1/files/{identifier}/content")
    assert status == 404 and "error" in answer


def test_expiry_is_kept_and_checked(client: openai.OpenAI) -> None:
    file = upload(client, expires_after={"anchor": "created_at", "seconds": 3600})
    assert file.expires_at is not None and abs(file.expires_at - time.time() - 3600) < 30
    with pytest.raises(openai.BadRequestError) as refused:
        upload(client, expires_after={"anchor": "created_at", "seconds": 5})
    assert refused.value.param == "expires_after.seconds"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_multipart"),
        (b"not a form at all", 400, "invalid_multipart"),
        (
            b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\ncut sho',
            400,
            "invalid_multipart",
        ),
        (b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--B--\r\n', 400, None),
        (b"--B\r\n" + b"X-Long: " + b"y" * 20_000 + b"\r\n\r\nz\r\n--B--\r\n", 400, None),
        (
            b'--B\r\nContent-Disposition: form-data; name="n"\r\n\r\n' + b"y" * 70_000 + b"\r\n--B--\r\n",
            400,
            None,
        ),
    ],
)
def test_a_broken_form_is_a_clean_refusal(
    server: LocalServer, body: bytes, status: int, code: str | None
) -> None:
    found, answer = raw_upload(server, body)
    assert found == status
    assert answer["error"]["type"] == "invalid_request_error"
    assert code is None or answer["error"]["code"] == code
    assert not list((server.state / "files" / "incoming").iterdir())


def test_another_content_type_is_415(server: LocalServer) -> None:
    status, answer = raw(server, "POST", "/v1/files", b"{}", {"content-type": "application/json"})
    assert status == 415 and answer["error"]["code"] == "unsupported_media_type"


def test_a_client_that_goes_away_leaves_nothing(server: LocalServer) -> None:
    address = urlparse(server.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    connection.putrequest("POST", "/v1/files")
    connection.putheader("content-type", "multipart/form-data; boundary=B")
    connection.putheader("content-length", "100000")
    connection.endheaders()
    connection.send(b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nsome')
    incoming = server.state / "files" / "incoming"
    deadline = time.monotonic() + 5
    while not list(incoming.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list(incoming.iterdir())
    connection.close()
    while list(incoming.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not list(incoming.iterdir())


def test_a_large_upload_is_streamed(client: openai.OpenAI, server: LocalServer) -> None:
    assert server.process is not None
    data = b"0123456789abcdef" * (4 << 20)
    file = upload(client, data, purpose="user_data")
    assert file.bytes == len(data)
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < 130 * 1024, f"the server grew to {peak} kB for an upload of 64 MiB"
    client.files.delete(file.id)


def raw_upload(server: LocalServer, body: bytes) -> tuple[int, Any]:
    return raw(server, "POST", "/v1/files", body, {"content-type": "multipart/form-data; boundary=B"})
