"""Adds up over rows: tokens per model, replies as labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftkit.catalog import Model
from ftkit.data import reply_of
from ftkit.validation.report import ModelFit, TokenStats

if TYPE_CHECKING:
    from ftkit.tokens import ExampleCounter

_MOST_LABELS, _LONGEST_LABEL = 50, 80


class TokenTally:
    """Counts each row once per tokenizer and template, however many models share them.

    A histogram (count -> rows) is all that is kept, so memory does not grow with the rows.
    """

    def __init__(self, models: Sequence[Model]) -> None:
        from ftkit.tokens import counter_for

        self.notes: list[str] = []
        self._models: list[tuple[Model, tuple[str, Any]]] = []
        self._counters: dict[tuple[str, Any], ExampleCounter] = {}
        self._rows: dict[tuple[str, Any], Counter[int]] = {}
        for model in models:
            if model.tokenizer is None:
                self.notes.append(f"{model.id}: tokens not counted: unknown tokenizer")
                continue
            key = (model.tokenizer, model.chat_template)
            if key not in self._counters:
                self._counters[key] = counter_for(model)
                self._rows[key] = Counter()
            self._models.append((model, key))

    def count(self, example: Mapping[str, Any]) -> dict[str, int]:
        """The row's tokens for each model id; taken into the sums."""
        counts = {key: counter.count_example(example) for key, counter in self._counters.items()}
        for key, tokens in counts.items():
            self._rows[key][tokens] += 1
        return {model.id: counts[key] for model, key in self._models}

    def stats(self) -> TokenStats | None:
        """The sums of the first model that could be counted."""
        if not self._models or not (rows := self._rows[self._models[0][1]]):
            return None
        number, total = rows.total(), _total(rows)
        return TokenStats(
            tokenizer=str(self._models[0][0].tokenizer),
            rows=number,
            total=total,
            mean=round(total / number, 1),
            p50=quantile(rows, 0.5),
            p95=quantile(rows, 0.95),
            max=max(rows),
        )

    def fits(self) -> list[ModelFit]:
        """One entry for each model that could be counted."""
        return [_fit(model, self._rows[key]) for model, key in self._models]


def _fit(model: Model, rows: Counter[int]) -> ModelFit:
    limit, total = training_limit(model), _total(rows)
    cost = None if model.price.train is None else total * model.price.train / 1e6
    return ModelFit(
        model=model.id,
        provider=model.provider,
        tokenizer=str(model.tokenizer),
        limit=limit,
        over=sum(n for tokens, n in rows.items() if limit is not None and tokens > limit),
        max_tokens=max(rows, default=0),
        total_tokens=total,
        p50=quantile(rows, 0.5),
        p95=quantile(rows, 0.95),
        training_cost=cost,
    )


def training_limit(model: Model) -> int | None:
    """Tokens that one training example may have; None where it is not known."""
    return model.limits.training_context


def _total(rows: Counter[int]) -> int:
    return sum(tokens * number for tokens, number in rows.items())


def quantile(rows: Counter[int], share: float) -> int:
    """The smallest count that at least ``share`` of the rows do not exceed; 0 of no rows."""
    need = share * rows.total()
    seen = 0
    for tokens in sorted(rows):
        seen += rows[tokens]
        if seen >= need:
            return tokens
    return 0


class LabelTally:
    """Counts the replies, for as long as they look like labels: few and short."""

    def __init__(self) -> None:
        self._counts: Counter[str] | None = Counter()
        self._rows = 0

    def add(self, example: Mapping[str, Any]) -> None:
        """Take in the row's last reply."""
        if self._counts is None:
            return
        reply = reply_of(example)
        if reply is None or len(reply) > _LONGEST_LABEL:
            self._counts = None
            return
        self._counts[reply.strip()] += 1
        if len(self._counts) > _MOST_LABELS:
            self._counts = None

    def result(self) -> dict[str, int] | None:
        """Label -> rows, the most frequent first; None where the replies are no labels."""
        if not self._counts or (self._counts.total() > 3 and len(self._counts) * 2 > self._counts.total()):
            return None
        return dict(sorted(self._counts.items(), key=lambda item: (-item[1], item[0])))
