"""Reads TOML so that every fault in a file is found at once and has a line number."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ftkit.errors import Fault, Where
from ftkit.settings.keys import redact

_AT_LINE = re.compile(r"^(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)$")
_MOST_FAULTS = 20
_PATTERNS = {
    "base_url": "an address begins with http:// or https://",
    "key_env": "this is the name of an environment variable, never the key itself",
    "hook": "a hook is named as module:attribute",
    "url": "an address of a database looks like postgresql://user@host/database",
}


def parse_toml(text: str, path: Path) -> tuple[dict[str, Any], list[Fault]]:
    """The tables of ``text`` and its syntax faults.

    tomllib stops at the first fault; to find the others the faulty line is blanked and the
    text read again, as long as faults keep moving down the file.
    """
    faults: list[Fault] = []
    lines = text.split("\n")
    last = 0
    while len(faults) < _MOST_FAULTS:
        try:
            return tomllib.loads("\n".join(lines)), faults
        except tomllib.TOMLDecodeError as error:
            match = _AT_LINE.match(str(error))
            line = int(match["line"]) if match else len(lines)
            if line <= last:
                break
            what = match["what"] if match else str(error)
            column = int(match["column"]) if match else None
            faults.append(Fault(Where(path, line, column), f"not valid TOML: {what[:1].lower()}{what[1:]}"))
            if match is None:
                break
            lines[line - 1] = ""
            last = line
    return {}, faults


def line_of(text: str, keys: Sequence[str | int]) -> int | None:
    """The line on which the value at ``keys`` is set; its nearest parent's where it has none of its own."""
    wanted = [str(key) for key in keys]
    table: list[str] = []
    best: tuple[int, int] | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = _key_path(stripped.strip("[] \t").split("]")[0]) or table
            here = table
        elif "=" in stripped and not stripped.startswith("#"):
            here = [*table, *_key_path(stripped.split("=", 1)[0])]
        else:
            continue
        if wanted[: len(here)] == here and (best is None or len(here) > best[0]):
            best = (len(here), number)
    return best[1] if best else None


def _key_path(text: str) -> list[str]:
    try:
        tree: Any = tomllib.loads(f"{text} = 0")
    except tomllib.TOMLDecodeError:
        return []
    path: list[str] = []
    while isinstance(tree, dict):
        key, tree = next(iter(tree.items()))
        path.append(key)
    return path


def said_of(item: ErrorDetails, name: str) -> str:
    """One of pydantic's findings on the value called ``name``, in a person's words and without a key."""
    if item["type"] == "extra_forbidden":
        return f"unknown key {name!r}"
    what = f"{item['msg'][:1].lower()}{item['msg'][1:]}"
    if item["type"] == "string_pattern_mismatch":
        what = _PATTERNS.get(str(item["loc"][-1]), what)
    return f"{name}: {what}, got {_short(item['input'])}"


def faults_of(error: ValidationError, text: str, path: Path, *, under: Sequence[str] = ()) -> list[Fault]:
    """pydantic's findings on a table of a TOML file, as faults with lines."""
    faults = []
    for item in error.errors():
        keys = [*under, *(str(k) for k in item["loc"])]
        faults.append(Fault(Where(path, line_of(text, keys)), said_of(item, ".".join(keys))))
    return faults


def _short(value: object) -> str:
    if isinstance(value, str) and "@" in value:  # before it may stand a password, whatever is wrong there
        value = f"...@{value.rpartition('@')[2]}"
    text = redact(repr(value))
    return text if len(text) <= 60 else text[:57] + "..."
