"""Conversations to text: the model's own template, or a plain one; what clients send is made plain first."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_model import CHATML, make_tokenizer

from ftkit.local.engines.asking import Ask, Refusal
from ftkit.local.engines.transformers.templates import (
    TemplateRefused,
    content_text,
    plain_messages,
    render,
    template_text,
    use_template,
)

pytest.importorskip("transformers", reason="needs the extra ftkit[train]")
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi"},
    {"role": "user", "content": "Bye"},
]


@pytest.fixture(scope="module")
def plain() -> Any:
    """A tokenizer whose model has no template."""
    tokenizer = make_tokenizer(["hello there"] * 3, template=None)
    assert use_template(tokenizer)
    assert not use_template(tokenizer)
    return tokenizer


def test_the_plain_template(plain: Any) -> None:
    assert render(plain, TALK) == (
        "### System:\nBe brief.\n\n### User:\nHello\n\n### Assistant:\nHi<|endoftext|>\n\n"
        "### User:\nBye\n\n### Assistant:\n"
    )


def test_a_prompt_is_the_beginning_of_what_is_taught(plain: Any) -> None:
    whole = render(plain, TALK[:3], add_generation_prompt=False)
    assert whole.startswith(render(plain, TALK[:2]))
    assert whole.removeprefix(render(plain, TALK[:2])).startswith("Hi<|endoftext|>")


def test_the_plain_template_marks_replies(plain: Any) -> None:
    found = plain.apply_chat_template(
        TALK[:3], return_assistant_tokens_mask=True, return_dict=True, tokenize=True
    )
    marked = [token for token, mark in zip(found["input_ids"], found["assistant_masks"], strict=True) if mark]
    assert plain.decode(marked) == "Hi<|endoftext|>"


def test_what_clients_send_is_made_plain() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    found = plain_messages(
        [
            {
                "role": "developer",
                "content": [{"type": "text", "text": "Be "}, {"type": "text", "text": "kind"}],
            },
            {"role": "assistant", "content": None, "tool_calls": [call], "weight": 0, "refusal": None},
            {"role": "tool", "content": "4", "tool_call_id": "call_1"},
        ],
        CHATML,
    )
    assert found == [
        {"role": "system", "content": "Be kind"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{**call, "function": {"name": "f", "arguments": {"a": 1}}}],
        },
        {"role": "tool", "content": "4", "tool_call_id": "call_1"},
    ]
    assert plain_messages([{"role": "developer", "content": "x"}], "developer")[0]["role"] == "developer"
    broken = {**call, "function": {"name": "f", "arguments": "{"}}
    assert plain_messages([{"role": "assistant", "tool_calls": [broken]}], "")[0]["tool_calls"][0][
        "function"
    ] == {
        "name": "f",
        "arguments": "{",
    }


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a", "a"),
        (None, ""),
        ([], ""),
        ([{"type": "refusal", "refusal": "no"}], "no"),
        ([{"type": "text"}], ""),
    ],
)
def test_contents_as_text(content: Any, text: str) -> None:
    assert content_text(content) == text


def test_of_several_templates_the_default_counts() -> None:
    tokenizer = make_tokenizer(["a"], template=None)
    tokenizer.chat_template = {"tool_use": "t", "default": "d"}
    assert template_text(tokenizer) == "d"


def test_a_template_that_refuses_says_why(tiny_folder: Any, tmp_path: Any) -> None:
    import shutil

    from ftkit.local.engines.base import ModelSpec
    from ftkit.local.engines.transformers.loading import open_base

    tokenizer = make_tokenizer(["hello there"] * 3)
    tokenizer.chat_template = "{{ raise_exception('Roles must alternate!') }}"
    with pytest.raises(TemplateRefused, match="Roles must alternate!"):
        render(tokenizer, TALK)
    shutil.copytree(tiny_folder, tmp_path / "strict")
    (tmp_path / "strict" / "chat_template.jinja").write_text(tokenizer.chat_template)
    spec = ModelSpec("s", "transformers", str(tmp_path / "strict"), {"serving": {"device": "cpu"}})
    [refusal] = open_base(spec).answer([Ask(TALK)])
    assert isinstance(refusal, Refusal)
    assert refusal.param == "messages"
    assert "Roles must alternate!" in refusal.message
