"""Writes ``report.html``: one self-contained page with charts, tables, texts and lineage."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from ftkit.benchmarking import words
from ftkit.benchmarking.results import BenchmarkReport, ModelScore
from ftkit.benchmarking.statistics import ALPHA
from ftkit.data import atomic_write

TEMPLATE = "report.html.j2"


def write_report(
    report: BenchmarkReport,
    path: str | Path,
    *,
    title: str | None = None,
    lineage: Mapping[str, Any] | None = None,
) -> None:
    """Write the page to ``path``. ``lineage`` are lines of its last table: hashes, ids, versions.

    Every value is escaped. The page loads nothing from anywhere. Raises StorageError.
    """
    atomic_write(path, render_report(report, title=title, lineage=lineage))


def render_report(
    report: BenchmarkReport, *, title: str | None = None, lineage: Mapping[str, Any] | None = None
) -> str:
    """The page as text; the same arguments give the same text."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    from ftkit.benchmarking.charts import accuracy_chart, confusion_chart, legend_roles

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        percent=words.percent, whole=words.whole, seconds=words.seconds, dollars=words.dollars
    )
    environment.globals.update(
        interval=words.interval,
        faults=words.faults,
        kind=words.kind,
        remarks=words.remarks,
        cost_unknown=words.cost_unknown,
        points=_points,
        alpha=ALPHA,
    )
    ranked = sorted(report.models, key=lambda score: -score.correct)
    charts = {
        score.model: Markup(svg)
        for number, score in enumerate(ranked)
        if score.confusion and (svg := confusion_chart(score.confusion, f"confusion{number}", score.model))
    }
    template = environment.from_string(_template_text())
    return template.render(
        report=report,
        ranked=ranked,
        title=title or f"Benchmark of {Path(report.data).name}",
        accuracy=Markup(accuracy_chart(report)),
        confusion=charts,
        roles=legend_roles(report),
        lineage={**_own_lineage(report, ranked), **(lineage or {})},
    )


def _template_text() -> str:
    folder = resources.files("ftkit.benchmarking") / "templates"
    return (folder / TEMPLATE).read_text("utf-8")


def _points(difference: float) -> str:
    """A difference of shares in points, with its sign: ``+21.3``."""
    return f"{difference * 100:+.1f}"


def _own_lineage(report: BenchmarkReport, ranked: list[ModelScore]) -> dict[str, Any]:
    lines: dict[str, Any] = {
        "Held-out data": report.data,
        "Its SHA-256": report.data_sha256,
        "Rows": f"{report.rows:,}",
        "Metric": report.metric,
        "Parameters": ", ".join(f"{k} {v}" for k, v in report.parameters.items() if v is not None),
        "Platform": report.platform,
    }
    for score in ranked:
        ids = ", ".join(batch.id for batch in score.batches)
        if ids:
            lines[f"Batch of {score.model}"] = ids
    lines["Begun"] = report.created_at
    lines["ftkit"] = report.ftkit_version
    return {name: value for name, value in lines.items() if value}
