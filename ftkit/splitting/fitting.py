"""Fitting rows to a limit of tokens: what is left of a row that is longer, and what is lost of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.errors import DataError, UsageError, Where
from ftkit.splitting.result import Fitting, OverLimit, SplitOptions
from ftkit.splitting.windows import (
    Conversation,
    Window,
    conversation_of,
    is_taught,
    last_turns,
    windows_of,
)

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.splitting.arrays import Rows
    from ftkit.splitting.columns import Columns
    from ftkit.splitting.source import ExampleSource
    from ftkit.tokens import ExampleCounter, RowTokens
    from ftkit.tokens.tokenizer import Tokenizer

FITS, CUT, LOST = 0, 1, 2
"""What is to be done with a row: nothing, write what is left of it, write nothing."""
SHOWN = 5
"""Rows that are named by their lines."""


@dataclass(frozen=True, slots=True)
class FitPlan:
    """A row may have ``limit`` tokens; ``overlap`` turns are repeated in the next window."""

    limit: int
    over_limit: OverLimit
    overlap: int = 0


def fit_plan(options: SplitOptions, model: Model | None) -> FitPlan | None:
    """How rows are to be fitted, if at all. Raises UsageError where the limit is not known."""
    if options.overlap and options.over_limit != "window":
        raise UsageError("an overlap is one of windows", hint="Add --over-limit window, or leave it out.")
    if options.fitting is None:
        return None
    if model is None:
        raise UsageError(
            "a limit of tokens needs a model to count with", hint="Name it: --model gpt-4.1-mini"
        )
    limits = model.limits
    limit = options.max_row_tokens or limits.training_context or limits.inference_context
    if limit is None:
        hint = "Give the limit: --max-row-tokens N."
        raise UsageError(f"how long an example of {model.id} may be is not known", hint=hint)
    return FitPlan(limit, options.fitting, options.overlap)


class Fitted(NamedTuple):
    """What is left of a row: ``lines`` (none: nothing), together of ``tokens``. Lost of it are ``messages``
    (``taught`` ones among them, which would have been learned) with ``lost_tokens``.
    """

    lines: list[bytes]
    tokens: int
    messages: int
    taught: int
    lost_tokens: int


class Fitter:
    """Makes rows that fit out of a row that does not, by exact counts of each."""

    def __init__(self, plan: FitPlan, model: Model) -> None:
        from ftkit.tokens import ExampleCounter, counter_for

        counter = counter_for(model)
        self._plan = plan
        self._memory = _Remembered(counter.tokenizer)
        self._counter: ExampleCounter = ExampleCounter(self._memory, counter.template, counter.pictures)

    def state(self, line: bytes, counted: RowTokens) -> tuple[int, int]:
        """What is to be done with the row in ``line``, and the tokens of what is left, else of it."""
        if counted.longest <= self._plan.limit:
            return FITS, counted.total
        left = self.fit(line)
        return (CUT, left.tokens) if left.lines else (LOST, counted.total)

    def fit(self, line: bytes) -> Fitted:
        """What is left of the row in ``line``, whose tokens are known to be countable and too many."""
        if self._plan.over_limit not in ("truncate", "window"):
            return Fitted([], 0, 0, 0, 0)
        self._memory.known.clear()
        example = json.loads(line)
        messages = example["messages"]
        conversation = conversation_of(messages)
        windows = self._windows(example, conversation)
        pieces = [_piece(example, conversation, window) for window in windows]
        kept = {at for w in windows for at in _messages(conversation, w)}
        lost = [at for at in range(conversation.head, len(messages)) if at not in kept]
        sizes = self._counter.message_counts(example)
        return Fitted(
            [_encoded(piece) for piece in pieces],
            sum(map(self._counter.count_example, pieces)),
            len(lost),
            sum(is_taught(messages[at]) for at in lost),
            sum(sizes[at] for at in lost if at < len(sizes)),
        )

    def _windows(self, example: Mapping[str, Any], conversation: Conversation) -> list[Window]:
        def fits(start: int, end: int) -> bool:
            piece = _piece(example, conversation, Window(start, start, end))
            (counted,) = self._counter.count_many([piece])
            return getattr(counted, "longest", self._plan.limit + 1) <= self._plan.limit

        if self._plan.over_limit == "window":
            return list(windows_of(conversation.turns, fits, self._plan.overlap))
        window = last_turns(conversation.turns, fits)
        return [] if window is None else [window]


def _messages(conversation: Conversation, window: Window) -> range:
    turns = conversation.turns
    return range(turns[window.start].start, turns[window.end - 1].end)


def _piece(example: Mapping[str, Any], conversation: Conversation, window: Window) -> dict[str, Any]:
    """``example`` with the head and the turns of ``window`` only; in repeated ones nothing is learned."""
    messages = example["messages"]
    fresh = conversation.turns[window.fresh].start
    said = [
        {**messages[at], "weight": 0} if at < fresh and is_taught(messages[at]) else messages[at]
        for at in _messages(conversation, window)
    ]
    return {**example, "messages": [*messages[: conversation.head], *said]}


def _encoded(example: Mapping[str, Any]) -> bytes:
    # json, as it was read: it keeps numbers of any size
    return json.dumps(example, ensure_ascii=False, separators=(",", ":")).encode()


class _Remembered:
    """A tokenizer that counts each text of a row once, for many windows hold it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.name, self.exact, self.byte_level = tokenizer.name, tokenizer.exact, tokenizer.byte_level
        self.prefix = tokenizer.prefix
        self.known: dict[str, int] = {}
        self._tokenizer = tokenizer

    def count(self, text: str) -> int:
        return self.count_many([text])[0]

    def count_many(self, texts: Sequence[str]) -> list[int]:
        known = self.known
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, self._tokenizer.count_many(new), strict=True))
        return [known[text] for text in texts]


@dataclass(slots=True)
class FitStage:
    """Writes what is left of the rows that are to be cut, and adds up what is lost.

    ``first`` are the first rows of which something is lost.
    """

    fitter: Fitter
    columns: Columns
    rows: int = 0
    lines: int = 0
    messages: int = 0
    taught: int = 0
    tokens: int = 0
    first: list[int] = field(default_factory=list)

    def __call__(self, lines: Sequence[bytes], rows: Rows) -> list[list[bytes]]:
        """For each line the lines to be written."""
        assert self.columns.over is not None
        states = self.columns.over[rows].tolist()
        if not any(states):
            return [[line] for line in lines]
        return [
            [line] if state == FITS else self._cut(line, row)
            for line, state, row in zip(lines, states, rows.tolist(), strict=True)
        ]

    def _cut(self, line: bytes, row: int) -> list[bytes]:
        fitted = self.fitter.fit(line)
        if fitted.messages and len(self.first) < SHOWN:
            self.first.append(row)
        self.rows += 1
        self.lines += len(fitted.lines)
        self.messages += fitted.messages
        self.taught += fitted.taught
        self.tokens += fitted.lost_tokens
        return fitted.lines


def fitting_of(
    plan: FitPlan, columns: Columns, dropped: Rows, stage: FitStage | None, examples: ExampleSource
) -> Fitting:
    """What became of the rows over the limit; ``dropped`` are those of which nothing is left."""
    cut = stage.rows if stage else 0
    first = sorted({*dropped[:SHOWN].tolist(), *(stage.first if stage else ())})[:SHOWN]
    return Fitting(
        limit=plan.limit,
        over_limit=plan.over_limit,
        overlap=plan.overlap,
        over=cut + len(dropped),
        dropped=len(dropped),
        dropped_tokens=int(columns.tokens[dropped].sum()) if columns.tokens is not None else 0,
        truncated=cut if plan.over_limit == "truncate" else 0,
        divided=cut if plan.over_limit == "window" else 0,
        windows=stage.lines if stage and plan.over_limit == "window" else 0,
        lost_messages=stage.messages if stage else 0,
        lost_answers=stage.taught if stage else 0,
        lost_tokens=stage.tokens if stage else 0,
        first_lines=examples.numbers_of(first),
    )


def too_long(plan: FitPlan, columns: Columns, rows: Rows, examples: ExampleSource) -> DataError:
    """The error of ``rows`` that are over the limit where none may be: the first by their lines."""
    assert columns.tokens is not None
    first = rows[:SHOWN].tolist()
    numbers = examples.numbers_of(first)
    listed = [f"{examples.name}:{n} ({columns.tokens[row]:,})" for n, row in zip(numbers, first, strict=True)]
    more = f" and {len(rows) - len(first):,} more" if len(rows) > len(first) else ""
    count = "1 row has" if len(rows) == 1 else f"{len(rows):,} rows have"
    return DataError(
        f"{count} more than {plan.limit:,} tokens: {', '.join(listed)}{more}",
        where=Where(examples.name, numbers[0]),
        hint="Choose what becomes of them: --over-limit drop, truncate or window.",
    )
