"""What a comparison shows: both models' marks on the same rows, the interval, the verdict, the statement."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Literal

from ftkit.benchmarking import BenchmarkReport
from ftkit.benchmarking.compare import parity
from ftkit.benchmarking.metrics import normalise
from ftkit.benchmarking.statistics import (
    Parity,
    discordant,
    parity_words,
    rows_for_parity,
    rows_words,
    wilson_interval,
)
from ftkit.benchmarking.versus.marks import read_table, whole_lines
from ftkit.data import canonical_json, read_jsonl
from ftkit.lifecycle.migration.results import Verdict

Against = Literal["right answers", "old answers"]


@dataclass(frozen=True)
class Sides:
    """Both models' marks on the same ``rows`` and how often (``same``) they say the same.

    ``old`` and ``new`` are their figures, shares of 0 to 1; ``only_old`` and ``only_new`` rows are right
    with one of them alone.
    """

    parity: Parity
    rows: int
    only_old: int
    only_new: int
    same: int
    old: float
    new: float

    @property
    def agreement(self) -> tuple[float, float, float]:
        """The share of rows on which both say the same, with its interval (Wilson's)."""
        return self.same / self.rows, *wilson_interval(self.same, self.rows, self.parity.confidence)

    def rows_needed(self, margin: float) -> int:
        """How many rows would show parity for ``margin``, the models being as often apart as here."""
        apart = max(self.only_old + self.only_new, 1) / max(self.rows, 1)
        return rows_for_parity(margin, apart, self.parity.confidence)


def sides_of(found: BenchmarkReport, old: str, new: str, out: Path, rows: Path, confidence: float) -> Sides:
    """What a benchmark in ``out`` says of the two. ``rows`` is the file that they were asked."""
    answers = out / found.files["answers"]
    table = read_table(answers, (old, new))
    first, second = table.columns[old], table.columns[new]
    only_old, only_new = discordant(first.right, second.right)
    groups = groups_of(rows, found.group)
    continuous = found.model(new).continuous
    shown = parity(second, first, continuous=continuous, groups=groups, confidence=confidence)
    scores = (found.model(old).figure[0], found.model(new).figure[0])
    return Sides(shown, found.rows, only_old, only_new, agreeing(answers, old, new), *scores)


def groups_of(rows: Path, group: str | None) -> array[int] | None:
    """Which rows belong together, as a number from 0 for each; None where none do."""
    if group is None:
        return None
    known: dict[bytes, int] = {}
    return array(
        "q", (known.setdefault(canonical_json(row.data.get(group)), len(known)) for row in read_jsonl(rows))
    )


def agreeing(answers: Path, old: str, new: str) -> int:
    """Rows on which both say the same: the same label or value read from the answers, else the same text."""
    said: dict[str, str] = {}
    same = 0
    with answers.open(encoding="utf-8", newline="") as file:
        lines = csv.reader(file)
        header = next(lines, [])
        for cells, _ in whole_lines(lines):
            row = dict(zip(header, cells, strict=False))
            if row["model"] not in (old, new):
                continue
            said[row["model"]] = row["predicted"] or normalise(row["answer"])
            if len(said) == 2:
                same += said[old] == said[new] != ""
                said = {}
    return same


def verdict_of(parity: Parity, margin: float) -> Verdict:
    """What is shown for a margin, in one word or two."""
    if parity.equivalent(margin):
        return "equivalent"
    if parity.not_worse(margin):
        return "not worse"
    return "worse" if parity.high < 0 else "not shown"


def statement(
    old: str, new: str, parity: Parity, verdict: Verdict, margin: float, rows: int, needed: int | None
) -> str:
    """The parity in a sentence or two that a person may quote."""
    low, high = _points(parity.low, floor), _points(parity.high, ceil)
    ends = f"{_points(parity.estimate, round)} points, {low} to {high}"
    text = f"On {_counted(rows)} {new} is {parity_words(old, parity)} ({ends}). "
    points = f"{margin * 100:g} points"
    text += {
        "equivalent": f"It is as good, within {points}.",
        "not worse": f"It is not worse by {points} or more.",
        "worse": "It is shown to be worse.",
        "not shown": f"That it is as good, within {points}, is not shown.",
    }[verdict]
    if needed is not None and needed > rows:
        text += f" About {rows_words(needed)} rows would show it, if the two are truly equal."
    return text


def likeness(old: str, new: str, sides: Sides) -> str:
    """How often the new model says what the old one said, in a sentence."""
    same, low, high = (share * 100 for share in sides.agreement)
    return (
        f"On {_counted(sides.rows)} {new} answers as {old} did in {same:.1f} % ({low:.1f} to {high:.1f} %)."
    )


def _points(share: float, rounded: Callable[[float], float]) -> str:
    """Points to a tenth; ends of an interval are rounded away from it, so that nothing too narrow is said."""
    tenths = rounded(round(share * 1000, 6))
    return f"{tenths / 10:+.1f}" if tenths else "0.0"


def _counted(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"
