"""Estimates: exact where tokens, epochs and prices are known, and a range or "unknown" where they are not."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ftkit.gateway.orders import JobOrder
from ftkit.ledger import Ledger, open_ledger
from ftkit.lifecycle.estimate import Estimate, Span, dollars_in_words, estimate, in_words, summary
from ftkit.lifecycle.gate import Passed
from ftkit.settings import Settings

PLACE = "https://example.org/v1"
GRADER = {"type": "python", "name": "g", "source": "def grade(): ..."}


def passed(rows: int = 100, tokens: int | None = 50_000, **given: Any) -> Passed:
    return Passed(path=Path("t.jsonl"), sha256="0" * 64, platform="openai", rows=rows, tokens=tokens, **given)


def ordered(model: str = "gpt-4.1", **method: Any) -> JobOrder:
    kind = method.pop("type", "supervised")
    parts = {name: method.pop(name) for name in ("grader",) if name in method}
    chosen: Any = {"type": kind, "hyperparameters": method, **parts}
    return JobOrder(model=model, training_file="file-1", method=chosen)


@pytest.fixture
def ledger() -> Ledger:
    return open_ledger(Settings())


def made(
    ledger: Ledger,
    order: JobOrder,
    known: Passed | None,
    platform: str = "openai",
    settings: Settings | None = None,
) -> Estimate:
    config = settings or Settings()
    return estimate(config, config.catalog.provider(platform), order, known, ledger, PLACE)


def ended(
    ledger: Ledger, name: str, seconds: float, tokens: int, model: str = "gpt-4.1", **facts: Any
) -> None:
    """A job in the ledger that has come to its end."""
    with ledger.claim("job", facts.pop("place", PLACE), {"name": name}) as claim:
        claim.intend()
        given = {"model": model, "status": "succeeded", "seconds": seconds, "trained_tokens": tokens}
        claim.finish(name, **{**given, **facts})


def test_given_epochs_and_a_known_price_make_one_sum(ledger: Ledger) -> None:
    result = made(ledger, ordered(n_epochs=4), passed(tokens=1_000_000))
    assert result.trained_tokens == Span(low=4e6, high=4e6)
    assert result.price == 25.0 and result.prices_as_of == date(2026, 9, 25)
    assert result.dollars == Span(low=100.0, high=100.0)
    assert (result.tuned_input, result.tuned_output) == (3.0, 12.0)


@pytest.mark.parametrize(
    ("rows", "epochs"),
    [(10, 10), (30, 3), (33, 3), (34, 3), (4, 25), (100, 3), (8_333, 3), (10_000, 2), (30_000, 1)],
)
@pytest.mark.parametrize("asked", [{}, {"n_epochs": "auto"}])
def test_openai_s_own_choice_is_the_cookbook_s(
    ledger: Ledger, rows: int, epochs: int, asked: dict[str, Any]
) -> None:
    """https://cookbook.openai.com/examples/chat_finetuning_data_prep"""
    result = made(ledger, ordered(**asked), passed(rows=rows))
    assert result.epochs == Span(low=epochs, high=epochs)
    assert any(
        f"epochs: {epochs}, which OpenAI chooses for {rows:,} examples" in note for note in result.notes
    )


@pytest.mark.parametrize("rows", [10, 400, 572, 600, 1143, 1200, 1334, 50_000])
def test_the_local_platform_s_choice_is_its_engine_s(ledger: Ledger, rows: int) -> None:
    from ftkit.local.engines.linear.train import choose

    result = made(ledger, ordered("linear"), passed(rows=rows), "local")
    assert result.epochs is not None and result.epochs.low == choose({}, rows).n_epochs


def test_an_unknown_choice_of_epochs_is_at_least_one(ledger: Ledger) -> None:
    result = made(ledger, ordered(type="dpo", beta=0.1), passed(tokens=1_000_000))
    assert result.epochs == Span(low=1, high=None)
    assert result.dollars == Span(low=25.0, high=None)
    assert dollars_in_words(result.dollars) == "at least $25.00"
    assert any(note.startswith("epochs: not given") for note in result.notes)


def test_epochs_of_a_file_that_is_only_an_id_are_a_range(ledger: Ledger) -> None:
    result = made(ledger, ordered(), None)
    assert result.epochs == Span(low=1, high=25)
    assert result.trained_tokens is None and result.dollars is None
    assert dollars_in_words(result.dollars) == "an unknown sum"
    assert any("only its id is known" in note for note in result.notes)


def test_what_could_not_be_counted_is_unknown_with_its_reason(ledger: Ledger) -> None:
    result = made(ledger, ordered(n_epochs=1), passed(tokens=None, uncounted="the vocabulary x is missing"))
    assert result.dollars is None
    assert "tokens: the vocabulary x is missing" in result.notes


@pytest.mark.parametrize(
    ("model", "platform"),
    [("klusterai/Meta-Llama-3.1-8B-Instruct-Turbo", "kluster"), ("some/model", "custom")],
)
def test_an_unknown_price_is_unknown_and_never_zero(ledger: Ledger, model: str, platform: str) -> None:
    result = made(ledger, ordered(model, n_epochs=1), passed(), platform)
    assert result.price is None and result.dollars is None
    assert any(note.startswith("cost: the catalog has no training price") for note in result.notes)


def test_another_platform_s_price_says_nothing(ledger: Ledger) -> None:
    result = made(ledger, ordered("gpt-4.1", n_epochs=1), passed(), "custom")
    assert result.price is None and result.dollars is None


def test_a_price_of_one_s_own_is_taken(ledger: Ledger) -> None:
    own = Settings(models={"some/model": {"provider": "custom", "price": {"train": 2.0, "tuned_input": 1.0}}})
    result = made(ledger, ordered("some/model", n_epochs=2), passed(tokens=500_000), "custom", own)
    assert result.dollars == Span(low=2.0, high=2.0) and result.tuned_input == 1.0


@pytest.mark.parametrize("model", ["linear", "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"])
def test_the_local_platform_costs_nothing_whatever_is_known(ledger: Ledger, model: str) -> None:
    result = made(ledger, ordered(model), None, "local")
    assert result.dollars == Span(low=0.0, high=0.0)
    assert dollars_in_words(result.dollars) == "nothing"


def test_reinforcement_is_not_billed_by_tokens(ledger: Ledger) -> None:
    result = made(ledger, ordered("gpt-4.1", type="reinforcement", grader=GRADER, n_epochs=1), passed())
    assert result.dollars is None
    assert any("not billed by the file's tokens" in note for note in result.notes)


def test_a_tuned_model_that_is_tuned_further_has_its_base_s_price(ledger: Ledger) -> None:
    result = made(ledger, ordered("ft:gpt-4.1-2025-04-14:org:mine:abc", n_epochs=1), passed(tokens=1_000_000))
    assert result.dollars == Span(low=25.0, high=25.0)


def test_time_is_that_of_earlier_jobs_per_token(ledger: Ledger) -> None:
    ended(ledger, "a", seconds=100, tokens=1000)
    ended(ledger, "b", seconds=300, tokens=1000)
    result = made(ledger, ordered(n_epochs=2), passed(tokens=5000))
    assert result.seconds == Span(low=1000.0, high=3000.0)
    assert "takes 17 min to 50 min, as earlier jobs did" in summary(result)


@pytest.mark.parametrize(
    "other",
    [
        {"model": "gpt-4.1-mini"},
        {"place": "https://elsewhere.org/v1"},
        {"status": "failed"},
        {"seconds": None},
        {"trained_tokens": None},
    ],
)
def test_other_jobs_say_nothing_of_time(ledger: Ledger, other: dict[str, Any]) -> None:
    ended(ledger, "a", **{"seconds": 100, "tokens": 1000, **other})
    result = made(ledger, ordered(n_epochs=2), passed())
    assert result.seconds is None
    assert any(note.startswith("time: no earlier job") for note in result.notes)


def test_only_the_last_ten_jobs_count(ledger: Ledger) -> None:
    ended(ledger, "slow", seconds=100_000, tokens=10)
    for n in range(10):
        ended(ledger, f"quick-{n}", seconds=10, tokens=1000)
    result = made(ledger, ordered(n_epochs=1), passed(tokens=1000))
    assert result.seconds == Span(low=10.0, high=10.0)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (None, "an unknown sum"),
        (Span(low=0, high=0), "nothing"),
        (Span(low=1.5, high=1.5), "$1.50"),
        (Span(low=1.5, high=1234.5), "$1.50 to $1,234.50"),
        (Span(low=0.0012, high=0.0012), "$0.0012"),
        (Span(low=3, high=None), "at least $3.00"),
    ],
)
def test_sums_in_words(span: Span | None, words: str) -> None:
    assert dollars_in_words(span) == words


def test_an_estimate_in_words_holds_what_matters(ledger: Ledger) -> None:
    text = "\n".join(in_words(made(ledger, ordered(n_epochs=3), passed(tokens=50_000))))
    for words in (
        "trains on 150,000 tokens (50,000 in 3 epochs)",
        "costs $3.75",
        "training costs $25.00 per 1M tokens (as of 2026-09-25)",
        "the tuned model costs $3.00 and $12.00 per 1M tokens of input and output",
        "time: no earlier job",
    ):
        assert words in text


@pytest.mark.parametrize(("epochs", "words"), [(1, "(50,000 in 1 epoch)"), (2, "(50,000 in 2 epochs)")])
def test_one_epoch_is_one(ledger: Ledger, epochs: int, words: str) -> None:
    assert words in summary(made(ledger, ordered(n_epochs=epochs), passed()))


def test_an_estimate_survives_its_own_json(ledger: Ledger) -> None:
    result = made(ledger, ordered(n_epochs=3), passed())
    assert Estimate.model_validate_json(result.model_dump_json()) == result
