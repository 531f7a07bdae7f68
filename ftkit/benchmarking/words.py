"""Figures as a person reads them: the same in the terminal, the HTML report and the Markdown summary."""

from __future__ import annotations

from ftkit.benchmarking.results import BenchmarkReport, ModelScore

UNKNOWN = "unknown"


def percent(share: float | None) -> str:
    """``72.4 %``; a dash where there is no figure."""
    return "–" if share is None else f"{share * 100:.1f} %"


def figure(share: float | None) -> str:
    """``72.4``, where the percent sign stands elsewhere; a dash where there is no figure."""
    return "–" if share is None else f"{share * 100:.1f}"


def interval(score: ModelScore) -> str:
    """The interval of what the model is compared by: ``70.9 – 73.8 %``."""
    _, low, high = score.figure
    return between(low, high)


def between(low: float | None, high: float | None) -> str:
    """Two shares: ``70.9 – 73.8 %``; a dash where one is not there."""
    return "–" if low is None or high is None else f"{low * 100:.1f} – {high * 100:.1f} %"


def points(difference: float) -> str:
    """A difference of shares in points, with its sign: ``+21.3``, ``−0.4``, ``0.0``."""
    text = f"{difference * 100:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def points_between(low: float | None, high: float | None) -> str:
    """The interval of a difference in points: ``+1.2 to +5.0``; a dash where there is none."""
    return "–" if low is None or high is None else f"{points(low)} to {points(high)}"


def p_value(p: float) -> str:
    """``< 0.001`` or ``0.003``."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def measure(report: BenchmarkReport) -> str:
    """What models are compared by: ``Accuracy``, or ``Score`` where the metric is continuous."""
    return "Score" if any(score.continuous for score in report.models) else "Accuracy"


def ranked(report: BenchmarkReport) -> list[ModelScore]:
    """The models, best first; of equals the one that was named first."""
    return sorted(report.models, key=lambda score: (-score.figure[0], -score.correct))


def whole(number: int | None) -> str:
    """``12,345``, or ``unknown``."""
    return UNKNOWN if number is None else f"{number:,}"


def seconds(value: float | None) -> str:
    """``0.8 s``, ``12 s``, ``4 min 5 s``, ``2 h 3 min``, or ``unknown``."""
    if value is None:
        return UNKNOWN
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{hours} h {minutes_left} min" if hours else f"{minutes} min {rest} s"


def dollars(value: float | None) -> str:
    """``$0``, ``$0.0031``, ``$1.27``, or ``unknown``: never zero for what is not known."""
    if value is None:
        return UNKNOWN
    if value == 0:
        return "$0"
    return f"${value:,.2f}" if value >= 1 else f"${value:.4f}" if value >= 0.0001 else "< $0.0001"


def kind(score: ModelScore) -> str:
    """``tuned``, ``base``, or with the word that it is not the model that its name says."""
    return f"{score.role}, stand-in" if score.stand_in_for else score.role


def called(score: ModelScore) -> str:
    """A model's name in a sentence: a stand-in is never spoken of as the model whose name it bears."""
    return f"{score.model} (stand-in)" if score.stand_in_for else score.model


def remarks(report: BenchmarkReport) -> dict[str, list[str]]:
    """What is to be known of the models, each remark with the models that it is about."""
    found: dict[str, list[str]] = {}
    for score in report.models:
        for note in score.notes:
            found.setdefault(note, []).append(score.model)
    return found


def cost_unknown(report: BenchmarkReport) -> dict[str, list[str]]:
    """Why a cost is not known, with the models of which that is so."""
    reasons: dict[str, list[str]] = {}
    for score in report.models:
        if score.cost is None and score.cost_note:
            reasons.setdefault(score.cost_note, []).append(score.model)
    return reasons


def faults(score: ModelScore) -> str:
    """The rows without a usable answer, by kind: ``3 failed, 12 invalid``; ``none``."""
    kinds = {
        "failed": score.failures,
        "missing": score.missing,
        "refused": score.refused,
        "cut off": score.truncated,
        "empty": score.empty,
        "invalid": score.invalid,
    }
    return ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count) or "none"


def shortened(text: str, width: int) -> str:
    """``text`` with its middle left out where it is longer than ``width``: ids differ at their ends."""
    if len(text) <= width:
        return text
    head = (width - 1) // 2
    return f"{text[:head]}…{text[-(width - 1 - head) :]}"
