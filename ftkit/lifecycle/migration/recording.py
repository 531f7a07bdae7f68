"""Records what the old model answers to a golden set of prompts, while it still lives."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.benchmarking.contestants import window_of
from ftkit.benchmarking.heldout import RowIds
from ftkit.benchmarking.requests import requests_of
from ftkit.data import canonical_json, sha256_file
from ftkit.errors import BatchFailed, NotOnPlatform, UsageError, storage_error
from ftkit.gateway.values import as_map
from ftkit.inference import Asked, ask, backend_for, project_cache
from ftkit.inference.lines import read_lines
from ftkit.lifecycle.migration.folder import RECORD, MigrationFolder, ModelFolder, write_record
from ftkit.lifecycle.migration.golden import Prompts, copy_prompts, golden_file, rows_of
from ftkit.lifecycle.migration.results import ExportedModel, Recorded, RecordPlan
from ftkit.lifecycle.migration.target import target_of

if TYPE_CHECKING:
    from ftkit.gateway import Platform
    from ftkit.gateway.realtime import Pace
    from ftkit.inference import Backend
    from ftkit.inference.backends.base import Via
    from ftkit.settings import Settings

PROMPTS, ANSWERS = "golden/prompts.jsonl", "golden/answers.jsonl"
_NEW = "golden/new"  # what is on its way: the record before it stays whole until that is there
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
    name, given = _name(exported), _given(temperature, max_tokens, parameters)
    source = golden_file(place, exported, golden)
    with place.alone("recording"):
        prompts = copy_prompts(source, place.path / _NEW / "prompts.jsonl", limit)
        if not fresh and (known := _known(place, name, prompts.sha256, given)) is not None:
            platform.display.note(f"{name}: {known.answered:,} answers are recorded already")
            return known
        work = _Recording(platform, place.path / _NEW, name, given, Ways(via, window, pace), prompts, fresh)
        return work.kept(place, source, work.asked(logprobs=logprobs))


def plan_record(
    where: Platform | Settings,
    folder: str | Path,
    model: str | None = None,
    *,
    golden: str | Path | None = None,
    limit: int | None = MOST_ROWS,
    max_tokens: int | None = None,
    temperature: float | None = 0,
    parameters: Mapping[str, Any] | None = None,
) -> RecordPlan:
    """What :func:`record` would ask when called so, and what it would cost; nothing is sent.

    ``where`` is a platform, or settings that name one: then nothing is connected to, and no key is needed.
    Raises UsageError where there is no golden set, DataError for a row that is none.
    """
    from ftkit.lifecycle.retraining.asking import Asked as OneAsked
    from ftkit.lifecycle.retraining.asking import asking_costs
    from ftkit.lifecycle.tables import BenchmarkTable

    place, exported = MigrationFolder(folder).model(model)
    name, given = _name(exported), _given(temperature, max_tokens, parameters)
    source = golden_file(place, exported, golden)
    with place.alone("recording"):
        prompts = copy_prompts(source, place.path / _NEW / "prompts.jsonl", limit)
    target = target_of(where)
    entry = target.catalog.model(exported.model.base or name, target.name)
    table = BenchmarkTable(max_tokens=given.get("max_tokens"))
    [cost] = asking_costs(prompts.path, [OneAsked(name, entry, tuned=True)], table)
    return RecordPlan(
        model=name,
        platform=target.name,
        source=str(source),
        rows=prompts.rows,
        expected=prompts.expected,
        parameters=given,
        known=_known(place, name, prompts.sha256, given) is not None,
        dollars=cost.dollars,
        note=cost.note,
    )


def _name(exported: ExportedModel) -> str:
    """What the old model is asked as. Raises UsageError."""
    if exported.model.model is None:
        raise UsageError(
            f"{exported.model.name} has no model that can be asked",
            hint="The platform names no model for this job. Where you know its name: ftkit generate.",
        )
    return exported.model.model


def _given(
    temperature: float | None, max_tokens: int | None, parameters: Mapping[str, Any] | None
) -> dict[str, Any]:
    said = {"temperature": temperature, "max_tokens": max_tokens, **(parameters or {})}
    return {key: value for key, value in said.items() if value is not None}


class Ways(NamedTuple):
    """How a model is to be asked; None is as its platform does best."""

    via: Via | None = None
    window: str | None = None
    pace: Pace | None = None


@dataclass(frozen=True)
class _Recording:
    """The old model's answers on their way."""

    platform: Platform
    folder: Path
    model: str
    parameters: Mapping[str, Any]
    ways: Ways
    prompts: Prompts
    fresh: bool

    def asked(self, *, logprobs: bool) -> Asked:
        """All answers; with log probabilities where they are wanted and the platform has them."""
        self.platform.models.get(self.model)  # that it has ended is said before anything is asked
        found = self._with_logprobs() if logprobs else None
        found = found if found is not None else self._ask({})
        if not found.answered:
            raise BatchFailed(
                f"{self.model} answered none of {self.prompts.rows:,} prompts: {_first_error(found)}",
                hint=f"{found.out} says the reason for each.",
            )
        return found

    def _with_logprobs(self) -> Asked | None:
        """The answers with log probabilities; None where the platform refuses to give any."""
        try:
            found = self._ask({"logprobs": True})
        except (NotOnPlatform, BatchFailed) as error:
            if "logprob" not in error.message.lower():
                raise
            return None
        refused = not found.answered and "logprob" in _first_error(found).lower()
        return None if refused else found

    def _ask(self, extra: Mapping[str, Any]) -> Asked:
        said, path = {**self.parameters, **extra}, self.prompts.path
        ids = RowIds()
        for row in rows_of(path):
            ids.add(row.messages)
        # what was begun with other prompts or parameters is not to be gone on with
        mark = hashlib.sha256(canonical_json([self.model, self.prompts.sha256, said])).hexdigest()[:16]
        with project_cache(self.platform.settings) as cache:
            return ask(
                requests_of(rows_of(path), ids, self.model, said),
                self._backend(),
                model=self.model,
                out=self.folder / "answers.jsonl",
                workdir=self.folder / f"work-{mark}",
                cache=cache,
                fresh=self.fresh,
            )

    def _backend(self) -> Backend:
        provider, ways = self.platform.provider, self.ways
        return backend_for(
            self.model,
            self.platform.settings,
            self.platform,
            via=ways.via or ("realtime" if "batches" in provider.lacks else "batch"),
            window=ways.window or window_of(provider.limits.batch_windows),
            pace=ways.pace,
            display=self.platform.display,
        )

    def kept(self, place: ModelFolder, source: Path, found: Asked) -> Recorded:
        """The prompts and answers in their place, and written down last: what is written down is whole."""
        made = Recorded(
            model=self.model,
            platform=self.platform.name,
            source=str(source),
            prompts=PROMPTS,
            prompts_sha256=self.prompts.sha256,
            answers=ANSWERS,
            answers_sha256=sha256_file(found.out),
            rows=self.prompts.rows,
            answered=found.answered,
            failed=found.failed,
            expected=self.prompts.expected,
            with_logprobs=_count_logprobs(found.out),
            parameters=dict(self.parameters),
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            recorded_at=datetime.now(UTC),
        )
        _put(self.prompts.path, place.path / PROMPTS)
        _put(found.out, place.path / ANSWERS)
        write_record(place.path / RECORD, made)
        return made


def _put(path: Path, target: Path) -> None:
    try:
        path.replace(target)
    except OSError as error:
        raise storage_error(error, target) from error


def _known(place: ModelFolder, model: str, digest: str, parameters: Mapping[str, Any]) -> Recorded | None:
    """The record, where it is of this model and golden set, was asked so, and is whole."""
    known = place.recorded
    wanted = (model, digest, dict(parameters))
    if known is None or (known.model, known.prompts_sha256, known.parameters) != wanted:
        return None
    files = {place.path / PROMPTS: digest, place.path / ANSWERS: known.answers_sha256}
    whole = all(path.is_file() and sha256_file(path) == sha256 for path, sha256 in files.items())
    return known if whole else None


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
