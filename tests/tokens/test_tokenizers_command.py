"""``ftkit tokenizers`` in one process: what it lists, what it imports, what it says of what is wrong."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ftkit.cli.tokenizers import tokenizers
from ftkit.errors import DataError, TokenizerMissing, UsageError
from ftkit.tokens.store import import_file, locate, status
from ftkit.tokens.vocabulary import FILES, SPECS


@pytest.fixture(autouse=True)
def empty_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No vocabulary anywhere; the folder is the person's own."""
    for variable in ("FTKIT_CACHE_DIR", "FTKIT_TOKENIZER_DIR", "TIKTOKEN_CACHE_DIR"):
        monkeypatch.setenv(variable, str(tmp_path / variable))
        (tmp_path / variable).mkdir()
    return tmp_path / "FTKIT_TOKENIZER_DIR"


def call(*arguments: str, fails: bool = False) -> Result:
    return CliRunner().invoke(tokenizers, arguments, catch_exceptions=fails)


def listed() -> list[dict[str, Any]]:
    return json.loads(call("list", "--json").stdout)  # type: ignore[no-any-return]


def test_what_is_missing_is_listed_with_the_command_that_brings_it() -> None:
    shown = call("list").stdout
    for name in SPECS:
        assert f"ftkit tokenizers fetch {name}" in shown
    assert all(not item["present"] and item["path"] is None for item in listed())
    assert {item["name"] for item in listed() if item["licence"]} == {"llama3"}


def test_a_wrong_file_is_listed_as_wrong(empty_places: Path) -> None:
    (empty_places / "o200k_base.tiktoken").write_bytes(b"not it")
    states = {item["name"]: item["problem"] for item in listed()}
    assert "SHA-256 differs" in states["o200k_base"]
    assert "SHA-256 differs" in states["o200k_harmony"], "it is built from the same file"
    assert states["cl100k_base"] is None
    shown = " ".join(call("list").stdout.split())
    assert "not the published file" in shown


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_like_a_wrong_one(empty_places: Path) -> None:
    path = empty_places / "o200k_base.tiktoken"
    path.write_bytes(b"x")
    path.chmod(0)
    assert str(path) in str(status("o200k_base").problem)


def test_a_file_that_is_mended_is_looked_at_again(empty_places: Path) -> None:
    path = empty_places / "o200k_base.tiktoken"
    path.write_bytes(b"first")
    assert status("o200k_base").problem
    path.unlink()
    assert status("o200k_base").problem is None
    with pytest.raises(TokenizerMissing) as caught:
        locate("o200k_base")
    assert caught.value.message.endswith("is not on this machine"), "nothing of the old file"


def test_an_empty_name_is_asked_for() -> None:
    done = call("fetch", fails=True)
    assert done.exit_code == 2
    assert "Missing argument" in done.stderr


def test_an_unknown_source_is_refused_before_anything_is_done() -> None:
    done = call("fetch", "o200k_base", "--source", "ftp", fails=True)
    assert done.exit_code == 2
    assert "'publisher', 'package'" in done.stderr


@pytest.mark.parametrize(
    ("made", "kind", "said"),
    [
        (None, UsageError, "no such file"),
        (b"", DataError, "no vocabulary that ftkit knows"),
        (b"PK\x03\x04 cut off", DataError, "no vocabulary that ftkit knows"),
    ],
)
def test_importing_what_is_none(tmp_path: Path, made: bytes | None, kind: type[Exception], said: str) -> None:
    if made is not None:
        (tmp_path / "a.whl").write_bytes(made)
    done = call("import", str(tmp_path / "a.whl"), fails=True)
    assert isinstance(done.exception, kind)
    assert said in str(done.exception)
    assert done.stdout == ""


def test_a_folder_is_no_file_to_import(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        import_file(tmp_path)


def test_a_file_of_the_right_size_alone_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "o200k_base.tiktoken"
    path.write_bytes(b"\0" * FILES["o200k_base"].size)
    with pytest.raises(DataError, match="by the SHA-256"):
        import_file(path)
    assert not status("o200k_base").present


def test_help_shows_examples_for_each_command() -> None:
    for name in ("list", "fetch", "import"):
        assert f"ftkit tokenizers {name}" in call(name, "--help").stdout
