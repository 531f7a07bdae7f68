"""Tool calls: which way of writing them a model's template teaches, how to force one, and how to read them.

Three ways cover most open models: Hermes' (also Qwen's) ``<tool_call>`` paragraphs, Mistral's list after
``[TOOL_CALLS]``, and Llama 3's bare JSON object. A model whose template shows no tools, or another way, has
no tools here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ftkit.local.engines.asking import Ask
from ftkit.local.ids import new_id
from ftkit.local.jsonio import dump_text


@dataclass(frozen=True, slots=True)
class ToolFormat:
    """A way to write calls: between ``begin`` and ``end``, an object (or a list of them) with ``arguments``.

    ``anywhere``: text may come before a call.
    """

    name: str
    begin: str
    end: str
    arguments: str = "arguments"
    listed: bool = False
    anywhere: bool = True

    def schema(self, tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """JSON Schema of what stands between ``begin`` and ``end`` in a call to one of the tools."""
        calls = [_call_schema(tool["function"], self.arguments) for tool in tools]
        one = calls[0] if len(calls) == 1 else {"anyOf": calls}
        return {"type": "array", "items": one, "minItems": 1} if self.listed else one

    def read(self, text: str) -> tuple[str, tuple[dict[str, Any], ...]]:
        """The text before the first call, and the calls as OpenAI's objects; else all is text."""
        found = [(place, calls) for place, body in self._bodies(text) if (calls := self._calls(body))]
        if not found:
            return text, ()
        return text[: found[0][0]].strip(), tuple(call for _, calls in found for call in calls)

    def read_forced(self, text: str) -> tuple[dict[str, Any], ...]:
        """The calls of a reply that went on after ``begin`` and was held to ``schema``."""
        return tuple(self._calls(text))

    def may_begin(self, text: str) -> int:
        """Where in a text that is not finished a call begins, or may begin at its end."""
        if not self.anywhere:
            stripped = text.lstrip()
            opens = not stripped or stripped[0] == "{" or "<|python_tag|>".startswith(stripped[:14])
            return 0 if opens else len(text)
        marker = self.begin.strip()
        found = text.find(marker)
        if found >= 0:
            return found
        sizes = range(min(len(marker) - 1, len(text)), 0, -1)
        return len(text) - next((size for size in sizes if marker.startswith(text[-size:])), 0)

    def _bodies(self, text: str) -> list[tuple[int, str]]:
        if not self.anywhere:
            stripped = text.removeprefix("<|python_tag|>").strip()
            return [(0, piece) for piece in stripped.split(";")] if ";" in stripped else [(0, stripped)]
        begin, end = re.escape(self.begin.strip()), re.escape(self.end.strip())
        pattern = re.compile(rf"{begin}(.*?)(?:{end}|\Z)" if end else rf"{begin}(.*)", re.DOTALL)
        return [(match.start(), match[1]) for match in pattern.finditer(text)]

    def _calls(self, body: str) -> list[dict[str, Any]]:
        try:
            value = msgspec.json.decode(body.strip())
        except msgspec.DecodeError:
            return []
        calls = value if isinstance(value, list) else [value]
        read = [self._call(call) for call in calls]
        return [call for call in read if call is not None]

    def _call(self, call: Any) -> dict[str, Any] | None:
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            return None
        arguments = call.get(self.arguments, {})
        written = arguments if isinstance(arguments, str) else dump_text(arguments)
        return {
            "id": new_id("call_"),
            "type": "function",
            "function": {"name": call["name"], "arguments": written},
        }


HERMES = ToolFormat("hermes", "<tool_call>\n", "\n</tool_call>")
MISTRAL = ToolFormat("mistral", "[TOOL_CALLS]", "", listed=True)
LLAMA = ToolFormat("llama3", "", "", arguments="parameters", anywhere=False)


def tool_format(template: str) -> ToolFormat | None:
    """The way a chat template teaches; None where it knows no tools, or another way."""
    if "tools" not in template:
        return None
    if "<tool_call>" in template and "<function=" not in template:
        return HERMES
    if "[TOOL_CALLS]" in template and "[ARGS]" not in template:
        return MISTRAL
    if '"parameters": ' in template and "<|start_header_id|>" in template:
        return LLAMA
    return None


def offered(ask: Ask) -> tuple[Mapping[str, Any], ...]:
    """The tools that the model is shown."""
    return () if ask.tool_choice == "none" else ask.tools


def demanded(ask: Ask) -> tuple[Mapping[str, Any], ...]:
    """The tools one of which must be called; empty where the model is free."""
    if ask.tool_choice == "required":
        return ask.tools
    if isinstance(ask.tool_choice, Mapping):
        wanted = (ask.tool_choice.get("function") or {}).get("name")
        return tuple(tool for tool in ask.tools if tool["function"]["name"] == wanted)
    return ()


def _call_schema(function: Mapping[str, Any], arguments: str) -> dict[str, Any]:
    nothing = {"type": "object", "properties": {}, "additionalProperties": False}
    parameters = function.get("parameters") or nothing
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, arguments: parameters},
        "required": ["name", arguments],
        "additionalProperties": False,
    }
