"""Prices of requests, cost of training, break-even volumes, the frontier; what is not known stays unknown."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_parts import LABELS, Bench, answer, chat_row, write_rows

from ftkit.benchmarking import BenchmarkReport, benchmark
from ftkit.benchmarking.contestants import ModelFacts, split_name, window_of
from ftkit.benchmarking.cost import Cost, break_even, frontier, realtime_cost, training_cost, with_break_even
from ftkit.benchmarking.prices import read_price
from ftkit.benchmarking.record import AskedOnce
from ftkit.benchmarking.results import ModelScore
from ftkit.benchmarking.scoring import Tally
from ftkit.benchmarking.summary import score_of
from ftkit.catalog import Model, Price, builtin_catalog
from ftkit.errors import NotOnPlatform, UsageError
from ftkit.gateway import Platform, connect
from ftkit.settings import Settings


def score(name: str, role: str = "base", correct: int = 5, **fields: Any) -> ModelScore:
    fixed = {"title": name, "n": 10, "accuracy": correct / 10, "low": 0.0, "high": 1.0}
    return ModelScore(model=name, role=role, correct=correct, **{**fixed, **fields})  # type: ignore[arg-type]


PRICED = Price(input=1.0, output=4.0, tuned_input=2.0, tuned_output=8.0, batch_discount=0.5)


@pytest.mark.parametrize(
    ("price", "role", "dollars"),
    [
        (PRICED, "base", 7.0),
        (PRICED, "tuned", 14.0),
        (PRICED.model_copy(update={"batch_discount": None}), "base", 7.0),
        (Price(input=0, output=0), "base", 0.0),
        (Price(input=0, output=0), "tuned", None),
        (Price(output=4.0), "base", None),
    ],
)
def test_real_time_has_no_discount(price: Price, role: str, dollars: float | None) -> None:
    found = realtime_cost(Model(id="m", provider="p", price=price), role, 3_000_000, 1_000_000)  # type: ignore[arg-type]
    assert found.dollars == dollars
    assert (found.note is None) == (dollars is not None)


def test_why_a_price_in_real_time_is_unknown() -> None:
    assert realtime_cost(None, "base", 1, 1).note == "the catalog does not list this model"
    assert (
        realtime_cost(None, "base", None, 1).note == "the platform did not count the tokens of every answer"
    )


@pytest.mark.parametrize(
    ("training", "own", "others", "requests"),
    [
        (30.0, 0.4, 1.0, 50_000),
        (0.0, 0.4, 1.0, 0),
        (1.0, 0.4, 0.7, 3334),
        (30.0, 1.0, 1.0, None),
        (30.0, 1.4, 1.0, None),
        (0.0, 1.0, 1.0, None),
    ],
)
def test_break_even_is_training_over_saving(
    training: float, own: float, others: float, requests: int | None
) -> None:
    tuned = score("t", "tuned", training_cost=training, batch_per_1000=own, realtime_per_1000=own)
    found = break_even(tuned, score("b", batch_per_1000=others, realtime_per_1000=others))
    assert (found.other, found.batch, found.realtime) == ("b", requests, requests)
    if requests is None:
        assert (found.note or "").startswith("never: ")
    else:
        assert found.note is None
        assert training + requests * own / 1000 <= requests * others / 1000 + 1e-9
        if requests:  # and one request fewer does not do
            assert training + (requests - 1) * own / 1000 > (requests - 1) * others / 1000


def test_break_even_may_differ_by_the_way_of_asking() -> None:
    tuned = score("t", "tuned", training_cost=10.0, batch_per_1000=0.5, realtime_per_1000=2.0)
    found = break_even(tuned, score("b", batch_per_1000=1.0, realtime_per_1000=1.0))
    assert (found.batch, found.realtime) == (20_000, None)
    assert found.note == "in real time: never: a request costs as much or more"
    unpriced = break_even(tuned, score("b", batch_per_1000=1.0))
    assert unpriced.note == "in real time: unknown: a price of requests is not known"
    untold = tuned.model_copy(update={"training_cost": None, "training_note": "no job made it"})
    assert break_even(untold, score("b")).note == "unknown: no job made it"


def test_every_tuned_model_is_held_against_every_base_model() -> None:
    scores = [score("t", "tuned", training_cost=1.0), score("a"), score("b"), score("u", "tuned")]
    found = with_break_even(scores)
    assert [[one.other for one in model.break_even] for model in found] == [["a", "b"], [], [], ["a", "b"]]


def test_the_frontier_has_who_is_not_beaten_in_both() -> None:
    models = [
        score("best", correct=9, batch_per_1000=2.0),
        score("good", correct=8, batch_per_1000=1.0),
        score("dear", correct=8, batch_per_1000=1.5),
        score("worse", correct=7, batch_per_1000=1.0),
        score("free", correct=3, batch_per_1000=0.0),
        score("secret", correct=10),
    ]
    points = frontier(models)
    assert [p.model for p in points] == ["free", "good", "worse", "dear", "best", "secret"]
    assert {p.model: p.best for p in points} == {
        "free": True,
        "good": True,
        "worse": False,
        "dear": False,
        "best": True,
        "secret": None,
    }
    assert frontier([]) == ()
    assert [p.best for p in frontier([models[0], models[0]])] == [True, True]  # equals beat each other not


def test_the_frontier_is_that_of_brute_force() -> None:
    chance = random.Random(3)
    models = [
        score(f"m{i}", correct=chance.randrange(10), batch_per_1000=float(chance.randrange(6)))
        for i in range(40)
    ]
    by_name = {m.model: (m.accuracy, m.batch_per_1000 or 0.0) for m in models}
    for point in frontier(models):
        quality, price = by_name[point.model]
        beaten = any(q >= quality and p <= price and (q, p) != (quality, price) for q, p in by_name.values())
        assert point.best == (not beaten)


def facts(**fields: Any) -> ModelFacts:
    return ModelFacts("m", "m", "base", Model(id="m", provider="p", price=PRICED), **fields)


def test_a_thousand_requests_cost_what_the_answered_ones_cost_on_average(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [chat_row(f"t{i}", "yes") for i in range(4)], "exact", ())
    (one,) = bench.ask(["m"])
    name = bench.task.ids.id_of
    bench.write(one, lambda row: answer(name(row), "yes") if row else None)
    from ftkit.benchmarking.assess import score_answers
    from ftkit.display import SilentDisplay

    tally = score_answers(bench.task, [one], SilentDisplay())["m"]
    found = score_of(facts(), tally, one.asked)
    assert found.realtime_per_1000 == pytest.approx(1000 * (10 * 1.0 + 2 * 4.0) / 1e6)
    assert found.batch_per_1000 == pytest.approx(found.realtime_per_1000 / 2)
    assert found.cost == pytest.approx(3 * found.batch_per_1000 / 1000)
    live = score_of(facts(), tally, one.asked.model_copy(update={"via": "realtime"}))
    assert live.cost == pytest.approx(2 * (found.cost or 0))
    nothing = score_of(facts(), _silent(2), AskedOnce())
    assert (nothing.batch_per_1000, nothing.price_note) == (None, "no request was answered")


def _silent(rows: int) -> Tally:
    from ftkit.benchmarking.answers import AnswerLine
    from ftkit.benchmarking.scoring import Judged, Outcome

    tally = Tally(())
    for _ in range(rows):
        tally.add(Judged(Outcome.MISSING), AnswerLine("x", False, missing=True), ())
    return tally


@pytest.mark.parametrize(
    ("text", "model", "price"),
    [
        ("gpt-4.1-mini=0.40,1.60,0.5", "gpt-4.1-mini", Price(input=0.4, output=1.6, batch_discount=0.5)),
        ("a=b=0, 1", "a=b", Price(input=0, output=1)),
    ],
)
def test_a_price_is_read(text: str, model: str, price: Price) -> None:
    assert read_price(text) == (model, price)


@pytest.mark.parametrize("text", ["m", "m=1", "=1,2", "m=1,2,3,4", "m=one,2", "m=-1,2", "m=1,2,1.5"])
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(UsageError, match="price"):
        read_price(text)


def test_a_model_may_name_its_platform() -> None:
    catalog = builtin_catalog()
    assert split_name("gpt-4.1@openai", catalog) == ("gpt-4.1", "openai")
    for plain in ("gpt-4.1", "@cf/meta/llama", "model@2024", "@openai"):
        assert split_name(plain, catalog) == (plain, None)


@pytest.mark.parametrize(
    ("offered", "window"), [((), "24h"), (("24h",), "24h"), (("1h", "24h"), "24h"), (("1h", "7d"), "7d")]
)
def test_the_window(offered: tuple[str, ...], window: str) -> None:
    assert window_of(offered) == window


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("costs")
    with connect("local", settings=Settings(state_dir=folder, runs_dir=folder / "runs")) as platform:
        yield platform
        platform.stop_local()


@pytest.fixture(scope="module")
def tuned(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("train") / "train.jsonl"
    write_rows(path, [chat_row(f"text {i} {LABELS[i % 3]}", LABELS[i % 3]) for i in range(30)])
    job = platform.jobs.create(platform.files.upload(path).id, "linear", suffix="cost")
    list(platform.jobs.watch(job.id))
    model = platform.jobs.get(job.id).fine_tuned_model
    assert model is not None
    return model


def test_training_is_priced_by_the_job_s_tokens(platform: Platform, tuned: str) -> None:
    job = next(job for job in platform.jobs.list() if job.fine_tuned_model == tuned)
    entry = Model(id="linear", provider="local", price=Price(train=3.0))
    assert job.trained_tokens
    assert training_cost(platform, tuned, entry) == Cost(job.trained_tokens * 3.0 / 1e6)
    assert training_cost(platform, tuned, platform.catalog.model("linear", "local")) == Cost(0.0)
    assert "no training price" in (training_cost(platform, tuned, None).note or "")
    assert "no job" in (training_cost(platform, "ft:linear:other", entry).note or "")


def test_a_benchmark_with_prices_of_one_s_own(platform: Platform, tuned: str, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "t.jsonl", [chat_row(f"a {LABELS[i % 3]}", LABELS[i % 3]) for i in range(6)])
    prices = {
        "linear": Price(input=10.0, output=40.0, batch_discount=0.5),
        tuned: Price(input=1.0, output=4.0, batch_discount=0.5, train=100.0),
    }
    report = benchmark(
        [tuned, "linear"],
        data,
        platform=platform,
        workdir=tmp_path / "w",
        prices=prices,
        via="realtime",
    )
    own, base = report.models
    assert (own.via, own.batches, own.platform) == ("realtime", (), "local")
    assert own.training_cost and own.training_cost > 0
    (turn,) = own.break_even
    assert (
        turn.other == "linear"
        and turn.batch
        and turn.realtime
        and turn.batch == pytest.approx(2 * turn.realtime, abs=2)
    )
    assert base.realtime_per_1000 and base.batch_per_1000 == pytest.approx(base.realtime_per_1000 / 2)
    assert [point.best for point in report.frontier] == [True, False]
    assert BenchmarkReport.model_validate_json((tmp_path / "w" / "report.json").read_bytes()) == report


def test_a_price_of_a_model_that_is_not_asked(platform: Platform, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "t.jsonl", [chat_row("a", "yes")])
    with pytest.raises(UsageError, match="'linaer' is none of the models"):
        benchmark(["linear"], data, platform=platform, workdir=tmp_path, prices={"linaer": Price()})
    with pytest.raises(NotOnPlatform):
        benchmark(["linaer@local"], data, platform=platform, workdir=tmp_path)


def test_the_same_model_by_another_platform_s_name(platform: Platform, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "t.jsonl", [chat_row(f"a {i}", "yes") for i in range(3)])
    report = benchmark(["linear@local"], data, platform=platform, workdir=tmp_path / "w", metric="exact")
    assert (report.models[0].model, report.models[0].engine) == ("linear@local", "linear")
    assert (tmp_path / "w" / "linear-local.answers.jsonl").is_file()


class Clever:
    """A backend that is nobody's platform."""

    name = "clever"

    def identity(self, model: str) -> str:
        return "clever 1"

    def answer(self, requests: Path, out: Path, workdir: Path, *, wait: bool = True) -> Any:
        import json

        from ftkit.inference import Round

        lines = [json.loads(line) for line in requests.read_text().splitlines()]
        body = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
        done = [
            {"custom_id": one["custom_id"], "response": {"status_code": 200, "body": body}, "error": None}
            for one in lines
        ]
        write_rows(out, done)
        return Round(True, "clever")


def test_a_backend_of_one_s_own_beside_a_platform(platform: Platform, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "t.jsonl", [chat_row(f"a {i}", "yes") for i in range(3)])
    report = benchmark(
        ["mine", "linear"],
        data,
        platform=platform,
        workdir=tmp_path / "w",
        metric="exact",
        backends={"mine": Clever()},
        tuned=["mine"],
        prices={"mine": Price(input=1, output=1)},
    )
    mine = report.model("mine")
    assert (mine.correct, mine.via, mine.platform, mine.role) == (3, "clever", None, "tuned")
    assert mine.cost_note == "the platform did not count the tokens of every answer"
    assert mine.break_even[0].note == "unknown: the model was tuned elsewhere"
