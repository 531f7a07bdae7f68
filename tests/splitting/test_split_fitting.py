"""Rows cut to a limit: windows fit, no call loses its result, each answer is learned once or said lost."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.catalog import Model, builtin_catalog
from ftkit.errors import TokenizerMissing
from ftkit.splitting.fitting import FitPlan, Fitted, Fitter
from ftkit.splitting.windows import Conversation, conversation_of
from ftkit.tokens import counter_for

Message = dict[str, Any]
TOOLS = [
    {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
]
LENGTHS = st.sampled_from([0, 1, 3, 8, 30])
# of a turn: (a late question between call and result, calls, final answers' weights, length)
TURNS = st.tuples(
    st.booleans(),
    st.integers(0, 2),
    st.lists(st.sampled_from([None, 0, 1]), max_size=2),
    LENGTHS,
)


def texts(length: int) -> str:
    return " ".join(["word"] * length)


def turn_of(number: int, late: bool, calls: int, weights: list[int | None], length: int) -> list[Message]:
    """The messages of a turn; calls have the same ids in each, as some recorders write them."""
    ids = [f"call-{n}" for n in range(calls)]
    said: list[Message] = [{"role": "user", "content": f"asked {number} {texts(length)}"}]
    if ids:
        listed = [{"id": i, "type": "function", "function": {"name": "look", "arguments": "{}"}} for i in ids]
        said.append({"role": "assistant", "content": None, "tool_calls": listed})
        said += [{"role": "user", "content": f"still {number}?"}] if late else []
        said += [{"role": "tool", "tool_call_id": i, "content": f"{number} {texts(length)}"} for i in ids]
    for weight in weights:
        answer = {"role": "assistant", "content": f"answer {number} {texts(length)}"}
        said.append(answer if weight is None else {**answer, "weight": weight})
    return said


@st.composite
def examples(draw: st.DrawFn) -> dict[str, Any]:
    system = draw(st.sampled_from([[], [{"role": "system", "content": "be brief"}]]))
    turns = draw(st.lists(TURNS, max_size=8))
    messages = [m for number, turn in enumerate(turns) for m in turn_of(number, *turn)]
    numbered = [{**m, "name": f"n{at}"} for at, m in enumerate([*system, *messages])]
    example: dict[str, Any] = {"messages": numbered, "id": 2**70}
    return {**example, "tools": TOOLS} if draw(st.booleans()) else example


def model_of(name: str) -> Model:
    model = builtin_catalog().require_model(name)
    try:
        counter_for(model)
    except TokenizerMissing:
        pytest.skip(f"the vocabulary of {name} is not here")
    return model


def fitted(example: dict[str, Any], model: Model, plan: FitPlan) -> tuple[Fitted, list[dict[str, Any]]]:
    found = Fitter(plan, model).fit(json.dumps(example).encode())
    return found, [json.loads(line) for line in found.lines]


def longest(model: Model, example: dict[str, Any]) -> int:
    (counted,) = counter_for(model).count_many([example])
    return counted.longest  # type: ignore[union-attr] # there is no picture in it


def places(window: dict[str, Any]) -> list[int]:
    return [int(message["name"][1:]) for message in window["messages"]]


def taught(messages: list[Message]) -> list[str]:
    return [m["name"] for m in messages if m["role"] == "assistant" and m.get("weight") != 0]


def with_turns(example: dict[str, Any], found: Conversation, start: int, end: int) -> dict[str, Any]:
    said = [m for turn in found.turns[start:end] for m in example["messages"][turn.start : turn.end]]
    return {**example, "messages": [*example["messages"][: found.head], *said]}


def check_piece(example: dict[str, Any], piece: dict[str, Any], model: Model, limit: int) -> None:
    """It fits, has the system message and all else of the row, and a run of messages with calls answered."""
    assert longest(model, piece) <= limit
    assert {**piece, "messages": None} == {**example, "messages": None}
    at, head = places(piece), conversation_of(example["messages"]).head
    assert at[:head] == list(range(head))
    assert at[head:] == list(range(at[head], at[-1] + 1))
    for message, place in zip(piece["messages"], at, strict=True):
        assert {**message, "weight": 0} == {**example["messages"][place], "weight": 0}
    inside = set(at)
    for call, result in calls_and_results(example["messages"]):
        assert (call in inside) == (result in inside), "a call is apart from its result"


def calls_and_results(messages: list[Message]) -> list[tuple[int, int]]:
    """The places of each result and of the last call before it."""
    calls = [at for at, m in enumerate(messages) if m.get("tool_calls")]
    results = [at for at, m in enumerate(messages) if m["role"] == "tool"]
    return [(max(at for at in calls if at < result), result) for result in results]


@pytest.mark.parametrize("name", ["linear", "gpt-4.1-mini", "klusterai/Meta-Llama-3.1-8B-Instruct-Turbo"])
@given(example=examples(), limit=st.integers(5, 250), overlap=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_windows(name: str, example: dict[str, Any], limit: int, overlap: int) -> None:
    model = model_of(name)
    found, windows = fitted(example, model, FitPlan(limit, "window", overlap))
    for window in windows:
        check_piece(example, window, model, limit)
    trained = Counter(name for window in windows for name in taught(window["messages"]))
    assert set(trained.values()) <= {1}, "an answer is learned twice"
    lost = set(taught(example["messages"])) - set(trained)
    assert found.taught == len(lost)
    conversation = conversation_of(example["messages"])
    for at, turn in enumerate(conversation.turns):
        alone = longest(model, with_turns(example, conversation, at, at + 1))
        names = set(taught(example["messages"][turn.start : turn.end]))
        assert not names or (names <= lost) == (alone > limit), (
            "lost though it fits, or kept though it does not"
        )
    kept = {place for window in windows for place in places(window)}
    assert found.messages == len(example["messages"]) - len(kept | set(range(conversation.head)))
    assert found.tokens == sum(map(counter_for(model).count_example, windows))


@given(example=examples(), limit=st.integers(5, 250))
@settings(max_examples=60, deadline=None)
def test_truncation_keeps_as_many_last_turns_as_fit(example: dict[str, Any], limit: int) -> None:
    model = model_of("linear")
    found, pieces = fitted(example, model, FitPlan(limit, "truncate"))
    conversation = conversation_of(example["messages"])
    turns = conversation.turns
    if not pieces:
        last = max((n for n, turn in enumerate(turns) if turn.taught), default=len(turns) - 1)
        assert not turns or longest(model, with_turns(example, conversation, last, len(turns))) > limit
        return
    (piece,) = pieces
    check_piece(example, piece, model, limit)
    assert piece["messages"] == example["messages"][: conversation.head] + [
        example["messages"][at] for at in places(piece)[conversation.head :]
    ], "a weight was changed"
    assert places(piece)[-1] == len(example["messages"]) - 1
    first = [turn.start for turn in turns].index(places(piece)[conversation.head])
    assert first == 0 or longest(model, with_turns(example, conversation, first - 1, len(turns))) > limit
    lost = len(example["messages"]) - len(piece["messages"])
    whole = counter_for(model).count_example(example)
    assert (found.messages, found.lost_tokens) == (lost, whole - found.tokens)


def plain(*lengths: int) -> dict[str, Any]:
    """Turns of so many tokens each."""
    said = [m for n in lengths for m in (("user", "q"), ("assistant", texts(n - 1)))]
    messages = [{"role": role, "content": text, "name": f"n{at}"} for at, (role, text) in enumerate(said)]
    return {"messages": messages}


@pytest.mark.parametrize(
    ("lengths", "overlap", "windows"),
    [
        ([4, 4, 4], 0, [[0, 1], [2]]),
        ([4, 4, 4], 1, [[0, 1], [1, 2]]),
        ([4, 4, 4], 5, [[0, 1], [1, 2]]),  # as much of it as leaves room
        ([2, 2, 2, 2, 2, 9], 2, [[0, 1, 2, 3, 4], [5]]),
        ([4, 11, 4, 4], 1, [[0], [2, 3]]),  # none reaches over what is lost
        ([11, 11], 0, []),
        ([10, 10], 3, [[0], [1]]),
    ],
)
def test_where_windows_of_ten_tokens_break(
    lengths: list[int], overlap: int, windows: list[list[int]]
) -> None:
    found = fitted(plain(*lengths), model_of("linear"), FitPlan(10, "window", overlap))[1]
    assert [[place // 2 for place in places(window)[::2]] for window in found] == windows


def test_turns_that_teach_nothing_lead_to_the_next_answer_or_are_left_out() -> None:
    example = plain(4, 2, 4, 4, 2, 2)
    for turn in (1, 4, 5):
        example["messages"][turn * 2 + 1]["weight"] = 0
    found, windows = fitted(example, model_of("linear"), FitPlan(8, "window"))
    assert [[place // 2 for place in places(window)[::2]] for window in windows] == [[0], [1, 2], [3]]
    assert (found.messages, found.taught, found.lost_tokens) == (4, 0, 4)


def test_repeated_answers_have_weight_0_and_new_ones_stay_as_they_are() -> None:
    found = fitted(plain(4, 4, 4), model_of("linear"), FitPlan(10, "window", 1))[1]
    weights = [[m.get("weight", "none") for m in w["messages"] if m["role"] == "assistant"] for w in found]
    assert weights == [["none", "none"], [0, "none"]]


@pytest.mark.parametrize(
    ("roles", "head", "starts"),
    [
        ("suaua", 1, [1, 3]),
        ("sduaa", 2, [2]),
        ("uuaua", 0, [0, 3]),
        ("auaua", 0, [0, 1, 3]),
        ("uaus", 0, [0, 2]),
        ("uasua", 0, [0, 2]),  # a later system message belongs to the turn that it is before
        ("ucta", 0, [0]),
        ("ucuta", 0, [0]),  # asked again before the result came
        ("ucutaua", 0, [0, 5]),
        ("ucua", 0, [0, 2]),  # a call that is never answered
        ("uauta", 0, [0, 2]),  # a result that nobody called for
        ("ss", 2, []),
    ],
)
@pytest.mark.parametrize("legacy", [False, True])
def test_turns(roles: str, head: int, starts: list[int], legacy: bool) -> None:
    call: Message = {
        "role": "assistant",
        "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}],
    }
    result = {"role": "tool", "tool_call_id": "1", "content": "x"}
    if legacy:
        call = {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}
        result = {"role": "function", "name": "f", "content": "x"}
    names = {"s": "system", "d": "developer", "u": "user", "a": "assistant"}
    known: dict[str, Message] = {"c": call, "t": result}
    found = conversation_of([known.get(r) or {"role": names[r], "content": "x"} for r in roles])
    assert found.head == head
    assert [turn.start for turn in found.turns] == starts
    assert [turn.end for turn in found.turns] == ([*starts[1:], len(roles)] if starts else [])
