"""The statistics of a benchmark: intervals, paired tests, parity, what rows can show, agreement of raters."""

from __future__ import annotations

from ftkit.benchmarking.statistics.agreement import Agreement, agreement, cohen_kappa, fleiss_kappa
from ftkit.benchmarking.statistics.equivalence import (
    Parity,
    equivalence_p,
    not_worse_p,
    parity_of_scores,
    parity_of_shares,
    parity_words,
    rows_for_parity,
)
from ftkit.benchmarking.statistics.levels import ALPHA, CONFIDENCE, POWER
from ftkit.benchmarking.statistics.power import (
    Sought,
    detectable_difference,
    mcnemar_power,
    rows_needed,
    seen_by_error,
)
from ftkit.benchmarking.statistics.resampling import (
    Bootstrap,
    Difference,
    bootstrap_interval,
    paired_bootstrap,
)
from ftkit.benchmarking.statistics.several import holm
from ftkit.benchmarking.statistics.shares import (
    difference_interval,
    discordant,
    mcnemar_exact,
    wilson_interval,
)
from ftkit.benchmarking.statistics.wording import p_words, rows_words, verdict_words

__all__ = [
    "ALPHA",
    "CONFIDENCE",
    "POWER",
    "Agreement",
    "Bootstrap",
    "Difference",
    "Parity",
    "Sought",
    "agreement",
    "bootstrap_interval",
    "cohen_kappa",
    "detectable_difference",
    "difference_interval",
    "discordant",
    "equivalence_p",
    "fleiss_kappa",
    "holm",
    "mcnemar_exact",
    "mcnemar_power",
    "not_worse_p",
    "p_words",
    "paired_bootstrap",
    "parity_of_scores",
    "parity_of_shares",
    "parity_words",
    "rows_for_parity",
    "rows_needed",
    "rows_words",
    "seen_by_error",
    "verdict_words",
    "wilson_interval",
]
