"""Turns one line into a JSON object, or says in plain words why it is none.

The fast path is one msgspec call. What it refuses is looked at again, slowly, for the place and cause.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from ftkit.validation.lines import LongLine
from ftkit.validation.rules import Fault

_decode = msgspec.json.Decoder().decode
_ANY = r'"(?:[^"\\]|\\.)*"?'
_CONSTANT = re.compile(rf"{_ANY}|(-?\b(?:NaN|Infinity)\b)", re.DOTALL)
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_SURROGATE = re.compile(rf"\\\\|{_HIGH}{_LOW}|({_HIGH}|{_LOW})")
_MANY_DIGITS = re.compile(rf"{_ANY}|(\d{{1000,}})", re.DOTALL)
_ONE_LINE = "Write each example as one JSON object on one line of its own."
_ARRAY = f"{_ONE_LINE} For example: jq -c '.[]' FILE > FILE.jsonl"
_CUT = f"{_ONE_LINE} This one may have been cut off, or goes over several lines."
_UTF16 = "This looks like UTF-16: save the file as UTF-8 without a byte-order mark."


def decode_line(raw: bytes) -> dict[str, Any] | Fault:
    """The object on the line, or the fault that it has."""
    if type(raw) is LongLine:
        what = f"the line is {raw.size:,} bytes long, more than the limit; it was not looked into"
        return Fault("line-too-long", what, "A line break is probably missing.")
    try:
        value = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _fault(raw, error)
    if type(value) is dict:
        return value
    if isinstance(value, list) and all(isinstance(item, dict) for item in value):
        return Fault("json-array", f"the line is a JSON array of {len(value):,} objects", _ARRAY, 0)
    return Fault("not-an-object", f"the line is {kind_of(value)}, not a JSON object", _ONE_LINE, 0)


def kind_of(value: object) -> str:
    """What a JSON value is, with its article, for a sentence."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    names = ((str, "a string"), (int, "a number"), (float, "a number"), (list, "a list"), (dict, "an object"))
    return next((name for kind, name in names if isinstance(value, kind)), f"a {type(value).__name__}")


def _fault(raw: bytes, error: Exception) -> Fault:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        return _not_utf8(raw, bad)
    if _mostly_nul(raw):
        return Fault("not-utf8", "not UTF-8 but UTF-16, by its many NUL bytes", _UTF16, raw.index(0))
    if isinstance(error, RecursionError):
        return Fault("too-deep", "the objects or lists in this line are nested too deeply to be read")
    position, cause, hint = _cause(text, error)
    if cause == "surrogate":
        what = f"half of a surrogate pair, {text[position : position + 6]}, which is no character"
        return Fault("lone-surrogate", what, hint, len(text[:position].encode()))
    if text.lstrip()[:1] == "[" and cause in ("cut off", "empty end"):
        what = "a JSON array begins here, and goes over several lines"
        return Fault("json-array", what, _ARRAY, len(text) - len(text.lstrip()))
    if cause == "cut off":
        cause, hint = "the line ends before the object does", _CUT
    return Fault("not-json", f"not JSON: {cause}", hint, len(text[:position].encode()))


def _not_utf8(raw: bytes, error: UnicodeDecodeError) -> Fault:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or _mostly_nul(raw):
        hint = _UTF16
    else:
        hint = "Save the file as UTF-8 (it may be Latin-1 or Windows-1252 now)."
    what = f"not UTF-8: byte {raw[error.start]:#04x} at offset {error.start} of the line ({error.reason})"
    return Fault("not-utf8", what, hint, error.start)


def _mostly_nul(raw: bytes) -> bool:
    """Whether every other byte or so is NUL, as in UTF-16 of Western text."""
    return raw[:200].count(0) > len(raw[:200]) // 3


def _cause(text: str, error: Exception) -> tuple[int, str, str | None]:
    """The character at which reading stops, why in plain words, and what to do."""
    try:
        json.loads(text)
    except json.JSONDecodeError as stopped:
        early = _constant(text, stopped.pos)
        return early or _words(text, stopped)
    except RecursionError:
        return 0, "nested too deeply to be read", None
    except ValueError:  # Python's own limit on the digits of a whole number
        long = next((m for m in _MANY_DIGITS.finditer(text) if m.group(1)), None)
        return long.start() if long else 0, "a number of too many digits", "Write it as a text, in quotes."
    if constant := _constant(text, len(text)):
        return constant
    lone = next((m for m in _SURROGATE.finditer(text) if m.group(1)), None)
    if lone:
        hint = "It often comes from cutting a text within an emoji: mend or remove this character."
        return lone.start(), "surrogate", hint
    return 0, str(error).removeprefix("JSON is malformed: "), None


def _constant(text: str, stop: int) -> tuple[int, str, str | None] | None:
    """NaN or Infinity before ``stop``: Python's reader lets them pass, no other does."""
    for match in _CONSTANT.finditer(text, 0, stop):
        if match.group(1):
            return match.start(), f"{match.group(1)} is no JSON value", "Write null, or leave the key out."
    return None


def _words(text: str, stopped: json.JSONDecodeError) -> tuple[int, str, str | None]:
    """A person's words for the place where Python's JSON reader stopped."""
    at, rest = stopped.pos, text[stopped.pos : stopped.pos + 12]
    before = text[:at].rstrip()
    said = stopped.msg
    if rest.startswith("\ufeff"):
        return (
            at,
            "a byte-order mark in the middle of the file",
            "Remove it: files were joined here, probably.",
        )
    if said.startswith("Extra data"):
        return _extra(at, rest, "object" if text.lstrip().startswith("{") else "value")
    if said.startswith("Invalid control character"):
        return (
            at,
            f"a bare {_control(rest[:1])} inside a text",
            "Escape it: \\t for a tab, \\n for a line break.",
        )
    if said.startswith("Invalid \\u"):
        what = "an escape \\u without four hexadecimal digits"
        return text.rfind("\\u", 0, at + 2), what, "Write a backslash as \\\\."
    if said.startswith("Invalid \\"):
        return at, "a backslash that escapes nothing", "Write a backslash as \\\\."
    if said.startswith("Unterminated string"):
        return at, "a text is not closed", 'Close it with a double quote; escape quotes inside it as \\".'
    if said.startswith("Illegal trailing comma"):
        return at, "a comma after the last item", "Remove the comma."
    if before.endswith(",") and rest[:1] in ("}", "]"):
        return len(before) - 1, "a comma after the last item", "Remove the comma."
    for look in (_quote, _comment, _python_word):
        if found := look(at, rest):
            return found
    if not rest:
        return at, "cut off", None
    if said.startswith("Expecting property name"):
        return at, "a key must be a text in double quotes", 'Write {"key": ...}.'
    if said.startswith("Expecting ',' delimiter"):
        return _no_comma(at, text[at - 1], rest[:1], before)
    if said.startswith("Expecting ':' delimiter"):
        return at, "a colon is missing after the key", None
    return at, f"a value is expected here, not {rest[:1]!r}", None if before else _ONE_LINE


def _no_comma(at: int, last: str, following: str, before: str) -> tuple[int, str, str | None]:
    if last.isdigit() and (following.isalnum() or following in ".:-/_"):
        return at, "this is no number", "Write a text in double quotes, and a number as 12 or 0.5."
    hint = 'If this is within a text, escape the quote before it as \\".' if before.endswith('"') else None
    return at, "a comma is missing here", hint


def _extra(at: int, rest: str, what: str) -> tuple[int, str, str | None]:
    if rest.startswith("{"):
        return at, "two objects on one line", _ONE_LINE
    if rest.startswith(","):
        return at, "a comma after the object", "Remove the comma: lines are not joined into an array."
    return _comment(at, rest) or (at, f"something follows the {what}", _ONE_LINE)


def _quote(at: int, rest: str) -> tuple[int, str, str | None] | None:
    if rest.startswith("'"):
        return at, "single quotes", "JSON wants double quotes; this looks like a printed Python dict."
    if rest[:1] in "“”„«" and rest:
        return at, "typographic quotes", 'Write straight double quotes: ".'
    return None


def _comment(at: int, rest: str) -> tuple[int, str, str | None] | None:
    if rest.startswith(("//", "/*", "#")):
        return at, "a comment", "JSON has no comments: remove it."
    return None


_WORDS = (("True", "true"), ("False", "false"), ("None", "null"), ("undefined", "null"), ("nan", "null"))


def _python_word(at: int, rest: str) -> tuple[int, str, str | None] | None:
    for word, instead in _WORDS:
        if rest.startswith(word):
            return at, f"{word} is no JSON value", f"Write {instead}."
    return None


def _control(char: str) -> str:
    names = {"\t": "tab", "\n": "line break", "\r": "line break", "\0": "NUL character"}
    return names.get(char, f"control character (U+{ord(char):04X})" if char else "control character")
