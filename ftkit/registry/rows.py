"""The registry's rows as results, and the rows of a move."""

from __future__ import annotations

import hashlib
import json
import os
import platform as machine
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ftkit.data import canonical_json
from ftkit.registry.lineage import Lineage
from ftkit.registry.results import Move, Resolved, Version, What
from ftkit.settings import redact

if TYPE_CHECKING:
    from ftkit.storage import Row, Storage, Writer

LAST = "SELECT * FROM {p}model_moves WHERE name = :name AND alias = :alias ORDER BY step DESC LIMIT 1"
VERSIONS = "SELECT * FROM {p}model_versions WHERE name = :name ORDER BY version"
VERSION = "SELECT * FROM {p}model_versions WHERE name = :name AND version = :version"
MODELS = "SELECT version, model FROM {p}model_versions WHERE name = :name ORDER BY version"
HEADS = (
    "SELECT * FROM {p}model_moves AS moves WHERE name = :name AND step = (SELECT max(step) "
    "FROM {p}model_moves AS other WHERE other.name = moves.name AND other.alias = moves.alias) ORDER BY alias"
)
MOVES = "SELECT * FROM {p}model_moves WHERE name = :name ORDER BY alias, step"
NAMES = "SELECT name, count(*) AS n FROM {p}model_versions GROUP BY name ORDER BY name"
_STEP = "SELECT * FROM {p}model_moves WHERE name = :name AND alias = :alias AND step = :step"
_SAME = "SELECT * FROM {p}model_versions WHERE name = :name AND place = :place AND model = :model"
_NEXT = "SELECT coalesce(max(version), 0) + 1 AS number FROM {p}model_versions WHERE name = :name"


def lock_of(name: str) -> int:
    """The number that is held while a name changes."""
    return int(hashlib.sha256(f"model {name}".encode()).hexdigest()[:15], 16)


def last_move(reader: Writer | Storage, name: str, alias: str) -> Row | None:
    """The move that says what an alias stands for; None where there is no such alias."""
    return next(iter(reader.rows(LAST, {"name": name, "alias": alias})), None)


def move_below(reader: Writer | Storage, move: Row) -> Row | None:
    """The move that ``move`` was made on top of: what a rollback goes back to."""
    if move["below"] is None:
        return None
    values = {"name": move["name"], "alias": move["alias"], "step": move["below"]}
    return next(iter(reader.rows(_STEP, values)), None)


def put_move(
    writer: Writer, key: tuple[str, str], what: What, version: int, below: int | None, step: int, reason: str
) -> None:
    """Write down that the alias of a name (``key``) stands for ``version`` from now on."""
    from ftkit import __version__

    values = {
        "name": key[0],
        "alias": key[1],
        "step": step,
        "version": version,
        "below": below,
        "what": what,
        "reason": redact(reason),
        "at": time.time(),
        "pid": os.getpid(),
        "host": machine.node(),
        "ftkit": __version__,
    }
    _insert(writer, "model_moves", values)


def put_version(writer: Writer, name: str, model: str, lineage: Lineage) -> int:
    """The number of the version that ``model`` is of ``name``, or becomes now; its lineage is kept."""
    values = {"name": name, "place": redact(lineage.place), "model": model}
    for row in writer.rows(_SAME, values):
        newer = Lineage.model_validate_json(row["lineage"]).with_newer(lineage)
        writer.execute(
            "UPDATE {p}model_versions SET lineage = :lineage WHERE name = :name AND version = :version",
            {"lineage": _said(newer), "name": name, "version": row["version"]},
        )
        return int(row["version"])
    number = int(writer.rows(_NEXT, {"name": name})[0]["number"])
    more = {"version": number, "lineage": _said(lineage), "created_at": time.time()}
    _insert(writer, "model_versions", {**values, **more})
    return number


def version_of(row: Row, aliases: Mapping[str, Row]) -> Version:
    """A version with the aliases that stand for it now; ``aliases`` are their last moves."""
    return Version(
        name=row["name"],
        version=row["version"],
        model=row["model"],
        created_at=moment(row["created_at"]),
        lineage=Lineage.model_validate(json.loads(row["lineage"])),
        aliases=tuple(alias for alias, move in aliases.items() if move["version"] == row["version"]),
    )


def moves_of(rows: Iterable[Row], models: Mapping[int, str]) -> list[Move]:
    """Moves in the order of time, each with what its alias stood for before.

    ``rows`` are by alias and step, because clocks of several machines may differ; ``models`` are by version.
    """
    stood: dict[str, int] = {}
    moves = []
    for row in rows:
        values = {name: row[name] for name in ("name", "alias", "what", "reason", "pid", "host", "ftkit")}
        version = int(row["version"])
        before, stood[row["alias"]] = stood.get(row["alias"]), version
        move = Move(**values, version=version, model=models[version], before=before, at=moment(row["at"]))
        moves.append(move)
    return sorted(moves, key=lambda move: move.at)


def resolved(version: Version, alias: str | None, since: datetime | None) -> Resolved:
    """What an application needs to know of a version."""
    return Resolved(
        name=version.name,
        alias=alias,
        version=version.version,
        model=version.model,
        platform=version.lineage.platform,
        base_url=version.lineage.base_url,
        since=since,
    )


def moment(seconds: float) -> datetime:
    """A time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _insert(writer: Writer, table: str, values: Mapping[str, Any]) -> None:
    given = ", ".join(f":{name}" for name in values)
    writer.execute(f"INSERT INTO {{p}}{table} ({', '.join(values)}) VALUES ({given})", values)


def _said(lineage: Lineage) -> str:
    """As it is kept; an address or setting with a key in it is kept without the key."""
    return canonical_json(lineage.mapped(redact).model_dump(mode="json", exclude_defaults=True)).decode()
