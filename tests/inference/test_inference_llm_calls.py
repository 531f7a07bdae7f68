"""``ftkit.LLM`` on the local platform: over any data, either way, with forms, from a notebook."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

import ftkit
from ftkit.errors import OutcomeError, UsageError
from ftkit.gateway import Platform, connect
from ftkit.inference import AnswerCache
from ftkit.settings import Settings

TEXTS = ["good profit", "bad loss", "a good year"]
ASK: dict[str, Any] = {"prompt": "{text}", "system_prompt": "Answer good or bad."}


class Mood(BaseModel):
    mood: Literal["good", "bad"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("llm")
    return Settings(state_dir=folder, runs_dir=folder / "runs")


@pytest.fixture(scope="module")
def platform(settings: Settings) -> Iterator[Platform]:
    with connect("local", settings=settings) as platform:
        yield platform
        platform.stop_local()


def rows(tag: str) -> list[dict[str, Any]]:
    """Rows of each test's own: what another one asked is in the cache."""
    return [{"text": f"{text} ({tag})", "n": n} for n, text in enumerate(TEXTS)]


def test_a_template_asks_about_each_row_and_keeps_its_columns(platform: Platform) -> None:
    response = ftkit.LLM("linear", **ASK, backend=platform)(rows("template"))
    assert response.dataset.column_names == ["text", "n", "response"]
    assert response.dataset["response"][:] == ["good", "bad", "good"]
    assert response.dataset["n"][:] == [0, 1, 2]
    stats, tokens, cost = response.request_stats, response.token_usage, response.cost_info
    assert (stats.total, stats.succeeded, stats.failed, stats.cached, stats.sent) == (3, 3, 0, 0, 3)
    assert tokens.input > 0 and tokens.total == tokens.input + tokens.output and tokens.uncounted == 0
    assert (cost.total_cost, cost.note) == (0.0, None)
    assert response.performance_stats.requests_per_minute > 0
    assert not response.batch_mode and response.failed_requests_path is None and response.rows == 3
    assert response.form is None and response.backend == "local"


@pytest.mark.parametrize("kind", ["frame", "dataset", "iterator", "path"])
def test_any_data_gives_the_same_answers(platform: Platform, tmp_path: Path, kind: str) -> None:
    import datasets
    import pandas

    given = rows("any")
    made: dict[str, Any] = {
        "frame": pandas.DataFrame(given),
        "dataset": datasets.Dataset.from_list(given),
        "iterator": iter(given),
        "path": tmp_path / "rows.csv",
    }
    pandas.DataFrame(given).to_csv(tmp_path / "rows.csv", index=False)
    response = ftkit.LLM("linear", **ASK, backend=platform)(made[kind])
    assert response.dataset["response"][:] == ["good", "bad", "good"]


def test_what_was_answered_is_not_asked_again_unless_it_is_wanted(platform: Platform, tmp_path: Path) -> None:
    given = rows("cached")
    llm = ftkit.LLM("linear", **ASK, backend=platform)
    llm(given[:2])
    stats = llm(given).request_stats
    assert (stats.cached, stats.sent) == (2, 1)
    fresh = ftkit.LLM("linear", **ASK, backend=platform, cache=False)(given)
    assert (fresh.request_stats.cached, fresh.request_stats.sent) == (0, 3)
    with AnswerCache(tmp_path / "mine.db") as cache:
        mine = ftkit.LLM("linear", **ASK, backend=platform, cache=cache)(given)
        assert (mine.request_stats.sent, mine.answer_cache) == (3, tmp_path / "mine.db")
        assert sum(known.answers for known in cache.known()) == 3


def test_equal_prompts_are_samples_but_not_at_temperature_zero(platform: Platform) -> None:
    def sent(tag: str, **options: Any) -> int:
        llm = ftkit.LLM("linear", **ASK, backend=platform, **options)
        return llm([{"text": f"good {tag}"}] * 4).request_stats.sent

    assert sent("one") == 4
    assert sent("two", generation_params={"temperature": 0}) == 1
    assert sent("three", samples=False) == 1
    assert sent("four", generation_params={"temperature": 0}, samples=True) == 4


def test_parse_gives_one_row_or_several_or_none(platform: Platform) -> None:
    def parse(row: dict[str, Any], answer: str) -> Any:
        if answer == "bad":
            return None
        if row["n"] == 0:
            return [{"of": row["n"], "letter": letter} for letter in answer[:2]]
        return Mood(mood="good")

    response = ftkit.LLM("linear", **ASK, parse=parse, backend=platform)(rows("parse"))
    assert list(response.dataset) == [
        {"of": 0, "letter": "g", "mood": None},
        {"of": 0, "letter": "o", "mood": None},
        {"of": None, "letter": None, "mood": "good"},
    ]
    assert response.request_stats.succeeded == 3


def test_a_class_says_prompt_parse_and_form_by_its_own_methods(platform: Platform) -> None:
    class Rater(ftkit.LLM):
        response_format = Mood
        system_prompt = "You rate headlines."

        def prompt(self, row: dict[str, Any], /) -> list[dict[str, str]]:
            return [{"role": "user", "content": row["text"]}]

        def parse(self, row: dict[str, Any], response: Any, /) -> dict[str, Any]:
            assert isinstance(response, Mood)
            return {"n": row["n"], "mood": response.mood}

    response = Rater("linear", backend=platform)(rows("class"))
    assert list(response.dataset) == [
        {"n": 0, "mood": "good"},
        {"n": 1, "mood": "bad"},
        {"n": 2, "mood": "good"},
    ]
    assert (response.form, response.rounds, response.notes) == ("response_format", 1, ())
    told = Rater(
        "linear", backend=platform, output_type={"mood": ["good", "bad"]}, parse=lambda row, one: one
    )
    assert told(rows("class")).dataset["mood"][:] == ["good", "bad", "good"]


def test_typed_answers_come_for_one_prompt_and_for_many(platform: Platform) -> None:
    llm = ftkit.LLM("linear", backend=platform)
    kinds = {"mood": ["good", "bad"], "stars": "int"}
    assert llm.generate("a bad day", output_type=kinds) == {"mood": "bad", "stars": 0}
    many = llm.generate([f"a {word} day {n}" for n in range(30) for word in ("good", "bad")], kinds)
    assert [one["mood"] for one in many] == ["good", "bad"] * 30
    assert llm.generate("It was good. Answer good or bad.") == "good"
    assert llm.generate([]) == []


def test_a_schema_and_whole_completions(platform: Platform) -> None:
    schema = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
    response = ftkit.LLM("linear", prompt="{text}", response_format=schema, backend=platform)(rows("schema"))
    assert response.dataset["mood"][:] == ["good", "bad", "good"]

    class Whole(ftkit.LLM):
        return_completions_object = True

        def parse(self, row: dict[str, Any], response: Any, /) -> dict[str, Any]:
            return {"tokens": response["usage"]["completion_tokens"]}

    whole = Whole("linear", **ASK, backend=platform)(rows("schema"))
    assert whole.dataset["tokens"][0] > 0


def test_batches_are_cut_watched_and_tidied_up(settings: Settings, platform: Platform) -> None:
    before = {file.id for file in platform.files.list()}
    llm = ftkit.LLM(
        "linear",
        **ASK,
        batch=True,
        settings=settings,
        backend="local",
        batch_size=2,
        batch_check_interval=0.05,
        delete_successful_batch_files=True,
    )
    response = llm(rows("batch"))
    assert response.batch_mode and len(response.batches) == 2
    assert response.dataset["response"][:] == ["good", "bad", "good"]
    assert {file.id for file in platform.files.list()} == before
    kept = ftkit.LLM("linear", **ASK, batch=True, backend=platform, delete_failed_batch_files=True)
    kept(rows("batch-kept"))
    assert len({file.id for file in platform.files.list()} - before) == 2


def test_it_asks_from_a_running_event_loop_as_in_a_notebook(platform: Platform) -> None:
    async def cell() -> Any:
        return ftkit.LLM("linear", **ASK, backend=platform)(rows("notebook"))

    assert asyncio.run(cell()).dataset["response"][:] == ["good", "bad", "good"]


def test_calls_follow_one_another(platform: Platform) -> None:
    first = ftkit.LLM("linear", **ASK, backend=platform)(rows("chain"))
    second = ftkit.LLM("linear", **{**ASK, "prompt": "so {response}"}, backend=platform)(first)
    assert second.dataset["response"][:] == ["good", "bad", "good"]
    assert ftkit.LLM("linear", backend=platform)("Answer good or bad. good").dataset[0]["response"] == "good"
    once = ftkit.LLM("linear", prompt="Answer good or bad: good", backend=platform)()
    assert once.dataset[0] == {"response": "good"}


def test_rows_that_the_platform_refuses_are_said_and_asked_again(platform: Platform) -> None:
    given = rows("refused")
    llm = ftkit.LLM("linear", **ASK, backend=platform, generation_params={"temperature": 9})
    response = llm(given)
    assert (response.rows, response.request_stats.failed, len(response.failures)) == (0, 3, 1)
    assert response.failed_requests_path is not None and response.failed_requests_path.is_file()
    failed = list(response.get_failed_requests())
    assert [one["row"] for one in failed] == [1, 2, 3]
    assert failed[0]["input"] == given[0] and failed[0]["messages"][1]["content"].endswith("(refused)")
    assert "temperature" in failed[0]["error"]["message"]
    strict = ftkit.LLM(
        "linear",
        **ASK,
        backend=platform,
        generation_params={"temperature": 9},
        require_all_responses=True,
    )
    with pytest.raises(OutcomeError, match="3 of 3 rows have no usable answer"):
        strict(given)


def test_the_platform_is_the_settings_and_prices_are_as_given(settings: Settings, platform: Platform) -> None:
    llm = ftkit.LLM(
        model_name="linear",
        **ASK,
        settings=settings,
        backend_params={"in_mtok_cost": 1_000_000, "out_mtok_cost": 0, "max_concurrent_requests": 2},
        max_requests_per_minute=60_000,
    )
    response = llm(rows("prices"))
    assert response.cost_info.total_cost == response.token_usage.input
    assert response.cost_info.note == "prices as given"
    assert response.performance_stats.max_concurrent_requests == 2
    assert response.max_requests_per_minute == 60_000
    again = llm(rows("prices"))
    assert (again.cost_info.total_cost, again.token_usage.total) == (0.0, 0)


def test_a_response_is_saved_and_found_again(platform: Platform, tmp_path: Path) -> None:
    response = ftkit.LLM("linear", **ASK, backend=platform)(rows("saved"))
    found = ftkit.LLMResponse.load(response.save(tmp_path / "kept"))
    assert list(found.dataset) == list(response.dataset)
    assert found.to_dict() == response.to_dict()
    assert "dataset" not in response.to_dict()


@pytest.mark.parametrize(
    "options", [{"base_url": "http://127.0.0.1:1/v1"}, {"request_timeout": 5}, {"batch_size": 3}]
)
def test_a_connection_that_is_open_cannot_be_set(platform: Platform, options: Any) -> None:
    with pytest.raises(UsageError, match="cannot be set for an open connection"):
        ftkit.LLM("linear", backend=platform, **options)("good or bad?")
