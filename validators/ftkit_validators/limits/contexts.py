"""Rules on rows with more tokens than a model reads at once, and on what is lost where they are cut."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ftkit.errors import DataError
from ftkit.validation import Case, Found, RowView, rule
from ftkit.validation.rules import Key, RowKind
from ftkit_validators.limits.words import cut_words

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.tokens import ExampleCounter

_ALL: tuple[RowKind, ...] = ("chat", "preference", "reinforcement", "completion")
_LONG = '{"messages": [{"role": "user", "content": "one two three four five six seven eight"}, '
_SHORT = '{"messages": [{"role": "user", "content": "one"}, '
_REPLY = '{"role": "assistant", "content": "ok"}]}\n'
_HINT = "Shorten it, or break it between turns: ftkit split DATA --over-limit window."


def _case(content: str, **limits: int) -> Case:
    model = {"provider": "local", "tokenizer": "words", "chat_template": "words", "limits": limits}
    return Case(content, models=("narrow",), settings={"models": {"narrow": model}})


# Rules on tokens read nothing but the counts: of a row that fits every model they are not told.
@rule(
    "FT301",
    "over-training-context",
    scope="tokens",
    kinds=_ALL,
    reads=(),
    bad=_case(_LONG + _REPLY, training_context=6),
    good=_case(_SHORT + _REPLY, training_context=6),
)
def over_training_context(row: RowView) -> Iterator[Found]:
    """The example has more tokens than the model's training context, which is often far smaller than the
    context it can read when it is used. Platforms cut such an example at its end, where the answer stands:
    the model then learns from a question without its answer. Some refuse the file."""
    for model in row.context.models:
        limit = model.limits.training_context
        if limit is not None:
            yield from _over(row, model, limit, f"the training context of {model.id}")


@rule(
    "FT302",
    "over-context",
    scope="tokens",
    severity="warning",
    kinds=_ALL,
    reads=(),
    bad=_case(_LONG + _REPLY, inference_context=6),
    good=_case(_SHORT + _REPLY, inference_context=6),
)
def over_context(row: RowView) -> Iterator[Found]:
    """The example has more tokens than the model can read at once when it is used. The catalog knows no
    training context for this model, which would be smaller still."""
    for model in row.context.models:
        limit = model.limits.inference_context
        if limit is not None and model.limits.training_context is None:
            yield from _over(row, model, limit, f"the context of {model.id}")


def _over(row: RowView, model: Model, limit: int, what: str) -> Iterator[Found]:
    tokens = row.tokens.get(model.id)
    if tokens is None or tokens <= limit:
        return
    said, at = _cut(row, model, limit)
    message = f"{tokens:,} tokens, {tokens - limit:,} over {what} ({limit:,}){said}"
    yield Found(message, _HINT, at)


def _cut(row: RowView, model: Any, limit: int) -> tuple[str, tuple[Key, ...]]:
    """What a platform loses that keeps the first ``limit`` tokens, in words, and where it cuts."""
    counter = _counter(model)
    try:
        cut = counter.cut_at(row.value, limit)
    except (DataError, RecursionError):
        return "", ()
    return cut_words(row, cut, lambda messages, tools: counter.count(messages, tools)) if cut else ("", ())


@lru_cache(8)
def _counter(model: Any) -> ExampleCounter:
    from ftkit.tokens import counter_for

    return counter_for(model)


RULES = (over_training_context, over_context)
