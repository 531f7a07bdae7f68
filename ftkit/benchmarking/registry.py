"""Finds metrics by name among the plug-ins of the entry point group ``ftkit.metrics``."""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points

from ftkit.benchmarking.metrics import Metric
from ftkit.errors import UsageError

GROUP = "ftkit.metrics"
_MEMBERS = ("name", "labelled", "right_answers", "score")


def metric_names() -> list[str]:
    """The names of all registered metrics, sorted; none of them is imported."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def find_metric(metric: str | Metric) -> Metric:
    """The metric called ``metric``; a metric object is checked and returned.

    Raises UsageError for an unknown name, and for a plug-in that cannot be imported or is no metric.
    """
    if not isinstance(metric, str):
        return _checked(metric, repr(metric))
    points = {point.name: point for point in entry_points(group=GROUP)}
    if metric not in points:
        close = difflib.get_close_matches(metric, points, n=2)
        raise UsageError(
            f"no metric is called {metric!r}",
            hint=f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(sorted(points))}.",
        )
    return _checked(_load(points[metric]), metric)


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        raise UsageError(
            f"the metric {point.name!r} cannot be imported: {type(error).__name__}: {error}",
            hint=f"It is registered as {point.value}; mend or remove that package.",
        ) from error


def _checked(found: object, name: str) -> Metric:
    missing = [member for member in _MEMBERS if not hasattr(found, member)]
    if missing:
        raise UsageError(
            f"{name} is no metric: it lacks {', '.join(missing)}",
            hint="A metric has the members of ftkit.benchmarking.Metric.",
        )
    return found  # type: ignore[return-value]
