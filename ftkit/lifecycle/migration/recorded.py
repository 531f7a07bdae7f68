"""Answers requests from what the old model said while it lived: the backend of a model that has ended."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ftkit.data import canonical_json, open_jsonl_writer, prompt_of, read_jsonl
from ftkit.errors import DataError
from ftkit.inference.backends.base import Round
from ftkit.inference.lines import no_answer, read_lines
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
        known = self._places
        with open_jsonl_writer(out) as writer:
            lines = list(read_lines(self.folder / self.record.answers)) if known else []
            for row in read_jsonl(requests):
                name = row.data["custom_id"]
                place = known.get(_hash(row.data["body"]["messages"]))
                writer.write({**lines[place], "custom_id": name} if place is not None else no_answer(name))
        return Round(ended=True, via=self.name)

    @cached_property
    def _places(self) -> dict[bytes, int]:
        """Which line answers which prompt."""
        places = {digest: place for place, digest in enumerate(self._prompts())}
        if self.record.rows != sum(1 for _ in read_lines(self.folder / self.record.answers)):
            raise DataError(
                "there is not one recorded answer for each prompt",
                where=str(self.folder / self.record.answers),
                hint="Record them again while the model lives: ftkit migrate record.",
            )
        return places

    def _prompts(self) -> Iterator[bytes]:
        for row in read_jsonl(self.folder / self.record.prompts):
            yield _hash(prompt_of(row.data))


def _hash(messages: object) -> bytes:
    return hashlib.sha256(canonical_json(messages)).digest()
