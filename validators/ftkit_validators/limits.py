"""Family FT3xx: the limits of the models that the data is meant for."""

from __future__ import annotations

from collections.abc import Iterator

from ftkit.validation import Case, Found, RowView, rule

_LONG = '{"messages": [{"role": "user", "content": "one two three four five six seven eight"}, '
_SHORT = '{"messages": [{"role": "user", "content": "one"}, '
_REPLY = '{"role": "assistant", "content": "ok"}]}\n'


def _case(content: str, **limits: int) -> Case:
    model = {"provider": "local", "tokenizer": "words", "chat_template": "words", "limits": limits}
    return Case(content, models=("narrow",), settings={"models": {"narrow": model}})


@rule(
    "FT301",
    "over-training-context",
    scope="tokens",
    bad=_case(_LONG + _REPLY, training_context=6),
    good=_case(_SHORT + _REPLY, training_context=6),
)
def over_training_context(row: RowView) -> Iterator[Found]:
    """The example has more tokens than the model's training context, which is often far smaller than the
    context it can read when it is used. Platforms cut such an example at its end, where the answer stands:
    the model then learns from a question without its answer. Some refuse the file."""
    for model in row.context.models:
        limit, tokens = model.limits.training_context, row.tokens.get(model.id)
        if limit is not None and tokens is not None and tokens > limit:
            what = (
                f"{tokens:,} tokens, {tokens - limit:,} over the training context of {model.id} ({limit:,})"
            )
            yield Found(what, "Shorten it, or split the conversation.")


@rule(
    "FT302",
    "over-context",
    scope="tokens",
    severity="warning",
    bad=_case(_LONG + _REPLY, inference_context=6),
    good=_case(_SHORT + _REPLY, inference_context=6),
)
def over_context(row: RowView) -> Iterator[Found]:
    """The example has more tokens than the model can read at once when it is used. The catalog knows no
    training context for this model, which would be smaller still."""
    for model in row.context.models:
        limit, tokens = model.limits.inference_context, row.tokens.get(model.id)
        unknown = model.limits.training_context is None
        if unknown and limit is not None and tokens is not None and tokens > limit:
            what = f"{tokens:,} tokens, {tokens - limit:,} over the context of {model.id} ({limit:,})"
            yield Found(what, "Shorten it, or split the conversation.")


RULES = (over_training_context, over_context)
