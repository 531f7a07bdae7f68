"""Hooks: what is one, what it is called with, what it may return, and what names its code."""

from __future__ import annotations

import asyncio
import types
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from ftkit.catalog import Model
from ftkit.errors import UsageError
from ftkit.inference import Hook, HookedModel, HookReply
from ftkit.inference.backends.calling import Caller, NotAnswerable
from ftkit.inference.backends.hook import prompt_text, read_reply, read_vectors
from ftkit.settings import Settings

USER = [{"role": "user", "content": "hello"}]


def model(**options: Any) -> HookedModel:
    entry = Model(id="my/model", provider="custom", options=options)
    return HookedModel("my/model", entry, Settings(), "the-key", dict(options))


def asked(
    target: Any, body: dict[str, Any] | None = None, url: str = "/v1/chat/completions", **options: Any
) -> dict[str, Any]:
    """What a hook answers to one request, from its setup to its close."""

    async def main() -> dict[str, Any]:
        caller = Caller(Hook.of(target), model(**options), seconds=5, threads=2)
        await caller.open()
        try:
            return await caller.answer("r1", url, body or {"model": "my/model", "messages": USER})
        finally:
            await caller.close()

    return asyncio.run(main())


def text_of(answer: dict[str, Any]) -> str:
    return str(answer["choices"][0]["message"]["content"])


async def shouts(prompt: str) -> str:
    return prompt.upper()


def calm(prompt: str) -> str:
    return prompt.lower()


class Counting:
    """A hook with all four parts; it notes what happens to it."""

    seen: ClassVar[list[str]] = []

    async def setup(self, key: str, model: HookedModel) -> str:
        self.seen.append(f"setup {key} {model.args}")
        return "client"

    async def call(self, client: str, messages: list[Any], temperature: float = 1, **params: Any) -> Any:
        self.seen.append(f"call {client} {temperature} {params}")
        return HookReply(f"{len(messages)} messages", 3, 2, "length")

    def close(self, client: str) -> None:
        self.seen.append(f"close {client}")


def test_the_parts_of_a_hook_get_what_they_name() -> None:
    Counting.seen.clear()
    body = {"model": "m", "messages": USER, "temperature": 0, "max_tokens": 5, "seed": None, "stream": True}
    answer = asked(Counting, body, place="here")
    assert text_of(answer) == "1 messages"
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert answer["choices"][0]["finish_reason"] == "length" and answer["model"] == "my/model"
    assert Counting.seen == [
        "setup the-key {'place': 'here'}",
        "call client 0 {'max_tokens': 5}",
        "close client",
    ]


@pytest.mark.parametrize("target", [shouts, Hook(call=shouts), types.SimpleNamespace(call=shouts)])
def test_a_function_an_object_and_a_hook_are_hooks(target: Any) -> None:
    assert text_of(asked(target)) == "HELLO"


@dataclass
class Echo:
    """An object that is called, and that no dict takes as a key."""

    times: int

    async def __call__(self, prompt: str) -> str:
        return prompt * self.times


def test_an_object_that_is_called_itself() -> None:
    assert text_of(asked(Echo(2))) == "hellohello"


def test_a_class_that_cannot_be_made_alone() -> None:
    with pytest.raises(UsageError, match="Echo is a class that cannot be made alone"):
        Hook.of(Echo)


def test_a_function_that_is_not_asynchronous_works_in_a_thread() -> None:
    assert text_of(asked(calm, {"messages": [{"role": "user", "content": "LOUD"}]})) == "loud"


def test_the_functions_of_lloom_fit_as_they_are() -> None:
    def setup_llm_fn(api_key: str) -> Any:
        return types.SimpleNamespace(key=api_key)

    async def call_llm_fn(model: Any, prompt: str) -> Any:
        model.args.setdefault("system_prompt", "You help.")
        return f"{model.name} {model.client.key} {prompt}", (7, 4)

    answer = asked(Hook(setup=setup_llm_fn, call=call_llm_fn))
    assert text_of(answer) == "my/model the-key hello"
    assert answer["usage"]["total_tokens"] == 11


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (3, "it has no call"),
        (Hook(setup=calm), "it has no call"),
        (lambda question: question, "asks for 'question'"),
        (Hook(call=calm, setup=lambda prompt: None), "setup of .* asks for 'prompt'"),
    ],
)
def test_what_is_no_hook(target: Any, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        Hook.of(target)


@pytest.mark.parametrize(
    ("result", "reply"),
    [
        ("yes", HookReply("yes")),
        (("yes", 3, 1), HookReply("yes", 3, 1)),
        (("yes", (3, 1)), HookReply("yes", 3, 1)),
        (("yes", [0, 0]), HookReply("yes")),  # LLooM's "not known"
        (("", 3, 0), HookReply("", 3, 0)),
        (("yes", None, 1), HookReply("yes", None, 1)),
    ],
)
def test_what_a_hook_may_return(result: Any, reply: HookReply) -> None:
    assert read_reply(result) == reply


@pytest.mark.parametrize("result", [None, 3, ("yes",), ("yes", 3), (1, 2, 3), {"text": "yes"}])
def test_what_it_may_not_return(result: Any) -> None:
    with pytest.raises(TypeError, match="a hook returns"):
        read_reply(result)


def test_a_whole_chat_completion_is_kept_whole() -> None:
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    whole = {"model": "theirs", "choices": [{"message": {"content": None, "tool_calls": calls}}]}
    answer = asked(lambda: whole)
    assert answer["choices"] == whole["choices"] and answer["model"] == "my/model"


def test_tokens_that_nobody_counted_are_not_there() -> None:
    assert "usage" not in asked(lambda: "yes")
    assert asked(lambda: ("yes", None, 1))["usage"] == {"prompt_tokens": None, "completion_tokens": 1}


def test_a_plain_prompt_is_a_message() -> None:
    assert text_of(asked(shouts, {"prompt": "once upon"}, "/v1/completions")) == "ONCE UPON"


def test_nothing_is_an_answer_that_is_missing() -> None:
    with pytest.raises(NotAnswerable, match="no text"):
        asked(lambda: None)


def test_embeddings() -> None:
    hook = Hook(embed=lambda texts: ([[len(text), 1] for text in texts], 9))
    answer = asked(hook, {"input": ["a", "bbb"]}, "/v1/embeddings")
    assert [row["embedding"] for row in answer["data"]] == [[1.0, 1.0], [3.0, 1.0]]
    assert answer["usage"]["prompt_tokens"] == 9
    with pytest.raises(NotAnswerable, match="no embed"):
        asked(shouts, {"input": "a"}, "/v1/embeddings")
    with pytest.raises(NotAnswerable, match="no call"):
        asked(hook)


def test_vectors_of_numpy_and_too_few() -> None:
    import numpy as np

    assert read_vectors(np.ones((2, 3)), 2) == ([[1.0] * 3] * 2, None)
    assert read_vectors(([[1]], (4, 0)), 1) == ([[1.0]], 4)
    with pytest.raises(TypeError, match="each of the 2 texts"):
        read_vectors([[1.0]], 2)


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        (USER, "hello"),
        ([{"role": "system", "content": "Be short."}, *USER], "Be short.\n\nhello"),
        (
            [*USER, {"role": "assistant", "content": "hi"}, *USER],
            "user: hello\n\nassistant: hi\n\nuser: hello",
        ),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}], "a"),
    ],
)
def test_a_conversation_as_one_text(messages: list[dict[str, Any]], text: str) -> None:
    assert prompt_text(messages) == text


def variants() -> list[Any]:
    """The same code twice, but for a comment, and other code."""

    def one() -> Any:
        def call(prompt: str) -> str:
            return prompt + "!"

        return call

    def two() -> Any:
        def call(prompt: str) -> str:
            # a comment
            return prompt + "!"

        return call

    def three() -> Any:
        def call(prompt: str) -> str:
            return prompt + "?"

        return call

    return [one(), two(), three()]


def test_the_code_of_a_hook_names_its_answers_unless_it_has_a_version() -> None:
    one, commented, other = (Hook.of(function).fingerprint() for function in variants())
    assert one == commented != other
    with_version = [Hook(call=function, version="2").fingerprint() for function in variants()]
    assert set(with_version) == {"version 2"}


def test_code_that_was_typed_in_has_a_name_too() -> None:
    prints = []
    for text in ("prompt * 2", "prompt * 3"):
        names: dict[str, Any] = {}
        exec(f"def call(prompt):\n    return {text}", names)
        prints.append(Hook.of(names["call"]).fingerprint())
    assert prints[0] != prints[1]
