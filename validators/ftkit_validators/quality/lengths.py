"""FT512: rows much longer or much shorter than the others."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Self

from ftkit.validation import Case, Context, FileFacts, Found, RowView, rule
from ftkit_validators.quality.rows import LineMap
from ftkit_validators.quality.samples import questions, row
from ftkit_validators.quality.texts import EVERY_KIND, texts

_LEAST_SPREAD = 0.2  # of the logarithm: where all rows are nearly alike, a fifth more is still usual
_ASKED = questions(20)
_LONG = " ".join(f"On the {n}th day they counted {n * n} boats in the harbour." for n in range(60))
_SMALL = {"params": {"FT512.rows": 20}}


@rule(
    "FT512",
    "unusual-length",
    scope="dataset",
    severity="warning",
    kinds=EVERY_KIND,
    params={"distance": 6.0, "rows": 100},
    bad=Case(
        "".join(row(q, _LONG if n == 7 else f"It is {n}.") for n, q in enumerate(_ASKED)), options=_SMALL
    ),
    good=Case("".join(row(q, f"It is {n}.") for n, q in enumerate(_ASKED)), options=_SMALL),
)
class UnusualLength:
    """The row is far longer or shorter than the others: by more than ``distance`` of the usual spread, in the
    logarithm of its characters. Often two rows ran together, a text was cut, or a whole page was pasted in.
    Median and median deviation are used, so that the odd rows do not move the measure. Asked of at least
    ``rows`` rows."""

    def __init__(self, context: Context) -> None:
        self.distance = float(context.param(UnusualLength, "distance"))  # type: ignore[arg-type]
        self.least = int(context.param(UnusualLength, "rows"))  # type: ignore[arg-type]
        self.lengths = array("I")
        self.lines = LineMap()

    def row(self, row: RowView) -> Iterator[Found]:
        """Keep the number of characters: 4 bytes a row."""
        self.lengths.append(len(texts(row).body))
        self.lines.add(row.line)
        return iter(())

    def merge(self, later: Self, lines: int) -> None:
        """Take in the rows that follow."""
        self.lengths += later.lengths
        self.lines.merge(later.lines, lines)

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Name the rows out of the usual."""
        import numpy as np

        if len(self.lengths) < max(2, self.least):
            return
        lengths = np.frombuffer(self.lengths, np.uint32)
        logs = np.log1p(lengths)
        middle = float(np.median(logs))
        # 0.6745: the median deviation of a normal distribution with a standard deviation of 1
        spread = max(float(np.median(np.abs(logs - middle))) / 0.6745, _LEAST_SPREAD)
        odd = np.flatnonzero(np.abs(logs - middle) > self.distance * spread)
        usual = round(float(np.expm1(middle)))
        for line, length in zip(self.lines.lines(odd).tolist(), lengths[odd].tolist(), strict=True):
            which = "longer" if length > usual else "shorter"
            what = f"far {which} than the others: {length:,} characters, where the median is {usual:,}"
            yield Found(what, "Look whether rows ran together or a text was cut.", line=line)


RULES = (UnusualLength,)
