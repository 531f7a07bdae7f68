"""One operation in the hands of one thread: what is known of it, and the steps it may take."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ftkit.ledger.operations import Kind, Operation, State

OPERATION = "ftkit_operation"
"""The key of the metadata under which an attempt's name is sent to a platform."""

Save = Callable[["Claim", State, str, str], None]


class Claim:
    """An operation held by this thread alone until its ``with`` block ends.

    ``name`` is the unique word of this attempt, sent to the platform as metadata; it survives a
    crash. ``result_id`` is the id on the platform where the operation is done, ``result`` the facts
    stored with it. ``begun`` is set where an earlier process wrote the intent and no end is known:
    then ask the platform before you send.

    An exception that leaves the block leaves the intent, unless :meth:`abandon` was called.
    """

    def __init__(
        self,
        key: str,
        kind: Kind,
        platform: str,
        request: dict[str, Any],
        known: Operation | None,
        save: Save,
        seen: int = 0,
    ) -> None:
        self.key, self.kind, self.platform, self.request = key, kind, platform, request
        self._save = save
        self.seen = seen  # the last line of the log that this claim knows: a later one is another's
        self._open = True
        self._intended = known is not None and known.state == "begun"
        self.result_id: str | None = None
        self.result: dict[str, Any] = {}
        self.begun: datetime | None = None
        self.name = new_name(key)
        if known is not None and known.state in ("begun", "done"):
            self.name, self.result_id, self.result = known.name, known.result_id, dict(known.result)
            self.begun = known.intended_at if known.state == "begun" else None

    @property
    def done(self) -> bool:
        """True where the platform has done it, and holds it under :attr:`result_id`."""
        return self.result_id is not None

    def intend(self, **facts: Any) -> None:
        """Write down, before the request goes out, that it will; on the disk when this returns.

        What was begun before keeps its time and its name: its effect may be as old as that. What is
        done must be renewed first: RuntimeError.
        """
        if self.done:
            raise RuntimeError(f"this {self.kind} is done as {self.result_id}; renew it first")
        self.result |= facts
        what, self._intended = "intended again" if self._intended else "intended", True
        self._write("begun", what, "")

    def finish(self, result_id: str, **facts: Any) -> None:
        """Write the answer down: the id on the platform, and facts worth keeping."""
        self.result |= facts
        self.result_id = result_id
        self.begun = None
        self._write("done", "done", result_id)

    def abandon(self, reason: str, **facts: Any) -> None:
        """The platform surely did not do it (it refused, or was never reached): only the log keeps it.

        ``facts`` are about the attempt that failed; the next one begins without them.
        """
        self._reset()
        self.result |= facts
        self._write("abandoned", "abandoned", reason)

    def renew(self, reason: str) -> None:
        """What was done holds no longer (the file vanished, the job failed): it may be done anew."""
        before = self.result_id
        self._reset()
        self.name = new_name(self.key)
        self._write("renewed", "renewed", f"{reason} ({before})" if before else reason)

    def close(self) -> None:
        """The ``with`` block has ended: somebody else may hold the operation now."""
        self._open = False

    def _reset(self) -> None:
        self.result_id, self.result, self.begun, self._intended = None, {}, None, False

    def _write(self, state: State, what: str, note: str) -> None:
        if not self._open:
            raise RuntimeError("a claim ends with its with-block")
        self._save(self, state, what, note)


def new_name(key: str) -> str:
    """A word for one attempt that no other attempt anywhere has."""
    return f"{key[:16]}-{secrets.token_hex(6)}"
