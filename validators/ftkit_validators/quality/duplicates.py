"""FT501 and FT502: rows that stand more than once, to the last sign or nearly so."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any, Self

from ftkit.data import canonical_json
from ftkit.data.similarity import NearDuplicateIndex
from ftkit.validation import Context, FileFacts, Found, RowView, rule
from ftkit_validators.quality.compare import Pair, compared, share
from ftkit_validators.quality.rows import LineMap, Source
from ftkit_validators.quality.samples import STORY, row
from ftkit_validators.quality.texts import EVERY_KIND, digest64, texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHORT = 100  # characters; below it, one other character costs a text more than a tenth of its shingles
_GOOD = row("What is 2+2?", "4", "Answer with a number.")


@rule(
    "FT501",
    "duplicate-example",
    scope="dataset",
    severity="warning",
    kinds=EVERY_KIND,
    bad=_GOOD * 2,
    good=_GOOD + row("How many legs has a spider?", "8"),
)
class DuplicateExample:
    """The same example stands more than once. It counts double in training; and when one copy lands in the
    training part and the other in the test part, the score measures memory. (ftkit's own split keeps equal
    prompts together.)"""

    def __init__(self, context: Context) -> None:
        self.digests = array("Q")
        self.lines = LineMap()

    def row(self, row: RowView) -> Iterator[Found]:
        """Compare by a 64-bit hash of the canonical JSON: 8 bytes a row, not the text."""
        self.digests.append(canonical_digest(row))
        self.lines.add(row.line)
        return iter(())

    def merge(self, later: Self, lines: int) -> None:
        """Take in the rows that follow."""
        self.digests += later.digests
        self.lines.merge(later.lines, lines)

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Name every copy but the first."""
        import numpy as np

        copies, originals = repeated(np.frombuffer(self.digests, np.uint64))
        lines, firsts = self.lines.lines(copies), self.lines.lines(originals)
        for line, before in zip(lines.tolist(), firsts.tolist(), strict=True):
            yield Found(
                f"the same example as on line {before}", "Keep one of them, unless it is meant so.", line=line
            )


@rule(
    "FT502",
    "near-duplicate-example",
    scope="dataset",
    severity="warning",
    kinds=EVERY_KIND,
    params={"similarity": 0.9},
    bad=row(STORY, "It comes on Friday.") + row(STORY.replace("two days", "2 days"), "It comes on Friday."),
    good=row(STORY, "It comes on Friday.") + row("What is in the parcel?", "Spare parts."),
)
class NearDuplicateExample:
    """The example is nearly the same as an earlier one: the texts of their turns, less the system prompt,
    have at least the share ``similarity`` of their runs of five characters in common. Near copies weigh as
    exact ones do, and leak into a test part as they do; a split by near duplicates keeps them on one side."""

    def __init__(self, context: Context) -> None:
        self.similarity = float(context.param(NearDuplicateExample, "similarity"))  # type: ignore[arg-type]
        self.index = NearDuplicateIndex()
        self.digests = array("I")
        self.lines = LineMap()
        self.source = Source(context.name, context)

    def row(self, row: RowView) -> Iterator[Found]:
        """Add the row's sketch of 128 bytes, and 4 bytes to tell exact copies, of which FT501 speaks; their
        lowest bit says that the text is short."""
        body = texts(row).body
        self.index.add(body)
        self.digests.append(canonical_digest(row) & 0xFFFFFFFE | (len(body) < _SHORT))
        self.lines.add(row.line)
        return iter(())

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "source": None}

    def merge(self, later: Self, lines: int) -> None:
        """Take in the rows that follow."""
        self.index.merge(later.index)
        self.digests += later.digests
        self.lines.merge(later.lines, lines)

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Name every row that is like an earlier one, with that one."""
        for pair in compared(self._pairs(), self.source, self.source, self.similarity, lambda t: t.body):
            yield Found(
                f"{share(pair)} the same as the example on line {pair.other}",
                "Keep one of them, or split by near duplicates so that they stay on one side.",
                line=pair.line,
            )

    def _pairs(self) -> list[Pair]:
        import numpy as np

        from ftkit_validators.quality.compare import MARGIN

        alike = self.index.matches(max(0.05, self.similarity - MARGIN))
        digests = np.frombuffer(self.digests, np.uint32)
        own = digests[alike.row] != digests[alike.other]
        lines, others = self.lines.lines(alike.row[own]), self.lines.lines(alike.other[own])
        short = ((digests[alike.row[own]] | digests[alike.other[own]]) & 1).astype(bool)
        similar = alike.similarity[own].tolist()
        return list(map(Pair, lines.tolist(), others.tolist(), similar, repeat(False), short.tolist()))


def repeated(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The places at which an earlier value stands again, in order, and the first place of each such value."""
    import numpy as np

    order = np.argsort(values, kind="stable")
    ordered = values[order]
    same = np.append(False, ordered[1:] == ordered[:-1])[: len(order)]
    ends = np.flatnonzero(same)
    runs = np.append(True, np.diff(ends) > 1)[: len(ends)]
    firsts = order[ends[runs] - 1][np.cumsum(runs) - 1]
    by = np.argsort(order[ends])
    return order[ends][by], firsts[by]


def canonical_digest(row: RowView) -> int:
    """A 64-bit hash of the row's content, whatever the order of its keys and the way it is written."""
    found = row.shared.get("digest")
    if found is None:
        found = row.shared["digest"] = digest64(canonical_json(row.value))
    return found


RULES = (DuplicateExample, NearDuplicateExample)
