"""Chat templates: the model's own, or a plain one for a model that has none; conversations made ready for it.

Training and serving both render through here, so a model is asked as it was taught.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ftkit.local.engines.asking import Messages

FALLBACK: Final = (
    "{%- for message in messages %}"
    "{{- '### ' + message['role'] | capitalize + ':\\n' }}"
    "{%- if message['role'] == 'assistant' %}"
    "{% generation %}{{- message['content'] + eos_token }}{% endgeneration %}"
    "{{- '\\n\\n' }}"
    "{%- else %}{{- message['content'] + '\\n\\n' }}{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '### Assistant:\\n' }}{%- endif %}"
)
"""For a model without a template: titled paragraphs, with the model's own end token after each reply.

The marks around the reply (``generation``) let training find it. No token is needed that a model of plain
text does not have.
"""


class TemplateRefused(ValueError):
    """The model's template does not take this conversation; the message is the template's."""


def use_template(tokenizer: Any) -> bool:
    """Give a Hugging Face tokenizer the fallback where it has no template; whether it was needed."""
    if tokenizer.chat_template:
        return False
    tokenizer.chat_template = FALLBACK
    return True


def plain_messages(messages: Messages, template: str) -> list[dict[str, Any]]:
    """Messages as templates know them: texts for contents, ``system`` for a ``developer`` unknown to them.

    Fields of the file format that no template knows (``weight``) go; tool calls' arguments become objects.
    """
    developer = "developer" if "developer" in template else "system"
    return [_plain(message, developer) for message in messages]


def _plain(message: Mapping[str, Any], developer: str) -> dict[str, Any]:
    role = message.get("role")
    plain: dict[str, Any] = {
        "role": developer if role == "developer" else role,
        "content": content_text(message.get("content")),
    }
    for name in ("name", "tool_call_id", "reasoning_content"):
        if message.get(name) is not None:
            plain[name] = message[name]
    if message.get("tool_calls"):
        plain["tool_calls"] = [_plain_call(call) for call in message["tool_calls"]]
    return plain


def _plain_call(call: Mapping[str, Any]) -> dict[str, Any]:
    from ftkit.local.jsonio import load

    function = dict(call.get("function") or {})
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            function["arguments"] = load(arguments) if arguments else {}
        except ValueError:
            function["arguments"] = arguments
    return {"id": call.get("id"), "type": "function", "function": function}


def content_text(content: Any) -> str:
    """A message's content as one text: parts are joined."""
    if isinstance(content, list):
        return "".join(str(part.get("text") or part.get("refusal") or "") for part in content)
    return content if isinstance(content, str) else ""


def template_text(tokenizer: Any) -> str:
    """The template's source; of several named ones, the default's."""
    template = tokenizer.chat_template
    if isinstance(template, Mapping):
        template = template.get("default") or next(iter(template.values()))
    return str(template or "")


def render(
    tokenizer: Any,
    messages: Messages,
    *,
    tools: Sequence[Mapping[str, Any]] = (),
    add_generation_prompt: bool = True,
) -> str:
    """The text that the model reads. Raises ``TemplateRefused``.

    It holds the template's special tokens: tokenize it without adding any.
    """
    from jinja2 import TemplateError

    template = template_text(tokenizer)
    try:
        text = tokenizer.apply_chat_template(
            plain_messages(messages, template),
            tools=[dict(tool) for tool in tools] or None,
            tokenize=False,
            add_generation_prompt=add_generation_prompt,
        )
    except (TemplateError, TypeError, KeyError) as error:
        raise TemplateRefused(f"The model's chat template does not take this: {error}") from error
    assert isinstance(text, str)
    return text
