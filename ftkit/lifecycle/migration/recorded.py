"""Answers requests from what the old model said while it lived: the backend of a model that has ended."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from ftkit.data import canonical_json, open_jsonl_writer, prompt_of, read_jsonl
from ftkit.errors import DataError
from ftkit.inference.backends.base import Round
from ftkit.inference.lines import no_answer, read_line
from ftkit.lifecycle.migration.results import Recorded


@dataclass(frozen=True)
class RecordedBackend:
    """A golden set's answers, found again by the text of what was asked.

    ``folder`` is the model's. A prompt that was not recorded has no answer, and counts as such.
    """

    folder: Path
    record: Recorded
    name: str = "recorded"

    def identity(self, model: str) -> str:
        """The recorded answers themselves."""
        return f"recorded {self.record.answers_sha256}"

    def answer(self, requests: Path, out: Path, workdir: Path, *, wait: bool = True) -> Round:
        """Write ``out`` from the record. Raises DataError where the record does not go with its prompts."""
        known, path = self._places, self.folder / self.record.answers
        with open_jsonl_writer(out) as writer, path.open("rb") as answers:
            for row in read_jsonl(requests):
                name = row.data["custom_id"]
                place = known.get(_hash(row.data["body"]["messages"]))
                if place is None:
                    writer.write(no_answer(name))
                    continue
                number, begin = place
                answers.seek(begin)
                writer.write({**read_line(answers.readline(), path, number), "custom_id": name})
        return Round(ended=True, via=self.name)

    @cached_property
    def _places(self) -> dict[bytes, tuple[int, int]]:
        """The line, from 1, that answers a prompt, and the byte that it begins with: lines can be long."""
        with (self.folder / self.record.answers).open("rb") as file:
            sizes = [len(line) for line in file]
        prompts = list(self._prompts())
        if not self.record.rows == len(sizes) == len(prompts):
            raise DataError(
                "there is not one recorded answer for each prompt",
                where=str(self.folder / self.record.answers),
                hint="Record them again while the model lives: ftkit migrate record.",
            )
        begins = accumulate(sizes, initial=0)
        return dict(zip(prompts, enumerate(begins, 1), strict=False))

    def _prompts(self) -> Iterator[bytes]:
        for row in read_jsonl(self.folder / self.record.prompts):
            yield _hash(prompt_of(row.data))


def _hash(messages: object) -> bytes:
    return hashlib.sha256(canonical_json(messages)).digest()
