"""Picks answers on which judges differ from the truth or from each other: the ones to look at."""

from __future__ import annotations

import random
from collections.abc import Callable

from ftkit.benchmarking.judging.results import Dispute

MOST = 50
LONGEST = 2000
"""Characters of a text that is shown; the table of verdicts has all of it."""


class Disputes:
    """A sample of at most ``most`` disputes out of all that come, each as likely as another.

    Algorithm R of J. S. Vitter, ACM Transactions on Mathematical Software 11 (1985), 37-57, with a fixed
    seed: the same answers give the same sample.
    """

    def __init__(self, most: int = MOST) -> None:
        self.total = 0
        self._most, self._kept = most, list[Dispute]()
        self._chance = random.Random(0)

    def add(self, make: Callable[[], Dispute]) -> None:
        """Count a dispute; it is made only where it is kept."""
        self.total += 1
        if len(self._kept) < self._most:
            self._kept.append(make())
        elif (place := self._chance.randrange(self.total)) < self._most:
            self._kept[place] = make()

    @property
    def kept(self) -> tuple[Dispute, ...]:
        """The sample, in the order of the rows."""
        return tuple(sorted(self._kept, key=lambda dispute: dispute.row))


def shown(text: str | None) -> str:
    """A text that is short enough to be shown."""
    if text is None:
        return "(no usable answer)"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
