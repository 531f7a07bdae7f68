"""What came of judging, in sentences: the verdict, and what must be known before believing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ftkit.benchmarking.judging.measuring import share_words
from ftkit.benchmarking.judging.results import PANEL, Agreement, Judged, JudgeReport, JudgeUsed
from ftkit.benchmarking.statistics import ALPHA

MOST_APART = 3
MOST_SPLIT = 0.05
"""A panel that is split on a greater share of the answers speaks for the others alone: no headline."""
RELIABLE = 0.4
"""A kappa of less is at best "fair" in Landis and Koch's words: not enough to decide by."""


def score_words(judged: Judged, scale: int | None) -> str:
    """``7.4 of 10 (7.1 to 7.6)``, or the share that is called right."""
    if scale is None or judged.mean_score is None:
        return share_words(judged.share, judged.low, judged.high)
    least, most = judged.score_low or 0.0, judged.score_high or 0.0
    return f"{judged.mean_score:.2f} of {scale} ({least:.2f} to {most:.2f})"


def verdict_of(report: JudgeReport) -> str:
    """What a person in a hurry reads: the panel's word where it is hardly ever split, else each judge's."""
    if report.preferences:
        return f"{report.preferences[-1].words}."
    if not report.judged:
        return "There is nothing to judge."
    panel = [one for one in report.judged if one.judge == PANEL]
    split = sum(one.undecided for one in panel) > MOST_SPLIT * sum(one.n for one in panel)
    leading = [PANEL] if panel and not split else [used.judge for used in report.judges]
    return " ".join(_word_of(report, judge) for judge in leading)


def _word_of(report: JudgeReport, judge: str) -> str:
    parts = [f"{one.model}: {score_words(one, report.scale)}" for one in report.judged if one.judge == judge]
    called = "scores" if report.kind == "score" else "calls right"
    lead = f"{judge} {called} {'; '.join(parts)}"
    apart = [d.words for d in report.differences if d.judge == judge]
    truth = [a.words for a in report.against_truth if a.first == judge and a.model is None]
    return ". ".join([lead, *_few(apart), *truth]) + "."


def _few(sentences: list[str]) -> list[str]:
    """The sentences with a capital; where there are more than a reader takes in, the table has them."""
    return [text[:1].upper() + text[1:] for text in sentences] if len(sentences) <= MOST_APART else []


def notes_of(
    judges: Sequence[JudgeUsed],
    models: Sequence[str],
    fields: Mapping[str, Any],
    known_truth: bool,
) -> tuple[str, ...]:
    """What a reader must know before believing a figure; ``fields`` are those of the report."""
    found: list[str] = []
    for one in judges:
        found += _of_judge(one)
        if one.judge in models:
            found.append(f"{one.judge} judges its own answers, which models tend to favour")
    for judged in fields.get("judged", ()):
        if judged.judge == PANEL and judged.undecided:
            found.append(
                f"the judges are evenly split on {judged.undecided:,} answers of {judged.model}, which stand "
                "outside the panel's share: an odd number of judges decides more"
            )
    for preference in fields.get("preferences", ()):
        if preference.bias_p is not None and preference.bias_p < ALPHA:
            found.append(preference.words)
    if not known_truth:
        found.append("no right answers are known here, so nothing measures how far the judges are right")
    for agreement in fields["against_truth"]:
        if agreement.model is None:
            found += _of_measure(agreement)
    return tuple(found)


def _of_judge(one: JudgeUsed) -> list[str]:
    found = []
    if one.undecided:
        why = (
            f" ({', '.join(f'{count:,} {code}' for code, count in one.failures.items())})"
            if one.failures
            else ""
        )
        found.append(
            f"{one.judge}: {one.undecided:,} requests have no verdict{why} and stand outside its shares"
        )
    if one.cached:
        since = "" if one.oldest is None else f", the oldest of {_day(one.oldest)}"
        found.append(f"{one.judge}: {one.cached:,} replies were there from earlier calls{since}")
    if not one.enforced:
        again = f", and asked again in {one.rounds} rounds" if one.rounds > 1 else ""
        found.append(
            f"{one.judge}: {one.backend} does not keep replies to a form; it was asked for in words and "
            f"checked{again}"
        )
    return found


def _of_measure(agreement: Agreement) -> list[str]:
    if agreement.kappa is None:
        return []
    if agreement.kappa_low is not None and agreement.kappa_low <= 0:
        return [
            f"{agreement.first} is not shown to judge these answers better than chance: do not decide by it"
        ]
    if agreement.kappa < RELIABLE:
        return [f"{agreement.first} agrees too little with the right answers to decide by it"]
    return []


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
