"""Plain completions and embeddings over HTTP: forms of a prompt, choices, log-probabilities, vectors."""

from __future__ import annotations

import base64
import math
import struct
from typing import Any

import openai
import pytest
from protocol_platform import Platform, refused

COMPLETIONS, EMBEDDINGS = "/v1/completions", "/v1/embeddings"
MISSING, TYPE, VALUE = "missing_required_parameter", "invalid_type", "invalid_value"
NO, NO_VALUE = "unsupported_parameter", "unsupported_value"


def complete(platform: Platform, prompt: Any = "once", **options: Any) -> Any:
    """The real client's answer, of OpenAI's types in strict mode."""
    return platform.client().completions.create(**{"model": "letters", "prompt": prompt, **options})


def test_a_completion(letters: Platform) -> None:
    answer = complete(letters, "once upon a time", seed=1)
    assert answer.object == "text_completion" and answer.id.startswith("cmpl-")
    [choice] = answer.choices
    assert len(choice.text) == 12 and choice.finish_reason == "stop" and choice.logprobs is None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        4,
        12,
        16,
    )
    assert answer.model == "letters" and answer.system_fingerprint == "ftkit-letters"


def test_every_prompt_has_its_choices_in_order(letters: Platform) -> None:
    answer = complete(letters, ["one", "one two", "one two three"], n=2, seed=9)
    assert [choice.index for choice in answer.choices] == list(range(6))
    alone = complete(letters, "one two", n=2, seed=9)
    assert [choice.text for choice in answer.choices[2:4]] == [choice.text for choice in alone.choices]
    assert answer.usage.prompt_tokens == 6 and answer.usage.completion_tokens == 72


def test_log_probabilities_have_places_in_the_text(letters: Platform) -> None:
    choice = complete(letters, logprobs=2, max_tokens=5, logit_bias={"1": math.log(3)}).choices[0]
    scores = choice.logprobs
    assert "".join(scores.tokens) == choice.text and scores.text_offset == [0, 1, 2, 3, 4]
    assert all(len(top) == 2 and max(top, key=top.get) == "b" for top in scores.top_logprobs)
    for token, score in zip(scores.tokens, scores.token_logprobs, strict=True):
        assert score == pytest.approx(math.log((3 if token == "b" else 1) / 10))


def test_without_a_limit_a_completion_is_short(platform: Platform) -> None:
    """OpenAI's default is 16 tokens; the untrained linear model has a longer sentence to say."""
    short = platform.client().completions.create(model="linear", prompt="hello")
    assert short.usage is not None and short.usage.completion_tokens == 16
    assert short.choices[0].finish_reason == "length"
    whole = platform.client().completions.create(model="linear", prompt="hello", max_tokens=100)
    assert whole.choices[0].finish_reason == "stop"
    assert whole.choices[0].text.startswith(short.choices[0].text)


def test_a_prompt_is_to_a_linear_model_what_a_user_says(platform: Platform) -> None:
    client = platform.client()
    text = "Is the sea hot or cold in winter, when it is cold?"
    messages: Any = [{"role": "user", "content": text}]
    chat = client.chat.completions.create(model="linear", messages=messages)
    assert (
        client.completions.create(model="linear", prompt=text).choices[0].text
        == chat.choices[0].message.content
    )


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"prompt": None}, "prompt", MISSING),
        ({"prompt": 5}, "prompt", TYPE),
        ({"prompt": []}, "prompt", "empty_array"),
        ({"prompt": ["a"] * 2049}, "prompt", "array_above_max_length"),
        ({"prompt": [1, 2]}, "prompt", NO_VALUE),
        ({"prompt": [[1], [2]]}, "prompt", NO_VALUE),
        ({"prompt": ["a", 1]}, "prompt", TYPE),
        ({"prompt": [None]}, "prompt", TYPE),
        ({"suffix": "end"}, "suffix", NO),
        ({"best_of": 3}, "best_of", NO),
        ({"best_of": 21}, "best_of", VALUE),
        ({"logprobs": 6}, "logprobs", VALUE),
        ({"logprobs": True}, "logprobs", TYPE),
        ({"echo": True, "logprobs": 1}, "echo", NO),
        ({"echo": 1}, "echo", TYPE),
        ({"messages": []}, "messages", "unknown_parameter"),
        ({"max_tokens": 0}, "max_tokens", VALUE),
        ({"stream_options": {}}, "stream_options", VALUE),
    ],
)
def test_a_wrong_completion_is_named(
    letters: Platform, change: dict[str, Any], param: str, code: str
) -> None:
    refused(letters.post(COMPLETIONS, {"model": "letters", "prompt": "x", **change}), 400, code, param)


def test_best_of_as_many_as_are_wanted_is_fine(letters: Platform) -> None:
    assert len(complete(letters, n=3, best_of=3).choices) == 3 and complete(letters, best_of=1, suffix="")


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (COMPLETIONS, {"prompt": "x"}, "plain completions"),
        (COMPLETIONS, {"prompt": "x", "stream": True}, "plain completions"),
        (EMBEDDINGS, {"input": "x"}, "embeddings"),
    ],
)
def test_a_model_that_only_chats_says_so(
    letters: Platform, path: str, body: dict[str, Any], said: str
) -> None:
    message = refused(letters.post(path, {"model": "mute", **body}), 400, "unsupported_model", "model")
    assert "'mute'" in message and said in message
    refused(letters.post(path, {"model": "none", **body}), 404, "model_not_found", "model")


def embed(platform: Platform, texts: Any, model: str = "letters", **options: Any) -> Any:
    """The strict client takes plain numbers only: it unpacks base64 after it has checked the types."""
    options = {"encoding_format": "float", **options}
    return platform.client().embeddings.create(model=model, input=texts, **options)


def test_vectors_come_in_order_as_numbers_or_packed(letters: Platform) -> None:
    texts = ["aaa bbb", "b", "c d e f g"]
    plain = embed(letters, texts)
    assert plain.object == "list" and plain.model == "letters"
    assert [one.index for one in plain.data] == [0, 1, 2] and {one.object for one in plain.data} == {
        "embedding"
    }
    assert plain.usage.prompt_tokens == plain.usage.total_tokens == 8
    lenient = openai.OpenAI(base_url=f"{letters.url}/v1", api_key="none")
    by_default = lenient.embeddings.create(model="letters", input=texts)
    raw = letters.post(EMBEDDINGS, {"model": "letters", "input": texts, "encoding_format": "base64"}).json
    for one, same, packed in zip(plain.data, by_default.data, raw["data"], strict=True):
        assert math.hypot(*one.embedding) == pytest.approx(1)
        assert same.embedding == pytest.approx(one.embedding, rel=1e-6)
        assert struct.unpack("<8f", base64.b64decode(packed["embedding"])) == pytest.approx(one.embedding)
    [single] = embed(letters, texts[0]).data
    assert single.embedding == plain.data[0].embedding


def test_vectors_may_be_shorter_but_not_longer_than_the_model_has(letters: Platform) -> None:
    assert len(embed(letters, "abc", dimensions=3).data[0].embedding) == 3
    with pytest.raises(openai.BadRequestError) as error:
        embed(letters, "abc", dimensions=9)
    assert error.value.param == "dimensions"


def test_a_failing_model_says_so(letters: Platform) -> None:
    refused(letters.post(EMBEDDINGS, {"model": "letters", "input": ["a", "crash"]}), 500, "model_failed")


def test_a_linear_models_vectors_tell_alike_texts_from_others(platform: Platform) -> None:
    data = embed(platform, ["the red fox jumps", "a red fox jumped", "tax returns 2024"], "linear").data
    near, far = (sum(map(math.prod, zip(data[0].embedding, data[n].embedding, strict=True))) for n in (1, 2))
    assert near > far + 0.2


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"input": None}, "input", MISSING),
        ({"input": 5}, "input", TYPE),
        ({"input": []}, "input", "empty_array"),
        ({"input": ""}, "input[0]", VALUE),
        ({"input": ["a", ""]}, "input[1]", VALUE),
        ({"input": ["a"] * 2049}, "input", "array_above_max_length"),
        ({"input": [1, 2, 3]}, "input", NO_VALUE),
        ({"input": [[1]]}, "input", NO_VALUE),
        ({"input": [{}]}, "input", TYPE),
        ({"dimensions": 0}, "dimensions", VALUE),
        ({"dimensions": "8"}, "dimensions", TYPE),
        ({"encoding_format": "hex"}, "encoding_format", VALUE),
        ({"stream": True}, "stream", "unknown_parameter"),
    ],
)
def test_a_wrong_embedding_is_named(letters: Platform, change: dict[str, Any], param: str, code: str) -> None:
    refused(letters.post(EMBEDDINGS, {"model": "letters", "input": "x", **change}), 400, code, param)
