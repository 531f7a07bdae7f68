"""Texts that lie elsewhere: their names (``s3://...``), sizes, and what is said where they cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, TypeVar

from ftkit.errors import FtkitError, StorageError, UsageError

_Answer = TypeVar("_Answer")
_SUFFIXES = (".jsonl", ".ndjson", ".json")
_PACKED = (".gz", ".zst")
_DRIVERS = {"s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "hf": "huggingface_hub"}
_DRIVERS |= {"az": "adlfs", "abfs": "adlfs", "abfss": "adlfs"}


def is_remote(name: str) -> bool:
    """Whether a name is read through fsspec, and not from this machine's own files."""
    return "://" in name


def is_remote_text(source: Any) -> bool:
    """Whether this names a JSON lines file elsewhere. Raises UsageError for a packed one."""
    if not isinstance(source, str) or not is_remote(source):
        return False
    name = source.lower()
    if name.endswith(_PACKED) and name.rpartition(".")[0].endswith(_SUFFIXES):
        raise UsageError(
            "a packed file is read from this machine only", where=source, hint="Unpack it, or copy it here."
        )
    return name.endswith(_SUFFIXES)


def remote_size(name: str) -> int:
    """The file's bytes. Raises UsageError (not there, no driver) and StorageError (may not be read)."""
    from fsspec.core import url_to_fs

    def ask() -> int:
        files, path = url_to_fs(name)
        size = files.size(path)
        if size is None:
            raise StorageError("its size is not known, so it cannot be cut", where=name, hint="Copy it here.")
        return int(size)

    return _told(name, ask)


def open_remote(name: str) -> IO[bytes]:
    """The file, to read its bytes from any place. Raises as :func:`remote_size` does."""
    import fsspec

    def start() -> IO[bytes]:
        opened: Any = fsspec.open(name, "rb")
        file: IO[bytes] = opened.open()
        return file

    return _told(name, start)


def _told(name: str, ask: Callable[[], _Answer]) -> _Answer:
    """The answer; what fsspec or a driver raises, in a person's words."""
    kind = name.partition("://")[0]
    try:
        return ask()
    except FtkitError:
        raise
    except ImportError as error:
        if (package := _DRIVERS.get(kind)) is None:
            raise UsageError(str(error), where=name, hint=f"Install what reads {kind}://.") from error
        words = f"files of {kind}:// are read with the package {package}, which is not here"
        raise UsageError(words, where=name, hint=f"Install it: pip install {package}") from error
    except FileNotFoundError as error:
        raise UsageError("there is no such file", where=name, hint="Check the name.") from error
    except ValueError as error:  # no such protocol, a name without a bucket
        raise UsageError(str(error), where=name, hint="Check the name.") from error
    except Exception as error:  # each driver has its own errors (httpx, botocore, ...)
        words = f"it cannot be read: {error or type(error).__name__}"
        hint = "Check the network, and that the driver finds the credentials."
        raise StorageError(words, where=name, hint=hint) from error
