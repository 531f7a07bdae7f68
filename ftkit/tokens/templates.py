"""How chat templates write conversations: the texts of the prompt in order, and the tokens of its frame.

A template gives the forms that a prompt may have; where there are several, the longest is counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from ftkit.tokens.conversations import Message, Tools, content_text, tool_calls


class Piece(NamedTuple):
    """``fixed`` tokens of the frame and then ``text``, of the message of that index (-1: of none).

    ``part`` says what the text is: ``content``, ``call``, ``tools``, ``picture``, or ``frame`` (a role, a
    date). ``shift`` is what to add to an index into ``text`` to have one into the message's content.
    """

    fixed: int
    text: str = ""
    message: int = -1
    part: str = "frame"
    shift: int = 0


Form = list[Piece]
Template = Callable[[Sequence[Message], Tools, str], list[Form]]


def openai(messages: Sequence[Message], tools: Tools, tokenizer: str) -> list[Form]:
    """OpenAI's rule: 3 a message, its role and content, 1 more for a name; 3 that prime the reply.

    Source: OpenAI cookbook, "How to count tokens with tiktoken" (published counts 129 for cl100k_base, 124
    for o200k_base; with its tool 105 and 101). It has no rule for calls within a message; their name and
    arguments are counted as a name is.
    """
    form = list(_openai_tools(tools, tokenizer)) if tools else []
    for index, message in enumerate(messages):
        form.append(Piece(2, str(message.get("role", "")), index))
        if message.get("name"):
            form.append(Piece(1, str(message["name"]), index))
        form.append(Piece(0, content_text(message), index, "content"))
        for name, arguments in tool_calls(message):
            form += [Piece(1, name, index, "call"), Piece(0, arguments, index, "call")]
        form.append(Piece(1, "", index))
    return [[*form, Piece(3)]]


def _openai_tools(tools: Tools, tokenizer: str) -> Iterator[Piece]:
    """The cookbook's rule for definitions: 7 a function (10 before gpt-4o), 3 for its properties and 3
    each, -3 for an enumeration and 3 for each of its values, 12 at the end."""
    opening = 10 if tokenizer == "cl100k_base" else 7
    yield Piece(12, part="tools")
    for tool in tools:
        function = _table(_table(tool).get("function", tool))
        yield Piece(opening, f"{function.get('name', '')}:{_undotted(function)}", part="tools")
        properties = _table(_table(function.get("parameters")).get("properties"))
        yield Piece(3 if properties else 0, part="tools")
        for key, given in properties.items():
            schema = _table(given)  # JSON Schema allows true and false, which say nothing
            yield Piece(3, f"{key}:{schema.get('type', '')}:{_undotted(schema)}", part="tools")
            if isinstance(choices := schema.get("enum"), list):
                yield Piece(-3, part="tools")
                yield from (Piece(3, str(item), part="tools") for item in choices)


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


def llama3(messages: Sequence[Message], tools: Tools, tokenizer: str) -> list[Form]:
    """The larger of Meta's own format and Hugging Face's template, for platforms do not say which they use.

    Source: Meta's model card of Llama 3.1 and its reference code (``chat_format.py``): a start token, and 5
    about each content (6 for a tool's). Hugging Face trims contents, always opens with a system message and
    writes dates into it, and puts definitions of tools before the first content.
    """
    return [_llama3_meta(messages), _llama3_hugging_face(messages, tools)]


def _llama3_meta(messages: Sequence[Message]) -> Form:
    form = [Piece(1)]
    for index, message in enumerate(messages):
        form += [*_llama3_header(index, message), Piece(0, content_text(message), index, "content")]
        form += [Piece(0, _llama3_call(*call), index, "call") for call in tool_calls(message)]
        form.append(Piece(1, "", index))
    return form


def _llama3_hugging_face(messages: Sequence[Message], tools: Tools) -> Form:
    opened = bool(messages) and messages[0].get("role") == "system"
    rest = list(enumerate(messages))[opened:]
    opening = (_WITH_TOOLS if tools else "") + _DATES
    system = _trimmed(0, messages[0], opening) if opened else Piece(0, opening)
    form = [Piece(1), *_header(system.message, "system"), system, Piece(1, "", system.message)]
    if tools:
        listed = "".join(json.dumps(tool, ensure_ascii=False, indent=4) + "\n\n" for tool in tools)
        index, first = rest.pop(0) if rest else (-1, {})
        content = _trimmed(index, first, _GUIDANCE + listed)
        form += [*_header(index, "user"), content, Piece(1, "", index)]
    for index, message in rest:
        calls = "".join(_llama3_call(*call) for call in tool_calls(message))
        text = Piece(0, calls, index, "call") if calls else _trimmed(index, message)
        form += [*_llama3_header(index, message), text, Piece(1, "", index)]
    return form


def _trimmed(index: int, message: Message, before: str = "") -> Piece:
    content = content_text(message)
    lead = len(content) - len(content.lstrip())
    return Piece(0, before + content.strip(), index, "content", lead - len(before))


def _llama3_header(index: int, message: Message) -> Form:
    role = str(message.get("role", ""))
    return _header(index, "ipython" if role in ("tool", "function") else role)


def _header(index: int, role: str) -> Form:
    """Start of header, role, end of header, two line ends; the end of turn comes after the content."""
    return [Piece(1, role, index), Piece(2, "", index)]


def _llama3_call(name: str, arguments: str) -> str:
    with suppress(ValueError):  # arguments that are no JSON are written as they are; validation says so
        arguments = json.dumps(json.loads(arguments), ensure_ascii=False)
    return f'{{"name": "{name}", "parameters": {arguments}}}'


def generic(messages: Sequence[Message], tools: Tools, tokenizer: str) -> list[Form]:
    """ChatML, which many open models use: a start mark, role, line end, content, an end mark, line end.

    Definitions of tools and calls are counted as their JSON; 3 prime the reply.
    """
    form = [Piece(0, json.dumps(list(tools), ensure_ascii=False), part="tools")] if tools else []
    for index, message in enumerate(messages):
        form += [Piece(1, str(message.get("role", "")), index), Piece(1, "", index)]
        form.append(Piece(0, content_text(message), index, "content"))
        form += [Piece(0, _llama3_call(*call), index, "call") for call in tool_calls(message)]
        form.append(Piece(2, "", index))
    return [[*form, Piece(3)]]


def words(messages: Sequence[Message], tools: Tools, tokenizer: str) -> list[Form]:
    """The ``linear`` engine's count: the contents, with nothing about them; it knows no tools."""
    return [[Piece(0, content_text(message), index, "content") for index, message in enumerate(messages)]]


TEMPLATES: dict[str, Template] = {"openai": openai, "llama3": llama3, "words": words, "generic": generic}
"""The chat templates, by the names that the catalog uses."""


def _hugging_face_contents(roles: Sequence[str], contents: Sequence[str]) -> list[str]:
    written = [content.strip() for content in contents]
    if roles and roles[0] == "system":
        written[0] = _DATES + written[0]
    return written


Rewrite = Callable[[Sequence[str], Sequence[str]], list[str]]

REWRITTEN: dict[str, tuple[Rewrite | None, ...]] = {"llama3": (None, _hugging_face_contents)}
"""For each form of a template: what it makes of the contents of plain messages, given their roles (None: they
stand as they are). Templates that are not named have one form, in which contents stand as they are."""

OVERHEAD = {"openai": 0, "generic": 0, "words": 0, "llama3": len(_DATES)}
"""How many more tokens than bytes of its JSON line an example may have: see `counting.overhead_of`."""
