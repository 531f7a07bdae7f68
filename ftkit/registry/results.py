"""What the registry answers: versions of a name, moves of its aliases, and what a name stands for."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from ftkit.display.html import Shown
from ftkit.registry.lineage import Lineage

What = Literal["promoted", "rolled back"]


class _Result(Shown, BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Version(_Result):
    """A model under a name: ``version`` counts from 1 within the name. ``aliases`` point to it now."""

    in_tables: ClassVar = ("name", "version", "model", "aliases", "created_at")

    name: str
    version: int
    model: str
    created_at: datetime
    lineage: Lineage = Lineage()
    aliases: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        from ftkit.registry.drawn import version_html

        return version_html(self)


class Move(_Result):
    """An alias began to stand for ``version``, in place of ``before``, and why; who wrote it down."""

    in_tables: ClassVar = ("at", "alias", "what", "version", "model", "before", "reason")

    name: str
    alias: str
    what: What
    version: int
    model: str
    before: int | None = None
    reason: str = ""
    at: datetime
    pid: int
    host: str
    ftkit: str


class Promotion(_Result):
    """What a promotion or rollback led to. ``changed`` is False where the alias stood there already.

    ``before`` is the version that the alias left, None where it is new.
    """

    name: str
    alias: str
    version: int
    model: str
    before: int | None = None
    before_model: str | None = None
    changed: bool
    reason: str = ""
    card: str | None = None


class Resolved(_Result):
    """The model that a name stands for, and where it is asked.

    ``alias`` is None where a version was named. ``platform`` and ``base_url`` are None where nobody said.
    ``since`` is when the alias came to it.
    """

    name: str
    alias: str | None
    version: int
    model: str
    platform: str | None = None
    base_url: str | None = None
    since: datetime | None = None


class Name(_Result):
    """One name: how many versions it has, and what its aliases stand for."""

    in_tables: ClassVar = ("name", "versions", "stands_for")

    name: str
    versions: int
    aliases: tuple[Resolved, ...] = ()

    @property
    def stands_for(self) -> tuple[str, ...]:
        """What each alias stands for, as ``champion: ft:linear:x``."""
        return tuple(f"{one.alias}: {one.model}" for one in self.aliases)
