"""Rules on whether the models asked for can be tuned at all: by this method, today, with so much data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from ftkit.catalog.schema import TuningMethod
from ftkit.validation import Case, Context, FileFacts, Found, rule
from ftkit.validation.rules import RowKind, Severity

_ALL: tuple[RowKind, ...] = ("chat", "preference", "reinforcement", "completion")
_CHAT = '{"messages": [{"role": "user", "content": "2+2?"}, {"role": "assistant", "content": "4"}]}\n'
_METHOD_OF: dict[RowKind, TuningMethod] = {
    "chat": "sft",
    "completion": "sft",
    "preference": "dpo",
    "reinforcement": "rft",
}
_NAMES = {
    "sft": "supervised fine-tuning (SFT)",
    "dpo": "preference tuning (DPO)",
    "rft": "reinforcement tuning (RFT)",
}
_SOON = 60  # days


def _case(limits: dict[str, Any] | None = None, **fields: Any) -> Case:
    model = {"provider": "small", "tokenizer": "words", "chat_template": "words", **fields}
    settings = {"models": {"mine": model}, "providers": {"small": {"limits": limits or {}}}}
    return Case(_CHAT, platform="small", models=("mine",), settings=settings)


def _methods(facts: FileFacts, context: Context) -> set[TuningMethod]:
    """What the data is for: as was said, else by the kinds of its rows."""
    if context.options.method is not None:
        return {context.options.method}
    return {method for kind, method in _METHOD_OF.items() if getattr(facts, kind)}


@rule(
    "FT303",
    "not-tunable-so",
    scope="file",
    severity="warning",
    kinds=_ALL,
    bad=_case(tunable=["dpo"]),
    good=_case(tunable=["sft"]),
)
def not_tunable(facts: FileFacts, context: Context) -> Iterator[Found]:
    """The model can be tuned, but not by the method that this data is for: models take supervised,
    preference and reinforcement tuning each or not, and the job is refused when it is created. Where the
    method was asked for by name this is an error."""
    for model in context.models:
        for method in sorted(_methods(facts, context)):
            if model.tunable and method not in model.tunable:
                known = ", ".join(_NAMES[name] for name in model.tunable)
                what = f"{model.id} is not tunable by {_NAMES[method]}, but by {known}"
                severity: Severity | None = "error" if context.options.method == method else None
                yield Found(what, "Choose another model, or data for that method.", severity=severity)


@rule(
    "FT304",
    "model-ends",
    scope="file",
    severity="warning",
    kinds=_ALL,
    bad=_case(shutdown={"on": "2020-01-31"}),
    good=_case(shutdown={"on": "2999-01-31"}),
)
def model_ends(facts: FileFacts, context: Context) -> Iterator[Found]:
    """The model is shut down, or takes no new tuning jobs, or will so within two months. What is tuned from
    it stops answering with it."""
    today = date.today()
    for model in context.models:
        end, last = model.shutdown.on, model.shutdown.no_new_jobs_after
        if end is not None and end <= today:
            yield Found(f"{model.id} was shut down on {end}", "Choose a model that is still served.")
        elif last is not None and last < today:
            yield Found(f"{model.id} takes no new tuning jobs since {last}", "Choose another model.")
        elif (soon := _next(end, last)) is not None and (soon - today).days <= _SOON:
            what = f"shut down on {end}" if soon == end else f"closed to new tuning jobs after {last}"
            yield Found(f"{model.id} will be {what}", "Plan for another model.", severity="info")


def _next(*days: date | None) -> date | None:
    return min((day for day in days if day is not None), default=None)


@rule(
    "FT305",
    "too-many-tokens",
    scope="file",
    kinds=_ALL,
    bad=_case({"max_training_tokens": 3}),
    good=_case({"max_training_tokens": 30}),
)
def too_many_tokens(facts: FileFacts, context: Context) -> Iterator[Found]:
    """A platform may limit what one job reads: the tokens of the training file times the epochs. A file that
    is over the limit in a single epoch is refused, or its job fails."""
    most = context.provider.limits.max_training_tokens
    for model, tokens in (facts.tokens or {}).items():
        if most is not None and tokens > most:
            what = f"{tokens:,} tokens for {model}; {context.provider.title} takes {most:,} in a job"
            yield Found(f"{what}, over all epochs", "Take a sample: ftkit split DATA --max-tokens N.")


RULES = (not_tunable, model_ends, too_many_tokens)
