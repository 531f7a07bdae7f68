"""Replies in the form asked for: of a trained model what it learnt, of the untrained what is named."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_engine import ENGINE, train, user

from ftkit.local.engines.asking import Answer, Ask, Refusal, Refused
from ftkit.local.engines.base import ModelSpec, Responder
from ftkit.local.engines.linear.forms import FormBuilder, NotKnown
from ftkit.local.engines.linear.untrained import Guesses

LINEAR = ModelSpec("linear", "linear")
Schema = dict[str, Any]


def members(required: bool = True, **properties: Any) -> Schema:
    """An object of these members, in OpenAI's strict form."""
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": list(properties)} if required else schema


def one_of(*values: Any) -> Schema:
    return {"enum": list(values)}


def reply_to(model: Responder, text: Any, form: Schema) -> Any:
    """The reply as a value; it always satisfies the form. Raises what it refuses with."""
    asked = user(text) if isinstance(text, str) else text
    [answer] = model.answer([Ask(messages=asked, form=form)])
    if isinstance(answer, Refusal):
        raise Refused(answer)
    value = json.loads(answer.replies[0].text)
    assert jsonschema_rs.is_valid(form, value)
    return value


@pytest.fixture(scope="module")
def fielded(tmp_path_factory: pytest.TempPathFactory) -> Responder:
    """Trained on objects of a mood, a nested topic, a number and a list."""
    rows = [
        (
            f"{word} {thing} n{number}",
            json.dumps(
                {
                    "mood": mood,
                    "about": {"topic": topic},
                    "stars": 5 if mood == "pos" else 1,
                    "tags": [topic, mood],
                }
            ),
        )
        for number in range(25)
        for word, mood in (("awful", "neg"), ("lovely", "pos"), ("usual", "mid"))
        for thing, topic in (("soup", "Food"), ("plot", "Film"))
    ]
    return train(tmp_path_factory.mktemp("fielded"), rows, n_epochs=4).model()


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Responder:
    """Trained on bare labels."""
    rows = [(f"{word} n{number}", label) for number in range(20) for word, label in WORDS.items()]
    return train(tmp_path_factory.mktemp("labelled"), rows, n_epochs=6).model()


WORDS = {"awful": "Negative", "lovely": "Positive", "usual": "3"}


def test_a_reply_that_has_the_form_is_given_as_it_was_learnt(fielded: Responder) -> None:
    [plain] = fielded.answer([Ask(messages=user("lovely soup"))])
    [formed] = fielded.answer([Ask(messages=user("lovely soup"), form={"type": "object"})])
    assert plain == formed and isinstance(formed, Answer)
    assert json.loads(formed.replies[0].text) == {
        "mood": "pos",
        "about": {"topic": "Food"},
        "stars": 5,
        "tags": ["Food", "pos"],
    }


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("lovely soup", members(mood=one_of("neg", "pos")), {"mood": "pos"}),
        ("lovely soup", members(mood=one_of("neg", "mid")), None),
        ("usual soup", members(mood=one_of("NEG", "Mid")), {"mood": "Mid"}),
        ("awful plot", members(stars={"type": "integer", "minimum": 2}), {"stars": 5}),
        (
            "awful plot",
            members(stars={"type": "integer"}, mood={"type": "string"}),
            {"stars": 1, "mood": "neg"},
        ),
        ("awful plot", members(about=members(topic={"type": "string"})), {"about": {"topic": "Film"}}),
        ("awful plot", members(topic={"type": "string"}), {"topic": "Film"}),
        ("awful plot", members(result=members(Mood={"type": "string"})), {"result": {"Mood": "neg"}}),
        (
            "awful soup",
            members(tags={"type": "array", "items": {"type": "string"}}),
            {"tags": ["Food", "neg"]},
        ),
        ("awful soup", members(mood={"anyOf": [{"type": "null"}, {"type": "string"}]}), {"mood": "neg"}),
        ("awful soup", members(mood={"type": ["null", "string"]}), {"mood": "neg"}),
        ("awful soup", members(other={"type": ["string", "null"]}, stars={}), {"other": None, "stars": 1}),
        ("awful soup", members(kind={"const": "review"}, mood={}), {"kind": "review", "mood": "neg"}),
        ("awful soup", members(kind=one_of("review"), mood={}), {"kind": "review", "mood": "neg"}),
        ("awful soup", members(False, mood={}, unheard_of={}), {"mood": "neg"}),
        ("awful soup", members(False, unheard_of={"type": "string"}, and_this={}), {}),
        (
            "awful soup",
            {**members(mood={"$ref": "#/$defs/Mood"}), "$defs": {"Mood": one_of("pos", "neg")}},
            {"mood": "neg"},
        ),
        ("awful soup", {"allOf": [members(mood={}), {"type": "object"}]}, {"mood": "neg"}),
        ("awful soup", {"oneOf": [members(no={"type": "number"}), members(stars={})]}, {"stars": 1}),
    ],
)
def test_fields_are_chosen_among_the_values_that_the_form_allows(
    fielded: Responder, text: str, form: Schema, expected: Any
) -> None:
    value = reply_to(fielded, text, form)
    assert value == expected if expected is not None else value["mood"] in ("neg", "mid")


@pytest.mark.parametrize(
    ("form", "place"),
    [
        (members(unheard_of={"type": "string"}, mood={}), "/unheard_of"),
        (members(mood=one_of("angry", "glad"), stars={}), "/mood"),
        (members(stars={"type": "integer", "minimum": 9}), "/stars"),
        (members(about=members(author={"type": "string"})), "/about/author"),
        (members(list={"type": "array", "items": {"type": "string"}}), "/list"),
        (members(mood={"type": "string", "pattern": "^x"}, stars={}), "/mood"),
        ({"type": "string"}, ""),
        ({"type": "array", "items": members(mood={})}, ""),
        ({"not": {}}, ""),
        ({**members(next={"$ref": "#"}), "required": ["next"]}, "/next/next"),
        (members(mood={"$ref": "#/$defs/none"}), ""),
    ],
)
def test_what_it_does_not_know_is_refused_by_its_place(fielded: Responder, form: Schema, place: str) -> None:
    [answer] = fielded.answer([Ask(messages=user("awful soup"), form=form)])
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.param) == ("unsupported_value", "response_format")
    assert place in answer.message
    with pytest.raises(Refused):
        list(fielded.stream(Ask(messages=user("awful soup"), form=form)))


def test_what_a_field_is_forbidden_takes_the_next_likely(fielded: Responder) -> None:
    """A positive text, where only the two others are allowed: whichever is likelier there is given."""
    form = members(mood=one_of("neg", "mid"))
    likes = {
        text: reply_to(fielded, text, form)["mood"] for text in ("lovely awful soup", "lovely usual soup")
    }
    assert likes == {"lovely awful soup": "neg", "lovely usual soup": "mid"}


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (members(label={"type": "string"}), {"label": "Positive"}),
        (members(sentiment=one_of("negative", "positive")), {"sentiment": "positive"}),
        (members(a=one_of("Positive"), b=one_of("Negative", "Positive")), {"a": "Positive", "b": "Positive"}),
        (one_of("Negative", "Positive"), "Positive"),
        ({"type": "object"}, {"answer": "Positive"}),
        (members(stars={"type": "integer"}), {"stars": 3}),
    ],
)
def test_bare_labels_are_put_into_the_form(labelled: Responder, form: Schema, expected: Any) -> None:
    assert reply_to(labelled, "lovely", form) == expected


def test_bare_labels_do_not_stand_for_several_texts(labelled: Responder) -> None:
    with pytest.raises(Refused) as refused:
        reply_to(labelled, "lovely", members(label={"type": "string"}, reason={"type": "string"}))
    assert "'/label'" in refused.value.refusal.message


def test_a_fence_around_an_object_is_left_out(tmp_path: Path) -> None:
    rows = [(word, f"```json\n{json.dumps({'x': label})}\n```") for word, label in WORDS.items()] * 8
    model = train(tmp_path, rows).model()
    [answer] = model.answer([Ask(messages=user("awful"), form={"type": "object"}, top_logprobs=1)])
    assert isinstance(answer, Answer)
    [reply] = answer.replies
    assert reply.text == '{"x": "Negative"}'
    assert "".join(token.token for token in reply.logprobs or ()) == reply.text
    [plain] = model.respond([user("awful")])
    assert plain.startswith("```json")


def test_forms_and_plain_asks_are_answered_together(fielded: Responder) -> None:
    asks = [
        Ask(messages=user("awful plot")),
        Ask(messages=user("lovely plot"), form=members(mood={})),
        Ask(messages=user("lovely plot"), form=members(none={}, nor={})),
        Ask(messages=user("usual plot"), form=members(stars={}), choices=2, stop=("1",)),
        Ask(prompt="usual plot", form=members(mood={}), most_tokens=3),
    ]
    answers = fielded.answer(asks)
    texts = [
        [reply.text for reply in answer.replies] if isinstance(answer, Answer) else None for answer in answers
    ]
    assert texts[1:] == [['{"mood": "pos"}'], None, ['{"stars": '] * 2, ['{"mood']]
    assert isinstance(answers[4], Answer) and answers[4].replies[0].finish_reason == "length"


def test_a_streamed_form_is_the_same_text(fielded: Responder) -> None:
    ask = Ask(messages=user("usual plot"), form=members(mood={}, stars={}))
    assert "".join(delta.text for delta in fielded.stream(ask)) == '{"mood": "mid", "stars": 1}'


def prompted(text: str, instructions: str = "Say 'good' or 'bad'.") -> list[Schema]:
    return [{"role": "system", "content": instructions}, *user(text)]


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("a badly made shoe", members(label=one_of("good", "bad")), {"label": "bad"}),
        ("a badly made shoe", members(label={"type": "string"}), {"label": "bad"}),
        ("zzz", members(label=one_of("x", "y")), {"label": "x"}),
        ("it is true", members(ok={"type": "boolean"}), {"ok": True}),
        ("zzz", members(ok={"type": "boolean"}), {"ok": False}),
        ("about films", members(t={"type": "string", "description": "One of: food, film"}), {"t": "film"}),
        ("zzz", members(n={"type": "integer", "minimum": 1, "maximum": 5}), {"n": 1}),
        ("zzz", members(n={"type": "number"}), {"n": 0}),
        ("zzz", members(l={"type": "array", "items": {"type": "string"}}), {"l": []}),
        (
            "bad",
            members(l={"type": "array", "items": one_of("bad", "x"), "minItems": 2}),
            {"l": ["bad", "bad"]},
        ),
        ("zzz", members(a=members(b={"const": 4}), n={"type": "null"}), {"a": {"b": 4}, "n": None}),
        ("bad", {"type": "object"}, {"answer": "bad"}),
        ("bad", {"type": "object", "additionalProperties": False}, {}),
        ("bad", members(a={"type": ["string", "null"]}), {"a": "bad"}),
        ("bad", {"anyOf": [members(k={"const": 1}), members(b=one_of("bad", "good"))]}, {"b": "bad"}),
    ],
)
def test_the_untrained_model_fills_a_form_from_what_it_names(text: str, form: Schema, expected: Any) -> None:
    assert reply_to(ENGINE.base(LINEAR), prompted(text), form) == expected


def test_labels_of_the_prompt_may_be_numbers() -> None:
    form = members(stars={"type": "integer", "minimum": 1, "maximum": 5})
    asked = prompted("I give it 4 of 5", "Possible values: 1, 2, 3, 4 or 5")
    assert reply_to(ENGINE.base(LINEAR), asked, form) == {"stars": 4}
    assert reply_to(ENGINE.base(LINEAR), prompted("zzz", "Be kind."), members(s={"type": "string"})) == {
        "s": ""
    }


@pytest.mark.parametrize(
    "form", [members(s={"type": "string", "minLength": 3}), {"not": {}}, {"$ref": "#/no"}]
)
def test_a_form_that_nothing_named_satisfies_is_refused(form: Schema) -> None:
    with pytest.raises(Refused):
        reply_to(ENGINE.base(LINEAR), prompted("zzz", "Be kind."), form)


SCHEMAS = st.recursive(
    st.sampled_from(
        [
            {"type": "string"},
            {"type": "boolean"},
            {"type": "integer", "minimum": -3},
            {"type": "number"},
            {"type": "null"},
            {"enum": ["good", "bad", None, 3]},
            {"const": {"x": [1]}},
            {"type": ["string", "null"]},
            {},
        ]
    ),
    lambda inner: (
        st.dictionaries(st.sampled_from(["a", "b", "c/d"]), inner, max_size=3).map(lambda p: members(**p))
        | st.builds(
            lambda item, least: {"type": "array", "items": item, "minItems": least}, inner, st.integers(0, 3)
        )
        | st.lists(inner, min_size=1, max_size=2).map(lambda all_of: {"anyOf": all_of})
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(form=SCHEMAS)
def test_the_untrained_model_satisfies_every_plain_form(form: Schema) -> None:
    reply_to(ENGINE.base(LINEAR), prompted("good"), form)


@pytest.mark.parametrize(
    "form",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 8}}, "$ref": "#/$defs/a"},
        {
            "type": "array",
            "minItems": 900,
            "items": {
                "type": "array",
                "minItems": 900,
                "items": {"type": "array", "minItems": 900, "items": {"type": "null"}},
            },
        },
        {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "http://localhost:1/x"},
    ],
)
def test_forms_without_end_are_given_up_soon(form: Schema) -> None:
    begun = time.process_time()
    with pytest.raises(NotKnown):
        FormBuilder(form, Guesses()).build()
    [answer] = ENGINE.base(LINEAR).answer([Ask(messages=user("x"), form=form)])
    assert isinstance(answer, Refusal) and time.process_time() - begun < 5
