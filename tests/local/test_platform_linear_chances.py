"""Log-probabilities are those of the model; embeddings are near for texts that are alike."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from local_engine import ENGINE, train, user

from ftkit.local.engines.asking import Answer, Ask, Refused, Reply, TokenLogprob
from ftkit.local.engines.base import ModelSpec, Responder
from ftkit.local.engines.linear.embedding import DIMENSIONS, MAX_DIMENSIONS
from ftkit.local.engines.linear.heads import Heads, softmax
from ftkit.local.engines.linear.model import LinearModel
from ftkit.local.engines.linear.spelling import certain, spelled, tokens_of
from ftkit.tokens.words import count_words

LINEAR = ModelSpec("linear", "linear")


def reply_of(model: Responder, text: str, top: int | None = 3, **asked: object) -> Reply:
    [answer] = model.answer([Ask(messages=user(text), top_logprobs=top, **asked)])  # type: ignore[arg-type]
    assert isinstance(answer, Answer)
    return answer.replies[0]


def total(tokens: tuple[TokenLogprob, ...] | None) -> float:
    return sum(token.logprob for token in tokens or ())


@given(text=st.text(max_size=40) | st.from_regex(r"[a-z \n{}\":,0-9]{0,30}", fullmatch=True))
def test_tokens_put_together_are_the_text_and_as_many_as_are_counted(text: str) -> None:
    tokens = tokens_of(text)
    assert "".join(tokens) == text
    assert len(tokens) == (count_words(text) or bool(text))


OPTIONS = ["very good", "very bad", "very", "good", "bad deal"]


@settings(max_examples=40)
@given(weights=st.lists(st.floats(0.01, 10), min_size=5, max_size=5), top=st.integers(0, 5))
def test_tokens_add_up_to_the_chance_of_all_texts_that_go_on_so(weights: list[float], top: int) -> None:
    chances = np.array(weights) / sum(weights)
    for chosen, text in enumerate(OPTIONS):
        tokens = list(spelled([tokens_of(option) for option in OPTIONS], chances, chosen, top))
        begin_so = sum(
            chance for option, chance in zip(OPTIONS, chances, strict=True) if option.startswith(text)
        )
        assert math.exp(sum(token.logprob for token in tokens)) == pytest.approx(begin_so)
        assert "".join(token.token for token in tokens) == text
        for token in tokens:
            assert len(token.top) <= top and sum(math.exp(logprob) for _, logprob in token.top) <= 1 + 1e-9
            assert [logprob for _, logprob in token.top] == sorted((p for _, p in token.top), reverse=True)
            assert dict(token.top).get(token.token, token.logprob) == token.logprob


def test_what_is_certain_has_a_chance_of_one() -> None:
    assert list(certain('{"a', 1)) == [
        TokenLogprob("{", 0.0, (("{", 0.0),)),
        TokenLogprob('"', 0.0, (('"', 0.0),)),
        TokenLogprob("a", 0.0, (("a", 0.0),)),
    ]
    assert [token.top for token in certain("a b", 0)] == [(), ()]


LABELS = {"lovely": "very good", "awful": "very bad", "usual": "so so"}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> LinearModel:
    rows = [(f"{word} n{number}", label) for number in range(12) for word, label in LABELS.items()]
    return train(tmp_path_factory.mktemp("labelled"), rows, n_epochs=3).model()


def chances_of(model: LinearModel, text: str, head: int = 0) -> np.ndarray:
    [scores] = model.scores([user(text)])
    found: np.ndarray = softmax(scores[:, Heads(model.book.sizes).slices[head]].astype(float))[0]
    return found


def test_a_label_has_the_probability_of_its_class(labelled: LinearModel) -> None:
    good, bad, so = chances_of(labelled, "lovely or awful")
    reply = reply_of(labelled, "lovely or awful")
    assert reply.logprobs is not None and reply.text in ("very good", "very bad")
    assert math.exp(total(reply.logprobs)) == pytest.approx(max(good, bad), rel=1e-5)
    very, second = reply.logprobs
    assert (very.token, second.token) == ("very", reply.text[4:])
    assert math.exp(very.logprob) == pytest.approx(good + bad, rel=1e-5)
    assert {text: math.exp(p) for text, p in very.top} == pytest.approx(
        {"very": good + bad, "so": so}, rel=1e-5
    )
    assert {text: math.exp(p) for text, p in second.top} == pytest.approx(
        {" good": good / (good + bad), " bad": bad / (good + bad)}, rel=1e-5
    )


def test_without_alternatives_there_are_none_and_unasked_there_is_nothing(labelled: LinearModel) -> None:
    assert all(token.top == () for token in reply_of(labelled, "awful", 0).logprobs or (None,))  # type: ignore[union-attr]
    assert reply_of(labelled, "awful", None).logprobs is None


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [({"most_tokens": 1}, ["very"]), ({"stop": ("bad",)}, ["very", " bad"]), ({"stop": ("very",)}, [])],
)
def test_a_cut_reply_has_the_tokens_that_reach_into_it(
    labelled: LinearModel, asked: dict[str, object], tokens: list[str]
) -> None:
    reply = reply_of(labelled, "awful", 1, **asked)
    assert [token.token for token in reply.logprobs or ()] == tokens


def test_fields_have_their_own_probabilities(tmp_path: Path) -> None:
    def written(mood: str, far: int) -> str:
        return json.dumps({"mood": mood, "far": far})

    rows = [
        (f"{w} {p} n{n}", written(m, f))
        for n in range(10)
        for w, m in (("lovely", "glad"), ("awful", "sad"))
        for p, f in (("here", 1), ("there", 90))
    ]
    rows += [(f"what n{n}", "I cannot say") for n in range(5)]
    model = train(tmp_path, rows, n_epochs=4).model()
    reply = reply_of(model, "lovely there")
    assert reply.text == written("glad", 90) and reply.logprobs is not None
    assert "".join(token.token for token in reply.logprobs) == reply.text
    assert len(reply.logprobs) == reply.tokens
    frame, mood, far = (chances_of(model, "lovely there", head) for head in range(3))
    assert math.exp(total(reply.logprobs)) == pytest.approx(frame[0] * mood[0] * far[1], rel=1e-4)
    of = {token.token: token for token in reply.logprobs}
    assert math.exp(of["glad"].logprob) == pytest.approx(mood[0], rel=1e-4)
    assert dict(of["glad"].top).keys() == {"glad", "sad"}
    assert dict(of["{"].top).keys() == {"{", "I"}


def test_a_form_has_the_probabilities_among_what_it_allows(labelled: LinearModel) -> None:
    form = {"type": "object", "properties": {"label": {"enum": ["very bad", "so so"]}}, "required": ["label"]}
    reply = reply_of(labelled, "lovely awful", 2, form=form)
    _, bad, so = chances_of(labelled, "lovely awful")
    assert json.loads(reply.text) == {"label": "very bad"}
    assert math.exp(total(reply.logprobs)) == pytest.approx(bad / (bad + so), rel=1e-5)
    assert "".join(token.token for token in reply.logprobs or ()) == reply.text


def test_a_stream_has_them_all(labelled: LinearModel) -> None:
    deltas = list(labelled.stream(Ask(messages=user("awful"), top_logprobs=1, choices=2)))
    for index in (0, 1):
        said = [delta for delta in deltas if delta.index == index]
        tokens = [token for delta in said for token in delta.logprobs or ()]
        assert "".join(token.token for token in tokens) == "".join(delta.text for delta in said) == "very bad"


def test_abilities_are_what_it_has(labelled: LinearModel) -> None:
    untrained = ENGINE.base(LINEAR)
    assert untrained.abilities == {"chat", "completions", "embeddings", "form"}
    assert labelled.abilities == untrained.abilities | {"logprobs"}


def cosine(one: str, other: str) -> float:
    found = ENGINE.base(LINEAR).embed([one, other], None)
    first, second = np.array(found.vectors)
    return float(first @ second)


@pytest.mark.parametrize("dimensions", [None, 1, 64, MAX_DIMENSIONS])
def test_vectors_have_length_one_and_as_many_dimensions_as_asked(dimensions: int | None) -> None:
    texts = ["a lovely soup", "", "日本語 🎉", "word " * 30_000, "a lovely soup"]
    found = ENGINE.base(LINEAR).embed(texts, dimensions)
    vectors = np.array(found.vectors)
    assert vectors.shape == (5, dimensions or DIMENSIONS)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1)
    assert np.array_equal(vectors[0], vectors[4])
    assert list(found.tokens) == [3, 0, 2, 30_000, 3]


def test_texts_that_are_alike_are_near() -> None:
    same = cosine("the quick brown fox jumps", "quick brown foxes jumped over")
    other = cosine("the quick brown fox jumps", "zyx wvu tsr")
    assert cosine("Case  does not", "case does NOT") == pytest.approx(1)
    assert same > 0.4 and abs(other) < 0.2


def test_vectors_do_not_depend_on_company_or_training(labelled: LinearModel) -> None:
    texts = [f"text number {number}" for number in range(600)]
    together = ENGINE.base(LINEAR).embed(texts, 32).vectors
    assert labelled.embed(texts[400:401], 32).vectors[0] == together[400]


def test_too_many_dimensions_are_refused(labelled: LinearModel) -> None:
    with pytest.raises(Refused) as refused:
        labelled.embed(["x"], MAX_DIMENSIONS + 1)
    assert (
        refused.value.refusal.param == "dimensions" and str(MAX_DIMENSIONS) in refused.value.refusal.message
    )
