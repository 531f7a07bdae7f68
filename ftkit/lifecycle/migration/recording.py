"""Records what the old model answers to a golden set of prompts, while it still lives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.benchmarking.contestants import window_of
from ftkit.benchmarking.heldout import HeldOutRow, RowIds
from ftkit.benchmarking.requests import requests_of
from ftkit.data import canonical_json, open_jsonl_writer, prompt_of, read_jsonl, reply_of, sha256_file
from ftkit.errors import BatchFailed, DataError, NotOnPlatform, UsageError, Where, storage_error
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
    name = exported.model.model
    if name is None:
        raise UsageError(f"{exported.model.name} has no model that can be asked")
    source = _golden(place, exported, golden)
    said = {"temperature": temperature, "max_tokens": max_tokens, **(parameters or {})}
    given = {key: value for key, value in said.items() if value is not None}
    with place.alone("recording"):
        prompts = _copy_prompts(source, place.path / _NEW / "prompts.jsonl", limit)
        if not fresh and (known := _known(place, name, prompts.sha256, given)) is not None:
            platform.display.note(f"{name}: {known.answered:,} answers are recorded already")
            return known
        work = _Recording(platform, place.path / _NEW, name, given, Ways(via, window, pace), prompts, fresh)
        found = work.asked(logprobs=logprobs)
        made = Recorded(
            model=name,
            platform=platform.name,
            source=str(source),
            prompts=PROMPTS,
            prompts_sha256=prompts.sha256,
            answers=ANSWERS,
            answers_sha256=sha256_file(found.out),
            rows=prompts.rows,
            answered=found.answered,
            failed=found.failed,
            expected=prompts.expected,
            with_logprobs=_count_logprobs(found.out),
            parameters=given,
            prompt_tokens=found.prompt_tokens,
            completion_tokens=found.completion_tokens,
            recorded_at=datetime.now(UTC),
        )
        _put(prompts.path, place.path / PROMPTS)
        _put(found.out, place.path / ANSWERS)
        write_record(place.path / RECORD, made)
    return made


class Ways(NamedTuple):
    """How a model is to be asked; None is as its platform does best."""

    via: Via | None = None
    window: str | None = None
    pace: Pace | None = None


class Prompts(NamedTuple):
    """A copy of a golden set; ``expected`` of its rows say what is right."""

    path: Path
    sha256: str
    rows: int
    expected: int


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
        for row in _rows(path):
            ids.add(row.messages)
        # what was begun with other prompts or parameters is not to be gone on with
        mark = hashlib.sha256(canonical_json([self.model, self.prompts.sha256, said])).hexdigest()[:16]
        with project_cache(self.platform.settings) as cache:
            return ask(
                requests_of(_rows(path), ids, self.model, said),
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


def _golden(place: ModelFolder, exported: ExportedModel, golden: str | Path | None) -> Path:
    if golden is not None:
        path = Path(golden)
        if not path.is_file():
            raise UsageError("the golden set is not there", where=str(path))
        return path
    file = exported.file("validation")
    if file is None:
        raise UsageError(
            f"{exported.model.name} has no exported validation file, so a golden set is to be named",
            hint="--golden FILE: a chat JSONL file of prompts that the model was not trained on.",
        )
    return place.checked(file)


def _copy_prompts(source: Path, target: Path, limit: int | None) -> Prompts:
    """Copy the first rows of the golden set. Raises DataError for one that is none."""
    make_folder(target.parent)
    expected = 0
    with open_jsonl_writer(target) as writer:
        for row in read_jsonl(source):
            if limit is not None and writer.rows >= limit:
                break
            _check(row.data, Where(source, row.line))
            expected += has_truth(row.data)
            writer.write(row.data)
        if not writer.rows:
            raise DataError("there are no rows in it", where=str(source))
    return Prompts(target, writer.sha256, writer.rows, expected)


def _check(data: Any, where: Where) -> None:
    if not isinstance(data, dict) or not isinstance(data.get("messages"), list):
        raise DataError("a chat example is wanted", where=where)
    if not prompt_of(data):
        raise DataError("there is no message to send: only an assistant's", where=where)


def _put(path: Path, target: Path) -> None:
    try:
        path.replace(target)
    except OSError as error:
        raise storage_error(error, target) from error


def has_truth(data: Mapping[str, Any]) -> bool:
    """Whether a row says what the right answer is."""
    return data.get("expected") is not None or (
        data["messages"][-1].get("role") == "assistant" and reply_of(data) is not None
    )


def _rows(path: Path) -> Iterator[HeldOutRow]:
    for number, row in enumerate(read_jsonl(path)):
        yield HeldOutRow(number, row.line, prompt_of(row.data), (), row.data)


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
