"""Says in plain words why a text is no JSON: the place, the cause, the mend, and which rule speaks for it."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

ONE_LINE = "Write each example as one JSON object on one line of its own."
_ANY = r'"(?:[^"\\]|\\.)*"?'
_CONSTANT = re.compile(rf"{_ANY}|(-?\b(?:NaN|Infinity)\b)", re.DOTALL)
_HIGH, _LOW = r"\\u[dD][89abAB][0-9a-fA-F]{2}", r"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_SURROGATE = re.compile(rf"\\\\|{_HIGH}{_LOW}|({_HIGH}|{_LOW})")
_MANY_DIGITS = re.compile(rf"{_ANY}|(\d{{1000,}})", re.DOTALL)
_PYTHON_WORDS = (("True", "true"), ("False", "false"), ("None", "null"))
_NUMBER_WORDS = ("NaN", "nan", "Infinity", "-Infinity", "inf", "-inf")
_NULL = "Write null, or leave the key out."


class Cause(NamedTuple):
    """Why reading stops at the character ``at``. ``kind`` is the fault; "cut-off" is the caller's to say."""

    at: int
    what: str
    hint: str | None = None
    kind: str = "not-json"


def cause_of(text: str, error: Exception) -> Cause:
    """The cause for which ``text`` was refused with ``error``, as the standard library's reader finds it."""
    try:
        json.loads(text)
    except json.JSONDecodeError as stopped:
        return _constant(text, stopped.pos) or _words(text, stopped)
    except RecursionError:
        return Cause(0, "nested too deeply to be read", kind="too-deep")
    except ValueError:  # Python's own limit on the digits of a whole number
        long = next((m for m in _MANY_DIGITS.finditer(text) if m.group(1)), None)
        at = long.start() if long else 0
        return Cause(at, "a number of too many digits", "Write it as a text, in quotes.")
    if constant := _constant(text, len(text)):
        return constant
    lone = next((m for m in _SURROGATE.finditer(text) if m.group(1)), None)
    if lone:
        hint = "It often comes from cutting a text within an emoji: mend or remove this character."
        what = f"half of a surrogate pair, {lone.group(1)}, which is no character"
        return Cause(lone.start(), what, hint, "lone-surrogate")
    return Cause(0, str(error).removeprefix("JSON is malformed: "))


def _constant(text: str, stop: int) -> Cause | None:
    """NaN or Infinity before ``stop``: Python's reader lets them pass, no other does."""
    for match in _CONSTANT.finditer(text, 0, stop):
        if match.group(1):
            return Cause(match.start(), f"{match.group(1)} is no JSON value", _NULL, "nan-or-infinity")
    return None


def _words(text: str, stopped: json.JSONDecodeError) -> Cause:
    """A person's words for the place where Python's JSON reader stopped."""
    at, said = stopped.pos, stopped.msg
    rest = text[at : at + 12]
    if rest.startswith("\ufeff"):
        what = "a byte-order mark in the middle of the file"
        return Cause(at, what, "Remove it: files were joined here, probably.")
    if said.startswith("Extra data"):
        return _extra(at, rest, "object" if text.lstrip().startswith("{") else "value")
    if said.startswith("Invalid control character"):
        return _control(at, rest[:1])
    if said.startswith("Invalid \\u"):
        what = "an escape \\u without four hexadecimal digits"
        return Cause(text.rfind("\\u", 0, at + 2), what, "Write a backslash as \\\\.")
    if said.startswith("Invalid \\"):
        return Cause(at, "a backslash that escapes nothing", "Write a backslash as \\\\.")
    if said.startswith("Unterminated string"):
        hint = 'Close it with a double quote; escape quotes inside it as \\".'
        return Cause(at, "a text is not closed", hint)
    if comma := _trailing_comma(text, at, rest, said):
        return comma
    for look in (_quote, _comment, _word):
        if found := look(at, rest):
            return found
    return _expected(text, at, rest, said)


def _expected(text: str, at: int, rest: str, said: str) -> Cause:
    before = text[:at].rstrip()
    if not rest:
        return Cause(at, "the line ends before the object does", kind="cut-off")
    if said.startswith("Expecting property name"):
        return Cause(at, "a key must be a text in double quotes", 'Write {"key": ...}.')
    if said.startswith("Expecting ',' delimiter"):
        return _no_comma(at, text[at - 1], rest[:1], before)
    if said.startswith("Expecting ':' delimiter"):
        return Cause(at, "a colon is missing after the key")
    return Cause(at, f"a value is expected here, not {rest[:1]!r}", None if before else ONE_LINE)


def _trailing_comma(text: str, at: int, rest: str, said: str) -> Cause | None:
    """Newer Pythons point at the comma, older ones at the bracket after it."""
    before = text[:at].rstrip()
    what, kind = "a comma after the last item", "trailing-comma"
    if said.startswith("Illegal trailing comma"):
        return Cause(at, what, "Remove the comma.", kind)
    if before.endswith(",") and rest[:1] in ("}", "]"):
        return Cause(len(before) - 1, what, "Remove the comma.", kind)
    return None


def _no_comma(at: int, last: str, following: str, before: str) -> Cause:
    if last.isdigit() and (following.isalnum() or following in ".:-/_"):
        return Cause(at, "this is no number", "Write a text in double quotes, and a number as 12 or 0.5.")
    hint = 'If this is within a text, escape the quote before it as \\".' if before.endswith('"') else None
    return Cause(at, "a comma is missing here", hint)


def _extra(at: int, rest: str, what: str) -> Cause:
    if rest.startswith("{"):
        return Cause(at, "two objects on one line", ONE_LINE, "two-objects")
    if rest.startswith(","):
        hint = "Remove the comma: lines are not joined into an array."
        return Cause(at, "a comma after the object", hint, "trailing-comma")
    return _comment(at, rest) or Cause(at, f"something follows the {what}", ONE_LINE)


def _quote(at: int, rest: str) -> Cause | None:
    if rest.startswith("'"):
        hint = "JSON wants double quotes; this looks like a printed Python dict."
        return Cause(at, "single quotes", hint, "single-quotes")
    if rest[:1] in "“”„«" and rest:
        return Cause(at, "typographic quotes", 'Write straight double quotes: ".')
    return None


def _comment(at: int, rest: str) -> Cause | None:
    if rest.startswith(("//", "/*", "#")):
        return Cause(at, "a comment", "JSON has no comments: remove it.", "comment")
    return None


def _word(at: int, rest: str) -> Cause | None:
    for word, instead in _PYTHON_WORDS:
        if rest.startswith(word):
            return Cause(at, f"{word} is no JSON value", f"Write {instead}.", "python-word")
    for word in _NUMBER_WORDS:
        if rest.startswith(word):
            return Cause(at, f"{word} is no JSON value", _NULL, "nan-or-infinity")
    if rest.startswith("undefined"):
        return Cause(at, "undefined is no JSON value", "Write null.")
    return None


def _control(at: int, char: str) -> Cause:
    if char == "\0":
        hint = "Remove it: it often marks a damaged file, or one written as UTF-16."
        return Cause(at, "a bare NUL character inside a text", hint, "nul")
    names = {"\t": "tab", "\n": "line break", "\r": "line break"}
    name = names.get(char, f"control character (U+{ord(char):04X})" if char else "control character")
    return Cause(at, f"a bare {name} inside a text", "Escape it: \\t for a tab, \\n for a line break.")
