"""Records what the old model answers to a golden set of prompts, while it still lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    with place.alone("recording"), ExitStack() as stack:
        rows, expected = _copy_prompts(source, place, limit)
        digest = sha256_file(place.path / PROMPTS)
        if not fresh and (known := _known(place, name, digest, given)) is not None:
            platform.display.note(f"{name}: {known.answered:,} answers are recorded already")
            return known
        cache = stack.enter_context(project_cache(platform.settings))
        platform.models.get(name)  # that it has ended is said before anything is asked
        backend = backend_for(
            name,
            platform.settings,
            platform,
            via=via or ("realtime" if "batches" in platform.provider.lacks else "batch"),
            window=window or window_of(platform.provider.limits.batch_windows),
            pace=pace,
            display=platform.display,
        )

        def asked(extra: Mapping[str, Any], step: str) -> Asked:
            return ask(
                requests_of(_rows(place.path / PROMPTS), ids_of(place), name, {**given, **extra}),
                backend,
                model=name,
                out=place.path / ANSWERS,
                workdir=place.path / "golden" / step,
                cache=cache,
                fresh=fresh,
            )

        found = _with_logprobs(asked) if logprobs else None
        if found is None:
            found = asked({}, "work")
        if not found.answered:
            raise BatchFailed(
                f"{name} answered none of {rows:,} prompts: {_first_error(found)}",
                hint="Look at the reason; the answers file says it for each.",
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


def ids_of(place: ModelFolder) -> RowIds:
    """The ids by which the answers to a golden set are joined, in the order of its rows."""
    ids = RowIds()
    for row in _rows(place.path / PROMPTS):
        ids.add(row.messages)
    return ids


def _golden(place: ModelFolder, exported: ExportedModel, golden: str | Path | None) -> Path:
    if golden is not None:
        path = Path(golden)
        if not path.is_file():
            raise UsageError("the golden set is not there", where=str(path))
        return path
    file = exported.file("validation")
    if file is None:
        raise UsageError(
            f"{exported.model.name} was trained without a validation file, so a golden set is to be named",
            hint="--golden FILE: a chat JSONL file of prompts that the model was not trained on.",
        )
    return place.checked(file)


def _copy_prompts(source: Path, place: ModelFolder, limit: int | None) -> tuple[int, int]:
    """Put the golden set in the folder; how many rows there are, and how many have a right answer."""
    target = place.path / PROMPTS
    make_folder(target.parent)
    expected = 0
    with open_jsonl_writer(target) as writer:
        for row in read_jsonl(source):
            if limit is not None and writer.rows >= limit:
                break
            where = Where(source, row.line)
            if not isinstance(row.data, dict) or not isinstance(row.data.get("messages"), list):
                raise DataError("a chat example is wanted", where=where)
            if not prompt_of(row.data):
                raise DataError("there is no message to send: only an assistant's", where=where)
            expected += has_truth(row.data)
            writer.write(row.data)
        if not writer.rows:
            raise DataError("there are no rows in it", where=str(source))
    return writer.rows, expected


def has_truth(data: Mapping[str, Any]) -> bool:
    """Whether a row says what the right answer is."""
    return data.get("expected") is not None or (
        data["messages"][-1].get("role") == "assistant" and reply_of(data) is not None
    )


def _rows(path: Path) -> Iterator[HeldOutRow]:
    for number, row in enumerate(read_jsonl(path)):
        yield HeldOutRow(number, row.line, prompt_of(row.data), (), row.data)


def _known(place: ModelFolder, model: str, digest: str, parameters: Mapping[str, Any]) -> Recorded | None:
    """The record, where it is of this model and golden set and nothing has changed since."""
    known = place.recorded
    same = known is not None and (known.model, known.prompts_sha256, known.parameters) == (
        model,
        digest,
        dict(parameters),
    )
    path = place.path / ANSWERS
    if known is None or not same or not path.is_file() or sha256_file(path) != known.answers_sha256:
        return None
    return known


def _with_logprobs(asked: Any) -> Asked | None:
    """The answers with log probabilities; None where the platform has none, and nothing was answered."""
    try:
        found: Asked = asked({"logprobs": True}, "work-logprobs")
    except (NotOnPlatform, BatchFailed) as error:
        if "logprobs" not in error.message:
            raise
        return None
    refused = not found.answered and "logprob" in _first_error(found).lower()
    return None if refused else found


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
