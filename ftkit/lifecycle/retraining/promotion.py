"""The model in use and the one that takes its place, by the registry; where the new one comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.errors import NotOnPlatform
from ftkit.registry import CHAMPION

if TYPE_CHECKING:
    from ftkit.gateway import Platform
    from ftkit.lifecycle.result import RunResult
    from ftkit.registry import Registry, Version


class Champion(NamedTuple):
    """The model in use. ``called`` is its name in a benchmark: with the platform, if it is another one.

    ``round`` is the last one that judged it, None where it came to its name otherwise; ``run`` is the
    directory of the run that made it.
    """

    model: str
    called: str
    version: int
    base: str | None
    round: int | None = None
    run: str | None = None


def champion_of(registry: Registry, name: str, platform: str) -> Champion | None:
    """The model that ``name@champion`` stands for; None where nothing was promoted."""
    found = next((v for v in registry.versions(name) if CHAMPION in v.aliases), None)
    return None if found is None else _champion(found, platform)


def _champion(version: Version, platform: str) -> Champion:
    there = version.lineage.platform
    called = version.model if there in (None, platform) else f"{version.model}@{there}"
    known = version.lineage
    judged = known.more.get("round")
    return Champion(version.model, called, version.version, known.base_model, judged, known.run)


def is_served(platform: Platform, champion: Champion) -> bool:
    """Whether the platform still answers for the model; one on another platform is taken for served."""
    if champion.called != champion.model:
        return True
    try:
        platform.models.get(champion.model)
    except NotOnPlatform:
        return False
    return True


def enter(
    registry: Registry,
    name: str,
    result: RunResult,
    *,
    champion: Champion | None,
    promote: bool,
    reason: str,
    source: Mapping[str, Any],
    more: Mapping[str, Any],
) -> int:
    """Make the model of a run a version of ``name``, and its champion where it is to ``promote``; its number.

    ``source`` is the raw data (``source``, ``source_sha256``) that the run's split was made of. To do it
    twice is to do it once. Raises Busy where somebody has moved the name since ``champion`` was read.
    """
    from ftkit.lifecycle.lineage import lineage_of_run

    assert result.tuned_model is not None
    lineage = lineage_of_run(result, more=more).model_copy(update=dict(source))
    if not promote:
        return registry.register(name, result.tuned_model, lineage).version
    expected = champion.version if champion is not None else 0
    return registry.promote(name, result.tuned_model, lineage, reason=reason, expected=expected).version
