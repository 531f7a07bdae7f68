"""Write many replies at once: whoever asks joins the batch at the next token, whoever is done leaves it.

One thread does all work with the model. In each turn it reads the prompts of some that wait (as far as memory
allows), then writes one token of every reply. A reply that must make room waits, and goes on later.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor

from ftkit.local.engines.asking import TokenLogprob
from ftkit.local.engines.transformers.caches import Columns
from ftkit.local.engines.transformers.constrain import Grammars, Matcher
from ftkit.local.engines.transformers.running import Weights, padded
from ftkit.local.engines.transformers.sampling import adjust, choose
from ftkit.local.engines.transformers.writing import Writing

_log = logging.getLogger("ftkit.local.transformers")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once: replies, prompts' tokens read in a turn, and cells (replies × columns) in memory."""

    rows: int
    prompt_tokens: int
    cells: int


@dataclass(slots=True)
class Asked:
    """One ask: its prompt's tokens and a ``Writing`` for each choice.

    ``heard`` is called in the batch's thread after each token with the choice's number.
    """

    prompt: list[int]
    writings: list[Writing]
    adapter: str | None = None
    heard: Callable[[int], None] | None = None
    cancelled: bool = False
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def fail(self, error: Exception) -> None:
        """End it without an answer."""
        self.error = error
        self.done.set()
        if self.heard is not None:
            self.heard(-1)


@dataclass(slots=True, eq=False)
class _Row:
    asked: Asked
    index: int

    @property
    def writing(self) -> Writing:
        return self.asked.writings[self.index]

    @property
    def tokens(self) -> list[int]:
        """All that the model must have read before the next token."""
        return self.asked.prompt + self.writing.tokens


class Batcher:
    """The batch of one model. ``token_text`` says a token as text, for log-probabilities."""

    def __init__(
        self, weights: Weights, grammars: Grammars, limits: Limits, token_text: Callable[[int], str]
    ) -> None:
        self._weights = weights
        self._grammars = grammars
        self._limits = limits
        self._cells = limits.cells
        self._token_text = token_text
        self._waiting: deque[_Row] = deque()
        self._rows: list[_Row] = []
        self._columns: Columns | None = None
        self._tasks: deque[Callable[[], None]] = deque()
        self._news = threading.Condition()
        threading.Thread(target=self._live, name="batch", daemon=True).start()

    def submit(self, asked: Sequence[Asked]) -> None:
        """Have these answered; each is ``done`` when all its choices are written, or with an ``error``."""
        with self._news:
            for one in asked:
                self._waiting.extend(_Row(one, index) for index in range(len(one.writings)))
            self._news.notify()

    def run(self, task: Callable[[], _Result]) -> _Result:
        """Do something else with the model, between two turns."""
        future: Future[_Result] = Future()

        def do() -> None:
            try:
                future.set_result(task())
            except Exception as error:  # noqa: BLE001 - it is raised in the thread that asked
                future.set_exception(error)

        with self._news:
            self._tasks.append(do)
            self._news.notify()
        return future.result()

    def _live(self) -> None:
        """The thread's life. It may not end: those who wait would wait for ever."""
        try:
            with torch.no_grad():
                self._work()
        finally:
            _log.critical("the batch's thread ended", exc_info=True)
            os._exit(70)

    def _work(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._tasks or self._waiting or self._rows)
                task = self._tasks.popleft() if self._tasks else None
            if task is not None:
                task()
                continue
            self._turn()

    def _turn(self) -> None:
        self._leave()
        joining = self._next()
        if joining:
            self._guard(joining, lambda: self._join(joining))
        elif self._rows:
            self._make_room()
        if self._rows:
            self._guard(self._rows, self._step)

    def _guard(self, rows: Sequence[_Row], work: Callable[[], None]) -> None:
        """Do a part of a turn; what goes wrong with the model ends the replies of ``rows`` only."""
        try:
            work()
        except torch.OutOfMemoryError as error:
            self._shrink(rows, error)
        except Exception as error:  # noqa: BLE001 - told to who asked and logged
            self._fail(rows, error)

    def _step(self) -> None:
        """Write one token of every reply."""
        assert self._columns is not None
        self._columns.widen()
        last = [[row.writing.tokens[-1]] for row in self._rows]
        tokens = torch.tensor(last, device=self._weights.device)
        adapters = [row.asked.adapter for row in self._rows]
        self._take(self._rows, self._weights.scores(tokens, self._columns, adapters))
        self._leave()

    def _next(self) -> list[_Row]:
        """Those that wait and for whom there is room, in their order."""
        chosen: list[_Row] = []
        width = self._columns.width + 1 if self._columns is not None else 0
        read: dict[int, int] = {}
        with self._news:
            while self._waiting:
                row = self._waiting[0]
                if row.asked.cancelled or row.asked.error is not None:
                    self._waiting.popleft()
                    continue
                size = len(row.tokens)
                widest, count = max(width, size + 1), len(self._rows) + len(chosen) + 1
                reading = {**read, id(row.asked): size}
                longest = max(reading.values())
                fits = count <= self._limits.rows and widest * count <= self._cells
                fits = fits and longest * len(reading) <= max(self._limits.prompt_tokens, size)
                if not fits and (chosen or self._rows):
                    break
                chosen.append(self._waiting.popleft())
                width, read = widest, reading
        return chosen

    def _join(self, joining: Sequence[_Row]) -> None:
        """Read their prompts, write their first tokens, and let them into the batch."""
        columns, scores = self._read(joining)
        self._take(joining, scores)
        stay = [place for place, row in enumerate(joining) if row.writing.finish_reason is None]
        if not stay:
            return
        if len(stay) < len(joining):
            columns.select(stay)
        if self._columns is None:
            self._columns = columns
        else:
            self._columns.join(columns)
        self._rows += [joining[place] for place in stay]

    def _read(self, rows: Sequence[_Row]) -> tuple[Columns, Tensor]:
        """The prompt of several choices is read once, unless one was interrupted and goes on."""
        keys = [id(row) if row.writing.tokens else id(row.asked) for row in rows]
        first = {key: place for place, key in reversed(list(enumerate(keys)))}
        order = list(first)
        read = [rows[first[key]] for key in order]
        tokens, mask = padded([row.tokens for row in read], self._weights.device)
        columns = Columns.empty(mask)
        scores = self._weights.scores(tokens, columns, [row.asked.adapter for row in read])
        if len(read) < len(rows) or read != list(rows):
            places = [order.index(key) for key in keys]
            columns.select(places)
            scores = scores[torch.tensor(places, device=scores.device)]
        return columns, scores

    def _take(self, rows: Sequence[_Row], scores: Tensor) -> None:
        """Choose every row's next token and tell who listens."""
        writings = [row.writing for row in rows]
        logprobs = self._logprobs(writings, scores)
        adjust(scores, [writing.drawing for writing in writings])
        self._grammars.apply(scores, [_matcher(writing) for writing in writings])
        tokens = choose(scores, [writing.drawing for writing in writings]).tolist()
        for place, (row, token) in enumerate(zip(rows, tokens, strict=True)):
            row.writing.take(token, logprobs[place](token) if place in logprobs else None)
            if row.asked.heard is not None:
                row.asked.heard(row.index)
            if all(writing.finish_reason is not None for writing in row.asked.writings):
                row.asked.done.set()

    def _logprobs(
        self, writings: Sequence[Writing], scores: Tensor
    ) -> dict[int, Callable[[int], TokenLogprob]]:
        """For the rows that want them: what a token's log-probability is by the model's own scores."""
        wanting = {place: w.top_logprobs for place, w in enumerate(writings) if w.top_logprobs is not None}
        if not wanting:
            return {}
        all_of = torch.log_softmax(scores[list(wanting)], dim=-1)
        values, order = all_of.topk(min(max(1, *wanting.values()), all_of.shape[1]), dim=-1)
        tops = list(zip(order.tolist(), values.tolist(), strict=True))
        found: dict[int, Callable[[int], TokenLogprob]] = {}
        for number, (place, count) in enumerate(wanting.items()):
            top = tuple(
                (self._token_text(token), value)
                for token, value in list(zip(*tops[number], strict=True))[:count]
            )
            found[place] = _Logprobs(all_of[number], top, self._token_text)
        return found

    def _leave(self) -> None:
        """Let go of the rows that are finished or that nobody waits for."""
        stay = [
            place
            for place, row in enumerate(self._rows)
            if row.writing.finish_reason is None and not row.asked.cancelled and row.asked.error is None
        ]
        self._keep(stay)

    def _make_room(self) -> None:
        """Send the last ones back to wait when the next column would be too many cells."""
        assert self._columns is not None
        most = max(1, self._cells // (self._columns.width + 1))
        if len(self._rows) > most:
            self._send_back(most)

    def _send_back(self, most: int) -> None:
        with self._news:
            self._waiting.extendleft(reversed(self._rows[most:]))
        self._keep(range(most))

    def _keep(self, stay: Sequence[int]) -> None:
        if len(stay) == len(self._rows):
            return
        self._rows = [self._rows[place] for place in stay]
        if not self._rows:
            self._columns = None
        elif self._columns is not None:
            self._columns.select(stay)

    def _shrink(self, rows: Sequence[_Row], error: Exception) -> None:
        """Too much for the device: half as much at once from now on; one alone that is too much fails."""
        if len({*self._rows, *rows}) == 1:
            self._fail(rows, error)
            return
        self._cells = max(1, self._cells // 2)
        _log.warning("out of memory; from now on at most %s cells", self._cells)
        with self._news:
            self._waiting.extendleft(row for row in reversed(rows) if row not in self._rows)
        self._send_back(0)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _fail(self, rows: Sequence[_Row], error: Exception) -> None:
        """These have no answer; a device that is broken takes the process with it, and starts anew so."""
        _log.error("a turn failed", exc_info=error)
        for asked in {id(row.asked): row.asked for row in rows}.values():
            asked.fail(error)
        self._keep([place for place, row in enumerate(self._rows) if row.asked.error is None])
        if "CUDA error" in str(error):
            os._exit(70)


class _Logprobs:
    """One row's log-probabilities."""

    def __init__(self, row: Tensor, top: tuple[tuple[str, float], ...], text: Callable[[int], str]) -> None:
        self._row = row
        self._top = top
        self._text = text

    def __call__(self, token: int) -> TokenLogprob:
        return TokenLogprob(self._text(token), float(self._row[token]), self._top)


def _matcher(writing: Writing) -> Matcher | None:
    grammar: Any = writing.grammar
    return grammar if isinstance(grammar, Matcher) else None
