"""Rules on the definitions of tools: their list, names, descriptions and number.

Sources: OpenAI's published API description (FunctionDefinition: "a-z, A-Z, 0-9, or contain underscores and
dashes, with a maximum length of 64"), and what the API answers with when it refuses: tools "array too long.
Expected an array with maximum length 128", a description longer than 1024 characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

from ftkit.validation import Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of
from ftkit.validation.rules import Key
from ftkit_validators.chat.examples import CONVERSATIONS
from ftkit_validators.tools.examples import GOOD, defining, tool
from ftkit_validators.tools.places import DEFINITIONS, beside_messages, functions_of
from ftkit_validators.tools.remembered import remembered

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOOL_SHAPE = 'Write {"type": "function", "function": {"name": ..., "parameters": {"type": "object", ...}}}.'

rule = partial(any_rule, kinds=CONVERSATIONS, reads=DEFINITIONS)


@rule("FT225", "tools-shape", bad=defining().replace("[]", '{"add": "adds"}'), good=GOOD)
@remembered
def tools_shape(row: RowView) -> Iterator[Found]:
    """The key "tools" lists the functions that may be called, each as an object that says its type and
    describes the function. Its parameters are a JSON schema of an object."""
    if (tools := beside_messages(row, "tools")) is None:
        return
    if not isinstance(tools.value, list):
        yield Found(f"'tools' is {kind_of(tools.value)}, not a list", f"In a list: {_TOOL_SHAPE}", tools.at)
        return
    for index, given in enumerate(tools.value):
        at: tuple[Key, ...] = (*tools.at, index)
        if not isinstance(given, dict):
            yield Found(f"tool {index} is {kind_of(given)}, not an object", _TOOL_SHAPE, at)
        elif not isinstance(given.get("function"), dict):
            flat = isinstance(given.get("name"), str)
            hint = 'Put what describes it under "function". ' if flat else ""
            yield Found(f"tool {index} has no 'function' object", hint + _TOOL_SHAPE, at)
        elif given.get("type") != "function":
            what = f"of type {str(given['type'])[:20]!r}" if "type" in given else "without a type"
            where = (*at, "type") if "type" in given else at
            yield Found(f"tool {index} is {what}", 'Write "type": "function".', where)


@rule("FT240", "tool-name", bad=defining(tool("add numbers")), good=GOOD)
@remembered
def tool_name(row: RowView) -> Iterator[Found]:
    """A function's name is 1 to 64 letters, digits, underscores and dashes. Others are refused, by the
    platform that trains or later by the one that answers."""
    for function, at in functions_of(row):
        name = function.get("name")
        if not isinstance(name, str):
            yield Found(
                f"a function's name is {kind_of(name)}, not a string", None, _deepest(function, at, "name")
            )
        elif not _NAME.fullmatch(name):
            fixed = re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64]
            what = f"the function's name {name[:70]!r} is not allowed"
            yield Found(what, f"Write {fixed!r}." if fixed else None, (*at, "name"))


@rule("FT241", "tool-repeated", bad=defining(tool(), tool()), good=GOOD)
@remembered
def tool_repeated(row: RowView) -> Iterator[Found]:
    """Two functions have the same name. A call names only the function, so nobody could tell which is meant;
    platforms refuse it, or take one of the two."""
    first: dict[str, tuple[Key, ...]] = {}
    for function, at in functions_of(row):
        name = function.get("name")
        if not isinstance(name, str):
            continue
        if name in first:
            yield Found(f"a second function is called {name[:64]!r}", "Remove or rename it.", (*at, "name"))
        first.setdefault(name, at)


@rule(
    "FT242",
    "too-many-tools",
    bad=defining(*(tool(f"f{number}") for number in range(129))),
    good=GOOD,
    params={"tools": 128},
)
@remembered
def too_many_tools(row: RowView) -> Iterator[Found]:
    """One example may define at most 128 functions. Every definition is read with every request, costs tokens
    and makes it harder to choose; far fewer are better."""
    most = row.context.param(too_many_tools, "tools")
    for key in ("tools", "functions"):
        given = beside_messages(row, key)
        if given is not None and isinstance(given.value, list) and len(given.value) > most:
            what = f"{len(given.value)} functions are defined; at most {most} are taken"
            yield Found(what, "Keep those that the conversation could use.", (*given.at, most))


@rule(
    "FT243",
    "tool-description",
    severity="warning",
    bad=defining(tool(description="Adds. " * 200)),
    good=GOOD,
    params={"characters": 1024},
)
@remembered
def tool_description(row: RowView) -> Iterator[Found]:
    """A function's description is a text, by which the model chooses what to call. Platforms refuse one that
    is longer than 1,024 characters, or is no text at all."""
    most = row.context.param(tool_description, "characters")
    for function, at in functions_of(row):
        given = function.get("description")
        if given is None:
            continue
        if not isinstance(given, str):
            what = f"a function's description is {kind_of(given)}, not a string"
            yield Found(what, "Write it as a text.", (*at, "description"), severity="error")
        elif len(given) > most:
            what = f"a description of {len(given):,} characters; at most {most:,} are taken"
            hint = "Say more in the system message, or in the descriptions of the parameters."
            yield Found(what, hint, (*at, "description"))


def _deepest(value: dict[str, object], at: tuple[Key, ...], key: str) -> tuple[Key, ...]:
    """The place of a key where it is there, else of what lacks it."""
    return (*at, key) if key in value else at


RULES = (tools_shape, tool_name, tool_repeated, too_many_tools, tool_description)
