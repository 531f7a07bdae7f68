"""What a chat template adds to the contents of messages, in tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from ftkit.tokens.tokenizer import Tokenizer

Message = Mapping[str, Any]
Tools = Sequence[Mapping[str, Any]]
Template = Callable[[Sequence[Message], Tools, Tokenizer], int]


def openai(messages: Sequence[Message], tools: Tools, tokenizer: Tokenizer) -> int:
    """OpenAI's rule: 3 a message, its role and content, 1 more for a name; 3 that prime the reply.

    Source: OpenAI cookbook, "How to count tokens with tiktoken" (published counts 129 for cl100k_base, 124
    for o200k_base; with its tool 105 and 101). It has no rule for calls within a message; their name and
    arguments are counted as a name is.
    """
    total = 3
    for message in messages:
        total += 3 + tokenizer.count(str(message.get("role", ""))) + tokenizer.count(content_text(message))
        if message.get("name"):
            total += 1 + tokenizer.count(str(message["name"]))
        for name, arguments in tool_calls(message):
            total += 1 + tokenizer.count(name) + tokenizer.count(arguments)
    return total + (_openai_tools(tools, tokenizer) if tools else 0)


def _openai_tools(tools: Tools, tokenizer: Tokenizer) -> int:
    """The cookbook's rule for definitions: 7 a function (10 before gpt-4o), 3 for its properties and 3
    each, -3 for an enumeration and 3 for each of its values, 12 at the end."""
    opening = 10 if tokenizer.name == "cl100k_base" else 7
    total = 12
    for tool in tools:
        function = _table(_table(tool).get("function", tool))
        total += opening + tokenizer.count(f"{function.get('name', '')}:{_undotted(function)}")
        properties = _table(_table(function.get("parameters")).get("properties"))
        total += 3 if properties else 0
        for key, given in properties.items():
            schema = _table(given)  # JSON Schema allows true and false, which say nothing
            line = f"{key}:{schema.get('type', '')}:{_undotted(schema)}"
            total += 3 + tokenizer.count(line)
            if isinstance(choices := schema.get("enum"), list):
                total += -3 + sum(3 + tokenizer.count(str(item)) for item in choices)
    return total


def _table(value: Any) -> Mapping[str, Any]:
    """``value`` where it is an object; what else stands there has nothing to count; validation says so."""
    return value if isinstance(value, Mapping) else {}


def _undotted(schema: Mapping[str, Any]) -> str:
    return str(schema.get("description") or "").removesuffix(".")


# Llama 3.1's own template on the Hugging Face hub; every date of the form "26 Jul 2024" has as many tokens.
_DATES = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n"
_WITH_TOOLS = "Environment: ipython\n"
_GUIDANCE = (
    "Given the following functions, please respond with a JSON for a function call with its proper "
    "arguments that best answers the given prompt.\n\n"
    'Respond in the format {"name": function name, "parameters": dictionary of argument name and its value}.'
    "Do not use variables.\n\n"
)


def llama3(messages: Sequence[Message], tools: Tools, tokenizer: Tokenizer) -> int:
    """The larger of Meta's own format and Hugging Face's template, for platforms do not say which they use.

    Meta (llama-models, ``chat_format.py``): a start token, and 5 about each content (6 for a tool's). Hugging
    Face trims contents, always opens with a system message and writes dates into it, and puts definitions
    of tools before the first content.
    """
    return max(_llama3_meta(messages, tokenizer), _llama3_hugging_face(messages, tools, tokenizer))


def _llama3_meta(messages: Sequence[Message], tokenizer: Tokenizer) -> int:
    total = 1
    for message in messages:
        calls = sum(tokenizer.count(_llama3_call(*call)) for call in tool_calls(message))
        total += _llama3_frame(message, tokenizer) + tokenizer.count(content_text(message)) + calls
    return total


def _llama3_hugging_face(messages: Sequence[Message], tools: Tools, tokenizer: Tokenizer) -> int:
    opened = bool(messages) and messages[0].get("role") == "system"
    system = content_text(messages[0]).strip() if opened else ""
    rest = list(messages[1:] if opened else messages)
    total = 1 + 5 + tokenizer.count((_WITH_TOOLS if tools else "") + _DATES + system)
    if tools:
        listed = "".join(json.dumps(tool, ensure_ascii=False, indent=4) + "\n\n" for tool in tools)
        first = rest.pop(0) if rest else {}
        total += 5 + tokenizer.count(_GUIDANCE + listed + content_text(first).strip())
    for message in rest:
        text = "".join(_llama3_call(*call) for call in tool_calls(message)) or content_text(message).strip()
        total += _llama3_frame(message, tokenizer) + tokenizer.count(text)
    return total


def _llama3_frame(message: Message, tokenizer: Tokenizer) -> int:
    """Start of header, role, end of header, two line ends, end of turn."""
    role = str(message.get("role", ""))
    return 4 + tokenizer.count("ipython" if role in ("tool", "function") else role)


def _llama3_call(name: str, arguments: str) -> str:
    with suppress(ValueError):  # arguments that are no JSON are written as they are; validation says so
        arguments = json.dumps(json.loads(arguments), ensure_ascii=False)
    return f'{{"name": "{name}", "parameters": {arguments}}}'


def generic(messages: Sequence[Message], tools: Tools, tokenizer: Tokenizer) -> int:
    """ChatML, which many open models use: a start mark, role, line end, content, an end mark, line end.

    Definitions of tools and calls are counted as their JSON; 3 prime the reply.
    """
    total = 3
    for message in messages:
        total += 4 + tokenizer.count(str(message.get("role", ""))) + tokenizer.count(content_text(message))
        total += sum(tokenizer.count(_llama3_call(*call)) for call in tool_calls(message))
    return total + (tokenizer.count(json.dumps(list(tools), ensure_ascii=False)) if tools else 0)


def words(messages: Sequence[Message], tools: Tools, tokenizer: Tokenizer) -> int:
    """The ``linear`` engine's count: the contents, with nothing about them; it knows no tools."""
    return sum(tokenizer.count(content_text(message)) for message in messages)


def content_text(message: Message) -> str:
    """Return the text of a message, its text parts joined; other parts have no text."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    return "".join(
        str(part.get("text") or part.get("refusal") or "") for part in content if isinstance(part, Mapping)
    )


def tool_calls(message: Message) -> list[tuple[str, str]]:
    """Return (name, arguments) of the calls in a message, the legacy ``function_call`` too."""
    listed = message.get("tool_calls")
    calls = [_table(_table(call).get("function")) for call in listed] if isinstance(listed, list) else []
    if isinstance(message.get("function_call"), Mapping):
        calls.append(message["function_call"])
    return [(str(call.get("name") or ""), str(call.get("arguments") or "")) for call in calls]


TEMPLATES: dict[str, Template] = {"openai": openai, "llama3": llama3, "words": words, "generic": generic}
"""The chat templates, by the names that the catalog uses."""
