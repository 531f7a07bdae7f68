"""Training rows as tokens in an Arrow file, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ftkit.local.engines.base import TrainingError
from ftkit.local.engines.transformers.spans import learn, prefer
from ftkit.local.engines.transformers.templates import TemplateRefused
from ftkit.local.jsonio import dump, load

_CHUNK = 512
COLUMNS = {"supervised": ("input_ids", "labels"), "dpo": ("prompt_ids", "chosen_ids", "rejected_ids")}
"""The names by which TRL knows tokens that are made already."""


@dataclass(frozen=True, slots=True)
class DataSize:
    """What became of the rows. ``longest`` and ``tokens`` are after cutting; ``empty``: nothing to learn."""

    examples: int = 0
    tokens: int = 0
    longest: int = 0
    cut: int = 0
    empty: int = 0


def write_rows(rows: Iterable[Mapping[str, Any]], path: Path) -> int:
    """Write rows as JSON Lines for the training process; how many they are."""
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(dump(row) + b"\n")
            count += 1
    return count


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows that ``write_rows`` wrote."""
    with path.open("rb") as file:
        for line in file:
            yield load(line)


class Tokenizing:
    """Makes rows into examples of tokens, and counts them."""

    def __init__(self, tokenizer: Any, method: str, most: int | None) -> None:
        self._tokenizer = tokenizer
        self._method = method
        self._most = most
        self._numbers = dict.fromkeys(("examples", "tokens", "longest", "cut", "empty"), 0)

    @property
    def size(self) -> DataSize:
        """What was counted so far."""
        return DataSize(**self._numbers)

    def write(self, rows: Iterable[Mapping[str, Any]], path: Path, param: str) -> DataSize:
        """Tokenize all rows into an Arrow file. Raises ``TrainingError`` naming a row that cannot be told."""
        import pyarrow as pa

        schema = pa.schema([(name, pa.list_(pa.int32())) for name in COLUMNS[self._method]])
        examples = self._examples(rows, param)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
            while chunk := list(islice(examples, _CHUNK)):
                writer.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
        if not self.size.examples:
            raise TrainingError(
                f"No example of the {param.replace('_', ' ')} has anything to learn"
                + (f" within its first {self._most} tokens" if self._most else ""),
                code=f"invalid_{param}",
                param=param,
            )
        return self.size

    def _examples(self, rows: Iterable[Mapping[str, Any]], param: str) -> Iterator[dict[str, list[int]]]:
        make = self._pair if self._method == "dpo" else self._conversation
        for number, row in enumerate(rows, start=1):
            try:
                yield from make(row)
            except TemplateRefused as error:
                raise TrainingError(
                    f"Example {number} of the {param.replace('_', ' ')}: {error}",
                    code=f"invalid_{param}",
                    param=param,
                ) from None

    def _conversation(self, row: Mapping[str, Any]) -> Iterator[dict[str, list[int]]]:
        for whole in learn(self._tokenizer, row["messages"], row.get("tools") or ()):
            marked = whole.cut(self._most)
            if self._count(len(whole.ids), len(marked.ids), empty=not marked.learnt):
                yield {"input_ids": marked.ids, "labels": marked.labels}

    def _pair(self, row: Mapping[str, Any]) -> Iterator[dict[str, list[int]]]:
        """A pair is as long as its two conversations; what is cut goes from the ends of the replies."""
        asked = row["input"]
        prompt, *replies = prefer(
            self._tokenizer,
            asked["messages"],
            row["preferred_output"],
            row["non_preferred_output"],
            asked.get("tools") or (),
        )
        room = None if self._most is None else max(0, self._most - len(prompt))
        chosen, rejected = (reply[:room] for reply in replies)
        longest = len(prompt) + max(map(len, replies))
        kept = len(prompt) + max(len(chosen), len(rejected))
        tokens = 2 * len(prompt) + len(chosen) + len(rejected)
        if self._count(longest, kept, empty=chosen == rejected, tokens=tokens):
            yield {"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected}

    def _count(self, whole: int, kept: int, *, empty: bool, tokens: int | None = None) -> bool:
        numbers = self._numbers
        numbers["cut"] += kept < whole
        numbers["empty"] += empty
        if empty:
            return False
        numbers["examples"] += 1
        numbers["tokens"] += kept if tokens is None else tokens
        numbers["longest"] = max(numbers["longest"], kept)
        return True
