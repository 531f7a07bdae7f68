"""A benchmark's report as Markdown, for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ftkit.benchmarking.phrases import (
    break_even,
    how_compared,
    parts_of,
    price_unknown,
)
from ftkit.benchmarking.results import BenchmarkReport
from ftkit.benchmarking.statistics import rows_words
from ftkit.benchmarking.words import (
    dollars,
    faults,
    interval,
    kind,
    measure,
    p_value,
    percent,
    points,
    points_between,
    ranked,
    remarks,
    seconds,
    whole,
)

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~#])")


def to_markdown(report: BenchmarkReport) -> str:
    """The scores, the verdict, statistics, prices and judges; every value from outside is escaped."""
    lines = [*_scores(report), "", plain(report.verdict)]
    if report.majority_label is not None and measure(report) == "Accuracy":
        label, share = plain(report.majority_label), percent(report.majority_share)
        lines += ["", f"Always answering “{label}” would reach {share}."]
    for section in (_statistics(report), _prices(report), _parts(report), _judges(report)):
        found = list(section)
        lines += ["", *found] if found else []
    said = [f"{', '.join(models)}: {note}" for note, models in remarks(report).items()]
    if said or report.notes:
        lines += ["", *(f"- {plain(text)}" for text in (*said, *report.notes))]
    lines += ["", _foot(report)]
    return "\n".join(lines) + "\n"


def table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]) -> Iterator[str]:
    """A table; its cells are Markdown already. ``right`` are the columns of numbers."""
    yield f"| {' | '.join(headers)} |"
    yield f"| {' | '.join('---:' if n in right else '---' for n in range(len(headers)))} |"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def plain(text: str) -> str:
    """``text`` with nothing in it that Markdown or HTML would read as markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def folded(title: str, lines: Sequence[str]) -> list[str]:
    """Lines that are shown when their title is clicked, as GitHub and GitLab do it."""
    return [f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def _scores(report: BenchmarkReport) -> Iterator[str]:
    interval_of = f"{report.confidence * 100:.0f} % interval"
    headers = ["Model", measure(report), interval_of, "n", "Unusable", "Tokens in / out", "Time", "Cost"]
    rows = [
        [
            f"{plain(score.model)} ({kind(score)})",
            percent(score.figure[0]),
            interval(score),
            whole(score.n),
            faults(score),
            f"{whole(score.prompt_tokens)} / {whole(score.completion_tokens)}",
            seconds(score.seconds),
            dollars(score.cost),
        ]
        for score in ranked(report)
    ]
    return table(headers, rows, (1, 2, 3, 5, 6, 7))


def _statistics(report: BenchmarkReport) -> list[str]:
    if not report.comparisons:
        return []
    headers = [
        f"{plain(report.reference)} against",
        "Points",
        "Interval",
        "p",
        "Only it right",
        "Only the other",
    ]
    headers += ["Rows needed"]
    rows = [
        [
            plain(c.other),
            points(c.difference),
            points_between(c.low, c.high),
            p_value(c.p),
            whole(c.only_model),
            whole(c.only_other),
            "–" if c.rows_needed is None else f"about {rows_words(c.rows_needed)}",
        ]
        for c in report.comparisons
    ]
    lines = [*table(headers, rows, range(1, 7)), "", plain(how_compared(report))]
    return folded("Statistics", lines)


def _prices(report: BenchmarkReport) -> list[str]:
    if all(s.batch_per_1000 is None and s.realtime_per_1000 is None for s in report.models):
        return []
    rows = [
        [
            plain(score.model),
            percent(score.figure[0]),
            dollars(score.batch_per_1000),
            dollars(score.realtime_per_1000),
            dollars(score.training_cost) if score.role == "tuned" else "–",
        ]
        for score in ranked(report)
    ]
    headers = ["Model", measure(report), "1,000 requests by batch", "in real time", "Training"]
    lines = list(table(headers, rows, range(1, 5)))
    pays = [(score.model, one) for score in ranked(report) for one in score.break_even]
    lines += (
        ["", *(f"- When {plain(m)} pays against {plain(b.other)}: {plain(break_even(b))}" for m, b in pays)]
        if pays
        else []
    )
    unknown = [
        f"- Price unknown ({plain(r)}): {plain(', '.join(m))}" for r, m in price_unknown(report).items()
    ]
    return folded("Cost", [*lines, *(["", *unknown] if unknown else [])])


def _parts(report: BenchmarkReport) -> list[str]:
    found = parts_of(report)
    if not found:
        return []
    models = [score.model for score in ranked(report)]
    rows = [[plain(name), *(percent(means.get(model)) for model in models)] for name, means in found.items()]
    headers = ["Part", *(plain(model) for model in models)]
    return folded("By part", list(table(headers, rows, range(1, len(headers)))))


def _judges(report: BenchmarkReport) -> Iterator[str]:
    from ftkit.benchmarking.judging.show import tables_of

    for judging in report.judges:
        yield f"Judged: {plain(judging.verdict)}"
        yield ""
        for title, headers, rows in tables_of(judging):
            cells = [[plain(cell) for cell in row] for row in rows]
            yield from folded(plain(title), list(table(headers, cells, range(2, len(headers)))))


def _foot(report: BenchmarkReport) -> str:
    """What the figures were made from, small."""
    facts = (f"{whole(report.rows)} rows", f"SHA-256 {report.data_sha256[:12]}", f"metric {report.scored_by}")
    made = (report.platform, report.created_at[:10], f"ftkit {report.ftkit_version}")
    return f"<sub>{plain(', '.join(fact for fact in (*facts, *made) if fact))}</sub>"
