"""The memory of a recipe's rounds: operations of the ledger, one for each, held by one caller at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from ftkit.display.html import Shown

if TYPE_CHECKING:
    from ftkit.ledger import Claim, Kind, Ledger, Operation

KIND: Kind = "retraining"


class Round(Shown, BaseModel):
    """One round as the ledger knows it. ``facts`` are those that were written down with it.

    ``state`` is ``begun`` (no end is known: it is gone on with), ``done`` (decided) or ``abandoned``
    (it failed, or may not begin). ``host`` is the machine that wrote it last.
    """

    model_config = ConfigDict(frozen=True)
    in_tables: ClassVar = ("number", "at", "outcome", "challenger", "reasons")

    number: int
    state: str
    facts: dict[str, Any]
    at: datetime | None
    host: str = ""

    @property
    def fingerprint(self) -> dict[str, str]:
        """Hashes of the data and of what the recipe says, as the round began with them."""
        return dict(self.facts.get("fingerprint", {}))

    @property
    def outcome(self) -> str:
        """How it ended; its state where no end of it was written down."""
        return str(self.facts.get("outcome", self.state))

    @property
    def challenger(self) -> str | None:
        """The model that was trained, where one was."""
        name: str | None = self.facts.get("challenger")
        return name

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it ended so."""
        return tuple(self.facts.get("reasons", ()))

    @property
    def attempts(self) -> int:
        """How many of its jobs have failed, one after the other."""
        return int(self.facts.get("attempts", 0))

    @property
    def directory(self) -> Path:
        """Where the round's files are, on the machine that began it."""
        return Path(str(self.facts.get("directory", "")))

    @property
    def split(self) -> Path | None:
        """The manifest of the round's split, where it is on this machine.

        Another machine may have gone on with a round that this one began, under the same path: a split with
        other parts is not the round's.
        """
        path = Path(str(self.facts.get("split", "")))
        if not path.is_file():
            return None
        parts = self.facts.get("parts")
        return path if parts is None or parts == hashes_of(path) else None

    @property
    def examples(self) -> Path | None:
        """The examples that were divided, where they are on this machine."""
        path = self.directory / "data" / "examples.jsonl"
        return path if self.split is not None and path.is_file() else None


class Rounds:
    """The rounds of one recipe's name on one platform."""

    def __init__(self, ledger: Ledger, place: str, name: str) -> None:
        self.ledger, self.place, self.name = ledger, place, name
        self._lock = {"name": name}

    def all(self) -> list[Round]:
        """Every round, the first one first."""
        found = (_round(o) for o in self.ledger.operations(KIND, self.place) if self._is_ours(o))
        return sorted(found, key=lambda one: one.number)

    @contextmanager
    def alone(self, *, wait: bool) -> Iterator[None]:
        """Hold the name: nobody else retrains it meanwhile. Raises Busy at once, or is to ``wait``.

        The lock goes with its holder; where the ledger is a database, it holds on all machines.
        """
        with self.ledger.claim(KIND, self.place, self._lock, wait=wait):
            yield

    def holder(self) -> str | None:
        """Who holds the name, as ``process 4711 on build-7``; None where nobody does or it is not known."""
        return self.ledger.holder(KIND, self.place, self._lock)

    @contextmanager
    def claim(self, number: int) -> Iterator[Claim]:
        """The operation of one round."""
        with self.ledger.claim(KIND, self.place, {"name": self.name, "round": number}) as claim:
            yield claim

    def _is_ours(self, operation: Operation) -> bool:
        return operation.request.get("name") == self.name and "round" in operation.request


def last_decided(rounds: list[Round]) -> Round | None:
    """The last round that came to a decision."""
    return next((one for one in reversed(rounds) if one.state == "done"), None)


def unfinished(rounds: list[Round]) -> Round | None:
    """The last round, where no end of it is known and its data is on this machine."""
    last = rounds[-1] if rounds else None
    return last if last is not None and last.state == "begun" and last.split is not None else None


def left(rounds: list[Round]) -> Round | None:
    """The last round, where no end of it is known and its data is not on this machine."""
    last = rounds[-1] if rounds else None
    return last if last is not None and last.state == "begun" and last.split is None else None


def next_number(rounds: list[Round]) -> int:
    """The number of the next round; one without a decision is done again under its number."""
    return rounds[-1].number + (rounds[-1].state == "done") if rounds else 1


def hashes_of(manifest: Path) -> dict[str, str]:
    """The SHA-256 of each part of a split."""
    from ftkit.splitting import read_manifest

    return {name: part.sha256 for name, part in read_manifest(manifest).parts.items()}


def _round(operation: Operation) -> Round:
    return Round(
        number=int(operation.request["round"]),
        state=operation.state,
        facts=operation.result,
        at=operation.done_at or operation.intended_at,
        host=operation.host,
    )
