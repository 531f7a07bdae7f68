"""Turns one line into a JSON object, or says in plain words why it is none.

The fast path is one msgspec call. What it refuses is looked at again, slowly, for the place and cause.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from ftkit.validation.causes import ONE_LINE, Cause, cause_of
from ftkit.validation.lines import LongLine
from ftkit.validation.oddities import mostly_nul
from ftkit.validation.rules import Fault, Key

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode
_ARRAY = f"{ONE_LINE} For example: jq -c '.[]' FILE > FILE.jsonl"
_CUT = f"{ONE_LINE} This one may have been cut off, or goes over several lines."
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
    return Fault("not-an-object", f"the line is {kind_of(value)}, not a JSON object", ONE_LINE, 0)


def kind_of(value: object) -> str:
    """What a JSON value is, with its article, for a sentence."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    names = ((str, "a string"), (int, "a number"), (float, "a number"), (list, "a list"), (dict, "an object"))
    return next((name for kind, name in names if isinstance(value, kind)), f"a {type(value).__name__}")


def value_fault(value: Mapping[str, Any]) -> Fault | None:
    """What keeps a row in memory (of a list, a table, a template) from being written as JSON, if anything.

    Such rows never were a JSON text, and so may hold what no such text can: half a surrogate pair, NaN.
    """
    try:
        text = _encode(value)
    except UnicodeEncodeError as error:
        at, half = _first(value, _not_utf8_text) or ((), error.object)
        char = next(c for c in half if "\ud800" <= c <= "\udfff")
        what = f"half of a surrogate pair, \\u{ord(char):04x}, which is no character{_inside(at)}"
        return Fault("lone-surrogate", what, "It often comes from cutting a text within an emoji.")
    except RecursionError:
        return Fault("too-deep", "the objects or lists in this row are nested too deeply to be written")
    except (TypeError, ValueError, OverflowError) as error:
        return Fault("not-json", f"not JSON: {error}", "Make it a text, a number, a list or an object.")
    if b"null" in text and (found := _first(value, _no_number)):
        return Fault("nan-or-infinity", f"{found[1]} is no JSON value{_inside(found[0])}", "Write None.")
    return None


def _first(value: Any, wanted: Any) -> tuple[tuple[Key, ...], Any] | None:
    """The first value (or key) in ``value`` of which ``wanted`` holds, with the keys that lead to it."""
    stack: list[tuple[tuple[Key, ...], Any]] = [((), value)]
    while stack:
        at, item = stack.pop()
        if wanted(item):
            return at, item
        if isinstance(item, Mapping):
            stack += [(at, key) for key in item]
            stack += [((*at, key), child) for key, child in reversed(list(item.items()))]
        elif isinstance(item, list | tuple):
            stack += [((*at, i), child) for i, child in reversed(list(enumerate(item)))]
    return None


def _not_utf8_text(value: object) -> bool:
    return isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)


def _no_number(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _inside(at: tuple[Key, ...]) -> str:
    return f", in /{'/'.join(str(key) for key in at)}" if at else ""


def _fault(raw: bytes, error: Exception) -> Fault:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        return _not_utf8(raw, bad)
    if mostly_nul(raw):
        return Fault("not-utf8", "not UTF-8 but UTF-16, by its many NUL bytes", _UTF16, raw.index(0))
    if isinstance(error, RecursionError):
        return Fault("too-deep", "the objects or lists in this line are nested too deeply to be read")
    cause = cause_of(text, error)
    if text.lstrip()[:1] == "[" and cause.kind == "cut-off":
        what = "a JSON array begins here, and goes over several lines"
        return Fault("json-array", what, _ARRAY, len(text) - len(text.lstrip()))
    return _of_cause(text, cause)


def _of_cause(text: str, cause: Cause) -> Fault:
    offset = len(text[: cause.at].encode())
    if cause.kind == "cut-off":
        return Fault("not-json", f"not JSON: {cause.what}", _CUT, offset)
    words = cause.what if cause.kind == "lone-surrogate" else f"not JSON: {cause.what}"
    return Fault(cause.kind, words, cause.hint, offset)


def _not_utf8(raw: bytes, error: UnicodeDecodeError) -> Fault:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or mostly_nul(raw):
        hint = _UTF16
    else:
        hint = "Save the file as UTF-8 (it may be Latin-1 or Windows-1252 now)."
    what = f"not UTF-8: byte {raw[error.start]:#04x} at offset {error.start} of the line ({error.reason})"
    return Fault("not-utf8", what, hint, error.start)
