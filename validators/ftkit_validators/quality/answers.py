"""FT506 and FT507: answers that say nothing: always the same one, or the prompt again."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any, Self

from ftkit.validation import Context, FileFacts, Found, RowView, rule
from ftkit_validators.quality.rows import EachRow, LineMap, Source
from ftkit_validators.quality.samples import questions, row
from ftkit_validators.quality.texts import digest64, shortened, texts

_ASKED = questions(20)


@rule(
    "FT506",
    "constant-answer",
    scope="dataset",
    severity="warning",
    kinds=("chat", "completion"),
    params={"share": 0.95, "rows": 20},
    bad="".join(row(q, "I cannot help with that.") for q in _ASKED),
    good="".join(row(q, f"About {q.lower()}") for q in _ASKED),
)
class ConstantAnswer:
    """Nearly every row (``share``, of at least ``rows`` rows) has one and the same answer. A model learns
    that answer, whatever it is asked; often a column was mapped wrongly, or a refusal or an error was
    collected."""

    def __init__(self, context: Context) -> None:
        self.share = float(context.param(ConstantAnswer, "share"))  # type: ignore[arg-type]
        self.least = int(context.param(ConstantAnswer, "rows"))  # type: ignore[arg-type]
        self.replies = array("I")
        self.lines = LineMap()
        self.source: Source | None = Source(context.name, context)

    def row(self, row: RowView) -> Iterator[Found]:
        """Keep four bytes of the answer's hash."""
        if (reply := texts(row).reply) is not None:
            self.replies.append(digest64(reply.strip().encode()) & 0xFFFFFFFF)
            self.lines.add(row.line)
        return iter(())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "source": None}

    def merge(self, later: Self, lines: int) -> None:
        """Take in the rows that follow."""
        self.replies += later.replies
        self.lines.merge(later.lines, lines)

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Say what nearly all rows answer."""
        import numpy as np

        replies = np.frombuffer(self.replies, np.uint32)
        if len(replies) < max(1, self.least):
            return
        middle = np.partition(replies, len(replies) // 2)[len(replies) // 2]  # what most say stands there
        same = replies == middle
        number = int(same.sum())
        if number < self.share * len(replies) or self.share <= 0.5:
            return
        line = int(self.lines.lines([int(np.argmax(same))])[0])
        said = next((shortened(texts(v).reply) for v in self.source.again({line})), "") if self.source else ""
        what = f"{number:,} of {len(replies):,} rows have the same answer as line {line}"
        yield Found(f"{what}: {said}" if said else what, "Is the right column or field taken as the answer?")


@rule(
    "FT507",
    "copied-answer",
    scope="dataset",
    severity="warning",
    kinds=("chat", "completion"),
    params={"least": 20},
    bad=row("Translate to French: good morning", "Translate to French: good morning"),
    good=row("Translate to French: good morning", "Bonjour"),
)
class CopiedAnswer(EachRow):
    """The answer is the prompt again, or begins with all of it. A model that learns this repeats the question
    before, or instead of, an answer. Prompts of fewer than ``least`` characters are not looked at."""

    def __init__(self, context: Context) -> None:
        self.least = int(context.param(CopiedAnswer, "least"))  # type: ignore[arg-type]

    def row(self, row: RowView) -> Iterator[Found]:
        """Compare the answer with the last message before it."""
        found = texts(row)
        reply = found.reply
        if reply is None or len(reply) < self.least:
            return
        asked = found.turns[-2][1] if len(found.turns) > 1 else found.prompt
        asked, reply = asked.strip(), reply.strip()
        if len(asked) < self.least or not reply.startswith(asked):
            return
        what = (
            "the answer is the prompt again" if reply == asked else "the answer begins with the whole prompt"
        )
        yield Found(what, "Leave the prompt out of the answer.", found.reply_at)


RULES = (ConstantAnswer, CopiedAnswer)
