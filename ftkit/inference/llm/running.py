"""One call: its requests asked in rounds, their answers read; and what it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.data import read_jsonl
from ftkit.errors import storage_error
from ftkit.inference.asking import Asked, ask
from ftkit.inference.cache import AnswerCache
from ftkit.inference.llm.ordering import Order, Written, write_requests
from ftkit.inference.llm.reading import FAILED, Reading, Take
from ftkit.inference.llm.rounds import Rounds
from ftkit.inference.llm.sources import Rows

if TYPE_CHECKING:
    from ftkit.gateway import Answer, Platform
    from ftkit.inference.backends import Backend


@dataclass(frozen=True)
class Done:
    """What came of a call."""

    folder: Path
    asked: Sequence[Asked]
    rows: int
    failures: Mapping[str, int]
    cached: int
    seconds: float
    formless: int = 0
    """Rows that failed because nobody there takes ``response_format``."""

    @property
    def failed(self) -> int:
        """Rows without a usable answer."""
        return sum(self.failures.values())

    @property
    def failed_path(self) -> Path | None:
        """The file of these rows; None where there is none."""
        return self.folder / FAILED if self.failures else None


def run(order: Order, rows: Rows, backend: Backend, cache: AnswerCache, place: Path, take: Take) -> Done:
    """Ask about all rows and hand each value to ``take``, in order; failed rows go to a file.

    ``place`` gets a folder for these very requests: a call that was broken off goes on in it.
    """
    from ftkit.storage.locks import holding

    began = time.monotonic()
    written = write_requests(order, rows, backend.identity(order.model), place)
    folder = _made(written, place)
    with holding(folder / "lock", 0, lambda seconds: None):  # an equal call of another process is waited for
        rounds = Rounds(folder, _asker(order, backend, cache), order.form, order.options.attempts)
        asked = rounds.run(written.path)
        reading = Reading(order, folder, take)
        reading.all(rows, rounds.requests(), rounds.answers())
    return Done(
        folder=folder,
        asked=asked,
        rows=reading.rows,
        failures=reading.failures,
        cached=reading.cached,
        seconds=time.monotonic() - began,
        formless=reading.formless,
    )


def run_either_way(
    order: Order, rows: Rows, backend: Backend, cache: AnswerCache, place: Path, take: Take
) -> tuple[Order, Done]:
    """:func:`run`; where each request was refused for its ``response_format``, once more by instruction."""
    done = run(order, rows, backend, cache, place, take)
    if order.how != "response_format" or done.formless < done.rows:
        return order, done
    order = replace(order, how="instruction")
    again = run(order, rows, backend, cache, place, take)
    return order, replace(again, asked=(*done.asked, *again.asked), seconds=done.seconds + again.seconds)


def cancel(order: Order, rows: Rows, backend: Backend, platform: Platform, place: Path) -> int:
    """Cancel what a call of these very requests has under way on a platform; how many runs that were."""
    written = write_requests(order, rows, backend.identity(order.model), place)
    written.path.unlink()
    runs = [state.parent for state in (place / written.key).glob("asking-*/*/state.json")]
    for workdir in runs:
        platform.batches.cancel_run(workdir)
    return len(runs)


def _asker(order: Order, backend: Backend, cache: AnswerCache) -> Callable[[Path, Path, Path], Asked]:
    refused = frozenset(order.options.invalid_finish_reasons)

    def accept(answer: Answer) -> str | None:
        bad = answer.finish_reason in refused
        return f"it ended for the reason {answer.finish_reason!r}" if bad else None

    def asker(requests: Path, out: Path, workdir: Path) -> Asked:
        return ask(
            (row.data for row in read_jsonl(requests)),
            backend,
            model=order.model,
            out=out,
            workdir=workdir,
            cache=cache,
            accept=accept,
            rounds=order.options.attempts,
            deduplicate=not order.samples,
            fresh=order.fresh,
        )

    return asker


def _made(written: Written, place: Path) -> Path:
    """The folder of these requests."""
    folder = place / written.key
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        written.path.unlink(missing_ok=True)
        raise storage_error(error, folder) from error
    return folder
