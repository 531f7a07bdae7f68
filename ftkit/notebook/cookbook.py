"""The five helpers of kluster.ai's cookbook notebooks, by their names and with their parameters.

A notebook moves over by one import: ``from ftkit.notebook import create_tasks, save_tasks,
create_batch_job, monitor_job_status, get_results`` in place of ``from helpers import ...`` (the names and
parameters of ``examples/helpers.py`` in kluster-ai/klusterai-cookbook). ``client`` is the notebook's
``openai.OpenAI`` or a :class:`ftkit.Platform`. What differs: answers are joined by their ids, a request that
failed has None in its place, the same file is submitted once, and waiting ends when the batch has failed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ftkit.data import open_jsonl_writer, read_jsonl
from ftkit.errors import DataError, PlatformError, UsageError
from ftkit.gateway import Platform, chat_request, connect
from ftkit.notebook.showing import display
from ftkit.notebook.watching import watch_batch

if TYPE_CHECKING:
    from openai import OpenAI

    from ftkit.gateway import Answer, Batch

Client = Any
"""An ``openai.OpenAI`` client or a :class:`ftkit.Platform`."""


def create_tasks(
    df: Any,
    task_type: str,
    system_prompt: str,
    model: str,
    content_column: str,
    *,
    temperature: float | None = 0,
    max_completion_tokens: int | None = 100,
    **parameters: Any,
) -> list[dict[str, Any]]:
    """A batch request for each row of a frame; its ``custom_id`` is ``TASK_TYPE-INDEX``.

    ``df`` is a pandas frame, or rows that are mappings. ``parameters`` go into every request, as do the
    others where they are not None. Raises UsageError for an index that has an entry twice, DataError for a
    row without a text.
    """
    given = {"temperature": temperature, "max_completion_tokens": max_completion_tokens, **parameters}
    said = {name: value for name, value in given.items() if value is not None}
    tasks: dict[str, dict[str, Any]] = {}
    for index, row in _rows(df):
        name = f"{task_type}-{index}"
        if name in tasks:
            raise UsageError(
                f"the index has {index!r} twice, so that answers could not be told apart",
                hint="Number the rows anew first: df = df.reset_index(drop=True).",
            )
        messages = [
            {"role": "system", "content": system_prompt},
            {"role": "user", "content": _content(row, content_column, index)},
        ]
        tasks[name] = chat_request(name, model, messages, **said)
    return list(tasks.values())


def save_tasks(tasks: Iterable[Mapping[str, Any]], task_type: str) -> str:
    """Write requests to ``batch_tasks_TASK_TYPE.jsonl`` in the working directory; the file's name."""
    if Path(task_type).name != task_type:
        raise UsageError(f"{task_type!r} cannot be a part of a file's name", hint="Leave slashes out of it.")
    filename = f"batch_tasks_{task_type}.jsonl"
    with open_jsonl_writer(filename) as writer:
        for task in tasks:
            writer.write(task)
    return filename


def create_batch_job(file_name: str | Path, client: Client) -> Batch:
    """Check, upload and submit a file of requests, to be answered within 24 hours; the batch.

    The same file gives the batch that there is, so a cell that is run again pays for nothing twice. Raises
    what :meth:`ftkit.gateway.batches.Batches.submit` raises.
    """
    with _at(client) as platform:
        return platform.batches.submit(file_name)


def monitor_job_status(client: Client, job_id: str, task_type: str, *, timeout: float | None = None) -> Batch:
    """Follow a batch to its end, shown in one place, and return it.

    Raises BatchFailed with the platform's reasons where it failed, expired or was cancelled, and
    PlatformError when ``timeout`` seconds have passed; then it goes on.
    """
    with _at(client) as platform:
        title = f"{task_type.capitalize()} batch"
        batch = watch_batch(platform, job_id, title=title, timeout=timeout, display=platform.display)
        batch.raise_if_failed()
        return batch


def get_results(
    client: Client, job_id: str, *, tasks: Iterable[Mapping[str, Any]] | str | Path | None = None
) -> list[str | None]:
    """The answers in the order of the requests, joined by their ids; None where a request has none.

    The order is that of the batch's input file, or of ``tasks`` (requests, or a file of them), where a
    platform does not give its input file back. Raises OutcomeError where there are no answers yet.
    """
    with _at(client) as platform:
        answers = {answer.custom_id: answer for answer in platform.batches.results(job_id)}
        asked = _ids_at(platform, job_id) if tasks is None else _ids_in(tasks)
        _warn_of_failures(platform, [answers.get(name) for name in asked])
    found = (answers.get(name) for name in asked)
    return [answer.text if answer is not None and answer.ok else None for answer in found]


def _rows(df: Any) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    return df.iterrows() if hasattr(df, "iterrows") else enumerate(df)


def _content(row: Mapping[str, Any], column: str, index: Any) -> str:
    try:
        content = row[column]
    except KeyError as error:
        raise UsageError(
            f"there is no column {column!r}", hint=f"There are: {', '.join(map(str, row.keys()))}."
        ) from error
    if not isinstance(content, str) or not content.strip():
        raise DataError(
            f"the row {index!r} has no text in {column!r}: {content!r}",
            hint=f"Leave such rows out first: df = df.dropna(subset=[{column!r}]).",
        )
    return content


def _ids_in(tasks: Iterable[Mapping[str, Any]] | str | Path) -> list[str]:
    rows = (row.data for row in read_jsonl(tasks)) if isinstance(tasks, str | Path) else iter(tasks)
    return [str(row["custom_id"]) for row in rows]


def _ids_at(platform: Platform, job_id: str) -> list[str]:
    batch = platform.batches.get(job_id)
    try:
        lines = list(platform.files.lines(batch.input_file_id or ""))
    except (PlatformError, UsageError) as error:
        raise PlatformError(
            f"the requests of batch {job_id} cannot be read, so their order is not known: {error.message}",
            hint="Give them: get_results(client, job.id, tasks=filename).",
        ) from error
    return [str(json.loads(line)["custom_id"]) for line in lines if line.strip()]


def _warn_of_failures(platform: Platform, answers: Sequence[Answer | None]) -> None:
    failed = [answer for answer in answers if answer is None or not answer.ok]
    if not failed:
        return
    why = next((answer.error for answer in failed if answer is not None and answer.error), "no answer came")
    platform.display.warn(
        f"{len(failed):,} of {len(answers):,} requests have no answer, None stands in their place: {why}"
    )


@contextmanager
def _at(client: Client) -> Iterator[Platform]:
    """The platform that a client speaks to, with the notebook's display."""
    if isinstance(client, Platform):
        yield client
        return
    if not hasattr(client, "base_url") or not hasattr(client, "api_key"):
        raise UsageError(
            f"this is no client: {type(client).__name__}",
            hint="Give openai.OpenAI(base_url=..., api_key=...) or ftkit.connect(...).",
        )
    with _connected(client) as platform:
        yield platform


def _connected(client: OpenAI) -> Platform:
    from ftkit.settings import load_settings

    settings = load_settings()
    address = str(client.base_url).rstrip("/")
    host = urlsplit(address).hostname
    providers = (one for one in settings.catalog.providers() if one.base_url)
    name = next((one.name for one in providers if urlsplit(one.base_url).hostname == host), None)
    return connect(
        name, settings=settings, base_url=address, api_key=client.api_key or None, display=display()
    )
