"""The registry: a name's versions, and its aliases, each of which moves from one version to another.

Every move is kept. What an alias stands for is its last move; the move that a promotion was made on top of
is the one that a rollback goes back to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.errors import Busy, UsageError
from ftkit.registry import rows as tables
from ftkit.registry.lineage import Lineage
from ftkit.registry.names import CHAMPION, Reference, checked_alias, checked_model, checked_name, reference
from ftkit.registry.publishing import CARD, FOLDER, card_folder, write_all
from ftkit.registry.results import Move, Name, Promotion, Resolved, Version
from ftkit.registry.schema import REGISTRY_FILE, SCHEMA
from ftkit.settings import redact
from ftkit.storage import open_storage

if TYPE_CHECKING:
    from ftkit.settings import Settings
    from ftkit.storage import Row, Storage, Writer

WAIT_SECONDS = 30.0
_MOST_TOLD = 8  # versions, in a hint


def open_registry(settings: Settings) -> Registry:
    """The registry of ``settings``: where the ledger is too; it is made when something is first promoted."""
    storage = open_storage(settings, REGISTRY_FILE, SCHEMA)
    return Registry(storage, settings.state_dir.absolute() / FOLDER, settings=settings)


def resolve(name: str, *, settings: Settings | None = None) -> Resolved:
    """The model that ``NAME``, ``NAME@ALIAS`` or ``NAME@VERSION`` stands for: ``resolve("x").model``.

    Raises UsageError where the name stands for none, StorageError where the registry cannot be read.
    """
    from ftkit.settings import load_settings

    registry = open_registry(settings or load_settings())
    try:
        return registry.resolve(name)
    finally:
        registry.close()


class Registry:
    """The names of one state directory or database; safe for any number of processes and threads.

    ``folder`` is where every change of a name writes the JSON file for applications and the cards; None
    writes none. ``settings`` know the catalog for the cards. Every method raises StorageError where the
    registry cannot be used.
    """

    def __init__(
        self, storage: Storage, folder: Path | None = None, *, settings: Settings | None = None
    ) -> None:
        self._storage, self._folder, self._settings = storage, folder, settings

    @property
    def place(self) -> str:
        """The file, or the address of the database without its password."""
        return self._storage.place

    def register(self, name: str, model: str, lineage: Lineage | None = None) -> Version:
        """Keep ``model`` as a version of ``name``, without moving an alias to it.

        A model that is one already stays the same version; what ``lineage`` knows is laid over what is kept.
        """
        checked_model(model)
        with self._changing(name) as writer:
            number = tables.put_version(writer, name, model, lineage or Lineage())
        return self.version(name, number)

    def promote(
        self,
        name: str,
        model: str,
        lineage: Lineage | None = None,
        *,
        alias: str = CHAMPION,
        reason: str = "",
        expected: int | None = None,
    ) -> Promotion:
        """Let ``name@alias`` stand for ``model`` from now on. To do it twice is to do it once.

        ``expected`` is the version that the alias must stand for until now (0: for none), so that of two who
        decide at the same time only one moves it. Raises Busy where it stands for another one.
        """
        checked_alias(alias)
        checked_model(model)
        with self._changing(name) as writer:
            last = tables.last_move(writer, name, alias)
            before = int(last["version"]) if last is not None else None
            number = tables.put_version(writer, name, model, lineage or Lineage())
            if expected is not None and expected != (before or 0) and number != before:
                raise _moved_meanwhile(name, alias, before)
            if changed := number != before:
                below, step = (last["step"], last["step"] + 1) if last is not None else (None, 1)
                tables.put_move(writer, (name, alias), "promoted", number, below, step, reason)
        return self._promotion(Reference(name, alias, number), before, changed, reason)

    def rollback(
        self, name: str, *, alias: str = CHAMPION, reason: str = "", expected: int | None = None
    ) -> Promotion:
        """Let ``name@alias`` stand again for the version that the last promotion took the place of.

        Called again it goes back further; ``expected``, as in :meth:`promote`, keeps a repeated call from
        that. Raises Busy where it stands for another one, UsageError where there is nothing to go back to.
        """
        with self._changing(name) as writer:
            last, target = self._below(writer, name, alias, expected)
            before = int(last["version"])
            number, step = int(target["version"]), last["step"] + 1
            tables.put_move(writer, (name, alias), "rolled back", number, target["below"], step, reason)
        return self._promotion(Reference(name, alias, number), before, True, reason)

    def before(self, name: str, alias: str = CHAMPION, expected: int | None = None) -> Version:
        """The version that a rollback would go back to now; raises as :meth:`rollback`."""
        _, target = self._below(self._storage, name, alias, expected)
        return self.version(name, int(target["version"]))

    def _below(
        self, reader: Writer | Storage, name: str, alias: str, expected: int | None
    ) -> tuple[Row, Row]:
        """The last move of an alias, and the one that it was made on top of."""
        last = tables.last_move(reader, checked_name(name), checked_alias(alias))
        if last is None:
            raise self._unknown(Reference(name, alias))
        if expected is not None and expected != last["version"]:
            raise _moved_meanwhile(name, alias, int(last["version"]))
        target = tables.move_below(reader, last)
        if target is None:
            raise _nothing_before(name, alias)
        return last, target

    def resolve(self, text: str) -> Resolved:
        """What ``NAME``, ``NAME@ALIAS`` or ``NAME@VERSION`` stands for. Raises UsageError where for none."""
        wanted = reference(text)
        if wanted.version is not None:
            return tables.resolved(self.version(wanted.name, wanted.version), None, None)
        moves = self._storage.rows(tables.LAST, {"name": wanted.name, "alias": wanted.alias})
        if not moves:
            raise self._unknown(wanted)
        version = self.version(wanted.name, int(moves[0]["version"]))
        return tables.resolved(version, wanted.alias, tables.moment(moves[0]["at"]))

    def find(self, text: str) -> Version:
        """The version that ``text`` stands for, with its lineage. Raises UsageError as :meth:`resolve`."""
        found = self.resolve(text)
        return self.version(found.name, found.version)

    def version(self, name: str, number: int) -> Version:
        """One version of a name, with its lineage. Raises UsageError where there is none."""
        heads = self._heads(name)
        for row in self._storage.rows(tables.VERSION, {"name": name, "version": number}):
            return tables.version_of(row, heads)
        raise self._unknown(Reference(name, version=number))

    def versions(self, name: str) -> tuple[Version, ...]:
        """Every version of a name, the first one first; none where there is no such name."""
        heads = self._heads(name)
        found = self._storage.rows(tables.VERSIONS, {"name": name})
        return tuple(tables.version_of(row, heads) for row in found)

    def history(self, name: str, alias: str | None = None) -> tuple[Move, ...]:
        """Every move of a name's aliases, or of one, the oldest first. Raises UsageError for no such name."""
        # the moves first: then the version of each is there, and what comes meanwhile is not asked for
        found = self._storage.rows(tables.MOVES, {"name": checked_name(name)})
        models = self._models(name)
        if not models:
            raise self._unknown(Reference(name))
        return tuple(move for move in tables.moves_of(found, models) if alias in (None, move.alias))

    def names(self) -> tuple[Name, ...]:
        """Every name with what its aliases stand for, by the alphabet."""
        found = self._storage.rows(tables.NAMES)
        return tuple(
            Name(name=row["name"], versions=row["n"], aliases=self._aliases(row["name"])) for row in found
        )

    def close(self) -> None:
        """Close the file or connection; the next use opens it again."""
        self._storage.close()

    def publish(self, name: str) -> None:
        """Write the files beside the registry anew: what the names stand for, and the cards of ``name``.

        Promotions and rollbacks do it; a machine that shares a database with others does it for itself.
        """
        if self._folder is None:
            return
        # one at a time, each with what is in the registry by then: an older state never comes last
        with self._storage.holding(tables.lock_of(""), _not_for_ever("", self.place)):
            write_all(self, name, self._folder, self._settings)

    @contextmanager
    def _changing(self, name: str) -> Iterator[Writer]:
        """One transaction on a name, alone among all who change it; then the files beside are written."""
        waiting = _not_for_ever(checked_name(name), self.place)
        with self._storage.holding(tables.lock_of(name), waiting) as hold, hold.write() as writer:
            yield writer
        self.publish(name)

    def _aliases(self, name: str) -> tuple[Resolved, ...]:
        return tuple(
            tables.resolved(self.version(name, move["version"]), alias, tables.moment(move["at"]))
            for alias, move in self._heads(name).items()
        )

    def _models(self, name: str) -> dict[int, str]:
        """The models of a name by their versions, without their lineages."""
        return {row["version"]: row["model"] for row in self._storage.rows(tables.MODELS, {"name": name})}

    def _heads(self, name: str) -> dict[str, Row]:
        """The last move of each alias, by the alphabet."""
        return {move["alias"]: move for move in self._storage.rows(tables.HEADS, {"name": name})}

    def _promotion(self, now: Reference, before: int | None, changed: bool, reason: str) -> Promotion:
        models = self._models(now.name)
        left = before if changed else None
        assert now.version is not None
        return Promotion(
            name=now.name,
            alias=now.alias,
            version=now.version,
            model=models[now.version],
            before=left,
            before_model=models[left] if left is not None else None,
            changed=changed,
            reason=redact(reason),
            card=self._card(now.name, now.version),
        )

    def _card(self, name: str, version: int) -> str | None:
        return str(card_folder(self._folder, name, version) / CARD) if self._folder is not None else None

    def _unknown(self, wanted: Reference) -> UsageError:
        known = self._models(wanted.name)
        if not known:
            names = ", ".join(name.name for name in self.names())
            hint = f"Known are {names}." if names else "`ftkit models promote --help` says how to name one."
            return UsageError(f"no model is called {wanted.name!r}", where=self.place, hint=hint)
        newest = list(known)[-_MOST_TOLD:]
        there = [f"{wanted.name}@{which}" for which in (*self._heads(wanted.name), *newest)]
        hint = f"There are {', '.join(there)}."
        return UsageError(f"{wanted} stands for no model", where=self.place, hint=hint)


def _moved_meanwhile(name: str, alias: str, now: int | None) -> Busy:
    stands = f"version {now}" if now is not None else "no model"
    return Busy(
        f"{name}@{alias} stands for {stands} now: somebody moved it meanwhile",
        hint=f"See `ftkit models history {name}`, and decide again.",
    )


def _nothing_before(name: str, alias: str) -> UsageError:
    return UsageError(
        f"{name}@{alias} stood for no other model before",
        hint=f"`ftkit models history {name}` tells its story; `ftkit models promote` names any other model.",
    )


def _not_for_ever(name: str, place: str) -> Callable[[float], None]:
    def waiting(seconds: float) -> None:
        if seconds > WAIT_SECONDS:
            hint = "Try again when that has ended."
            raise Busy(f"another process keeps the name {name!r} busy", where=place, hint=hint)

    return waiting
