"""A benchmark's report as Markdown, for a pull request."""

from __future__ import annotations

import re

from ftkit.benchmarking.results import BenchmarkReport
from ftkit.benchmarking.words import dollars, faults, interval, kind, percent, remarks, seconds, whole

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#])")


def to_markdown(report: BenchmarkReport) -> str:
    """One table, the verdict and the notes; every value from outside is escaped."""
    lines = [
        "| Model | Accuracy | 95 % interval | n | Unusable | Tokens in / out | Time | Cost |",
        "| --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for score in sorted(report.models, key=lambda score: -score.correct):
        cells = [
            f"{_plain(score.model)} ({kind(score)})",
            percent(score.accuracy),
            interval(score),
            whole(score.n),
            faults(score),
            f"{whole(score.prompt_tokens)} / {whole(score.completion_tokens)}",
            seconds(score.seconds),
            dollars(score.cost),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", _plain(report.verdict)]
    if report.majority_label is not None:
        label, share = _plain(report.majority_label), percent(report.majority_share)
        lines += ["", f"Always answering “{label}” would reach {share}."]
    said = [f"{', '.join(models)}: {note}" for note, models in remarks(report).items()]
    if said or report.notes:
        lines += ["", *(f"- {_plain(text)}" for text in (*said, *report.notes))]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """``text`` with nothing in it that Markdown or HTML would read as markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
