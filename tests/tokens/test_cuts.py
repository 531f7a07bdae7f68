"""Where a limit cuts a conversation, and what each message takes of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.tokens import TEMPLATES, Cut, ExampleCounter, NotCountable, get_tokenizer

Vocabulary = Callable[[str], Path]

TEXT = st.text(st.sampled_from("ab é好😀 \n.1"), max_size=25)
CHAT = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": TEXT}
    ),
    min_size=1,
    max_size=4,
)
WEATHER = {"messages": [{"role": "user", "content": "Is it cold in Oulu today?"}]}
ANSWER = {"role": "assistant", "content": "It is not as cold as one would think in November."}


@pytest.fixture(scope="module", params=sorted(TEMPLATES))
def counter(request: pytest.FixtureRequest, vocabulary: Vocabulary) -> ExampleCounter:
    vocabulary("llama3")
    return ExampleCounter(get_tokenizer("llama3"), request.param)


def example(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": [*WEATHER["messages"], *messages], **more}


@settings(max_examples=60, deadline=None)
@given(messages=CHAT)
def test_a_cut_moves_on_with_the_limit_and_ends_where_all_fits(
    counter: ExampleCounter, messages: list[Any]
) -> None:
    row = {"messages": messages}
    total = counter.count_example(row)
    cuts = [counter.cut_at(row, limit) for limit in range(total + 2)]
    assert cuts[total:] == [None, None]
    places = [(cut.message, cut.offset) for cut in cuts[:total] if cut is not None]
    assert len(places) == total
    assert places == sorted(places)
    for message, offset in places:
        assert 0 <= offset <= len(messages[message]["content"])


@settings(max_examples=40, deadline=None)
@given(messages=CHAT)
def test_shares_add_up_to_all_but_what_belongs_to_no_message(
    counter: ExampleCounter, messages: list[Any]
) -> None:
    shares = counter.message_counts({"messages": messages})
    assert len(shares) == len(messages)
    rest = counter.count_example({"messages": messages}) - sum(shares)
    assert 0 <= rest <= 26  # a start token, llama 3's own system message, or what primes the reply
    assert all(share >= 0 for share in shares)


def test_a_cut_within_an_answer_keeps_the_characters_of_its_tokens(counter: ExampleCounter) -> None:
    row = example(ANSWER)
    text = str(ANSWER["content"])
    total, size = counter.count_example(row), counter.tokenizer.count(text)
    after = {"openai": 4, "generic": 5, "llama3": 1, "words": 0}[counter.template]
    for kept in range(size):
        cut = counter.cut_at(row, total - after - size + kept)
        assert cut == Cut(1, counter.tokenizer.prefix(text, kept), "content")
    assert after == 0 or counter.cut_at(row, total - 1) == Cut(1, len(text), "frame")


def test_the_first_tokens_are_frame(counter: ExampleCounter) -> None:
    part = "content" if counter.template == "words" else "frame"
    assert counter.cut_at(WEATHER, 0) == Cut(0, 0, part)


def test_trimmed_blanks_and_dates_do_not_move_the_place(vocabulary: Vocabulary) -> None:
    """Llama 3 in Hugging Face's form: the place is one in the content as the file has it."""
    vocabulary("llama3")
    ours = ExampleCounter(get_tokenizer("llama3"), "llama3")
    system = {"role": "system", "content": " \n Be brief and kind."}
    row = {"messages": [system, *WEATHER["messages"]]}
    cuts = [ours.cut_at(row, limit) for limit in range(ours.count_example(row))]
    within = [cut.offset for cut in cuts if cut is not None and cut.message == 0 and cut.part == "content"]
    ends = [3 + ours.tokenizer.prefix("Be brief and kind.", tokens) for tokens in range(5)]
    assert within[-5:] == ends
    assert set(within[:-5]) <= {0, 1}  # within the dates before it: none of its words


def test_cuts_in_calls_and_tools(vocabulary: Vocabulary) -> None:
    vocabulary("o200k_base")
    ours = ExampleCounter(get_tokenizer("o200k_base"), "openai")
    arguments = '{"city": "Oulu", "unit": "celsius"}'
    call = {"type": "function", "function": {"name": "weather", "arguments": arguments}}
    tool = {"type": "function", "function": {"name": "weather", "description": "The weather of a city."}}
    row = example({"role": "assistant", "content": None, "tool_calls": [call]}, tools=[tool])
    total = ours.count_example(row)
    assert ours.cut_at(row, 5) == Cut(0, 0, "tools")
    kept = ours.tokenizer.count(arguments) - 2
    assert ours.cut_at(row, total - 4 - 2) == Cut(1, ours.tokenizer.prefix(arguments, kept), "call")


def test_a_preference_is_cut_in_its_longer_half_and_a_completion_in_its_text(vocabulary: Vocabulary) -> None:
    vocabulary("o200k_base")
    ours = ExampleCounter(get_tokenizer("o200k_base"), "openai")
    row = {
        "input": WEATHER,
        "preferred_output": [{**ANSWER, "content": "No."}],
        "non_preferred_output": [ANSWER],
    }
    assert ours.cut_at(row, ours.count_example(example(ANSWER)) - 1) == Cut(
        1, len(ANSWER["content"]), "frame"
    )
    assert ours.message_counts(row) == ours.message_counts(example(ANSWER))
    text = {"prompt": "one two three", "completion": " four five"}
    assert ours.cut_at(text, 4) == Cut(0, len("one two three four"), "content")
    assert ours.message_counts(text) == [5]


def test_what_cannot_be_counted_cannot_be_cut(counter: ExampleCounter) -> None:
    for ask in (counter.message_counts, lambda row: counter.cut_at(row, 5)):
        with pytest.raises(NotCountable):
            ask({"messages": 5})
