"""The linear engine's base: labels in prompts of many forms and languages, ties, and none at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_engine import ENGINE, user

from ftkit.local.engines.base import ModelSpec
from ftkit.local.engines.linear.labels import MAX_LABELS, named_labels
from ftkit.local.engines.linear.untrained import NO_LABELS

LINEAR = ModelSpec("linear", "linear")


@pytest.mark.parametrize(
    ("instructions", "labels"),
    [
        ("Antworte mit „gut“ oder „schlecht“.", ["gut", "schlecht"]),
        ("Antworte mit »ja« oder »nein«.", ["ja", "nein"]),
        ("Réponds par « oui » ou « non ».", ["oui", "non"]),
        ("Responde «sí» o «no».", ["sí", "no"]),
        ("Responda 'sim' ou 'não'.", ["sim", "não"]),
        ("Rispondi con `vero` o `falso`.", ["vero", "falso"]),
        ("Ответь «да» или «нет».", ["да", "нет"]),
        ("「はい」か「いいえ」で答えてください。", ["はい", "いいえ"]),
        ("『甲』或『乙』", ["甲", "乙"]),
        ("请回答“正面”或“负面”。", ["正面", "负面"]),
        ("답변: '긍정' 또는 '부정'", ["긍정", "부정"]),
        ('أجب "نعم" أو "لا"', ["نعم", "لا"]),
        ("Válasz: „igen” vagy „nem”.", ["igen", "nem"]),
        ("Wähle:\n- Lob\n- Tadel\n- Frage", ["Lob", "Tadel", "Frage"]),
        ("1) niedrig\n2) mittel\n3) hoch", ["niedrig", "mittel", "hoch"]),
        ("- 📈 up\n- 📉 down", ["📈 up", "📉 down"]),
        ("* **Bug** – it is broken\n* **Feature** – it is new", ["Bug", "Feature"]),
        ("• red\n• green", ["red", "green"]),
        ("One of: positive | negative | neutral", ["positive", "negative", "neutral"]),
        ("Labels: joy; anger; fear", ["joy", "anger", "fear"]),
        ("Options: A / B / C", ["A", "B", "C"]),
        ("Categories (choose one): sports, politics, weather", ["sports", "politics", "weather"]),
        ("Categories: [sports, politics, weather]", ["sports", "politics", "weather"]),
        ("Possible values: 1, 2, 3, 4 or 5", ["1", "2", "3", "4", "5"]),
        ("The classes are: alpha, beta, gamma", ["alpha", "beta", "gamma"]),
        ("Is it true or false or unknown?", ["true", "false", "unknown"]),
        ("Decide whether it is urgent or routine, then answer.", ["urgent", "routine"]),
        ("Return 'POSITIVE' if good, otherwise 'NEGATIVE'.", ["POSITIVE", "NEGATIVE"]),
        ("One of: yes, no. Do not explain, apologise or refuse.", ["yes", "no"]),
        ("Say 'Yes', 'yes' or 'YES'.", []),
        ("It's not the user's fault; don't answer.", []),
        ("Don't say «only one».", []),
    ],
)
def test_labels_are_found_in_many_forms_and_languages(instructions: str, labels: list[str]) -> None:
    assert named_labels(instructions) == labels


LABEL = st.from_regex(r"[A-Za-zÀ-ÿ]{2,10}", fullmatch=True)
LABELS = st.lists(LABEL, min_size=2, max_size=8, unique_by=str.lower)


@pytest.mark.parametrize(
    "template",
    [
        lambda labels: "Answer with " + ", ".join(f'"{label}"' for label in labels) + ".",
        lambda labels: "Answer with " + " / ".join(f"«{label}»" for label in labels) + ".",
        lambda labels: "Pick:\n" + "\n".join(f"- {label}" for label in labels),
        lambda labels: "Pick:\n" + "\n".join(f"{n}. {label}" for n, label in enumerate(labels, 1)),
        lambda labels: "Reply with one of: " + " | ".join(labels),
    ],
    ids=["quoted", "guillemets", "bullets", "numbers", "pipes"],
)
def test_any_words_in_a_clear_list_are_found_whole_and_in_order(template: Any) -> None:
    @settings(max_examples=25, deadline=None)
    @given(labels=LABELS)
    def holds(labels: list[str]) -> None:
        if {label.lower() for label in labels} & {"or", "and"}:
            return  # joints between labels
        assert named_labels(template(labels)) == labels

    holds()


@given(text=st.text(max_size=200))
def test_any_text_is_read_without_a_fault_into_distinct_short_labels(text: str) -> None:
    labels = named_labels(text)
    assert len(labels) != 1 and len(labels) <= MAX_LABELS
    assert len({label.lower() for label in labels}) == len(labels)
    assert all(label == label.strip() and 0 < len(label.split()) <= 4 for label in labels)


def respond(*messages: tuple[str, Any]) -> str:
    [answer] = ENGINE.base(LINEAR).respond([[{"role": role, "content": text} for role, text in messages]])
    return answer


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first")])
@pytest.mark.parametrize("text", ["", "🎉", "xyz", "\n\n", "日本語"])
def test_in_a_tie_the_label_named_first_wins(order: tuple[str, str], text: str) -> None:
    assert respond(("system", f"One of: {order[0]}, {order[1]}"), ("user", text)) == order[0]


@pytest.mark.parametrize(
    ("text", "label"),
    [("All about SPORTSMEN", "sports"), ("geopolitics", "politics"), ("Bad weather!", "weather")],
)
def test_the_label_that_the_text_resembles_wins(text: str, label: str) -> None:
    prompt = "Answer with 'politics', 'sports' or 'weather'."
    assert respond(("system", prompt), ("user", text)) == label
    assert respond(("developer", prompt), ("user", text)) == label
    assert respond(("system", prompt), ("user", [{"type": "text", "text": text}])) == label


def test_labels_of_the_instructions_come_before_those_of_the_message() -> None:
    assert respond(("system", "One of: hot, cold"), ("user", "Is it 'left' or 'right'?")) == "hot"
    assert respond(("system", "Be kind."), ("user", "Is it 'left' or 'right'?")) in ("left", "right")


def test_labels_of_several_system_messages_are_read_together() -> None:
    assert respond(("system", "Pick:\n- one"), ("system", "- two\n- three"), ("user", "three")) == "three"


@pytest.mark.parametrize(
    "messages",
    [
        [("user", "Hello there!")],
        [("system", ""), ("user", "")],
        [("system", "Be kind to customers.")],
        [("assistant", "I am done.")],
    ],
)
def test_where_no_labels_are_named_it_says_what_it_is(messages: list[tuple[str, str]]) -> None:
    assert respond(*messages) == NO_LABELS


def test_each_conversation_is_answered_by_its_own_prompt() -> None:
    """The responder remembers prompts: more of them than it keeps, asked twice, in another order."""
    base = ENGINE.base(LINEAR)
    asked = [
        [{"role": "system", "content": f"One of: no{n}, yes{n}"}, *user(f"yes{n} it is")] for n in range(300)
    ]
    expected = [f"yes{n}" for n in range(300)]
    assert base.respond(asked) == expected
    assert base.respond(asked[::-1]) == expected[::-1]
