"""Records what the old model answers to a golden set of prompts, while it still lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.benchmarking.contestants import window_of
from ftkit.benchmarking.heldout import HeldOutRow, RowIds
from ftkit.benchmarking.requests import requests_of
from ftkit.data import open_jsonl_writer, prompt_of, read_jsonl, reply_of, sha256_file
from ftkit.errors import BatchFailed, DataError, NotOnPlatform, UsageError, Where
from ftkit.gateway.values import as_map
from ftkit.inference import Asked, ask, backend_for, project_cache
from ftkit.inference.lines import read_lines
from ftkit.lifecycle.migration.folder import RECORD, MigrationFolder, ModelFolder, make_folder, write_record
from ftkit.lifecycle.migration.results import ExportedModel, Recorded

if TYPE_CHECKING:
    from ftkit.gateway import Platform
    from ftkit.gateway.realtime import Pace
    from ftkit.inference import Backend
    from ftkit.inference.backends.base import Via

PROMPTS, ANSWERS = "golden/prompts.jsonl", "golden/answers.jsonl"
MOST_ROWS = 1000


def record(
    platform: Platform,
    folder: str | Path,
    model: str | None = None,
    *,
    golden: str | Path | None = None,
    limit: int | None = MOST_ROWS,
    max_tokens: int | None = None,
    temperature: float | None = 0,
    parameters: Mapping[str, Any] | None = None,
    logprobs: bool = True,
    via: Via | None = None,
    window: str | None = None,
    pace: Pace | None = None,
    fresh: bool = False,
) -> Recorded:
    """Ask the old model the prompts of ``golden`` on its own ``platform``, and keep the answers.

    ``golden`` is a chat JSONL file; without it, the model's exported validation file is taken. Its final
    assistant messages (or a field ``expected``) are the right answers, and need not be there. The first
    ``limit`` rows are asked (None: all). With ``logprobs`` the log probabilities of the answers' tokens are
    asked for, and left out where the platform does not have them. What was recorded stays, unless the golden
    set or a parameter is another one, or ``fresh`` is set.

    Raises UsageError where there is no golden set, DataError for a row that is none, NotOnPlatform where the
    model has ended, and BatchFailed where it answered nothing.
    """
    place, exported = MigrationFolder(folder).model(model)
    name = exported.model.model
    if name is None:
        raise UsageError(f"{exported.model.name} has no model that can be asked")
    source = _golden(place, exported, golden)
    said = {"temperature": temperature, "max_tokens": max_tokens, **(parameters or {})}
    given = {key: value for key, value in said.items() if value is not None}
    ways = Ways(via, window, pace)
    with place.alone("recording"):
        work = _Recording(platform, place, name, given, ways, fresh)
        rows, expected = _copy_prompts(source, place, limit)
        digest = sha256_file(place.path / PROMPTS)
        if not fresh and (known := _known(place, name, digest, given)) is not None:
            platform.display.note(f"{name}: {known.answered:,} answers are recorded already")
            return known
        found = work.asked(logprobs=logprobs)
        if not found.answered:
            raise BatchFailed(
                f"{name} answered none of {rows:,} prompts: {_first_error(found)}",
                hint=f"{place.path / ANSWERS} says the reason for each.",
            )
        made = Recorded(
            model=name,
            platform=platform.name,
            source=str(source),
            prompts=PROMPTS,
            prompts_sha256=digest,
            answers=ANSWERS,
            answers_sha256=sha256_file(place.path / ANSWERS),
            rows=rows,
            answered=found.answered,
            failed=found.failed,
            expected=expected,
            with_logprobs=_count_logprobs(place.path / ANSWERS),
            parameters=given,
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            recorded_at=datetime.now(UTC),
        )
        write_record(place.path / RECORD, made)
    return made


class Ways(NamedTuple):
    """How a model is to be asked; None is as its platform does best."""

    via: Via | None = None
    window: str | None = None
    pace: Pace | None = None


@dataclass(frozen=True)
class _Recording:
    """The old model's answers on their way."""

    platform: Platform
    place: ModelFolder
    model: str
    parameters: Mapping[str, Any]
    ways: Ways
    fresh: bool

    def asked(self, *, logprobs: bool) -> Asked:
        """All answers; with log probabilities where they are wanted and the platform has them."""
        self.platform.models.get(self.model)  # that it has ended is said before anything is asked
        if logprobs and (found := self._with_logprobs()) is not None:
            return found
        return self._ask({}, "work")

    def _first_error(found: Asked) -> str:
    return next((answer.error for answer in found.answers() if answer.error), "no reason given")


def _count_logprobs(path: Path) -> int:
    """How many answers hold the log probabilities of their tokens."""
    count = 0
    for line in read_lines(path):
        choices = as_map(as_map(line.get("response")).get("body")).get("choices")
        first = as_map(choices[0]) if isinstance(choices, list) and choices else {}
        count += bool(as_map(first.get("logprobs")).get("content"))
    return count
