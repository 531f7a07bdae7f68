"""Measures raters against each other and against the truth: judges are measured before they are believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ftkit.benchmarking.judging.results import TRUTH, Agreement
from ftkit.benchmarking.statistics import cohen_kappa

_STRENGTH = ((0.2, "slight"), (0.4, "fair"), (0.6, "moderate"), (0.8, "substantial"))


class Agreements:
    """Counts what raters say of the same answers, by the model that answered, and sums it up.

    ``positive`` and ``negative`` are the words for the two verdicts in a sentence.
    """

    def __init__(self, positive: str = "right", negative: str = "wrong") -> None:
        self._words = positive, negative
        self._cells: Counter[tuple[str, str, str | None, bool, bool]] = Counter()
        self._models: dict[str | None, None] = {None: None}

    def add(self, first: str, second: str, model: str | None, mine: bool, theirs: bool) -> None:
        """Count one answer of ``model`` that both raters have a verdict on."""
        for of in {None, model}:
            self._models.setdefault(of)
            self._cells[first, second, of, mine, theirs] += 1

    def between(self, first: str, second: str) -> tuple[Agreement, ...]:
        """The two raters on all answers that both judged, and on each model's where there are several."""
        models = list(self._models) if len(self._models) > 2 else [None]
        found = (self._one(first, second, model) for model in models)
        return tuple(one for one in found if one.n)

    def _one(self, first: str, second: str, model: str | None) -> Agreement:
        both, mine, theirs, neither = (
            self._cells[first, second, model, a, b]
            for a, b in ((True, True), (True, False), (False, True), (False, False))
        )
        found = cohen_kappa([[both, mine], [theirs, neither]])
        return Agreement(
            first=first,
            second=second,
            model=model,
            n=found.n,
            both=both,
            only_first=mine,
            only_second=theirs,
            neither=neither,
            share=found.share,
            low=found.low,
            high=found.high,
            kappa=found.kappa,
            kappa_low=found.kappa_low,
            kappa_high=found.kappa_high,
            words=self._said(first, second, found.n, (both, mine, theirs, neither)),
        )

    def _said(self, first: str, second: str, n: int, cells: Sequence[int]) -> str:
        found = cohen_kappa([cells[:2], cells[2:]])
        other = "the right answers" if second == TRUTH else second
        share = share_words(found.share, found.low, found.high)
        text = f"{first} agrees with {other} on {share} of {n:,} answers"
        text += f", {kappa_words(found.kappa, found.kappa_low, found.kappa_high)}"
        if second != TRUTH:
            return text
        positive, negative = self._words
        both, mine, theirs, neither = cells
        errors = [
            f"{100 * wrong / of:.0f} % of the {called} ones {positive if called == negative else negative}"
            for wrong, of, called in ((mine, mine + neither, negative), (theirs, theirs + both, positive))
            if of
        ]
        return f"{text}; it calls {' and '.join(errors)}"


def share_words(share: float | None, low: float | None, high: float | None) -> str:
    """``82.0 % (79.5 to 84.3)``; ``unknown`` where there is none."""
    if share is None:
        return "unknown"
    text = f"{share * 100:.1f} %"
    return text if low is None or high is None else f"{text} ({low * 100:.1f} to {high * 100:.1f})"


def kappa_words(kappa: float | None, low: float | None, high: float | None) -> str:
    """``kappa 0.61 (0.55 to 0.67, substantial)``.

    The words are those of J. R. Landis and G. G. Koch, "The measurement of observer agreement for
    categorical data", Biometrics 33 (1977), 159-174, table 2.
    """
    if kappa is None:
        return "kappa not defined (one verdict alone occurs)"
    interval = f"{low:z.2f} to {high:z.2f}, " if low is not None and high is not None else ""
    return f"kappa {kappa:z.2f} ({interval}{strength(kappa)})"


def strength(kappa: float) -> str:
    """Landis and Koch's word for a kappa."""
    if kappa < 0:
        return "poor"
    return next((word for most, word in _STRENGTH if kappa <= most), "almost perfect")
