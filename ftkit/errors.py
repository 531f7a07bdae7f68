"""The one exception tree of ftkit.

Every error says what happened, where, and what to do next, and knows the exit
code that the command line answers with::

    FtkitError                      1
    ├── UsageError                  2  wrong call: unknown recipe, column, model, file not there
    │   ├── OverBudget              2  the job may cost more than it may, or nobody knows what it costs
    │   └── Busy                    2  another process is at the same thing, and this one does not wait
    ├── DataError                   1  the data cannot be read or used as it is
    │   └── ValidationFailed        1  findings of severity "error"
    ├── OutcomeError                1  the platform did its work and the answer is no
    │   ├── JobFailed               1
    │   └── BatchFailed             1
    ├── PlatformError               3  the platform failed or refused
    │   ├── PlatformUnreachable     3  nothing answers there
    │   ├── PlatformRefused         3  it answered with an error (status, code, request id)
    │   └── NotOnPlatform           3  it has no such thing, or no such feature
    ├── ConfigurationError          4  settings, with every fault at once
    │   ├── MissingKey              4  no API key for a hosted platform
    │   ├── TokenizerMissing        4  a vocabulary is not on this machine
    │   ├── StorageError            4  disk full, directory not writable
    │   └── WorkerDied              4  a worker process ended before it answered
    └── Interrupted               130  Ctrl-C; remote work goes on
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file. ``line`` and ``column`` count from 1; None when they are not known."""

    file: str | Path
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [str(self.file)]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


class FtkitError(Exception):
    """Base of every error that ftkit raises on purpose.

    ``message`` is one sentence of what happened, ``where`` the place it happened at,
    ``hint`` what to do next, ``request_id`` the platform's id of the failed request.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        where: Where | str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.request_id = request_id

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where is not None else self.message
        if self.request_id:
            text += f" (request id {self.request_id})"
        return f"{text}\n{self.hint}" if self.hint else text


class UsageError(FtkitError):
    """The call itself is wrong: an unknown name, a file that is not there, a bad value."""

    exit_code = 2


class OverBudget(UsageError):
    """What a job costs is more than was allowed, or is not known; nothing was launched."""


class Busy(UsageError):
    """Another process or thread is at the same thing, and the caller does not wait for it."""


class DataError(FtkitError):
    """The data cannot be read, or not used as it is."""


class ValidationFailed(DataError):
    """Validation found errors; ``report`` holds the findings."""

    def __init__(
        self,
        message: str,
        *,
        report: object = None,
        hint: str | None = None,
        where: Where | str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.report = report


class OutcomeError(FtkitError):
    """The platform did its work, and the answer is no."""


class JobFailed(OutcomeError):
    """A fine-tuning job ended as failed or cancelled."""


class BatchFailed(OutcomeError):
    """A batch ended without usable answers."""


class PlatformError(FtkitError):
    """The platform failed or refused."""

    exit_code = 3


class PlatformUnreachable(PlatformError):
    """Nothing answers at the platform's address, or not in time."""


class PlatformRefused(PlatformError):
    """The platform answered with an error: HTTP ``status``, and the envelope's ``code`` and ``param``."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        hint: str | None = None,
        where: Where | str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, where=where, request_id=request_id)
        self.status = status
        self.code = code
        self.param = param


class NotOnPlatform(PlatformError):
    """The platform has no such file, job, batch or model, or lacks the feature."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in the configuration, and where."""

    where: Where
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigurationError(FtkitError):
    """Settings are wrong; ``faults`` lists all of them."""

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        faults: Sequence[Fault] = (),
        hint: str | None = None,
        where: Where | str | None = None,
    ) -> None:
        super().__init__("\n".join([message, *(f"  {fault}" for fault in faults)]), hint=hint, where=where)
        self.faults = tuple(faults)


class MissingKey(ConfigurationError):
    """No API key is set for a platform that needs one."""


class TokenizerMissing(ConfigurationError):
    """A tokenizer's vocabulary is not on this machine."""


class StorageError(ConfigurationError):
    """The disk is full, or a place cannot be written to or read from."""


class WorkerDied(ConfigurationError):
    """A worker process ended before it answered, mostly for lack of memory."""


class Interrupted(FtkitError):
    """The person pressed Ctrl-C; the hint says how to come back to work that goes on elsewhere."""

    exit_code = 130


def storage_error(error: OSError, path: str | Path) -> StorageError:
    """Say an operating system error on ``path`` in a person's words."""
    import errno

    hints = {
        errno.ENOSPC: "Free some space, or choose another directory.",
        errno.EFBIG: "A file grew past the limit set for this process or file system (ulimit -f).",
        errno.EDQUOT: "Your disk quota is used up: free some space, or choose another directory.",
        errno.EACCES: "Choose a directory that you may write to, or change its permissions.",
        errno.EPERM: "Choose a directory that you may write to, or change its permissions.",
        errno.EROFS: "The file system is read-only: choose another directory.",
        errno.ENOTDIR: "A part of this path is a file, not a directory.",
    }
    return StorageError(
        f"cannot use this place: {error.strerror or error}",
        where=str(path),
        hint=hints.get(error.errno or 0, "Check the path and the disk."),
    )
