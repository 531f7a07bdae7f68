"""Sets the models of a benchmark side by side: paired tests, the verdict, the rows they disagree on."""

from __future__ import annotations

from collections.abc import Sequence

from ftkit.benchmarking.results import Comparison, ModelScore
from ftkit.benchmarking.statistics import discordant, mcnemar_exact, verdict_words
from ftkit.benchmarking.words import called, interval, percent

MAX_DISAGREEMENTS = 50


def reference_of(scores: Sequence[ModelScore]) -> ModelScore:
    """The model that the others are held against: the best tuned one, else the best; the first of equals."""
    tuned = [score for score in scores if score.role == "tuned"]
    return max(tuned or scores, key=lambda score: score.correct)


def rival_of(scores: Sequence[ModelScore], reference: ModelScore) -> ModelScore | None:
    """The best of the other models, a base model where there is one; None where there is no other."""
    others = [score for score in scores if score is not reference]
    base = [score for score in others if score.role == "base"]
    return max(base or others, key=lambda score: score.correct, default=None)


def compare(
    reference: ModelScore, other: ModelScore, right: Sequence[int], wrong: Sequence[int]
) -> Comparison:
    """Test ``reference`` against ``other``; ``right`` and ``wrong`` hold their 1 or 0 of each row."""
    only_model, only_other = discordant(right, wrong)
    p = mcnemar_exact(only_model, only_other)
    difference = reference.accuracy - other.accuracy
    return Comparison(
        model=reference.model,
        other=other.model,
        n=reference.n,
        only_model=only_model,
        only_other=only_other,
        difference=difference,
        p_value=p,
        verdict=verdict_words(called(other), difference, p),
    )


def verdict(reference: ModelScore, comparisons: Sequence[Comparison]) -> str:
    """One sentence for a person in a hurry."""
    share = (
        f"{called(reference)} is right on {percent(reference.accuracy)} of {reference.n:,} rows "
        f"(95 % interval {interval(reference)})"
    )
    return "; ".join([share, *(comparison.verdict for comparison in comparisons)]) + "."


def disagreeing_rows(
    first: Sequence[int], second: Sequence[int], limit: int = MAX_DISAGREEMENTS
) -> tuple[list[int], int]:
    """Rows that one model answers right and the other wrong, and how many there are in all.

    At most ``limit`` of them: half from either side where both have enough, each side spread evenly
    over the file, in the order of the file.
    """
    sides: list[list[int]] = [[], []]
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        if a != b:
            sides[a].append(row)
    lost, won = sides
    from_lost = min(len(lost), max(limit // 2, limit - len(won)))
    picked = _spread(lost, from_lost) + _spread(won, limit - from_lost)
    return sorted(picked), len(lost) + len(won)


def _spread(rows: Sequence[int], wanted: int) -> list[int]:
    if len(rows) <= wanted:
        return list(rows)
    return [rows[place * len(rows) // wanted] for place in range(wanted)]
