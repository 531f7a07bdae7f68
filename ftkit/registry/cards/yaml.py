"""Plain data as YAML in block style: every value is JSON, which YAML takes as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_KEY = re.compile(r"(?!(?:null|true|false|yes|no|on|off|y|n)$)[a-z][a-z0-9_-]*")  # others are quoted
_UNSAFE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")


def yaml(value: Mapping[str, Any]) -> str:
    """``value`` (mappings, sequences, texts, numbers, None) as the lines of a YAML document."""
    return "".join(f"{line}\n" for line in _lines(value))


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _under(f"{_key(str(key))}:", inner)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for inner in value:
            first, *rest = _lines(inner)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _under(head: str, value: Any) -> Iterator[str]:
    nested = isinstance(value, Mapping | Sequence) and not isinstance(value, str) and value
    if nested:
        yield head
        yield from (f"  {line}" for line in _lines(value))
    else:
        yield f"{head} {_scalar(value)}"


def _key(key: str) -> str:
    return key if _KEY.fullmatch(key) else _scalar(key)


def _scalar(value: Any) -> str:
    """JSON; what a reader of YAML refuses to see in a text, such as control characters, is escaped."""
    said = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "." not in said:
        said = said.replace("e", ".0e")  # to YAML 1.1, 1e-09 is a text
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", said)
