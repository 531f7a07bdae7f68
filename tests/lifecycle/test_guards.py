"""Limits before a launch: the price of a job, a budget over 30 days, and models that end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ftkit.catalog import Model
from ftkit.catalog.schema import Shutdown
from ftkit.display import SilentDisplay
from ftkit.errors import NotOnPlatform, UsageError
from ftkit.ledger import Ledger, open_ledger
from ftkit.lifecycle.estimate import Estimate, Span
from ftkit.lifecycle.guards import Spent, check_budget, check_cost, check_model, spent_on
from ftkit.settings import Settings

PLACE = "https://example.org/v1"


class Seen(SilentDisplay):
    """Keeps the warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def costing(low: float | None, high: float | None = None) -> Estimate:
    dollars = None if low is None else Span(low=low, high=high)
    return Estimate(platform="openai", model="gpt-x", dollars=dollars, notes=("tokens: not counted",))


@pytest.fixture
def ledger() -> Ledger:
    return open_ledger(Settings())


def job(ledger: Ledger, name: str, place: str = PLACE, **facts: Any) -> None:
    with ledger.claim("job", place, {"name": name}) as claim:
        claim.intend(**facts)
        claim.finish(name, **facts)


@pytest.mark.parametrize(("low", "high", "most"), [(1.0, 1.0, 1.0), (0.0, 0.0, 0.0), (1.0, 9.99, 10.0)])
def test_a_job_within_its_price_may_go(low: float, high: float, most: float) -> None:
    check_cost(costing(low, high), most)


@pytest.mark.parametrize(("low", "high", "words"), [(11.0, 11.0, "$11.00"), (5.0, 20.0, "$5.00 to $20.00")])
def test_a_job_above_its_price_is_refused(low: float, high: float, words: str) -> None:
    with pytest.raises(UsageError, match="which is more than") as caught:
        check_cost(costing(low, high), 10.0)
    assert f"this job may cost {words}, which is more than $10.00" in caught.value.message


@pytest.mark.parametrize(("low", "words"), [(None, "an unknown sum"), (3.0, "at least $3.00")])
def test_a_job_of_unknown_price_is_refused_with_the_way_out(low: float | None, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_cost(costing(low), 10.0)
    assert f"is not known ({words})" in caught.value.message
    hint = str(caught.value.hint)
    assert "tokens: not counted" in hint  # why it is not known
    assert '[models."gpt-x"]' in hint and "ftkit.toml" in hint


def test_a_budget_holds_what_was_spent_and_the_new_job() -> None:
    check_budget(costing(4.0, 4.0), 10.0, Spent(6.0, 0), Seen())
    with pytest.raises(UsageError, match=r"does not hold this job: \$6\.01 are spent") as caught:
        check_budget(costing(4.0, 4.0), 10.0, Spent(6.01, 0), Seen())
    assert "FTKIT_BUDGET" in str(caught.value.hint)


def test_a_free_job_needs_no_budget() -> None:
    check_budget(costing(0.0, 0.0), 0.0, Spent(100.0, 3), Seen())


def test_a_budget_refuses_what_may_cost_anything() -> None:
    with pytest.raises(UsageError, match=r"is not known, and jobs on openai have a budget of \$10\.00"):
        check_budget(costing(1.0), 10.0, Spent(0.0, 0), Seen())


def test_jobs_of_unknown_cost_are_said_not_to_be_counted() -> None:
    seen = Seen()
    check_budget(costing(1.0, 1.0), 10.0, Spent(2.0, 3), seen)
    assert seen.warnings == ["3 earlier job(s) of unknown cost are not counted in the budget"]


def test_what_was_spent_is_the_sum_of_the_platform_s_jobs(ledger: Ledger) -> None:
    job(ledger, "a", dollars=1.0)
    job(ledger, "b", dollars=2.5)
    job(ledger, "c", dollars=None)
    job(ledger, "d", place="https://elsewhere.org/v1", dollars=100.0)
    assert spent_on(ledger, PLACE) == Spent(3.5, 1)


def test_what_was_billed_is_better_than_what_was_estimated(ledger: Ledger) -> None:
    job(ledger, "a", dollars=9.0, price=2.0, trained_tokens=500_000, status="succeeded")
    job(ledger, "b", dollars=9.0, status="failed", trained_tokens=None)
    job(ledger, "c", dollars=9.0, price=2.0, trained_tokens=100_000, status="cancelled")
    spent = spent_on(ledger, PLACE)
    assert spent.dollars == pytest.approx(1.2) and spent.unknown == 0


def test_what_is_older_than_30_days_is_not_counted(ledger: Ledger) -> None:
    job(ledger, "a", dollars=5.0)
    now = datetime.now(UTC)
    assert spent_on(ledger, PLACE, now + timedelta(days=29, hours=23)).dollars == 5.0
    assert spent_on(ledger, PLACE, now + timedelta(days=30, hours=1)) == Spent(0, 0)


def test_a_job_that_was_begun_counts_and_one_that_was_not_does_not(ledger: Ledger) -> None:
    with ledger.claim("job", PLACE, {"n": 1}) as claim:
        claim.intend(dollars=3.0)
    with ledger.claim("job", PLACE, {"n": 2}) as claim:
        claim.intend(dollars=4.0)
        claim.abandon("refused")
    assert spent_on(ledger, PLACE) == Spent(3.0, 0)


def test_jobs_that_were_replaced_cost_what_they_cost(ledger: Ledger) -> None:
    now = datetime.now(UTC).timestamp()
    earlier = [
        {"id": "a", "dollars": 2.0, "launched_at": now - 10},
        {"id": "b", "dollars": 3.0, "status": "failed", "launched_at": now - 9},
        {"id": "c", "dollars": 50.0, "launched_at": now - 40 * 86400},
    ]
    job(ledger, "d", dollars=1.0, earlier=earlier)
    assert spent_on(ledger, PLACE) == Spent(3.0, 0)


def in_days(days: int) -> date:
    return date.today() + timedelta(days=days)


def model(**shutdown: Any) -> Model:
    return Model(id="m", provider="openai", shutdown=Shutdown(**shutdown))


@pytest.mark.parametrize(
    ("shutdown", "words"),
    [
        ({"on": in_days(-3)}, f"m was shut down on {in_days(-3)}, and its fine-tunes with it"),
        ({"on": in_days(0)}, "was shut down on"),
        ({"no_new_jobs_after": in_days(-1)}, f"OpenAI starts no new jobs on m since {in_days(-1)}"),
    ],
)
def test_a_model_that_has_ended_is_refused(shutdown: dict[str, Any], words: str) -> None:
    with pytest.raises(NotOnPlatform) as caught:
        check_model("m", model(**shutdown), "OpenAI", Seen())
    assert words in caught.value.message
    assert "ftkit models list --catalog --platform openai" in str(caught.value.hint)


@pytest.mark.parametrize(("days", "warned"), [(1, True), (60, True), (61, False), (500, False)])
def test_a_model_that_ends_soon_is_warned_of_with_its_day(days: int, warned: bool) -> None:
    seen = Seen()
    check_model("m", model(on=in_days(days)), "OpenAI", seen)
    expected = f"m shuts down on {in_days(days)}, in {days} days, and what is tuned from it too"
    assert seen.warnings == ([expected] if warned else [])


def test_the_last_day_of_new_jobs_is_still_one() -> None:
    check_model("m", model(no_new_jobs_after=in_days(0)), "OpenAI", Seen())


def test_the_platform_s_own_word_is_stronger() -> None:
    entry = model(on=in_days(500))
    with pytest.raises(NotOnPlatform, match=r"\(OpenAI says so\)"):
        check_model("m", entry, "OpenAI", Seen(), told=in_days(-1))
    seen = Seen()
    check_model("m", entry, "OpenAI", seen, told=in_days(10))
    assert "OpenAI says so" in seen.warnings[0] and str(in_days(10)) in seen.warnings[0]
    check_model("m", model(on=in_days(-1)), "OpenAI", seen, told=in_days(300))


def test_a_model_that_nobody_knows_may_go() -> None:
    check_model("m", None, "somewhere", Seen())
