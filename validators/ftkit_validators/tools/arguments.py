"""Rules on what is called, and with which arguments."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import partial
from typing import Any

import msgspec

from ftkit.validation import Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of
from ftkit_validators.chat.examples import CONVERSATIONS
from ftkit_validators.tools.examples import GOOD, call, conversation
from ftkit_validators.tools.places import CALLS, DEFINITIONS, called_functions
from ftkit_validators.tools.remembered import tools_of

rule = partial(any_rule, kinds=CONVERSATIONS, reads=(*CALLS, *DEFINITIONS))


def _read(text: Any) -> tuple[Any, str | None]:
    """What the arguments say, or why they are no JSON."""
    if not isinstance(text, str):
        return None, "no text"
    try:
        return msgspec.json.decode(text), None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return None, str(error).splitlines()[0][:120] if str(error) else "it cannot be read"


@rule("FT260", "call-of-unknown-tool", bad=conversation(call(name="sum")), good=GOOD)
def call_of_unknown_tool(row: RowView) -> Iterator[Found]:
    """The assistant calls a function that the example does not define, though it defines others. The model
    learns to invent functions. (An example without any definitions is left alone: some are trained so, to
    save the tokens of the definitions.)"""
    known = tools_of(row)
    for function, at in called_functions(row) if known else ():
        name = function.get("name")
        if isinstance(name, str) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Defined are: {', '.join(known)[:120]}."
            yield Found(f"no tool is called {name[:64]!r}", hint, (*at, "name"))


@rule("FT261", "arguments-not-json", bad=conversation(call("a=2, b=2")), good=GOOD)
def arguments_not_json(row: RowView) -> Iterator[Found]:
    """The arguments of a call are JSON text of an object. Other text is refused, or breaks the chat template
    in the middle of a job; and a model that learns from it makes calls that nobody can read."""
    for function, at in called_functions(row):
        text = function.get("arguments")
        if not isinstance(text, str):
            continue
        value, trouble = _read(text)
        where = (*at, "arguments")
        if trouble is not None:
            yield Found(f"the arguments are no JSON: {trouble}", _mend(text), where)
        elif not isinstance(value, dict):
            hint = "It was made JSON twice: do it once." if isinstance(value, str) else None
            yield Found(f"the arguments are {kind_of(value)}, not an object", hint or 'Write "{...}".', where)


def _mend(text: str) -> str:
    if not text.strip():
        return 'Write "{}" where there are no arguments.'
    if text.lstrip().startswith(("{'", "{ '")):
        return "Use double quotes: this is how Python prints an object, not JSON."
    return 'Write an object: "{\\"name\\": value, ...}".'


@rule(
    "FT262",
    "arguments-against-schema",
    severity="warning",
    bad=conversation(call({"a": 2, "b": "two"})),
    good=GOOD,
)
def arguments_against_schema(row: RowView) -> Iterator[Found]:
    """The arguments do not satisfy the schema of the function that is called: one is missing, or of another
    type, or not among those listed. Platforms train on it, and the model learns calls that fail."""
    known = tools_of(row)
    for function, at in called_functions(row) if known else ():
        name = function.get("name")
        if not isinstance(name, str) or name not in known:
            continue
        value, trouble = _read(function.get("arguments"))
        if trouble is not None or not isinstance(value, dict):
            continue
        for wrong in known[name].schema.troubles(value):
            path = "".join(f"/{key}" for key in wrong.at)
            where = f"at {path} of the arguments: " if path else ""
            yield Found(f"{where}{wrong.message}", f"See the schema of {name!r}.", (*at, "arguments"))


@rule(
    "FT263",
    "argument-unknown",
    severity="warning",
    bad=conversation(call({"a": 2, "b": 2, "c": 2})),
    good=GOOD,
)
def argument_unknown(row: RowView) -> Iterator[Found]:
    """A call gives an argument that the function's schema does not describe, and does not forbid either: it
    is often a misspelt one. The model learns to make up arguments."""
    known = tools_of(row)
    for function, at in called_functions(row) if known else ():
        name = function.get("name")
        called = known.get(name) if isinstance(name, str) else None
        described = called.parameters.get("properties") if called and called.parameters else None
        if not isinstance(described, dict) or not called or not _is_closed(called.parameters):
            continue
        value, _ = _read(function.get("arguments"))
        for key in value if isinstance(value, dict) else ():
            if key not in described:
                near = difflib.get_close_matches(key, described, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else "Describe it in the schema, or leave it out."
                yield Found(f"{name!r} describes no argument {key[:40]!r}", hint, (*at, "arguments"))


def _is_closed(parameters: Any) -> bool:
    """Whether the schema's properties are all that is described, and others are neither forbidden (then
    they are against the schema) nor asked for."""
    return not parameters.keys() - {
        "type",
        "properties",
        "required",
        "title",
        "description",
        "$schema",
        "$defs",
    }


RULES = (call_of_unknown_tool, arguments_not_json, arguments_against_schema, argument_unknown)
