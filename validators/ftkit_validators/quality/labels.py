"""FT505: how often each answer stands, where the answers are labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Self

from ftkit.validation import Case, Context, FileFacts, Found, RowView, rule
from ftkit_validators.quality.samples import questions, row
from ftkit_validators.quality.texts import shortened, texts

_MOST_LABELS, _LONGEST = 50, 80
_SMALL = {"params": {"FT505.rows": 20, "FT505.rare": 2}}
_ASKED = questions(24)


@rule(
    "FT505",
    "unbalanced-labels",
    scope="dataset",
    severity="warning",
    kinds=("chat", "completion"),
    params={"majority": 0.9, "rare": 5, "rows": 50},
    bad=Case("".join(row(q, "no" if n else "yes") for n, q in enumerate(_ASKED)), options=_SMALL),
    good=Case("".join(row(q, "no" if n % 2 else "yes") for n, q in enumerate(_ASKED)), options=_SMALL),
)
class UnbalancedLabels:
    """The answers are a few labels, and one of them has nearly all rows (``majority``) or some have hardly
    any (fewer than ``rare``). A model learns to say the frequent one, and is right often enough to look good;
    accuracy hides it, so look at the scores label by label. Asked of at least ``rows`` rows."""

    def __init__(self, context: Context) -> None:
        self.majority = float(context.param(UnbalancedLabels, "majority"))  # type: ignore[arg-type]
        self.rare = int(context.param(UnbalancedLabels, "rare"))  # type: ignore[arg-type]
        self.rows = int(context.param(UnbalancedLabels, "rows"))  # type: ignore[arg-type]
        self.counts: Counter[str] | None = Counter()

    def row(self, row: RowView) -> Iterator[Found]:
        """Count the answer, for as long as they look like labels."""
        if self.counts is not None and (reply := texts(row).reply) is not None:
            self.counts[reply.strip()[: _LONGEST + 1]] += 1
            self._look(reply)
        return iter(())

    def _look(self, reply: str) -> None:
        if self.counts is not None and (len(reply) > _LONGEST or len(self.counts) > _MOST_LABELS):
            self.counts = None

    def merge(self, later: Self, lines: int) -> None:
        """Take in the rows that follow."""
        if self.counts is None or later.counts is None:
            self.counts = None
            return
        self.counts += later.counts
        self._look("")

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Name the label that nearly all rows have, or those that hardly any has."""
        if not self.counts or self.counts.total() < self.rows:
            return
        total, number = self.counts.total(), len(self.counts)
        if number < 2 or number * 4 > total:
            return
        label, rows = self.counts.most_common(1)[0]
        if rows >= self.majority * total:
            what = f"{rows:,} of {total:,} rows have the answer {shortened(label)}: {rows / total:.1%}"
            yield Found(what, "Add rows of the others, or take a sample of this one.")
        for label, rows in sorted(self.counts.items(), key=lambda item: (item[1], item[0])):
            if rows < self.rare:
                what = f"only {rows} of {total:,} rows {'has' if rows == 1 else 'have'} the answer"
                yield Found(f"{what} {shortened(label)}", "Add rows of it, or leave the label out.")


RULES = (UnbalancedLabels,)
