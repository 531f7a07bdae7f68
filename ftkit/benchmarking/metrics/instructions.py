"""Reads the allowed labels out of an instruction that names them: "Answer with one of: good, bad"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ftkit.benchmarking.metrics.labels import normalise
from ftkit.data.examples import text_of

MAX_LABEL_WORDS = 6
"""A longer part of a sentence is prose, not a label."""
_STRONG = re.compile(
    r"""\b(?:
      (?:one|any)\ (?:of|from|among)(?:\ (?:the|these|those))?(?:\ (?:following|given|possible|allowed))?
        (?:\ \w+){0,2}?\s*[:\-–]?
    | (?:one|a\ single)\ (?:word|label|category|class|genre|topic|letter|number)\s*[:\-–,]
    | (?:labels|classes|categories|options|choices|answers|values|topics|genres)(?:\ (?:are|is))?\s*[:\-–]
    )\s*""",
    re.VERBOSE | re.IGNORECASE,
)
_WEAK = re.compile(
    r"\b(?:as|with|either|whether(?: it is)?|say|answer|reply|respond|return|output|classify)\b\s*:?\s*",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"(?:nothing (?:else|more)|only|without\b.*|do not\b.*|don['’]t\b.*|please\b.*)", re.IGNORECASE
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.)]|\(?[a-z][.)])\s+")
_END = re.compile(r"[.!?](?=\s|$)|;|\n")
_CUT = re.compile(r"\s*(?:,|/|\||;)\s*(?:(?:or|and)\s+)?|\s+(?:or|and)\s+", re.IGNORECASE)
_QUOTED = re.compile(r"""["'“‘`]([^"'”’`\n]{1,60})["'”’`]""")


def labels_in(messages: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, ...], ...]:
    """The lists of labels that an instruction may mean, the likeliest first.

    Looked at are the system message, or the first message where there is none. A list stands after a
    phrase that announces one ("one of: A, B or C", "with one word: ..."), is cut at commas, slashes, bars
    and "or"/"and", or has a line with a list mark for each label. What is quoted is taken out of
    its quotes. These are guesses: :class:`~ftkit.benchmarking.heldout.LabelCensus` takes a list only
    where every right answer of the rows is in it.
    """
    told = next((m for m in messages if m.get("role") in ("system", "developer")), None)
    message = told if told is not None else (messages[0] if messages else {})
    text = text_of(message.get("content")) or ""
    found = [*_announced(text, _STRONG), *_bullets(text), *_announced(text, _WEAK)]
    return tuple(dict.fromkeys(found))


def _announced(text: str, leads: re.Pattern[str]) -> list[tuple[str, ...]]:
    lists = []
    for lead in leads.finditer(text):
        rest = text[lead.end() : lead.end() + 4000]
        end = _END.search(rest)
        sentence = rest[: end.start()] if end else rest
        quoted = _QUOTED.findall(sentence)
        parts = quoted if len(quoted) > 1 else _CUT.split(sentence)
        if labels := _labels(parts):
            lists.append(labels)
    # of lists of one length, the one with the least words around its labels
    return sorted(lists, key=lambda labels: (-len(labels), sum(map(len, labels))))


def _bullets(text: str) -> list[tuple[str, ...]]:
    """Runs of lines with a list mark; in ``- good: the writer likes it`` the label is before the colon."""
    lists, run = [], []
    for line in [*text.splitlines(), ""]:
        if _BULLET.match(line):
            run.append(re.split(r"\s*[:–—]\s|\s-\s", _BULLET.sub("", line))[0])
            continue
        if labels := _labels(run):
            lists.append(labels)
        run = []
    return lists


def _labels(parts: Sequence[str]) -> tuple[str, ...]:
    """The parts as labels; none where there are fewer than two, or one of them is prose."""
    shown: dict[str, str] = {}
    for part in parts:
        text = part.strip(" \t\"'`“”‘’*_()[]{}<>.:")
        if len(text.split()) > MAX_LABEL_WORDS or _STRONG.search(text):
            return ()
        if _ASIDE.fullmatch(text):
            continue
        if form := normalise(text):
            shown.setdefault(form, text)
    return tuple(shown.values()) if len(shown) > 1 else ()
