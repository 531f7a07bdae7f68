"""Tokens of rows for the models that were asked for: counted exactly, or proven to fit by their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from ftkit.validation.tally import TokenKey, TokenSums
from ftkit.validation.typed import PlainRow, Sound

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.tokens import ExampleCounter, RowTokens, Uncountable
    from ftkit.validation.options import Counts

    Counted = RowTokens | Uncountable

_NO_LIMIT = 1 << 62
_UNPROVEN = "too long to be shown to fit without counting"


class Tokens(NamedTuple):
    """``sizes``: tokens of each row as the first model counts them. ``told``: by row, what rules are told."""

    sizes: list[int | None]
    told: dict[int, dict[str, int]]


class RowCounter:
    """Counts rows once per tokenizer and template, however many models share them.

    ``counts``: ``exact`` counts every row; ``limits`` only those that their bytes do not prove to fit;
    ``bound`` none. ``notes`` name models whose tokenizer is not known. A vocabulary is loaded when the
    first row needs it; TokenizerMissing is raised then.
    """

    def __init__(self, models: Sequence[Model], counts: Counts, *, ask_all: bool = True) -> None:
        self.counts = counts
        self.models: list[tuple[Model, TokenKey]] = []
        self.notes: list[str] = []
        self._ask_all = ask_all
        self._counters: dict[TokenKey, ExampleCounter] = {}
        for model in models:
            if model.tokenizer is None:
                self.notes.append(f"{model.id}: tokens not counted: unknown tokenizer")
            else:
                self.models.append((model, (model.tokenizer, model.chat_template or "generic")))
        self.keys: dict[TokenKey, Model] = {key: model for model, key in reversed(self.models)}
        self._provable = {key: self._provable_bytes(key) for key in self.keys}

    @property
    def provable(self) -> int:
        """A row whose line has no more bytes than this fits every model; -1 where that cannot be known."""
        return min(self._provable.values(), default=-1)

    def _provable_bytes(self, key: TokenKey) -> int:
        """The least limit of the models that count so, less what their chat template may add."""
        from ftkit.tokens.counting import overhead_of

        overhead = overhead_of(*key)
        if self.counts == "exact" or overhead is None:
            return -1
        limits = [limit_of(model) for model, its in self.models if its == key]
        return min((limit for limit in limits if limit is not None), default=_NO_LIMIT) - overhead

    def counter(self, key: TokenKey) -> ExampleCounter:
        """The counter of one way of counting."""
        if key not in self._counters:
            from ftkit.tokens.counting import counter_for

            self._counters[key] = counter_for(self.keys[key])
        return self._counters[key]

    def skip(self, rows: int, sums: dict[TokenKey, TokenSums]) -> None:
        """Note rows that fit without being counted."""
        for key in self.keys:
            sums.setdefault(key, TokenSums()).uncounted += rows

    def count(self, rows: Sequence[Sound], sums: dict[TokenKey, TokenSums]) -> Tokens:
        """Count a batch of rows, into ``sums`` too."""
        from ftkit.tokens.counting import RowTokens

        limits = [(model, key, limit_of(model)) for model, key in self.models]
        found: dict[TokenKey, list[Counted | None]] = {}
        for key in self.keys:
            found[key] = self._counted(rows, key)
            _add_up(found[key], sums.setdefault(key, TokenSums()))
        told: dict[int, dict[str, int]] = {}
        for model, key, limit in limits:
            for index, counted in enumerate(found[key]):
                if isinstance(counted, RowTokens) and (
                    self._ask_all or limit is None or counted.longest > limit
                ):
                    told.setdefault(index, {})[model.id] = counted.longest
        first = found[self.models[0][1]] if self.counts == "exact" and self.models else []
        return Tokens([c.longest if isinstance(c, RowTokens) else None for c in first], told)

    def _counted(self, rows: Sequence[Sound], key: TokenKey) -> list[Counted | None]:
        """What each row has; None for one that fits without being counted."""
        from ftkit.tokens import Uncountable

        counted: list[Counted | None] = [None] * len(rows)
        provable = self._provable[key]
        open_ = [i for i, row in enumerate(rows) if provable < 0 or not row.within(provable)]
        if self.counts == "bound":
            for index in open_:
                counted[index] = Uncountable(_UNPROVEN)
            return counted
        plain = [i for i in open_ if rows[i].plain is not None]
        other = [i for i in open_ if rows[i].plain is None]
        if plain:
            texts = [_roles_and_texts(rows[i].plain) for i in plain]
            for index, tokens in zip(plain, self.counter(key).count_plain(texts), strict=True):
                counted[index] = tokens
        if other:
            values = [rows[i].example() for i in other]
            for index, any_ in zip(other, self.counter(key).count_many(values), strict=True):
                counted[index] = any_
        return counted


def _roles_and_texts(row: PlainRow | None) -> tuple[tuple[str, ...], list[str]]:
    assert row is not None
    return tuple([m.role for m in row.messages]), [m.content for m in row.messages]


def _add_up(counted: Sequence[Counted | None], sums: TokenSums) -> None:
    from ftkit.tokens import Uncountable
    from ftkit.tokens.counting import RowTokens

    rows = [c for c in counted if isinstance(c, RowTokens)]
    sums.rows.update([row.longest for row in rows])
    sums.total += sum([row.total for row in rows])
    sums.trained += sum([row.trained for row in rows])
    sums.replies += sum([row.trained for row in rows])
    sums.uncounted += counted.count(None)
    sums.unknown.update([c.reason for c in counted if isinstance(c, Uncountable)])


def limit_of(model: Model) -> int | None:
    """Tokens that one training example may have: the training context, else the context; None if unknown."""
    limits = model.limits
    return limits.training_context if limits.training_context is not None else limits.inference_context
