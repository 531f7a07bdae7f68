"""Sentences about a benchmark's tests, prices and parts: the same in every form of the report."""

from __future__ import annotations

from ftkit.benchmarking.results import BenchmarkReport, BreakEven, Disagreement, ModelScore
from ftkit.benchmarking.words import whole

_TESTS = {
    "mcnemar": (
        "Exact McNemar test on the same rows: only rows that one of the two alone has right can tell them "
        "apart. p is how likely a split at least this uneven would be if both were equally good"
    ),
    "paired bootstrap": (
        "Paired bootstrap of the scores on the same rows. p is how likely a difference at least this large "
        "would be if both were equally good"
    ),
    "cluster bootstrap": (
        "Paired bootstrap of whole groups of rows, because rows of a group are not independent. p is how "
        "likely a difference at least this large would be if both were equally good"
    ),
}


def how_compared(report: BenchmarkReport) -> str:
    """How the models were compared, and what the last columns of the table mean."""
    if not report.comparisons:
        return ""
    first = report.comparisons[0]
    said = [_TESTS[first.test]]
    if first.p_adjusted is not None and first.family > 1:
        said[0] += f"; it is corrected (Holm) for {first.family} comparisons"
    if any(c.detectable is not None for c in report.comparisons):
        said.append(
            "The smallest difference is what a set of so many rows shows four times out of five; rows needed "
            "is how many would show a difference of this size so often"
        )
    return f"{'. '.join(said)}."


def break_even(one: BreakEven) -> str:
    """``from 12,300 requests on by batch, from 9,800 in real time``, or why not."""
    ways = (("by batch", one.batch), ("in real time", one.realtime))
    found = [f"from {whole(number)} requests on {way}" for way, number in ways if number is not None]
    said = ", ".join(found)
    if one.note:
        return f"{said} ({one.note})" if said else one.note
    return said or "never, or not known"


def price_unknown(report: BenchmarkReport) -> dict[str, list[str]]:
    """Why the price of 1,000 requests is not known, with the models of which that is so."""
    reasons: dict[str, list[str]] = {}
    for score in report.models:
        if None in (score.batch_per_1000, score.realtime_per_1000) and score.price_note:
            reasons.setdefault(score.price_note, []).append(score.model)
    return reasons


def cached(score: ModelScore) -> str:
    """How many answers were given to an earlier call, and when; empty where none was."""
    if not score.cached:
        return ""
    times = [time[:16].replace("T", " ") for time in (score.answered_from, score.answered_until) if time]
    when = " to ".join(dict.fromkeys(times))
    return f"{whole(score.cached)} of {whole(score.n)} answers are from an earlier call" + (
        f" ({when} UTC)" if when else ""
    )


def lead_of(report: BenchmarkReport, row: Disagreement) -> float:
    """How far the reference model is ahead of its rival on a row: -1 to 1."""
    marks = row.values or row.correct
    return float(marks[report.reference]) - float(marks[report.rival]) if report.rival else 0.0


def parts_of(report: BenchmarkReport) -> dict[str, dict[str, float]]:
    """A metric's parts (fields of JSON, precision and recall), each with every model's mean, 0 to 1."""
    found: dict[str, dict[str, float]] = {}
    for score in report.models:
        for part in score.parts:
            found.setdefault(part.name, {})[score.model] = part.mean
    return found
