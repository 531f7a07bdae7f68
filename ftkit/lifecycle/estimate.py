"""What a fine-tuning job will cost and how long it will take, before it is launched.

Tokens are counted, prices are the catalog's, epochs are those given or what the platform documents for
``"auto"``, time is that of earlier jobs. What is not known is None, and ``notes`` say why: never a guess.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from ftkit.display.html import Shown
from ftkit.lifecycle.gate import counted_as

if TYPE_CHECKING:
    from ftkit.catalog import Price, Provider
    from ftkit.gateway.orders import JobOrder
    from ftkit.ledger import Ledger
    from ftkit.lifecycle.gate import Passed
    from ftkit.settings import Settings

_LAST_JOBS = 10


class Span(Shown, BaseModel):
    """From the least to the most; ``high`` is None where there is no known most."""

    model_config = ConfigDict(frozen=True)

    low: float
    high: float | None

    def times(self, factor: float) -> Span:
        """Both ends times a factor."""
        return Span(low=self.low * factor, high=None if self.high is None else self.high * factor)


class Estimate(Shown, BaseModel):
    """``tokens`` are those of one epoch, ``trained_tokens`` of all. Dollars are US dollars.

    ``price`` is that of a million trained tokens, ``tuned_input`` and ``tuned_output`` those of a million
    tokens of the tuned model. ``seconds`` are from the creation of the job to its end.
    """

    model_config = ConfigDict(frozen=True)

    platform: str
    model: str
    examples: int | None = None
    tokens: int | None = None
    epochs: Span | None = None
    trained_tokens: Span | None = None
    price: float | None = None
    prices_as_of: date | None = None
    dollars: Span | None = None
    seconds: Span | None = None
    tuned_input: float | None = None
    tuned_output: float | None = None
    notes: tuple[str, ...] = ()


def estimate(
    settings: Settings, provider: Provider, order: JobOrder, passed: Passed | None, ledger: Ledger, place: str
) -> Estimate:
    """The estimate for an order whose training file passed; ``place`` is the platform's identity.

    ``passed`` is None where nothing is known of the training file.
    """
    notes: list[str] = []
    tokens = passed.tokens if passed is not None else None
    if passed is None:
        notes.append("tokens: the training file was not looked into, only its id is known")
    elif tokens is None:
        notes.append(f"tokens: {passed.uncounted or 'not counted'}")
    epochs = _epochs(provider, order, passed, notes)
    trained = epochs.times(tokens) if tokens is not None else None
    prices = _prices(settings, provider, order.model)
    if prices.train is None or order.method.type == "reinforcement":
        notes.append(_no_price(provider, order))
        prices = prices.model_copy(update={"train": None})
    dollars = None
    if prices.train == 0:
        dollars = Span(low=0.0, high=0.0)
    elif trained is not None and prices.train is not None:
        dollars = trained.times(prices.train / 1e6)
    return Estimate(
        platform=provider.name,
        model=order.model,
        examples=passed.rows if passed is not None else None,
        tokens=tokens,
        epochs=epochs,
        trained_tokens=trained,
        price=prices.train,
        prices_as_of=prices.as_of,
        dollars=dollars,
        seconds=_seconds(ledger, place, order.model, trained, notes),
        tuned_input=prices.tuned_input,
        tuned_output=prices.tuned_output,
        notes=tuple(notes),
    )


def _epochs(provider: Provider, order: JobOrder, passed: Passed | None, notes: list[str]) -> Span:
    given = order.method.hyperparameters.n_epochs
    if isinstance(given, int):
        return Span(low=given, high=given)
    usual = provider.auto_epochs if order.method.type == "supervised" else None
    if usual is None:
        notes.append(f"epochs: not given, and what {provider.title} then chooses is not known (at least 1)")
        return Span(low=1, high=None)
    if passed is None:
        return Span(low=usual.least, high=usual.most)
    chosen = usual.of(passed.rows)
    notes.append(f"epochs: {chosen}, which {provider.title} chooses for {passed.rows:,} examples")
    return Span(low=chosen, high=chosen)


def _prices(settings: Settings, provider: Provider, model: str) -> Price:
    """The platform's own prices; another platform's price of a model of that name says nothing."""
    from ftkit.catalog import Price

    entry = settings.catalog.model(model, provider.name)
    if entry is None and provider.local:  # a stand-in is trained by the local platform's engine
        entry = counted_as(settings, provider, model)
    return entry.price if entry is not None else Price()


def _no_price(provider: Provider, order: JobOrder) -> str:
    if order.method.type == "reinforcement":
        return "cost: reinforcement training is not billed by the file's tokens"
    return f"cost: the catalog has no training price of {order.model} on {provider.title}"


def _seconds(ledger: Ledger, place: str, model: str, trained: Span | None, notes: list[str]) -> Span | None:
    """From the jobs on this platform and model that ended well: seconds per trained token, the last few."""
    rates = []
    for job in ledger.operations("job", place):
        facts = job.result
        if facts.get("model") == model and facts.get("status") == "succeeded":
            seconds, tokens = facts.get("seconds"), facts.get("trained_tokens")
            if seconds and tokens:
                rates.append(seconds / tokens)
    rates = rates[-_LAST_JOBS:]
    if not rates:
        notes.append("time: no earlier job of this model on this platform to go by")
    if not rates or trained is None:
        return None
    low = trained.low * min(rates)
    return Span(low=low, high=None if trained.high is None else trained.high * max(rates))


def summary(made: Estimate) -> str:
    """The estimate in one line."""
    parts = [f"costs {dollars_in_words(made.dollars)}"]
    if made.tokens is not None and made.trained_tokens is not None:
        epochs = f"{_number(made.epochs)} epoch{'' if made.epochs == Span(low=1, high=1) else 's'}"
        shown = f"{_number(made.trained_tokens)} tokens ({made.tokens:,} in {epochs})"
        parts.insert(0, f"trains on {shown}")
    if made.seconds is not None:
        parts.append(f"takes {_duration(made.seconds)}, as earlier jobs did")
    return f"the job {', '.join(parts)}"


def in_words(made: Estimate) -> list[str]:
    """The estimate for a person, line by line: what is known, and why the rest is not."""
    lines = [summary(made)]
    if made.price:
        day = f" (as of {made.prices_as_of})" if made.prices_as_of else ""
        lines.append(f"training costs ${made.price:,.2f} per 1M tokens{day}")
    if made.tuned_input is not None and made.tuned_output is not None and made.price != 0:
        prices = f"${made.tuned_input:,.2f} and ${made.tuned_output:,.2f}"
        lines.append(f"the tuned model costs {prices} per 1M tokens of input and output")
    return [*lines, *made.notes]


def dollars_in_words(dollars: Span | None) -> str:
    """``$1.20``, ``$1.20 to $3.60``, ``at least $1.20``, ``nothing`` or ``an unknown sum``."""
    if dollars is None:
        return "an unknown sum"
    if dollars.high is None:
        return f"at least ${_money(dollars.low)}"
    if dollars.high == 0:
        return "nothing"
    same = dollars.high == dollars.low
    return f"${_money(dollars.low)}" + ("" if same else f" to ${_money(dollars.high)}")


def _money(value: float) -> str:
    return f"{value:,.2f}" if value >= 0.1 or value == 0 else f"{value:.4f}"


def _number(span: Span | None) -> str:
    if span is None:
        return "an unknown number of"
    if span.high is None:
        return f"at least {span.low:,.0f}"
    return f"{span.low:,.0f}" if span.low == span.high else f"{span.low:,.0f} to {span.high:,.0f}"


def _duration(span: Span) -> str:
    def said(seconds: float) -> str:
        if seconds < 90:
            return f"{seconds:.0f} s"
        return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

    if span.high is None:
        return f"at least {said(span.low)}"
    low, high = said(span.low), said(span.high)
    return f"about {low}" if low == high else f"{low} to {high}"
