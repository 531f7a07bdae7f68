"""Rules on content that is a list of parts: what a part is, and who may use which."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from functools import partial
from typing import Any

from ftkit.validation import Found, RowView
from ftkit.validation import rule as any_rule
from ftkit.validation.decode import kind_of
from ftkit.validation.rules import Key
from ftkit_validators.chat.examples import CONVERSATIONS, REPLY, SYSTEM, USER, chat

rule = partial(any_rule, scope="message", kinds=CONVERSATIONS, reads=("content",))

_FIELDS: dict[str, type] = {"text": str, "image_url": dict, "input_audio": dict, "refusal": str, "file": dict}
"""The types of parts, each with a field of the same name, and what stands in it."""

# OpenAI's published API description: the types of parts of each role's messages
# (ChatCompletionContentPartParam and the message types beside it, openai-python 2.x).
_OF_ROLE: dict[str, tuple[str, ...]] = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "system": ("text",),
    "developer": ("text",),
    "tool": ("text",),
    "function": (),
}
# Other APIs' names for the same thing: OpenAI's Responses API, Anthropic's, Gemini's and Hugging Face's.
_OTHER_NAMES = {
    "input_text": "text",
    "output_text": "text",
    "image": "image_url",
    "input_image": "image_url",
    "audio": "input_audio",
    "input_file": "file",
}
_AUDIO_FORMATS = ("wav", "mp3")
_IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
_SOUND = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
_GOOD = chat({**USER, "content": [{"type": "text", "text": "What is this?"}, _IMAGE]}, REPLY)


def _parts(message: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any], str]]:
    """The parts that are objects and say their type, with their places."""
    content = message.get("content")
    for index, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, dict) and isinstance(part.get("type"), str):
            yield index, part, part["type"]


@rule("FT223", "content-part", bad=chat({**USER, "content": [{"type": "text"}]}, REPLY), good=_GOOD)
def content_part(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Where content is a list, each part is an object with a type (text, image_url, input_audio, refusal,
    file) and a field of that type's name."""
    content = message.get("content")
    for index, part in enumerate(content if isinstance(content, list) else ()):
        at: tuple[Key, ...] = ("content", index)
        if not isinstance(part, dict):
            hint = 'Write {"type": "text", "text": ...}.' if isinstance(part, str) else None
            yield Found(f"content part {index} is {kind_of(part)}, not an object", hint, at)
            continue
        name = part.get("type")
        if not isinstance(name, str) or name not in _FIELDS:
            yield Found(_unknown(index, part, name), _meant(name), (*at, "type") if "type" in part else at)
        elif not isinstance(part.get(name), _FIELDS[name]):
            hint = f"Write {_shape(name)}."
            yield Found(f"content part {index} of type {name!r} has no proper {name!r}", hint, at)


def _unknown(index: int, part: dict[str, Any], name: Any) -> str:
    if "type" not in part:
        return f"content part {index} has no type"
    return f"content part {index} has the unknown type {str(name)[:40]!r}"


def _meant(name: Any) -> str:
    if isinstance(name, str):
        near = _OTHER_NAMES.get(name) or next(iter(difflib.get_close_matches(name, _FIELDS, n=1)), None)
        if near:
            return f"Write {_shape(near)}."
    return f"Types are: {', '.join(_FIELDS)}."


def _shape(name: str) -> str:
    inner = {
        "image_url": '{"url": ...}',
        "input_audio": '{"data": ..., "format": "wav"}',
        "file": '{"file_id": ...}',
    }
    return f'{{"type": "{name}", "{name}": {inner.get(name, "...")}}}'


@rule("FT230", "part-of-another-role", bad=chat({**SYSTEM, "content": [_IMAGE]}, USER, REPLY), good=_GOOD)
def part_of_another_role(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Which parts a message may have depends on who speaks: pictures, sound and files are the user's, a
    refusal is the assistant's, and every other role has texts only. A model cannot be trained to answer with
    a picture."""
    role = message.get("role")
    allowed = _OF_ROLE.get(role) if isinstance(role, str) else None
    if allowed is None:
        return
    for index, _, name in _parts(message):
        if name in _FIELDS and name not in allowed:
            yield Found(
                f"a part of type {name!r} in the {role}'s message", _place(name, allowed), ("content", index)
            )


def _place(name: str, allowed: tuple[str, ...]) -> str:
    if not allowed:
        return "Write the content as a text."
    whose = "the assistant's" if name == "refusal" else "a user's"
    return f"Move it to {whose} message; here are allowed: {', '.join(allowed)}."


@rule(
    "FT231",
    "audio-part",
    bad=chat({**USER, "content": [{**_SOUND, "input_audio": {"data": "UklGRg==", "format": "ogg"}}]}, REPLY),
    good=chat({**USER, "content": [_SOUND]}, REPLY),
)
def audio_part(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """A part of sound has its data in base 64 and says its format, wav or mp3. Other formats, and links to a
    file, are refused."""
    for index, part, name in _parts(message):
        sound = part.get("input_audio")
        if name != "input_audio" or not isinstance(sound, dict):
            continue
        if not isinstance(sound.get("data"), str) or not sound["data"]:
            at = ("content", index, "input_audio")
            yield Found(f"content part {index} has no sound in 'data'", "Write the sound in base 64.", at)
        if sound.get("format") not in _AUDIO_FORMATS:
            what = f"the format of content part {index} is {str(sound.get('format'))[:20]!r}"
            at = ("content", index, "input_audio", *(("format",) if "format" in sound else ()))
            yield Found(what, "Convert it to wav or mp3.", at)


@rule(
    "FT232",
    "file-part",
    bad=chat({**USER, "content": [{"type": "file", "file": {"filename": "a.pdf"}}]}, REPLY),
    good=chat({**USER, "content": [{"type": "file", "file": {"file_id": "file-abc"}}]}, REPLY),
)
def file_part(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """A part that is a file names it by the id of its upload, or holds its data in base 64. With a name alone
    the platform has nothing to read."""
    for index, part, name in _parts(message):
        file = part.get("file")
        if name != "file" or not isinstance(file, dict):
            continue
        if not any(isinstance(file.get(key), str) and file[key] for key in ("file_id", "file_data")):
            hint = "Upload the file, and write its id as 'file_id'; or its data as 'file_data'."
            yield Found(f"content part {index} has neither a file's id nor data", hint, ("content", index))


RULES = (content_part, part_of_another_role, audio_part, file_part)
