"""Begins a run, or finds it as it was left: requests prepared, a way chosen, the state of its pieces."""

from __future__ import annotations

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ftkit.errors import UsageError, storage_error
from ftkit.gateway.bulk.plan import Plan, Prepared, ShardLimits
from ftkit.gateway.bulk.prepare import fingerprint, prepare
from ftkit.gateway.bulk.rounds import first_pieces
from ftkit.gateway.bulk.state import RunState, WorkFolder

if TYPE_CHECKING:
    from ftkit.gateway.bulk.lines import Source
    from ftkit.gateway.realtime import Choice, Pace
    from ftkit.gateway.wire import Wire

_BYTES_PER_TOKEN = 4  # of English and JSON; an estimate for the price
_REPLY_TOKENS = 256  # a guess for the price of requests that do not say how long the reply may be


@dataclass(frozen=True)
class BulkOptions:
    """How requests are asked. ``again`` asks all of them once more, although they were asked before;
    without ``wait`` the call ends when all is submitted that the platform has room for.
    """

    window: str = "24h"
    via: Literal["auto", "batch", "realtime"] = "auto"
    pace: Pace | None = None
    attempts: int = 3
    again: bool = False
    wait: bool = True


def begin(
    wire: Wire, work: WorkFolder, source: Source, out: Path, options: BulkOptions
) -> tuple[Prepared, RunState]:
    """The requests prepared, and the state of their run in this directory, which the caller holds.

    Raises UsageError where the directory belongs to other requests or to another platform.
    """
    state = work.load()
    if state is not None:
        check_platform(wire, work, state)
        if options.again and state.finished:
            work.clear()
            state = None
    limits = ShardLimits() if options.via == "realtime" else ShardLimits.of(wire.provider.limits)
    prepared = _prepared(wire, work, source, state, limits)
    state = work.load()
    if state is None:
        choice = _chosen(wire, prepared.plan, options)
        state = RunState(
            platform=wire.identity,
            out=str(out),
            window=options.window,
            via=choice.via,
            reason=choice.reason,
            dollars=(choice.batch_dollars, choice.realtime_dollars),
            attempts=options.attempts,
            run=uuid.uuid4().hex if options.again else "",
            pieces=first_pieces(prepared, choice.via),
        )
    state.out, state.attempts = str(out), options.attempts
    _reopen(work, state)
    return prepared, state


def take_up(wire: Wire, work: WorkFolder) -> tuple[Prepared, RunState]:
    """A run that was begun before, to go on with."""
    prepared, state = look(wire, work)
    _reopen(work, state)
    return prepared, state


def look(wire: Wire, work: WorkFolder) -> tuple[Prepared, RunState]:
    """A run that was begun before, as it is."""
    state = work.require()
    check_platform(wire, work, state)
    prepared = Prepared.at(work.requests)
    if prepared is None:
        raise UsageError(
            "the prepared requests are no longer here",
            where=str(work.requests),
            hint="Run it with the requests: ftkit batches run REQUESTS --out ANSWERS --workdir DIRECTORY",
        )
    return prepared, state


def check_platform(wire: Wire, work: WorkFolder, state: RunState) -> None:
    """UsageError where the run asks another platform."""
    if state.platform != wire.identity:
        raise UsageError(
            f"the run in this directory asks {state.platform}, not {wire.identity}",
            where=str(work.path),
            hint="Choose that platform (--platform, --base-url), or take another work directory.",
        )


def _reopen(work: WorkFolder, state: RunState) -> None:
    """A run that had come to an end gets new attempts at what failed."""
    if state.finished:
        state.base, state.finished = state.round, False
    work.cancel(False)
    work.save(state)


def _prepared(
    wire: Wire, work: WorkFolder, source: Source, state: RunState | None, limits: ShardLimits
) -> Prepared:
    """The requests in shards, written anew only where they, or the platform's words, have changed."""
    old = Prepared.at(work.requests)
    made_from = fingerprint(source, wire.translator, limits)
    if old is not None and made_from is not None and old.plan.fingerprint == made_from:
        return old
    new = prepare(source, work.path / "preparing", wire.translator, limits, wire.display)
    if old is not None and old.plan.shards == new.plan.shards:
        shutil.rmtree(new.folder, ignore_errors=True)
        return old
    if state is not None and state.begun:
        raise UsageError(
            "the run in this directory asks other requests",
            where=str(work.path),
            hint="Take another work directory, or delete this one to give up what it has.",
        )
    try:
        work.forget()
        new.folder.rename(work.requests)
    except OSError as error:
        raise storage_error(error, work.requests) from error
    return Prepared(work.requests, new.plan)


def _chosen(wire: Wire, plan: Plan, options: BulkOptions) -> Choice:
    """The way that the person chose; else the cheaper or quicker one, with the reason and the prices."""
    from ftkit.gateway.realtime import Choice, choose

    if options.via != "auto":
        return Choice(via=options.via, reason="asked for")
    provider, model = wire.provider, plan.models[0] if len(plan.models) == 1 else ""
    entry = wire.settings.catalog.model(model, provider.name)
    choice = choose(
        provider,
        entry.price if entry is not None else None,
        plan.requests,
        plan.bytes // _BYTES_PER_TOKEN,
        plan.most_output or plan.requests * _REPLY_TOKENS,
        options.window,
        tuned=entry is not None and model not in (entry.id, *entry.aliases),
        pace=options.pace,
    )
    wire.display.note(f"via {choice.via}: {choice.reason}")
    return choice
