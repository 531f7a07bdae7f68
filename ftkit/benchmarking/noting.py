"""Says what a reader must know before believing a benchmark's figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ftkit.benchmarking.results import ModelScore


def notes_on(scores: Sequence[ModelScore]) -> tuple[str, ...]:
    """All notes, model by model."""
    return tuple(note for score in scores for note in _notes(score))


def _notes(score: ModelScore) -> Iterator[str]:
    if score.truncated:
        yield (
            f"{score.model}: {score.truncated:,} replies were cut off at the token limit and count as "
            "not correct; raise --max-tokens"
        )
    if lost := score.failures + score.missing:
        why = f": {score.error_samples[0]}" if score.error_samples else ""
        yield f"{score.model}: {lost:,} requests have no answer and count as not correct{why}"
    if extra := score.duplicates + score.strangers:
        yield f"{score.model}: {extra:,} answers to no request, or to one answered before, were left out"
    if score.cached:
        yield f"{score.model}: {_cached(score)}"


def _cached(score: ModelScore) -> str:
    """Which answers are from an earlier call, and of when."""
    part = "all answers" if score.cached >= score.n else f"{score.cached:,} of {score.n:,} answers"
    days = dict.fromkeys(at[:10] for at in (score.answered_from, score.answered_until) if at)
    when = f" of {' to '.join(days)}" if days else ""
    return f"{part} are from an earlier call{when} and were not asked again (--fresh asks again)"
