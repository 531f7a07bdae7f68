"""The choice between a batch and real time."""

from __future__ import annotations

from typing import Any

import pytest

from ftkit.catalog import Price, Provider, ProviderLimits, builtin_catalog
from ftkit.gateway.realtime import Choice, Pace, choose

PRICE = Price(input=2.0, output=8.0, batch_discount=0.5)


def chosen(requests: int, price: Price | None = PRICE, tokens: int = 1000, **options: Any) -> Choice:
    """The choice on a platform of 600 requests a minute, 1,000 prompt tokens a request."""
    limits = options.pop("limits", ProviderLimits(requests_per_minute=600, concurrent_requests=100))
    provider = Provider(name="p", title="P", limits=limits, lacks=options.pop("lacks", ()))
    return choose(provider, price, requests, requests * tokens, requests * 10, **options)


def test_no_batches_there() -> None:
    choice = chosen(10**6, lacks=("batches",))
    assert (choice.via, choice.reason, choice.batch_dollars) == ("realtime", "P has no batches", None)
    assert choice.realtime_dollars == pytest.approx(2000 + 80)


def test_no_such_window() -> None:
    assert chosen(10**6, window="1h").reason == "P has no batches of 1h"


def test_few_requests() -> None:
    choice = chosen(20)
    assert (choice.via, choice.reason) == ("realtime", "20 requests are few")
    assert choice.realtime_dollars == pytest.approx(0.0416)
    assert choice.batch_dollars == pytest.approx(0.0208)


def test_done_soon() -> None:
    choice = chosen(300, tokens=100)
    assert (choice.via, choice.realtime_seconds) == ("realtime", 30)
    assert choice.reason == "real time takes about 30 seconds"


def test_few_but_dear() -> None:
    choice = chosen(20, tokens=100_000)
    assert (choice.via, choice.reason) == ("batch", "20 requests are few, but a batch saves $2.00")


@pytest.mark.parametrize("discount", [0.0, 0.1])
def test_a_saving_that_is_no_share(discount: float) -> None:
    price = Price(input=2.0, output=8.0, batch_discount=discount)
    assert chosen(20, price, tokens=100_000).via == "realtime"


def test_many() -> None:
    choice = chosen(10_000, tokens=100)
    assert choice.via == "batch"
    assert (
        choice.reason == "in real time 10,000 requests take 17 minutes or more; a batch waits and saves $1.40"
    )


@pytest.mark.parametrize("price", [None, Price(input=2.0), Price(input=1.0, output=1.0)])
def test_an_unknown_price_stays_unknown(price: Price | None) -> None:
    choice = chosen(10_000, price)
    assert (choice.via, choice.batch_dollars) == ("batch", None)
    assert "$" not in choice.reason
    assert (choice.realtime_dollars is None) == (price is None or price.output is None)


def test_the_price_of_a_tuned_model() -> None:
    price = Price(input=1.0, output=1.0, tuned_input=10.0, tuned_output=10.0, batch_discount=0.5)
    choice = chosen(10, price, tokens=100_000, tuned=True)
    assert (choice.realtime_dollars, choice.batch_dollars) == (pytest.approx(10.001), pytest.approx(5.0005))


def test_tokens_count_too() -> None:
    limits = ProviderLimits(requests_per_minute=600, tokens_per_minute=10_000)
    assert chosen(60, limits=limits).realtime_seconds == pytest.approx(60 * 60.6 * 1000 / 10_000)


def test_a_pace_of_ones_own() -> None:
    assert chosen(300, tokens=100, pace=Pace(requests_per_minute=6)).via == "batch"


@pytest.mark.parametrize("provider", builtin_catalog().providers(), ids=lambda p: p.name)
def test_every_platform_of_the_catalog(provider: Provider) -> None:
    few = choose(provider, None, 5, 5000, 50)
    many = choose(provider, None, 10**6, 10**9, 10**7)
    assert few.via == "realtime"
    assert many.via == ("realtime" if "batches" in provider.lacks else "batch")
