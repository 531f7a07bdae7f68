"""Find the training engines that are installed; a broken one is a named warning."""

from __future__ import annotations

import sys
from functools import cache
from importlib.metadata import entry_points

from ftkit.local.engines.base import Engine

GROUP = "ftkit.engines"


@cache
def engine_names() -> tuple[str, ...]:
    """The names of the installed engines; none of them is imported."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


class Engines:
    """Engines by name, each imported when it is first asked for."""

    def __init__(self) -> None:
        self._loaded: dict[str, Engine | None] = {}

    def get(self, name: str) -> Engine | None:
        """The engine of this name; None when there is none, or when it is broken (said on stderr once)."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Engine | None:
        for point in entry_points(group=GROUP, name=name):
            try:
                engine: Engine = point.load()()
            except Exception as error:  # noqa: BLE001 - a plug-in may fail in any way; it must not take us along
                print(  # noqa: T201
                    f"warning: engine {name!r} ({point.value}) is broken and left out: {error!r}",
                    file=sys.stderr,
                )
                continue
            return engine
        return None
