"""What of an example is read as one prompt: its conversations, with the texts and calls in their messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Message = Mapping[str, Any]
Tools = Sequence[Mapping[str, Any]]

_PAIRS = (("preferred_output", "non_preferred_output"), ("chosen", "rejected"))


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages and tools that a model is given as one prompt, or the ``text`` of a completion example.

    What assistant messages say is learned from ``learned_from`` on; of ``text`` what follows its
    first ``prompt_length`` characters.
    """

    messages: Sequence[Message] = ()
    tools: Tools = ()
    learned_from: int = 0
    text: str | None = None
    prompt_length: int = 0


def conversations_of(example: Mapping[str, Any]) -> list[Conversation]:
    """Return the conversations of an example of any kind; none where it has none that can be read.

    A chat or reinforcement example is one conversation. A preference example is two: its input with the
    preferred output, and with the other, of which only the outputs are learned. A completion example is the
    text of its prompt and completion, as they stand. (``prompt``, ``chosen`` and ``rejected`` are read too.)
    """
    for pair in _PAIRS:
        if all(key in example for key in pair):
            return _preference(example, pair)
    if "messages" in example:
        return _chat(example["messages"], example.get("tools"))
    prompt, completion = example.get("prompt"), example.get("completion")
    if isinstance(prompt, str) and isinstance(completion, str):
        return [Conversation(text=prompt + completion, prompt_length=len(prompt))]
    return []


def _preference(example: Mapping[str, Any], pair: tuple[str, str]) -> list[Conversation]:
    given = _table(example.get("input"))
    before = given.get("messages", example.get("prompt") or [])
    both: list[Conversation] = []
    for key in pair:
        output = example[key]
        if isinstance(before, str) and isinstance(output, str):
            both.append(Conversation(text=before + output, prompt_length=len(before)))
        elif isinstance(before, list):
            said = output if isinstance(output, list) else [output]
            both += _chat([*before, *said], given.get("tools", example.get("tools")), len(before))
    return both if len(both) == 2 else []


def _chat(messages: Any, tools: Any, learned_from: int = 0) -> list[Conversation]:
    if not isinstance(messages, list) or not all(isinstance(message, Mapping) for message in messages):
        return []
    return [Conversation(messages, tools if isinstance(tools, list) else (), learned_from)]


def is_learned(conversation: Conversation, index: int) -> bool:
    """Whether a model learns to say what message ``index`` says: the assistant's, unless its weight is 0."""
    if index < conversation.learned_from:
        return False
    message = conversation.messages[index]
    return message.get("role") == "assistant" and message.get("weight") != 0


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


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
