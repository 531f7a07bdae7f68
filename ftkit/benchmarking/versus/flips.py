"""Picks the rows that flipped between two runs, and reads their texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ftkit.benchmarking.versus.marks import AnsweredRow, Pairs, Table, read_answers
from ftkit.benchmarking.versus.reading import Recorded
from ftkit.benchmarking.versus.results import Flip

MAX_FLIPS = 200
MAX_SHOWN = 2000
"""Characters of a text that a report shows; the tables of answers have all of it."""
_ALIKE = 1e-6  # values closer than this are the same score


class _Place(NamedTuple):
    a: int
    b: int
    size: float


def flips_of(
    first: Recorded, second: Recorded, model_a: str, model_b: str, tables: tuple[Table, Table], rows: Pairs
) -> tuple[tuple[Flip, ...], int]:
    """At most MAX_FLIPS rows that are right in one run only or scored differently, and how many there are.

    Half of them better and half worse where there are enough of both, the widest apart first.
    """
    places = _places(tables, model_a, model_b, rows)
    better = [place for place in places if place.size > 0]
    worse = [place for place in places if place.size < 0]
    few = min(len(better), max(MAX_FLIPS // 2, MAX_FLIPS - len(worse)))
    picked = _widest(better, few) + _widest(worse, MAX_FLIPS - few)
    picked.sort(key=lambda place: (-abs(place.size), place.a))
    old = _texts(first, model_a, {place.a for place in picked})
    new = _texts(second, model_b, {place.b for place in picked})
    return tuple(_flip(old[place.a], new[place.b]) for place in picked), len(places)


def _places(tables: tuple[Table, Table], model_a: str, model_b: str, rows: Pairs) -> list[_Place]:
    old, new = tables[0].columns[model_a], tables[1].columns[model_b]
    found = []
    for a, b in zip(rows.a, rows.b, strict=True):
        # a row that flips between right and wrong stands before one whose score alone has moved
        size = new.values[b] - old.values[a] + (new.right[b] - old.right[a])
        if abs(size) > _ALIKE:
            found.append(_Place(a, b, size))
    return found


def _widest(places: list[_Place], wanted: int) -> list[_Place]:
    """The widest apart; among equals, spread evenly over the file."""
    if len(places) <= wanted:
        return places
    ordered = sorted(places, key=lambda place: -abs(place.size))
    if wanted == 0:
        return []
    least = abs(ordered[wanted - 1].size)
    sure = [place for place in ordered if abs(place.size) > least + _ALIKE]
    ties = [place for place in places if abs(abs(place.size) - least) <= _ALIKE]
    left = wanted - len(sure)
    return sure + [ties[number * len(ties) // left] for number in range(left)]


def _texts(run: Recorded, model: str, rows: set[int]) -> Mapping[int, AnsweredRow]:
    found: dict[int, AnsweredRow] = {}
    if not rows:
        return found
    for one in read_answers(run.answers):
        if one.row in rows and one.model == model:
            found[one.row] = one
            if len(found) == len(rows):
                break
    return found


def _flip(old: AnsweredRow, new: AnsweredRow) -> Flip:
    return Flip(
        row_a=old.row,
        row_b=new.row,
        prompt=_cut(new.prompt),
        expected=_cut(new.expected),
        answer_a=_cut(old.answer),
        answer_b=_cut(new.answer),
        right_a=old.right,
        right_b=new.right,
        value_a=old.value,
        value_b=new.value,
    )


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
