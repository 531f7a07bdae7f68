"""Decides whether there is anything to do: new data, drift, age, another recipe, a base model that ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from ftkit.lifecycle.retraining.changes import DRIFT_ALPHA
from ftkit.lifecycle.retraining.policy import RetrainTable
from ftkit.lifecycle.retraining.result import Cause, Changes

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.lifecycle.retraining.rounds import Round


def data_causes(
    changes: Changes, policy: RetrainTable, last: datetime, now: datetime | None = None
) -> tuple[list[Cause], list[str]]:
    """The causes that lie in the rows, and where there is none, why they are no cause.

    ``last`` is when the last round was decided.
    """
    if changes.new is None or changes.gone is None:
        return [Cause(kind="data", said="the data has changed; the earlier rows are not on this machine")], []
    changed = max(changes.new, changes.gone)
    if not changed:
        return [], ["the file has changed, but its rows are those of the last round"]
    said = _rows_in_words(changes.new, changes.gone)
    if changed >= policy.min_rows:
        return [Cause(kind="data", said=said)], []
    if (drift := _drift(changes, policy)) is not None:
        return [drift], []
    age = (now or datetime.now(UTC)) - last
    if policy.max_days is not None and age >= timedelta(days=policy.max_days):
        days = age / timedelta(days=1)
        return [Cause(kind="age", said=f"{said}, and the last round was {days:.1f} days ago")], []
    return [], [f"{said}: too few, it takes {policy.min_rows:,}"]


def tried_in_words(before: Round, *, last: bool) -> str:
    """Why a round is not done again: when this data and recipe were tried, and what came of it."""
    day = f" on {before.at:%Y-%m-%d}" if before.at is not None else ""
    if before.outcome == "kept":
        why = "; ".join(before.reasons)
        return f"this data and recipe were tried{day} (round {before.number}) and kept the champion: {why}"
    which = "the last round" if last else f"round {before.number}"
    return f"the data is that of {which}{day}, whose model was promoted"


def given_up_in_words(failed: Round) -> str:
    """Why no job is launched any more, and what would launch one."""
    day = f", the last one on {failed.at:%Y-%m-%d}" if failed.at is not None else ""
    return (
        f"round {failed.number}: {failed.attempts} jobs in a row have failed on this data and recipe{day} "
        f"({failed.facts.get('why')}). Other data, another recipe or --force launch another one"
    )


def _rows_in_words(new: int, gone: int) -> str:
    parts = [f"{count:,} {word}" for count, word in ((new, "new"), (gone, "vanished")) if count]
    return f"{' and '.join(parts)} row{'' if new + gone == 1 else 's'}"


def _drift(changes: Changes, policy: RetrainTable) -> Cause | None:
    if policy.drift is None or changes.drift is None or changes.drift_p is None:
        return None
    if changes.drift < policy.drift or changes.drift_p >= DRIFT_ALPHA:
        return None
    said = f"the answers of the {changes.new:,} new rows have drifted by {changes.drift:.2f}"
    return Cause(kind="drift", said=f"{said} (more than {policy.drift:g}, p = {changes.drift_p:.2g})")


def end_of(entry: Model | None) -> date | None:
    """The day after which a base model can no longer be tuned or asked; None where none is known."""
    if entry is None:
        return None
    days = (entry.shutdown.on, entry.shutdown.no_new_jobs_after)
    return min((day for day in days if day is not None), default=None)


def ends_soon(entry: Model | None, policy: RetrainTable, today: date | None = None) -> date | None:
    """The day on which a base model ends, where ``policy`` calls that soon or it is past; else None."""
    end = end_of(entry)
    if end is None or end - (today or date.today()) > timedelta(days=policy.shutdown_days):
        return None
    return end
