"""Programs as people write them for curator and Lamini, on the local platform with little changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from datasets import Dataset
from pydantic import BaseModel, Field

import ftkit
from ftkit.errors import OutcomeError
from ftkit.gateway import Platform, connect
from ftkit.settings import Settings


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("ported")
    with connect("local", settings=Settings(state_dir=folder, runs_dir=folder / "runs")) as platform:
        yield platform
        platform.stop_local()


class Topics(BaseModel):
    """A list of topics."""

    topics: list[str] = Field(description="A list of topics.", default=["tides", "lamps"])


class Verse(BaseModel):
    mood: str = Field(description="Answer calm or loud.")


class TopicGenerator(ftkit.LLM):
    response_format = Topics

    def prompt(self, _: dict[str, Any], /) -> str:
        return "Name two topics."

    def parse(self, _: dict[str, Any], response: Topics, /) -> list[dict[str, str]]:
        return [{"topic": topic} for topic in response.topics or ["tides", "lamps"]]


class Poet(ftkit.LLM):
    response_format = Verse

    def prompt(self, row: dict[str, Any], /) -> str:
        return f"A poem about loud {row['topic']}"

    def parse(self, row: dict[str, Any], response: Verse, /) -> dict[str, str]:
        return {"topic": row["topic"], "mood": response.mood}


def test_a_chain_of_two_classes(platform: Platform) -> None:
    topics = TopicGenerator(model_name="linear", backend=platform)()
    assert isinstance(topics.dataset, Dataset) and topics.dataset["topic"][:] == ["tides", "lamps"]
    poet = Poet(
        model_name="linear",
        backend=platform,
        generation_params={"temperature": 0.7, "max_tokens": None},
        backend_params={"max_requests_per_minute": 6000, "max_tokens_per_minute": 10**9, "max_retries": 1},
    )
    poems = poet(topics.dataset)
    assert list(poems.dataset) == [{"topic": "tides", "mood": "loud"}, {"topic": "lamps", "mood": "loud"}]
    assert poems.to_dict()["request_stats"]["succeeded"] == 2
    assert poems.token_usage.total == poems.token_usage.input + poems.token_usage.output
    assert poems.dataset.to_pandas()["mood"].tolist() == ["loud", "loud"]


def test_batches_with_curators_parameters(platform: Platform) -> None:
    class Asker(ftkit.LLM):
        def prompt(self, row: dict[str, Any], /) -> list[dict[str, str]]:
            return [
                {"role": "system", "content": "Answer up or down."},
                {"role": "user", "content": row["instruction"]},
            ]

        def parse(self, row: dict[str, Any], response: str, /) -> dict[str, str]:
            return {"instruction": row["instruction"], "new_response": response}

    params = {"batch_size": 3, "batch_check_interval": 0.1, "require_all_responses": True}
    data = Dataset.from_list([{"instruction": f"up it goes, {n} times"} for n in range(5)])
    asker = Asker(
        model_name="linear", batch=True, backend="local", settings=platform.settings, backend_params=params
    )
    response = asker(data)
    assert response.batch_mode and len(response.batches) == 2
    assert set(response.dataset["new_response"][:]) == {"up"}


def test_prompts_that_are_texts_and_conversations(platform: Platform) -> None:
    llm = ftkit.LLM(model_name="linear", backend=platform)
    one = llm("Answer up or down. Going up!")
    assert one.dataset["response"][:] == ["up"]
    talk = [{"role": "system", "content": "Answer up or down."}, {"role": "user", "content": "down it goes"}]
    assert llm(talk).dataset["response"][:] == ["down"]
    assert llm([talk, talk]).dataset["response"][:] == ["down", "down"]


def test_lamini_gives_a_dict_for_one_prompt_and_a_list_for_many(platform: Platform) -> None:
    llm = ftkit.LLM(model_name="linear", backend=platform)
    assert llm.generate("How old are you?", output_type={"age": "int", "units": "str"}) == {
        "age": 0,
        "units": "",
    }
    assert llm.generate("Pick an odd digit", output_type={"name": [1, 3, 5, 7, 9]})["name"] in (1, 3, 5, 7, 9)
    many = llm.generate(["Pick red", "Pick blue"], output_type={"name": ["red", "white", "blue"]})
    assert many == [{"name": "red"}, {"name": "blue"}]


def test_a_form_that_the_model_cannot_give_is_an_error_and_no_guess(platform: Platform) -> None:
    """The untrained local model knows no text of a pattern: it says so, and nothing is made up."""
    schema = {
        "type": "object",
        "properties": {"id": {"type": "string", "pattern": "^[A-Z]{3}$"}},
        "required": ["id"],
    }
    llm = ftkit.LLM(model_name="linear", backend=platform, response_format=schema, max_retries=0)
    with pytest.raises(OutcomeError, match="1 of 1 rows have no usable answer"):
        llm.generate("What is its id?")
