"""What keeps a job from being launched: a price too high, a budget that is used up, a model that ends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.errors import NotOnPlatform, OverBudget
from ftkit.lifecycle.estimate import Estimate, dollars_in_words

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.display import Display
    from ftkit.ledger import Ledger, Operation

SOON = timedelta(days=60)
WINDOW = timedelta(days=30)


class Spent(NamedTuple):
    """Dollars that jobs cost or were estimated to cost, and how many jobs' costs are not known."""

    dollars: float
    unknown: int


def check_cost(made: Estimate, most: float) -> None:
    """OverBudget where the job may cost more than ``most`` dollars, or nobody knows what it costs."""
    high = made.dollars.high if made.dollars is not None else None
    if high is None:
        raise OverBudget(
            f"what this job costs is not known ({dollars_in_words(made.dollars)}), and it may cost at most "
            f"${most:,.2f}",
            hint="\n".join([*made.notes, _way_out(made)]),
        )
    if high > most:
        raise OverBudget(
            f"this job may cost {dollars_in_words(made.dollars)}, which is more than ${most:,.2f}",
            hint="Train on fewer examples or epochs, choose another model, or raise --max-cost.",
        )


def check_budget(made: Estimate, budget: float, spent: Spent, display: Display) -> None:
    """OverBudget where the job and those of the last 30 days together may cost more than ``budget``."""
    high = made.dollars.high if made.dollars is not None else None
    if high == 0:
        return
    if high is None:
        raise OverBudget(
            f"what this job costs is not known, and jobs on {made.platform} have a budget of ${budget:,.2f}",
            hint="\n".join([*made.notes, _way_out(made)]),
        )
    if spent.unknown:
        display.warn(f"{spent.unknown} earlier job(s) of unknown cost are not counted in the budget")
    if spent.dollars + high > budget:
        raise OverBudget(
            f"the budget of ${budget:,.2f} for jobs on {made.platform} in 30 days does not hold this job: "
            f"${spent.dollars:,.2f} are spent, it is estimated to cost {dollars_in_words(made.dollars)}",
            hint="Raise `budget` in ftkit.toml (FTKIT_BUDGET), or wait. What was spent: ftkit ledger list.",
        )


def spent_on(ledger: Ledger, place: str, now: datetime | None = None) -> Spent:
    """What the jobs that were launched on a platform within 30 days cost."""
    since = ((now or datetime.now(UTC)) - WINDOW).timestamp()
    costs = [cost for job in ledger.operations("job", place) for cost in _costs(job, since)]
    return Spent(sum(c for c in costs if c is not None), sum(c is None for c in costs))


def _costs(job: Operation, since: float) -> Iterator[float | None]:
    """The costs of an operation's job and of those that it has replaced."""
    for before in job.result.get("earlier", ()):
        if before.get("launched_at", 0.0) >= since:
            yield _cost(before)
    if (
        job.state in ("begun", "done")
        and job.intended_at is not None
        and job.intended_at.timestamp() >= since
    ):
        yield _cost(job.result)


def _cost(facts: Mapping[str, Any]) -> float | None:
    """What was billed where it is known, else the most that was estimated."""
    tokens, price = facts.get("trained_tokens"), facts.get("price")
    if tokens is not None and price is not None:
        return float(tokens * price / 1e6)
    if facts.get("status") == "failed":
        return 0.0  # nothing was trained
    dollars = facts.get("dollars")
    return float(dollars) if dollars is not None else None


def check_model(
    model: str, entry: Model | None, title: str, display: Display, told: date | None = None
) -> None:
    """NotOnPlatform where the base model has ended or takes no new jobs; a warning where it ends soon.

    ``told`` is the shutdown date that the platform itself names.
    """
    today, source = date.today(), ""
    end = entry.shutdown.on if entry is not None else None
    last = entry.shutdown.no_new_jobs_after if entry is not None else None
    if told is not None:
        end, source = told, f" ({title} says so)"
    if end is not None and end <= today:
        raise NotOnPlatform(
            f"{model} was shut down on {end}{source}, and its fine-tunes with it", hint=_other(entry)
        )
    if last is not None and last < today:
        raise NotOnPlatform(f"{title} starts no new jobs on {model} since {last}", hint=_other(entry))
    if end is not None and end - today <= SOON:
        days = (end - today).days
        display.warn(f"{model} shuts down on {end}{source}, in {days} days, and what is tuned from it too")


def _other(entry: Model | None) -> str:
    option = f" --platform {entry.provider}" if entry is not None else ""
    return f"Choose a model that is still served: ftkit models list --catalog{option}"


def _way_out(made: Estimate) -> str:
    return (
        f'To go on: name its price in ftkit.toml ([models."{made.model}"] with provider and price.train), '
        "give the epochs as a number, or leave the limit away."
    )
