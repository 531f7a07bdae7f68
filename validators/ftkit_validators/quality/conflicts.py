"""FT503: the same prompt with different answers."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, Self

from ftkit.validation import Context, FileFacts, Found, RowView, rule
from ftkit_validators.quality.rows import LineMap, Source
from ftkit_validators.quality.samples import row
from ftkit_validators.quality.texts import digest64, shortened, texts

_LONG = 80


@rule(
    "FT503",
    "conflicting-answers",
    scope="dataset",
    severity="warning",
    kinds=("chat", "completion"),
    bad=row("Is the sea blue?", "yes") + row("Is the sea blue?", "no"),
    good=row("Is the sea blue?", "yes") + row("Is the sky green?", "no"),
)
class ConflictingAnswers:
    """The same prompt, to the last sign, has another answer on an earlier line. Where answers are labels, one
    of the two is wrong, and no model can be right on both; the best score that can be reached sinks. Of free
    texts several may be good, so there it is only told."""

    def __init__(self, context: Context) -> None:
        self.prompts, self.replies = array("Q"), array("Q")
        self.lines = LineMap()
        self.source: Source | None = Source(context.name, context)

    def row(self, row: RowView) -> Iterator[Found]:
        """Keep a hash of the prompt and one of the answer, whose lowest bit says that it is long."""
        found = texts(row)
        if (reply := found.reply) is not None and found.asked:
            self.prompts.append(found.prompt_digest())
            self.replies.append(digest64(reply.strip().encode()) & ~1 | (len(reply) > _LONG))
            self.lines.add(row.line)
        return iter(())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "source": None}

    def merge(self, later: Self, lines: int) -> None:
        """Take in the rows that follow."""
        self.prompts += later.prompts
        self.replies += later.replies
        self.lines.merge(later.lines, lines)

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Name each further answer to a prompt, with the first one."""
        import numpy as np

        rows, firsts = self._conflicts()
        are_long = np.frombuffer(self.replies, np.uint64) & np.uint64(1)
        free_texts: list[int] = (are_long[rows] | are_long[firsts]).tolist()
        lines, before = self.lines.lines(rows).tolist(), self.lines.lines(firsts).tolist()
        said = self._answers(lines, before)
        for line, first, free in zip(lines, before, free_texts, strict=True):
            what = f"the same prompt as on line {first}, with another answer"
            if line in said and first in said:
                what += f": {said[line]} here, {said[first]} there"
            hint = "Find out which of them is right." if not free else "Keep both only if both are good."
            yield Found(what, hint, line=line, severity="info" if free else None)

    def _conflicts(self) -> tuple[Any, Any]:
        """The first row of each answer to a prompt but the first answer, and the first row of that one."""
        import numpy as np

        prompts, replies = np.frombuffer(self.prompts, np.uint64), np.frombuffer(self.replies, np.uint64)
        order = np.argsort(prompts, kind="stable")
        same = prompts[order]
        new = np.append(True, same[1:] != same[:-1])[: len(order)]
        sizes = np.diff(np.append(np.flatnonzero(new), len(order)))
        order, new = order[np.repeat(sizes > 1, sizes)], new[np.repeat(sizes > 1, sizes)]
        lead = order[np.flatnonzero(new)]
        group = np.cumsum(new) - 1
        by = np.lexsort((order, replies[order], group))
        order, group = order[by], group[by]
        said = replies[order]
        fresh = np.append(True, (said[1:] != said[:-1]) | (group[1:] != group[:-1]))[: len(order)]
        rows, firsts = order[fresh], lead[group[fresh]]
        other = rows != firsts
        by = np.argsort(rows[other])
        return rows[other][by], firsts[other][by]

    def _answers(self, lines: list[int], firsts: list[int]) -> dict[int, str]:
        """The answers on the lines that are shown."""
        if self.source is None:
            return {}
        shown = {*lines[: self.source.show], *firsts[: self.source.show]}
        return {view.line: shortened(texts(view).reply) for view in self.source.again(shown)}


RULES = (ConflictingAnswers,)
