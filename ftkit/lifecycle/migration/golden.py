"""The golden set of a recording: which file it is, a checked copy of it, its rows as requests take them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ftkit.benchmarking.heldout import HeldOutRow
from ftkit.data import open_jsonl_writer, prompt_of, read_jsonl, reply_of
from ftkit.errors import DataError, UsageError, Where
from ftkit.lifecycle.migration.folder import ModelFolder, make_folder
from ftkit.lifecycle.migration.preferences import is_preference, preferred
from ftkit.lifecycle.migration.results import ExportedModel


class Prompts(NamedTuple):
    """A copy of a golden set; ``expected`` of its rows say what is right."""

    path: Path
    sha256: str
    rows: int
    expected: int


def golden_file(place: ModelFolder, exported: ExportedModel, golden: str | Path | None) -> Path:
    """The file that is named, else the exported validation file. Raises UsageError where there is none."""
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


def copy_prompts(source: Path, target: Path, limit: int | None) -> Prompts:
    """Copy the first rows of the golden set; of preferences, what was asked and the better reply.

    Raises DataError for a row that is none, and where there is no row.
    """
    make_folder(target.parent)
    expected = 0
    with open_jsonl_writer(target) as writer:
        for row in read_jsonl(source):
            if limit is not None and writer.rows >= limit:
                break
            data = preferred(row.data) if is_preference(row.data) else row.data
            _check(data, Where(source, row.line))
            expected += has_truth(data)
            writer.write(data)
        if not writer.rows:
            raise DataError("there are no rows in it", where=str(source))
    return Prompts(target, writer.sha256, writer.rows, expected)


def _check(data: Any, where: Where) -> None:
    if not isinstance(data, dict) or not isinstance(data.get("messages"), list):
        raise DataError("a chat example is wanted", where=where)
    if not prompt_of(data):
        raise DataError("there is no message to send: only an assistant's", where=where)


def has_truth(data: Mapping[str, Any]) -> bool:
    """Whether a row says what the right answer is."""
    return data.get("expected") is not None or (
        data["messages"][-1].get("role") == "assistant" and reply_of(data) is not None
    )


def rows_of(path: Path) -> Iterator[HeldOutRow]:
    """The rows as requests take them."""
    for number, row in enumerate(read_jsonl(path)):
        yield HeldOutRow(number, row.line, prompt_of(row.data), (), row.data)
