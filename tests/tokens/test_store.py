"""Vocabularies on disk: looked up in order, checked always, imported by content, fetched by name only."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftkit.errors import DataError, StorageError, TokenizerMissing, UsageError
from ftkit.tokens import fetch, import_file, vocabularies
from ftkit.tokens.remote import from_url, sources
from ftkit.tokens.store import cache_folder, locate, status
from ftkit.tokens.vocabulary import FILES

Vocabulary = Callable[[str], Path]

Command = Callable[..., "subprocess.CompletedProcess[str]"]
NAME = "cl100k_base"


@pytest.fixture
def real(vocabulary: Vocabulary) -> Path:
    """A real vocabulary file; found before the places below are made empty."""
    return vocabulary(NAME)


@pytest.fixture
def places(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Empty folders for every place that is looked in."""
    folders = {
        "own": tmp_path / "own",
        "cache": tmp_path / "cache" / "tokenizers",
        "tiktoken": tmp_path / "tiktoken",
    }
    for folder in folders.values():
        folder.mkdir(parents=True)
    monkeypatch.setenv("FTKIT_TOKENIZER_DIR", str(folders["own"]))
    monkeypatch.setenv("FTKIT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(folders["tiktoken"]))
    return folders


def test_the_order_of_places(real: Path, places: dict[str, Path]) -> None:
    assert not status(NAME).present
    sha1 = FILES[NAME].tiktoken_name
    assert sha1 == "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
    for folder, name, place in [
        (places["tiktoken"], sha1, "tiktoken's cache"),
        (places["cache"], f"{NAME}.tiktoken", "ftkit's cache"),
        (places["own"], f"{NAME}.tiktoken", "FTKIT_TOKENIZER_DIR"),
    ]:
        shutil.copy(real, folder / name)
        assert (status(NAME).place, locate(NAME)) == (place, folder / name)


def test_the_persons_folder_may_use_tiktokens_names(real: Path, places: dict[str, Path]) -> None:
    shutil.copy(real, places["own"] / str(FILES[NAME].tiktoken_name))
    assert status(NAME).place == "FTKIT_TOKENIZER_DIR"


def test_a_wrong_file_is_named_passed_over_and_never_deleted(real: Path, places: dict[str, Path]) -> None:
    wrong = places["own"] / f"{NAME}.tiktoken"
    wrong.write_bytes(real.read_bytes()[:-1])
    with pytest.raises(TokenizerMissing, match="its SHA-256 differs") as caught:
        locate(NAME)
    assert str(wrong) in caught.value.message
    shutil.copy(real, places["tiktoken"] / str(FILES[NAME].tiktoken_name))
    assert locate(NAME).parent == places["tiktoken"]
    assert wrong.exists()


def test_the_default_cache_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FTKIT_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "ftkit" / "tokenizers"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / ".cache" / "ftkit" / "tokenizers"


def test_import_a_file_whatever_its_name(real: Path, places: dict[str, Path], tmp_path: Path) -> None:
    given = tmp_path / "anything.bin"
    shutil.copy(real, given)
    imported = import_file(given)
    assert [(found.name, found.path) for found in imported] == [(NAME, places["cache"] / f"{NAME}.tiktoken")]


def test_import_a_wheel(real: Path, places: dict[str, Path], tmp_path: Path) -> None:
    wheel = tmp_path / "carrier-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("carrier/code.py", "x = 1\n")
        archive.write(real, "carrier/_static/9b5a")
        archive.writestr("carrier/same-size", b"\0" * real.stat().st_size)
    assert [found.name for found in import_file(wheel)] == [NAME]
    assert locate(NAME).read_bytes() == real.read_bytes()
    assert [child.name for child in places["cache"].iterdir()] == [f"{NAME}.tiktoken"], "nothing else is left"


def test_importing_what_is_no_vocabulary(places: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\0" * FILES[NAME].size)
    with pytest.raises(DataError, match="no vocabulary that ftkit knows"):
        import_file(tmp_path / "a.bin")
    with pytest.raises(UsageError, match="no such file"):
        import_file(tmp_path / "b.bin")
    assert list(places["cache"].iterdir()) == []


def test_importing_a_damaged_archive(real: Path, places: dict[str, Path], tmp_path: Path) -> None:
    wheel = tmp_path / "a.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(real, "x")
    raw = bytearray(wheel.read_bytes())
    raw[1000:1010] = b"0123456789"
    wheel.write_bytes(bytes(raw))
    with pytest.raises(DataError, match="damaged"):
        import_file(wheel)


def test_a_cache_that_cannot_be_made(
    real: Path, places: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("FTKIT_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(StorageError):
        import_file(real)


def test_what_is_here_is_not_fetched_again(real: Path, places: dict[str, Path]) -> None:
    shutil.copy(real, places["cache"] / f"{NAME}.tiktoken")
    said: list[str] = []
    assert fetch(NAME, note=said.append).path == places["cache"] / f"{NAME}.tiktoken"
    assert said == []


def test_fetch_refuses_unknown_names_and_sources(places: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="no vocabulary 'gpt2'"):
        fetch("gpt2")
    with pytest.raises(UsageError, match="no source 'ftp'"):
        fetch(NAME, "ftp")


def test_the_publisher_comes_first_and_llama_only_from_its_package() -> None:
    assert [label for label, _ in sources(FILES[NAME], None)] == [
        "its publisher",
        "the package llama-index-core",
        "the package litellm",
    ]
    assert [label for label, _ in sources(FILES[NAME], "publisher")] == ["its publisher"]
    assert [label for label, _ in sources(FILES["llama3"], None)] == ["the package llama-models"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server and the folder that it serves."""
    folder = tmp_path / "shop"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(folder))  # type: ignore[arg-type]

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing on stderr."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_download_takes_no_more_than_it_should(shop: tuple[str, Path]) -> None:
    url, folder = shop
    (folder / "a").write_bytes(b"x" * 1000)
    assert from_url(f"{url}/a", 1000) == b"x" * 1000
    assert len(from_url(f"{url}/a", 10)) == 11, "one more, so that the hash is sure to differ"
    with pytest.raises(TokenizerMissing, match="could not be reached"):
        from_url(f"{url}/b", 10)


def test_fetch_by_pip_from_an_index(real: Path, places: dict[str, Path], shop: tuple[str, Path]) -> None:
    """The real pip, pointed at an index of our own by its own variable, downloads a wheel we made."""
    url, folder = shop
    make_index(folder, real)
    done = fetch_in_process(PIP_INDEX_URL=f"{url}/simple", PIP_NO_CACHE_DIR="1")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)[0]
    assert (found["name"], found["present"]) == (NAME, True)
    assert hashlib.sha256(locate(NAME).read_bytes()).hexdigest() == FILES[NAME].sha256


def test_fetch_says_how_to_go_on_without_a_network(places: dict[str, Path], shop: tuple[str, Path]) -> None:
    done = fetch_in_process(PIP_INDEX_URL=f"{shop[0]}/nothing", PIP_NO_CACHE_DIR="1")
    assert done.returncode == 4
    assert "pip download --no-deps llama-index-core" in done.stderr
    assert "ftkit tokenizers import" in done.stderr
    assert "Traceback" not in done.stderr


def fetch_in_process(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ftkit", "tokenizers", "fetch", NAME, "--source", "package", "--json"]
    settings = os.environ | environment | {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    settings.pop("PIP_EXTRA_INDEX_URL", None)
    return subprocess.run(command, capture_output=True, text=True, env=settings, timeout=120, check=False)


def make_index(folder: Path, real: Path) -> None:
    """A package index with one wheel, which carries the vocabulary where the real package does."""
    name = "llama_index_core-0.0.1-py3-none-any.whl"
    page = folder / "simple" / "llama-index-core"
    page.mkdir(parents=True)
    info = "llama_index_core-0.0.1.dist-info"
    with zipfile.ZipFile(page / name, "w") as wheel:
        wheel.write(real, f"llama_index/core/_static/tiktoken_cache/{FILES[NAME].tiktoken_name}")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: llama-index-core\nVersion: 0.0.1\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    (page / "index.html").write_text(f'<!DOCTYPE html><html><body><a href="{name}">{name}</a></body></html>')


def test_the_command_lists_what_is_here(real: Path, places: dict[str, Path], ftkit: Command) -> None:
    shutil.copy(real, places["own"] / f"{NAME}.tiktoken")
    listed = json.loads(ftkit("tokenizers", "list", "--json").stdout)
    assert {item["name"]: item["present"] for item in listed} == {
        "o200k_base": False,
        "o200k_harmony": False,
        NAME: True,
        "llama3": False,
    }
    shown = ftkit("tokenizers", "list")
    assert "ftkit tokenizers fetch llama3" in shown.stdout
    assert "here, by FTKIT_TOKENIZER_DIR" in shown.stdout


def test_the_command_imports(real: Path, places: dict[str, Path], ftkit: Command) -> None:
    done = ftkit("tokenizers", "import", str(real), "--json")
    assert json.loads(done.stdout)[0]["name"] == NAME
    missing = ftkit("tokenizers", "import", "nothing.whl")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "no such file" in missing.stderr
    unknown = ftkit("tokenizers", "fetch", "gpt2")
    assert unknown.returncode == 2
    assert "Known are: o200k_base" in unknown.stderr


def test_llama_tells_of_its_licence(places: dict[str, Path], shop: tuple[str, Path], ftkit: Command) -> None:
    environment = os.environ | {"PIP_INDEX_URL": f"{shop[0]}/nothing", "PIP_CONFIG_FILE": os.devnull}
    done = ftkit("tokenizers", "fetch", "llama3", env=environment | {"PIP_RETRIES": "0"})
    assert done.returncode == 4
    assert "Llama 3 Community License" in done.stderr


def test_every_tokenizer_has_a_state() -> None:
    assert [found.name for found in vocabularies()] == ["o200k_base", "o200k_harmony", NAME, "llama3"]
