"""What a model of transformers says: the same as ``generate``, however many are asked at once."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tiny_model import news

from ftkit.local.engines.asking import Answer, Ask, Delta, Refusal, Refused, Reply, Sampling

torch = pytest.importorskip("torch", reason="needs the extra ftkit[train]")
GREEDY = Sampling(temperature=0)


def user(text: str) -> list[dict[str, Any]]:
    """One user message."""
    return [{"role": "user", "content": text}]


def replies(responder: Any, *asks: Ask) -> list[Reply]:
    """All replies, one list for all asks."""
    answers = responder.answer(asks)
    assert all(isinstance(answer, Answer) for answer in answers), answers
    return [reply for answer in answers for reply in answer.replies]


def texts(responder: Any, *asks: Ask) -> list[str]:
    """All replies' texts."""
    return [reply.text for reply in replies(responder, *asks)]


def joined(deltas: Sequence[Delta], index: int = 0) -> str:
    """One choice's text from its pieces."""
    return "".join(delta.text for delta in deltas if delta.index == index)


@pytest.fixture(scope="module")
def generated(tiny_folder: Path) -> tuple[list[str], list[str]]:
    """(sentences, what transformers' own ``generate`` says to each, alone)."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_folder).eval()
    sentences = [sentence[: 5 + 7 * number] for number, (sentence, _) in enumerate(news(10))]
    said = []
    for sentence in sentences:
        asked = tokenizer.apply_chat_template(
            user(sentence), add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        tokens = model.generate(**asked, max_new_tokens=16, do_sample=False)[0]
        said.append(tokenizer.decode(tokens[asked["input_ids"].shape[1] :], skip_special_tokens=True))
    return sentences, said


def test_it_says_what_generate_says(tiny: Any, generated: tuple[list[str], list[str]]) -> None:
    sentences, said = generated
    asks = [Ask(user(sentence), most_tokens=16, sampling=GREEDY) for sentence in sentences]
    assert texts(tiny, *asks) == said  # all together, padded
    assert [texts(tiny, ask)[0] for ask in asks] == said  # one by one


def test_replies_that_come_and_go_do_not_disturb_each_other(
    tiny: Any, generated: tuple[list[str], list[str]]
) -> None:
    sentences, said = generated
    with ThreadPoolExecutor(8) as pool:
        noise = [
            pool.submit(
                tiny.answer,
                [Ask(user(f"noise {number} " * (number % 9)), most_tokens=1 + 7 * number % 23, choices=2)],
            )
            for number in range(30)
        ]
        asked = [
            pool.submit(texts, tiny, Ask(user(sentence), most_tokens=16, sampling=GREEDY))
            for sentence in sentences * 2
        ]
        assert [one.result()[0] for one in asked] == said * 2
        assert all(isinstance(one.result()[0], Answer) for one in noise)


def test_a_seed_says_the_same_again_and_another_something_else(tiny: Any) -> None:
    def said(seed: int, others: int = 0) -> list[str]:
        asks = [Ask(user("hello"), choices=3, most_tokens=12, sampling=Sampling(seed=seed))]
        return texts(tiny, *asks, *[Ask(user("x" * number), most_tokens=9) for number in range(1, others)])[
            :3
        ]

    first = said(5)
    assert len(set(first)) == 3  # the choices of one ask differ
    assert said(5) == first
    assert said(5, others=6) == first  # whoever is asked at the same time
    assert said(6) != first


def test_nothing_is_drawn_at_temperature_zero_or_from_one_token(tiny: Any) -> None:
    best = texts(tiny, Ask(user("hello"), most_tokens=8, sampling=GREEDY))
    for sampling in (Sampling(temperature=1, top_p=0.0), Sampling(top_k=1), Sampling(min_p=1.0)):
        assert texts(tiny, Ask(user("hello"), most_tokens=8, sampling=sampling)) == best


def test_tokens_are_counted_and_limited(tiny: Any) -> None:
    [answer] = tiny.answer([Ask(user("hello"), most_tokens=7, sampling=GREEDY)])
    assert answer.replies[0].tokens == 7
    assert answer.replies[0].finish_reason == "length"
    tokenizer = tiny._tokenizer
    asked = tokenizer.apply_chat_template(user("hello"), add_generation_prompt=True, return_dict=True)
    assert answer.prompt_tokens == len(asked["input_ids"])


def test_a_bias_can_forbid_or_force_tokens(tiny: Any) -> None:
    end = tiny._tokenizer.eos_token_id
    forced = Ask(user("hello"), sampling=Sampling(temperature=0, logit_bias={end: 100.0}))
    [reply] = replies(tiny, forced)
    assert (reply.text, reply.tokens, reply.finish_reason) == ("", 0, "stop")
    [plain] = replies(tiny, Ask(user("hello"), most_tokens=1, sampling=GREEDY))
    [token] = tiny._tokenizer(plain.text)["input_ids"]
    forbidden = Sampling(temperature=0, logit_bias={token: -100.0})
    assert texts(tiny, Ask(user("hello"), most_tokens=1, sampling=forbidden)) != [plain.text]


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(temperature=0, frequency_penalty=2.0),
        Sampling(temperature=0, presence_penalty=2.0),
        Sampling(temperature=0, repetition_penalty=1.8),
    ],
)
def test_penalties_make_a_reply_less_monotonous(tiny: Any, sampling: Sampling) -> None:
    def different(how: Sampling) -> int:
        ask = Ask(user("hello"), most_tokens=40, sampling=how, top_logprobs=0)
        [reply] = replies(tiny, ask)
        assert reply.logprobs is not None
        return len({logprob.token for logprob in reply.logprobs})

    assert different(sampling) > different(GREEDY)


def test_a_stop_text_ends_a_reply_before_it(tiny: Any) -> None:
    whole = texts(tiny, Ask(user("the story"), most_tokens=30, sampling=Sampling(seed=3)))[0]
    stop = whole[12:15]
    place = whole.find(stop)
    ask = Ask(
        user("the story"), most_tokens=30, sampling=Sampling(seed=3), stop=("§§§", stop), top_logprobs=0
    )
    [reply] = replies(tiny, ask)
    assert (reply.text, reply.finish_reason) == (whole[:place], "stop")
    deltas = list(tiny.stream(ask))
    assert joined(deltas) == whole[:place]  # nothing of the stop ever slips out
    assert reply.logprobs is not None
    assert sum(len(logprob.token) for logprob in reply.logprobs[:-1]) < max(1, place)


def test_log_probabilities_are_the_models(tiny: Any, tiny_folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    ask = Ask(prompt="Aspo says", most_tokens=3, sampling=Sampling(temperature=0.3, seed=1), top_logprobs=4)
    [reply] = replies(tiny, ask)
    assert reply.logprobs is not None
    tokenizer = tiny._tokenizer
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_folder).eval()
    tokens = tokenizer("Aspo says")["input_ids"]
    with torch.no_grad():
        expected = torch.log_softmax(model(torch.tensor([tokens])).logits[0, -1], dim=-1)
    first = reply.logprobs[0]
    best = expected.topk(4)
    assert [text for text, _ in first.top] == [tokenizer.decode([token]) for token in best.indices]
    assert [value for _, value in first.top] == pytest.approx(best.values.tolist(), abs=1e-4)
    assert all(logprob.logprob <= logprob.top[0][1] + 1e-6 for logprob in reply.logprobs)
    assert len(reply.logprobs) == reply.tokens


def test_no_log_probabilities_unless_wanted(tiny: Any) -> None:
    assert replies(tiny, Ask(user("hello"), most_tokens=2))[0].logprobs is None
    [reply] = replies(tiny, Ask(user("hello"), most_tokens=2, top_logprobs=0))
    assert reply.logprobs is not None
    assert all(logprob.top == () for logprob in reply.logprobs)


SCHEMA = {
    "type": "object",
    "properties": {
        "label": {"enum": ["positive", "negative"]},
        "score": {"type": "integer", "minimum": 0, "maximum": 9},
        "tags": {"type": "array", "items": {"const": "x"}, "maxItems": 3},
    },
    "required": ["label", "score", "tags"],
    "additionalProperties": False,
}


def test_a_form_holds_whatever_the_model_would_say(tiny: Any) -> None:
    import jsonschema_rs

    holds = jsonschema_rs.validator_for(SCHEMA)
    asks = [
        Ask(
            user(f"number {number}"),
            form=SCHEMA,
            most_tokens=120,
            sampling=Sampling(temperature=2, seed=number),
        )
        for number in range(12)
    ]
    said = replies(tiny, *asks)
    for reply in said:
        assert reply.finish_reason == "stop", reply
        assert holds.is_valid(json.loads(reply.text)), reply.text
    assert len({reply.text for reply in said}) > 3


def test_a_reply_in_a_form_among_free_ones(tiny: Any) -> None:
    ask = Ask(user("a"), form=SCHEMA, most_tokens=120, sampling=GREEDY)
    free = Ask(user("a"), most_tokens=20, sampling=GREEDY)
    alone = texts(tiny, ask), texts(tiny, free)
    assert texts(tiny, free, ask, free) == [*alone[1], *alone[0], *alone[1]]


@pytest.mark.parametrize(
    "form", [{"not": {"type": "string"}}, {"type": "nonsense"}, {"pattern": "(?=a)", "type": "string"}]
)
def test_a_form_that_cannot_be_held_is_refused(tiny: Any, form: dict[str, Any]) -> None:
    [refusal] = tiny.answer([Ask(user("hello"), form=form)])
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.param) == ("invalid_json_schema", "response_format")
    assert len(refusal.message) > len("Replies cannot be held to this form: ")


def test_a_prompt_that_is_too_long_is_refused_and_room_is_kept(tiny: Any) -> None:
    long = Ask(prompt="x " * 300)
    [refusal] = tiny.answer([long])
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.param) == ("context_length_exceeded", "prompt")
    assert "256" in refusal.message
    with pytest.raises(Refused) as caught:
        next(iter(tiny.stream(Ask(user("x " * 300)))))
    assert caught.value.refusal.param == "messages"
    nearly = tiny.answer([Ask(prompt="x " * 120, sampling=GREEDY)])[0]
    assert nearly.prompt_tokens + nearly.replies[0].tokens <= 256


def test_an_empty_prompt_of_a_model_without_a_beginning_is_refused(tiny: Any) -> None:
    [refusal] = tiny.answer([Ask(prompt="")])
    assert isinstance(refusal, Refusal)
    assert refusal.param == "prompt"


def test_a_stream_says_the_same_in_pieces(tiny: Any) -> None:
    ask = Ask(user("tell me"), choices=3, most_tokens=20, sampling=Sampling(seed=9), top_logprobs=1)
    said = replies(tiny, ask)
    deltas = list(tiny.stream(ask))
    assert deltas[0].prompt_tokens == tiny.answer([ask])[0].prompt_tokens
    for index, reply in enumerate(said):
        own = [delta for delta in deltas[1:] if delta.index == index]
        assert "".join(delta.text for delta in own) == reply.text
        assert sum(delta.tokens for delta in own) == reply.tokens
        assert [delta.finish_reason for delta in own if delta.finish_reason] == [reply.finish_reason]
        logprobs = [logprob for delta in own for logprob in delta.logprobs or ()]
        assert [logprob.token for logprob in logprobs] == [logprob.token for logprob in reply.logprobs or ()]
    assert len(deltas) > 10


def test_a_stream_never_gives_half_a_character(tiny: Any) -> None:
    tokens = tiny._tokenizer("é🦜")["input_ids"]
    assert len(tokens) > 2  # the tokenizer has them in bytes only
    from ftkit.local.engines.transformers.sampling import Drawing
    from ftkit.local.engines.transformers.writing import Writing

    writing = Writing(tiny._tokenizer.decode, drawing=Drawing(Random(0)), most=99, ends=frozenset())
    said = []
    for token in tokens:
        writing.take(token)
        found = writing.news()
        said.append(found.text if found else "")
    assert "".join(said) == "é🦜"
    assert "\ufffd" not in "".join(said)


def test_a_stream_that_is_left_gives_its_place_away(tiny: Any) -> None:
    deltas = tiny.stream(Ask(user("hello"), most_tokens=200, sampling=Sampling(logit_bias={2: -100.0})))
    next(deltas)
    next(deltas)
    deltas.close()
    batcher = tiny._loaded.batcher
    texts(tiny, Ask(user("x"), most_tokens=2))  # some turns later
    assert batcher.run(lambda: len(batcher._rows)) == 0


def test_embeddings_are_means_of_the_last_states(tiny: Any, tiny_folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    some = ["net sales rose", "x", "the order book is described at length in quarter 3 of 2009 ."]
    found = tiny.embed(some, None)
    model: Any = AutoModelForCausalLM.from_pretrained(tiny_folder).eval()
    for text, vector, count in zip(some, found.vectors, found.tokens, strict=True):
        tokens = torch.tensor([tiny._tokenizer(text)["input_ids"]])
        with torch.no_grad():
            mean = model.model(tokens).last_hidden_state[0].mean(dim=0)
        assert vector == pytest.approx((mean / mean.norm()).tolist(), abs=1e-5)
        assert count == tokens.shape[1]


def test_fewer_dimensions_are_the_first_ones(tiny: Any) -> None:
    whole, few = (tiny.embed(["net sales rose"], size).vectors[0] for size in (None, 8))
    assert len(few) == 8
    assert math.sqrt(sum(value * value for value in few)) == pytest.approx(1, abs=1e-5)
    assert few[1] / few[0] == pytest.approx(whole[1] / whole[0], rel=1e-4)
    for texts_, size, param in (
        (["a"], 65, "dimensions"),
        (["x " * 300], None, "input"),
        ([""], None, "input"),
    ):
        with pytest.raises(Refused) as caught:
            tiny.embed(texts_, size)
        assert caught.value.refusal.param == param


def test_what_the_tiny_model_can(tiny: Any) -> None:
    wanted = {"chat", "completions", "embeddings", "form", "logprobs", "sampling"}
    assert tiny.abilities == wanted  # no tools: its template does not know them
