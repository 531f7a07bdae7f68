"""Whether two models are as good as each other: intervals and tests for parity on the same rows.

A test that finds no difference shows no parity: few rows find none either. Parity is shown by two tests the
other way round, each against a difference as large as the margin (D. J. Schuirmann, "A comparison of the
two one-sided tests procedure and the power approach", Journal of Pharmacokinetics and Biopharmaceutics 15
(1987), 657-680). Both reject at level alpha where the interval of confidence 1 - 2 alpha lies within it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from statistics import NormalDist

from ftkit.benchmarking.statistics.levels import CONFIDENCE, POWER
from ftkit.benchmarking.statistics.resampling import paired_bootstrap
from ftkit.benchmarking.statistics.shares import deviation, upper_end

_NORMAL = NormalDist()


@dataclass(frozen=True)
class Parity:
    """The new figure minus the old one, as shares (0.01 is a point), and where it lies.

    With ``confidence`` it is above ``low``, and with ``confidence`` below ``high``: each end by itself.
    """

    estimate: float
    low: float
    high: float
    confidence: float

    @property
    def within(self) -> float:
        """The smallest margin that parity is shown for: the two are apart by less than this."""
        return max(abs(self.low), abs(self.high))

    @property
    def loss(self) -> float:
        """The most that the new one is worse by; 0 where it is shown to be better."""
        return max(0.0, -self.low)

    def not_worse(self, margin: float) -> bool:
        """Whether the new one is shown to be worse by less than ``margin`` (non-inferiority)."""
        return self.low > -margin

    def equivalent(self, margin: float) -> bool:
        """Whether the two are shown to be apart by less than ``margin``, either way."""
        return self.low > -margin and self.high < margin


def parity_of_shares(only_new: int, only_old: int, n: int, confidence: float = CONFIDENCE) -> Parity:
    """Parity of two shares of right answers on the same ``n`` rows.

    ``only_new`` rows are right with the new model alone, ``only_old`` with the old one alone. The ends are
    those of Tango's score interval (see ``difference_interval``), each at one-sided ``confidence``.
    """
    if n == 0:
        return Parity(0.0, -1.0, 1.0, confidence)
    z = _NORMAL.inv_cdf(confidence)
    low, high = -upper_end(only_old, only_new, n, z), upper_end(only_new, only_old, n, z)
    return Parity((only_new - only_old) / n, low, high, confidence)


def parity_of_scores(
    new: Sequence[float],
    old: Sequence[float],
    groups: Sequence[int] | None = None,
    *,
    confidence: float = CONFIDENCE,
) -> Parity:
    """Parity of two mean scores (0 to 1) of the same rows, by the paired bootstrap; see Bootstrap.

    With ``groups`` (a number from 0 for every row) whole groups are drawn: right and wrong (1 and 0), too,
    where rows belong together. Raises ValueError where the two are not equally long.
    """
    found = paired_bootstrap(new, old, groups, confidence=2 * confidence - 1)
    return Parity(found.estimate, found.low, found.high, confidence)


def not_worse_p(only_new: int, only_old: int, n: int, margin: float) -> float:
    """The one-sided p-value that the new share is worse by ``margin`` or more (Tango's score test)."""
    if n == 0:
        return 1.0
    return _NORMAL.cdf(deviation(only_new, only_old, n, -margin))


def equivalence_p(only_new: int, only_old: int, n: int, margin: float) -> float:
    """The p-value that the shares are apart by ``margin`` or more, either way: the larger of two tests."""
    return max(not_worse_p(only_new, only_old, n, margin), not_worse_p(only_old, only_new, n, margin))


def rows_for_parity(margin: float, discordant: float, confidence: float = CONFIDENCE) -> int:
    """How many rows show parity for ``margin`` four times out of five, where the models are truly equal.

    ``discordant`` is the share of rows that one of them alone has right. J.-P. Liu, H.-M. Hsueh, E. Hsieh
    and J. J. Chen, "Tests for equivalence or non-inferiority for paired binary data", Statistics in
    Medicine 21 (2002), 231-245. Raises ValueError where the margin is not above 0.
    """
    if margin <= 0:
        raise ValueError("a margin is more than 0")
    reach = _NORMAL.inv_cdf(confidence) + _NORMAL.inv_cdf((1 + POWER) / 2)
    return max(1, ceil(reach * reach * discordant / (margin * margin)))


def parity_words(other: str, found: Parity) -> str:
    """What is shown, with margins rounded up: ``within 1.5 points of OTHER with 95 % confidence``.

    Where the new one is shown to be better, or worse, by at least a tenth of a point, that is said instead.
    """
    sure = f"with {found.confidence * 100:g} % confidence"
    if found.low >= 0.001:
        return f"better than {other} by at least {_down(found.low)} points {sure}"
    if found.high <= -0.001:
        return f"worse than {other} by {_down(-found.high)} to {_up(-found.low)} points {sure}"
    return f"within {_up(found.within)} points of {other} {sure}"


def _up(share: float) -> str:
    """Points to a tenth, never less than they are."""
    return f"{ceil(round(share * 1000, 6)) / 10:.1f}"


def _down(share: float) -> str:
    """Points to a tenth, never more than they are."""
    return f"{int(round(share * 1000, 6)) / 10:.1f}"
