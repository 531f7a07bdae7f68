"""FT504: prompts that stand in a held-out file too."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, Self

from ftkit.data.similarity import NearDuplicateIndex
from ftkit.errors import FtkitError, UsageError
from ftkit.validation import Case, Context, FileFacts, Found, RowView, rule
from ftkit_validators.quality.compare import MARGIN, Pair, compared, share
from ftkit_validators.quality.heldout import HeldOut, held_out_files
from ftkit_validators.quality.rows import LineMap, Source
from ftkit_validators.quality.samples import row
from ftkit_validators.quality.texts import EVERY_KIND, texts

_PENDING = 4096
_SAME = 2.0  # no estimate: equal to the last sign


class Leaks:
    """Pairs of lines whose prompts are alike, in columns: the held-out file, its line, the similarity."""

    def __init__(self) -> None:
        self.lines, self.files, self.others = array("Q"), array("I"), array("Q")
        self.similarities = array("d")

    def add(self, lines: Any, file: int, others: Any, similarities: Any) -> None:
        """Add pairs with one file."""
        self.lines.extend(lines.tolist())
        self.files.extend([file] * len(lines))
        self.others.extend(others.tolist())
        self.similarities.extend(similarities.tolist())

    def merge(self, later: Self, lines: int) -> None:
        """Take in the pairs of the rows that follow."""
        self.lines.extend(line + lines for line in later.lines)
        self.files += later.files
        self.others += later.others
        self.similarities += later.similarities

    def pairs(self, file: int) -> tuple[list[tuple[int, int]], list[Pair]]:
        """The equal prompts (line, other line) and the similar ones, by line."""
        columns = zip(self.lines, self.files, self.others, self.similarities, strict=True)
        mine = sorted((line, other, alike) for line, which, other, alike in columns if which == file)
        equal = [(line, other) for line, other, alike in mine if alike == _SAME]
        return equal, [Pair(*found) for found in mine if found[2] != _SAME]


@rule(
    "FT504",
    "held-out-leak",
    scope="dataset",
    severity="warning",
    kinds=EVERY_KIND,
    params={"similarity": 0.9},
    wanted=lambda context: bool(context.options.held_out),
    bad=Case(row("Is the sea blue?", "yes"), options={"held_out": ("data.jsonl",)}),
    good=Case(row("Is the sea blue?", "yes")),
)
class HeldOutLeak:
    """The prompt stands in a held-out file too, or one that has at least the share ``similarity`` of its runs
    of five characters. What is trained on cannot be tested with: the score would measure memory. Name the
    validation and test files as held out to have this checked."""

    def __init__(self, context: Context) -> None:
        self.similarity = float(context.param(HeldOutLeak, "similarity"))  # type: ignore[arg-type]
        self.leaks = Leaks()
        self.trouble: str | None = None
        self.files: list[HeldOut] = []
        self.source = Source(context.name, context)
        self._begin()
        try:
            self.files = held_out_files(context)
        except FtkitError as error:
            self.trouble = error.message

    def _begin(self) -> None:
        self.digests, self.pending, self.lines = array("Q"), NearDuplicateIndex(), LineMap()

    def row(self, row: RowView) -> Iterator[Found]:
        """Look the prompt up, many at a time: nothing is kept but what is found."""
        found = texts(row)
        if self.files and found.asked:
            self.digests.append(found.prompt_digest())
            self.pending.add(found.prompt)
            self.lines.add(row.line)
            if len(self.pending) >= _PENDING:
                self._look_up()
        return iter(())

    def _look_up(self) -> None:
        import numpy as np

        digests = np.frombuffer(self.digests, np.uint64)
        lines = self.lines.lines(np.arange(len(digests)))
        for number, file in enumerate(self.files):
            same = file.same_prompt(digests)
            self.leaks.add(lines[same > 0], number, same[same > 0], np.full(int((same > 0).sum()), _SAME))
            alike = self.pending.like(file.index, max(0.05, self.similarity - MARGIN))
            new = same[alike.row] == 0
            others = file.lines[alike.other[new]]
            self.leaks.add(lines[alike.row[new]], number, others, alike.similarity[new])
        self._begin()

    def __getstate__(self) -> dict[str, Any]:
        if self.pending:
            self._look_up()
        return {"leaks": self.leaks, "pending": self.pending}

    def merge(self, later: Self, lines: int) -> None:
        """Take in what was found among the rows that follow."""
        if self.pending:
            self._look_up()
        self.leaks.merge(later.leaks, lines)

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Name every row whose prompt is held out. Raises UsageError where a file could not be read."""
        if self.trouble:
            raise UsageError(self.trouble)
        if self.pending:
            self._look_up()
        hint = "Take the row out of one of the two files."
        for number, file in enumerate(self.files):
            equal, similar = self.leaks.pairs(number)
            for line, other in equal:
                yield Found(f"the prompt stands on line {other} of {file.name} too", hint, line=line)
            for pair in compared(similar, self.source, file.source, self.similarity, lambda t: t.prompt):
                what = f"the prompt is {share(pair)} the same as that on line {pair.other} of {file.name}"
                yield Found(what, hint, line=pair.line)


RULES = (HeldOutLeak,)
