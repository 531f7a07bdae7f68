"""Examples of every kind are counted in one call as their conversations are counted one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.catalog import Model
from ftkit.errors import DataError, TokenizerMissing
from ftkit.tokens import (
    TEMPLATES,
    BoundTokenizer,
    ExampleCounter,
    NotCountable,
    RowTokens,
    Uncountable,
    conversations_of,
    counter_for,
    get_tokenizer,
    overhead_of,
)

Vocabulary = Callable[[str], Path]
Chat = list[dict[str, Any]]

TEXT = st.text(st.characters() | st.sampled_from(" \n\t'"), max_size=30) | st.sampled_from(
    ["", " padded \n", "Привет", "😀" * 5, '\\"\\u00e9', "\ud800", "\x00\x1f", "positive"]
)
ROLE = st.sampled_from(["system", "user", "assistant", "tool", "developer"])
PLAIN = st.fixed_dictionaries({"role": ROLE, "content": TEXT})
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}), max_size=3)
NAMED = st.fixed_dictionaries(
    {"role": ROLE, "content": TEXT | PARTS}, optional={"name": TEXT, "weight": st.sampled_from([0, 1, 0.0])}
)
TOOL = {"type": "function", "function": {"name": "now", "description": "The time.", "parameters": {}}}
CALL = {"id": "c", "type": "function", "function": {"name": "now", "arguments": '{"zone": "UTC"}'}}


@pytest.fixture(scope="module")
def llama(vocabulary: Vocabulary) -> ExampleCounter:
    vocabulary("llama3")
    return ExampleCounter(get_tokenizer("llama3"), "llama3")


@pytest.fixture(scope="module")
def openai(vocabulary: Vocabulary) -> ExampleCounter:
    vocabulary("o200k_base")
    return ExampleCounter(get_tokenizer("o200k_base"), "openai")


def words(template: str) -> ExampleCounter:
    return ExampleCounter(get_tokenizer("words"), template)


def says(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def counted(counter: ExampleCounter, example: dict[str, Any]) -> RowTokens:
    (found,) = counter.count_many([example])
    assert isinstance(found, RowTokens)
    return found


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@settings(max_examples=60, deadline=None)
@given(chats=st.lists(st.lists(PLAIN, max_size=4), max_size=5), named=st.lists(NAMED, max_size=3))
def test_many_are_counted_as_each(
    llama: ExampleCounter, template: str, chats: list[Chat], named: Chat
) -> None:
    """Plain rows go a way of their own; the same rows with an empty list of tools go the other."""
    counter = ExampleCounter(llama.tokenizer, template)
    examples = [*({"messages": chat} for chat in chats), {"messages": named}]
    together = counter.count_many(examples)
    assert together == counter.count_many([{**example, "tools": []} for example in examples])
    assert together == [counter.count_many([example])[0] for example in examples]
    totals = [found.total for found in together if isinstance(found, RowTokens)]
    assert totals == [counter.count(example["messages"]) for example in examples]
    plain = [(tuple(m["role"] for m in chat), [m["content"] for m in chat]) for chat in chats]
    assert counter.count_plain(plain) == together[:-1]


@pytest.mark.parametrize("template", ["openai", "generic", "words"])
def test_trained_are_the_words_of_the_assistant(template: str) -> None:
    chat = [
        says("system", "be brief"),
        says("user", "one two three"),
        says("assistant", "four five six seven"),
    ]
    counter = words(template)
    assert counted(counter, {"messages": chat}).trained == 4
    assert counted(counter, {"messages": [*chat, says("assistant", "eight", weight=1)]}).trained == 5
    assert counted(counter, {"messages": [*chat, says("assistant", "eight", weight=0)]}).trained == 4
    assert counted(counter, {"messages": chat[:2]}).trained == 0


def test_trained_are_calls_too(openai: ExampleCounter) -> None:
    chat = [says("user", "Time?"), says("assistant", None, tool_calls=[CALL])]
    found = counted(openai, {"messages": chat, "tools": [TOOL]})
    assert found.trained == openai.tokenizer.count("now") + openai.tokenizer.count('{"zone": "UTC"}')
    assert found.total == found.longest == openai.count(chat, [TOOL])


def test_llama_trains_on_what_the_longer_form_says(llama: ExampleCounter) -> None:
    """Hugging Face's form trims; where the blanks make Meta's form the longer one, they are learned."""
    size = llama.tokenizer.count
    short = counted(llama, {"messages": [says("user", "a"), says("assistant", " b ")]})
    assert short.trained == size("b")
    blanks = "b" + " \n" * 300
    assert counted(llama, {"messages": [says("user", "a"), says("assistant", blanks)]}).trained == size(
        blanks
    )


def preference(before: Chat, good: Any, bad: Any, **given: Any) -> dict[str, Any]:
    return {"input": {"messages": before, **given}, "preferred_output": good, "non_preferred_output": bad}


def test_a_preference_is_its_input_with_either_output(openai: ExampleCounter) -> None:
    before = [
        says("system", "Be kind."),
        says("user", "Cold?"),
        says("assistant", "Where?"),
        says("user", "Here."),
    ]
    good, bad = [says("assistant", "Not as cold as I had feared.")], [says("assistant", "No.")]
    found = counted(openai, preference(before, good, bad, tools=[TOOL]))
    long, short = openai.count(before + good, [TOOL]), openai.count(before + bad, [TOOL])
    size = openai.tokenizer.count
    assert found == (long + short, size(good[0]["content"]) + size(bad[0]["content"]), long)
    assert counted(openai, preference(before, good[0], bad[0], tools=[TOOL])) == found
    conversations = conversations_of(preference(before, good, bad))
    assert [len(each.messages) for each in conversations] == [5, 5]
    assert {each.learned_from for each in conversations} == {4}


def test_pairs_in_the_manner_of_trl(openai: ExampleCounter) -> None:
    before, good, bad = [says("user", "Cold?")], [says("assistant", "A little.")], [says("assistant", "No.")]
    same = counted(openai, preference(before, good, bad))
    assert counted(openai, {"prompt": before, "chosen": good, "rejected": bad}) == same
    whole = counted(openai, {"chosen": before + good, "rejected": before + bad})
    assert whole == same
    texts = counted(openai, {"prompt": "Cold? ", "chosen": "Yes", "rejected": "Not at all"})
    size = openai.tokenizer.count
    assert texts.total == size("Cold? Yes") + size("Cold? Not at all")
    assert texts.longest == size("Cold? Not at all")


def test_a_completion_is_one_text(openai: ExampleCounter) -> None:
    size = openai.tokenizer.count
    prompt, completion = "Translate: sea ->", " meri and more"
    found = counted(openai, {"prompt": prompt, "completion": completion})
    assert found == (
        size(prompt + completion),
        size(prompt + completion) - size(prompt),
        size(prompt + completion),
    )
    assert counted(openai, {"prompt": "", "completion": "abc def"}) == (2, 2, 2)
    assert counted(openai, {"prompt": "abc def", "completion": ""}).trained == 0


def test_a_reinforcement_example_trains_on_nothing_it_says(openai: ExampleCounter) -> None:
    row = {"messages": [says("user", "2+2?")], "reference_answer": "4"}
    assert counted(openai, row) == (openai.count(row["messages"]), 0, openai.count(row["messages"]))


@pytest.mark.parametrize(
    "example",
    [
        {},
        {"messages": None},
        {"messages": ["hello"]},
        {"prompt": "a"},
        {"prompt": 1, "completion": "b"},
        {"input": {"messages": []}, "preferred_output": []},
        {"input": [], "preferred_output": "a", "non_preferred_output": []},
        {"prompt": "a", "chosen": "b", "rejected": None},
    ],
    ids=json.dumps,
)
def test_what_is_no_conversation_is_said_in_its_place(example: dict[str, Any]) -> None:
    good = {"messages": [says("user", "one two")]}
    counter = words("words")
    first, odd, last = counter.count_many([good, example, good])
    assert first == last == (2, 0, 2)
    assert odd == Uncountable("there is no conversation in it")
    with pytest.raises(NotCountable, match="no conversation") as caught:
        counter.count_example(example)
    assert isinstance(caught.value, DataError)


def test_a_tool_nested_too_deeply_is_not_countable() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    chat = {"messages": [says("user", "x")], "tools": [{"function": {"name": "f", "parameters": deep}}]}
    (found,) = words("generic").count_many([chat])
    assert isinstance(found, Uncountable)
    assert "too deeply" in found.reason


LINE = st.lists(NAMED, max_size=4).map(lambda messages: {"messages": messages})
PAIR = st.builds(
    preference, st.lists(PLAIN, max_size=2), st.lists(PLAIN, max_size=1), st.lists(PLAIN, max_size=1)
)
COMPLETION = st.builds(lambda a, b: {"prompt": a, "completion": b}, TEXT, TEXT)


@pytest.mark.parametrize("template", sorted(TEMPLATES))
@settings(max_examples=120, deadline=None)
@given(example=LINE | PAIR | COMPLETION, ascii_only=st.booleans())
def test_no_line_has_more_tokens_than_its_bytes_allow(
    llama: ExampleCounter, template: str, example: dict[str, Any], ascii_only: bool
) -> None:
    """For exact counts and for those of `BoundTokenizer`, which says a token for every byte."""
    try:
        line = json.dumps(example, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate can only be written as an escape
        line = json.dumps(example, separators=(",", ":")).encode()
    exact = ExampleCounter(llama.tokenizer, template)
    at_most = ExampleCounter(BoundTokenizer("llama3"), template)
    limit = exact.upper_bound(len(line))
    assert limit is not None
    assert counted(exact, example).longest <= counted(at_most, example).longest <= limit
    assert limit - len(line) == overhead_of("llama3", template)


def test_the_bound_is_close() -> None:
    """Nothing but the frame of the line is given away, so that rows just below a limit are proven to fit."""
    for template, overhead in (("openai", 0), ("generic", 0), ("words", 0)):
        assert overhead_of("o200k_base", template) == overhead
    assert overhead_of("llama3", "llama3") == len(
        "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
    )
    assert overhead_of("hf:any/tokenizer.json", "generic") is None
    assert overhead_of("o200k_base", "alpaca") is None


def test_bounds_stand_in_for_a_missing_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("FTKIT_CACHE_DIR", "FTKIT_TOKENIZER_DIR", "TIKTOKEN_CACHE_DIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    model = Model(id="m", provider="custom", tokenizer="cl100k_base", chat_template="openai")
    with pytest.raises(TokenizerMissing):
        counter_for(model)
    counter = counter_for(model, upper_bound=True)
    assert not counter.exact
    assert counter.count([says("user", "päivää")]) == 3 + 3 + len("user") + len("päivää".encode())
    assert counter.tokenizer.prefix("päivää", 3) == 2
    assert counter_for(Model(id="w", provider="custom", tokenizer="words"), upper_bound=True).exact


@settings(max_examples=100, deadline=None)
@given(
    text=st.lists(st.sampled_from(["a", " the", "é", "好", "😀", "\ud800", "\n"]), max_size=20).map("".join)
)
def test_a_bound_is_never_below_the_count(llama: ExampleCounter, text: str) -> None:
    bound = BoundTokenizer("llama3")
    assert bound.count(text) == bound.count_many([text])[0] >= llama.tokenizer.count(text)
