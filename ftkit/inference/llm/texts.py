"""Finds the JSON in an answer's text: behind a model's thoughts, in a code fence, within other words."""

from __future__ import annotations

import re

_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"```[a-zA-Z0-9]*[ \t]*\n(.*?)```", re.DOTALL)
_PAIRS = (("{", "}"), ("[", "]"))


def without_thoughts(text: str) -> str:
    """The text behind ``<think>...</think>``, with which some models begin."""
    return _THOUGHTS.sub("", text, count=1).strip()


def found_json(text: str) -> str:
    """What may be the one JSON value of an answer; the whole text where nothing looks like one.

    Whether it is JSON is for the reader to say: of two objects in one text neither is chosen, so that the
    whole is refused and nothing is guessed.
    """
    plain = without_thoughts(text)
    fenced = _FENCE.findall(plain)
    if len(fenced) == 1:
        return str(fenced[0]).strip()
    begins = [(at, end) for begin, end in _PAIRS if (at := plain.find(begin)) >= 0]
    if not begins:
        return plain
    at, end = min(begins)
    last = plain.rfind(end)
    return plain[at : last + 1] if last > at else plain
