"""A file of batch requests is checked before it is sent, with the place of the fault."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.catalog import Dialect, Provider
from ftkit.display import SilentDisplay
from ftkit.errors import DataError, FtkitError, UsageError
from ftkit.gateway import chat_request
from ftkit.gateway.dialect import Translator
from ftkit.gateway.requests import request_file

PLAIN = Translator(Provider(name="p", title="P"), SilentDisplay())


def good(custom_id: str, **fields: Any) -> dict[str, Any]:
    return {**chat_request(custom_id, "m", [{"role": "user", "content": "x"}]), **fields}


def written(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def test_one_request() -> None:
    request = chat_request("id-1", "m", ({"role": "user", "content": "x"},), temperature=0, max_tokens=4)
    assert request == {
        "custom_id": "id-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "m",
            "messages": [{"role": "user", "content": "x"}],
            "temperature": 0,
            "max_tokens": 4,
        },
    }


@pytest.mark.parametrize(
    ("lines", "words", "line"),
    [
        ([good("a"), good("a")], "used before, on line 1", 2),
        ([good("a"), "", {"body": {}}], "no custom_id", 3),
        ([good("")], "no custom_id", 1),
        ([good("a"), {"custom_id": 3, "body": {}}], "no custom_id", 2),
        ([{"custom_id": "a"}], "no body", 1),
        ([good("a"), [1]], "not an object", 2),
        ([good("a"), "{nope"], "not JSON", 2),
        ([good("a"), good("b", url="/v1/embeddings")], "for /v1/embeddings", 2),
    ],
)
def test_faults_have_a_place(tmp_path: Path, lines: list[Any], words: str, line: int) -> None:
    path = written(tmp_path / "requests.jsonl", lines)
    with pytest.raises(DataError, match=words) as caught, request_file(path, PLAIN):
        pass
    assert caught.value.where is not None
    assert str(caught.value.where).startswith(f"{path}:{line}")


@pytest.mark.parametrize(("source", "kind"), [([], DataError), ("missing.jsonl", UsageError)])
def test_nothing_to_send(source: Any, kind: type[FtkitError]) -> None:
    with pytest.raises(kind), request_file(source, PLAIN):
        pass


def test_an_empty_file(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match="no requests"),
        request_file(written(tmp_path / "r.jsonl", [""]), PLAIN),
    ):
        pass


def test_a_good_file_goes_out_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path / "requests.jsonl", [good(str(n)) for n in range(5)])
    with request_file(path, PLAIN) as ready:
        assert (ready.path, ready.requests, ready.endpoint) == (path, 5, "/v1/chat/completions")


def test_a_packed_file_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(good("a")).encode()))
    with request_file(path, PLAIN) as ready:
        assert ready.path.name == "requests.jsonl"
        assert json.loads(ready.path.read_bytes()) == good("a")
    assert not ready.path.exists()


def test_a_generator_is_written_once_and_removed() -> None:
    with request_file((good(str(n)) for n in range(3)), PLAIN) as ready:
        rows = [json.loads(line) for line in ready.path.read_text().splitlines()]
        assert [row["custom_id"] for row in rows] == ["0", "1", "2"]
    assert not ready.path.parent.exists()


def test_a_field_given_twice_under_both_names_keeps_the_first() -> None:
    dialect = Dialect(rename_request={"max_tokens": "max_completion_tokens"})
    translator = Translator(Provider(name="p", title="P", dialect=dialect), SilentDisplay())
    said = translator.request({"max_completion_tokens": 7, "max_tokens": 5})
    assert said == {"max_completion_tokens": 7}
    assert not translator.changes_nothing
    assert PLAIN.changes_nothing
