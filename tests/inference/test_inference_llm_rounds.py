"""Forms kept by instruction, check and further questions; what ends badly; calls that were broken off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from asked_backends import Prepared, last, lines

import ftkit
from ftkit.errors import DataError, OutcomeError, UsageError
from ftkit.inference import AnswerCache
from ftkit.settings import Settings

KINDS = {"age": "int", "units": ["years", "months"]}
GOOD = '{"age": 25, "units": "years"}'
Make = Callable[..., ftkit.LLM]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes an LLM of a prepared backend, with settings and a cache of its own."""
    with AnswerCache(tmp_path / "answers.db") as cache:

        def made(say: Any, **options: Any) -> ftkit.LLM:
            backend = say if isinstance(say, Prepared) else Prepared(say)
            settings = Settings(state_dir=tmp_path / "state")
            return ftkit.LLM("model", backend=backend, settings=settings, **{"cache": cache, **options})

        yield made


def test_a_backend_without_forms_is_told_in_words_and_that_is_said(make: Make) -> None:
    backend = Prepared(lambda messages: f"```json\n{GOOD}\n```")
    response = make(backend, output_type=KINDS, system_prompt="Be brief.")(["How old?"])
    assert list(response.dataset) == [{"prompt": "How old?", "age": 25, "units": "years"}]
    assert (response.form, response.rounds) == ("instruction", 1)
    assert len(response.notes) == 1 and "prepared cannot be told the form" in response.notes[0]
    system = backend.seen[0]["messages"][0]["content"]
    assert system.startswith("Be brief.\n\n") and '"years"' in system
    assert "response_format" not in backend.seen[0]


def test_a_backend_that_takes_forms_is_told_the_schema(make: Make) -> None:
    backend = Prepared(lambda messages: GOOD)
    backend.takes_response_format = True
    assert make(backend, output_type=KINDS)(["How old?"]).form == "response_format"
    said = backend.seen[0]["response_format"]["json_schema"]
    assert said["strict"] is True and said["schema"]["required"] == ["age", "units"]
    listed = make(backend, response_format={"type": "array"})
    assert listed(["How old?"]).form == "instruction", "only objects can be asked for so"


def test_a_wrong_answer_is_shown_to_the_model_and_asked_for_again(make: Make) -> None:
    def say(messages: list[dict[str, Any]]) -> str:
        if "Ana" in messages[1]["content"]:
            return GOOD
        return GOOD if len(messages) > 4 else '<think>hm</think>{"age": "25", "units": "years"}'

    backend = Prepared(say)
    response = make(backend, output_type=KINDS)(["Ana", "Ben", "Cid"])
    assert response.dataset["age"][:] == [25, 25, 25] and response.dataset["prompt"][:] == [
        "Ana",
        "Ben",
        "Cid",
    ]
    assert (response.rounds, response.request_stats.sent, response.request_stats.succeeded) == (3, 7, 3)
    talk = backend.seen[-1]["messages"]
    assert [one["role"] for one in talk] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert talk[2]["content"] == '{"age": "25", "units": "years"}', "without its thoughts"
    assert "age: Input should be a valid integer" in talk[3]["content"]


def test_the_whole_way_is_in_the_cache(make: Make) -> None:
    backend = Prepared(lambda messages: GOOD if len(messages) > 2 else "25 years")
    llm = make(backend, output_type=KINDS)
    assert llm(["a", "b"]).request_stats.sent == 4
    again = llm(["a", "b", "c"])
    assert (again.request_stats.sent, again.request_stats.cached, again.rows) == (2, 2, 3)
    assert len(backend.seen) == 6


def test_what_stays_wrong_is_a_failed_row_and_more_retries_go_on_from_there(make: Make) -> None:
    backend = Prepared(lambda messages: GOOD if "a" in messages[1]["content"] or len(messages) > 4 else "no")
    response = make(backend, output_type=KINDS, max_retries=1)(["a", "b"])
    assert (response.failures, response.rows, response.rounds) == ({"invalid_form": 1}, 1, 2)
    (failed,) = response.get_failed_requests()
    assert (failed["row"], failed["answer"], failed["error"]["code"]) == (2, "no", "invalid_form")
    assert len(backend.seen) == 3
    more = make(backend, output_type=KINDS, max_retries=3)(["a", "b"])
    assert (more.rows, more.request_stats.sent, more.failed_requests_path) == (2, 1, None)


def test_generate_gives_values_of_the_form_or_none_at_all(make: Make) -> None:
    llm = make(lambda messages: GOOD if "good" in messages[1]["content"] else "?", max_retries=0)
    assert llm.generate(["good 1", "good 2"], KINDS) == [{"age": 25, "units": "years"}] * 2
    with pytest.raises(OutcomeError, match="1 of 2 rows have no usable answer: 1 invalid_form") as raised:
        llm.generate(["good 1", "other"], KINDS)
    assert "failed_requests.jsonl" in str(raised.value)
    with pytest.raises(OutcomeError):
        llm.generate("other", KINDS)


def test_answers_that_were_cut_off_are_asked_again_and_not_kept(make: Make) -> None:
    ends = iter(["length", "length", "stop"])
    backend = Prepared(lambda messages: ("a", next(ends)))
    response = make(backend)(["x"])
    assert (response.rows, len(backend.seen)) == (1, 3)
    cut = Prepared(lambda messages: ("a", "length"))
    failed = make(cut, max_retries=1)(["y"])
    assert (failed.failures, len(cut.seen)) == ({"finish_reason_length": 1}, 2)
    taken = make(cut, invalid_finish_reasons=())(["y"])
    assert taken.rows == 1


def test_what_parse_raises_is_that_rows_failure(make: Make) -> None:
    def parse(row: dict[str, Any], answer: str) -> Any:
        return {"n": int(answer)} if answer != "list" else ["no row"]

    said = {"one": "1", "word": "x", "list": "list"}
    llm = make(lambda messages: said[last(messages)], parse=parse)
    response = llm(list(said))
    assert list(response.dataset) == [{"n": 1}] and response.failures == {"parse_failed": 2}
    errors = [one["error"]["message"] for one in response.get_failed_requests()]
    assert errors[0].startswith("ValueError: invalid literal") and errors[1].startswith(
        "TypeError: parse gave"
    )


def test_a_request_that_breaks_is_one_failed_row(make: Make) -> None:
    llm = make(lambda messages: ValueError("no") if last(messages) == "b" else "ok")
    response = llm(["a", "b", "c"])
    assert response.dataset["prompt"][:] == ["a", "c"] and response.failures == {"broken": 1}
    assert response.request_stats.failed == 1


def test_columns_of_several_types_are_said(make: Make) -> None:
    llm = make(lambda messages: "ok", parse=lambda row, answer: {"x": 1 if row["prompt"] == "a" else "b"})
    with pytest.raises(DataError, match="the column 'x' has values of several types"):
        llm(["a", "b"])


def test_cost_is_unknown_where_a_price_or_a_count_is(make: Make) -> None:
    priced = {"in_mtok_cost": 100, "out_mtok_cost": 200}
    assert make(lambda messages: "ok", **priced)(["a"]).cost_info.total_cost == pytest.approx(0.002)
    unknown = make(lambda messages: "ok")(["b"]).cost_info
    assert (unknown.total_cost, unknown.note) == (None, "the catalog does not list this model")
    uncounted = make(Prepared(lambda messages: "ok", tokens=False), **priced)(["c"])
    assert uncounted.cost_info.total_cost is None and uncounted.token_usage.uncounted == 1


def test_a_prompt_that_cannot_be_made_has_its_place_and_leaves_nothing(make: Make, tmp_path: Path) -> None:
    llm = make(lambda messages: "ok", prompt="{text}")
    with pytest.raises(DataError, match="rows:2: the cell 'text' is empty"):
        llm([{"text": "a"}, {"text": ""}])
    with pytest.raises(UsageError, match="rows:1: there is no column 'text'"):
        llm([{"texts": "a"}])
    with pytest.raises(DataError, match="there are no rows"):
        llm([])
    assert [path.name for path in (tmp_path / "state" / "llm").iterdir()] == []


def test_a_call_that_was_broken_off_goes_on(make: Make, tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    seen: list[str] = []

    def say(messages: list[dict[str, Any]]) -> str:
        seen.append(last(messages))
        if len(messages) == 4 and seen.count(last(messages)) == 1:
            raise Stopped
        return GOOD if len(messages) == 4 else "no"

    llm = make(say, output_type=KINDS)
    with pytest.raises(Stopped):
        llm(["a", "b"])
    assert seen[:2] == ["a", "b"] and len(seen) == 3
    response = llm(["a", "b"])
    assert response.rows == 2 and seen[3:].count("a") == 0, "the first round is not asked again"
    assert response.cache_dir.parent == tmp_path / "state" / "llm"


def test_the_folder_of_a_call_may_be_chosen(make: Make, tmp_path: Path) -> None:
    llm = make(lambda messages: ValueError("no"))
    response = llm([{"prompt": "a", "when": object}], working_dir=tmp_path / "mine")
    assert response.cache_dir.parent == tmp_path / "mine" == response.failed_requests_path.parent.parent  # type: ignore[union-attr]
    (failed,) = lines(response.cache_dir / "failed_requests.jsonl")
    assert failed["input"] == {"prompt": "a", "when": "<class 'object'>"}


def test_data_that_changes_while_it_is_asked_about_is_said(make: Make) -> None:
    class Growing:
        def __init__(self) -> None:
            self.rows = ["a"]

        def __iter__(self) -> Iterator[str]:
            yield from self.rows
            self.rows.append("b")

    with pytest.raises(DataError, match="the data changed while it was asked about"):
        make(lambda messages: "ok")(Growing())


def test_requests_of_a_call_are_there_to_be_read(make: Make) -> None:
    response = make(lambda messages: "ok", generation_params={"temperature": 0.5, "stop": None})(["a"])
    (request,) = lines(response.cache_dir / "requests-1.jsonl")
    assert request["body"] == {
        "model": "model",
        "messages": [{"role": "user", "content": "a"}],
        "temperature": 0.5,
    }
    assert json.loads(response.model_dump_json())["cache_dir"] == str(response.cache_dir)


def test_a_round_that_was_broken_off_may_have_other_requests_than_before(make: Make) -> None:
    broken = {"b": True, "second": True}

    def say(messages: list[dict[str, Any]]) -> Any:
        if len(messages) == 2:
            return ValueError("busy") if messages[1]["content"] == "b" and broken["b"] else "no"
        if broken.pop("second", False):
            raise KeyboardInterrupt
        return GOOD

    llm = make(say, output_type=KINDS)
    with pytest.raises(KeyboardInterrupt):
        llm(["a", "b"])
    broken["b"] = False
    response = llm(["a", "b"])
    assert (response.rows, response.failures) == (2, {})
    assert not list(response.cache_dir.glob("asking-*"))


def test_a_parse_that_fails_everywhere_is_said_at_once(make: Make) -> None:
    backend = Prepared(lambda messages: "ok")
    with pytest.raises(
        UsageError, match="parse failed for every row; for the first one with KeyError: 'nothing'"
    ):
        make(backend, parse=lambda row, answer: {"x": row["nothing"]})(["a", "b"])
    response = make(backend, parse=lambda row, answer: {"x": answer})(["a", "b"])
    assert response.rows == 2 and len(backend.seen) == 2, "the answers were kept"


def test_a_text_that_cannot_be_sent_has_its_place(make: Make) -> None:
    with pytest.raises(DataError, match="rows:2: a text holds half of a surrogate pair"):
        make(lambda messages: "ok")(["a", "b \ud800"])


def test_two_equal_calls_at_once_ask_once(make: Make) -> None:
    from concurrent.futures import ThreadPoolExecutor

    backend = Prepared(lambda messages: "ok")
    llm = make(backend)
    with ThreadPoolExecutor(2) as pool:
        responses = list(pool.map(llm, [["a", "b"], ["a", "b"]]))
    assert [response.rows for response in responses] == [2, 2] and len(backend.seen) == 2


def test_samples_of_one_prompt_differ_and_are_found_again_in_order(make: Make) -> None:
    counted = iter(range(100))
    backend = Prepared(lambda messages: str(next(counted)))
    first = make(backend)(["a"] * 5)
    assert sorted(first.dataset["response"][:]) == ["0", "1", "2", "3", "4"]
    again = make(backend)(["a"] * 7)
    assert again.dataset["response"][:5] == first.dataset["response"][:]
    assert again.request_stats.sent == 2
    fresh = make(backend, cache=False)(["a"])
    assert fresh.dataset["response"][:] == ["7"]


def test_what_was_made_says_when_and_by_which_version(make: Make) -> None:
    metadata = make(lambda messages: "ok")(["a"]).metadata
    assert metadata["ftkit_version"] == ftkit.__version__ and metadata["created_at"].endswith("+00:00")
