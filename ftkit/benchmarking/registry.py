"""Finds metrics: by name among the plug-ins of ``ftkit.metrics``, as a user's function, or as an object."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ftkit.benchmarking.metrics import Metric
from ftkit.benchmarking.metrics.functions import FunctionMetric, load
from ftkit.benchmarking.metrics.options import with_options
from ftkit.errors import UsageError

GROUP = "ftkit.metrics"
_MEMBERS = ("name", "labelled", "right_answers", "score")


def metric_names() -> list[str]:
    """The names of all registered metrics, sorted; none of them is imported."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def find_metric(
    metric: str | Mapping[str, Any] | Metric | object, /, *, folders: Sequence[Path] = (), **options: Any
) -> Metric:
    """The metric that ``metric`` means, with its ``options`` set (a text is read as an option's type).

    It is a registered name, ``module:function`` or ``file.py:function`` (looked for in ``folders`` and in
    the working directory; see :class:`FunctionMetric`), a table of a name with options, a function, or
    a metric. Raises UsageError for an unknown name or option, for what cannot be imported or is no
    metric, and where something that the metric needs is not installed.
    """
    if isinstance(metric, Mapping):
        table = {**metric, **options}
        name = table.pop("name", None)
        if not isinstance(name, str):
            raise UsageError("the table of a metric has no name", hint='Write name = "json" or another one.')
        return find_metric(name, folders=folders, **table)
    if not isinstance(metric, str):
        return _made(
            metric, str(getattr(metric, "name", None) or getattr(metric, "__name__", metric)), options
        )
    return _made(load(metric, folders) if ":" in metric else load_metric(metric), metric, options)


def load_metric(name: str) -> object:
    """What is registered as ``name``: a metric, its class, or a function, with no options set.

    Raises UsageError for an unknown name, and for a plug-in that cannot be imported.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        close = difflib.get_close_matches(name, points, n=2)
        raise UsageError(
            f"no metric is called {name!r}",
            hint=f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(sorted(points))}.",
        )
    return _load(points[name])


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:
        raise UsageError(
            f"the metric {point.name!r} cannot be imported: {type(error).__name__}: {error}",
            hint=f"It is registered as {point.value}; mend or remove that package.",
        ) from error


def _made(found: object, name: str, options: Mapping[str, Any]) -> Metric:
    """A metric of an object, a class (whose parameters are its options) or a function."""
    lacking = [member for member in _MEMBERS if not hasattr(found, member)]
    if len(lacking) == len(_MEMBERS) and callable(found) and not isinstance(found, type):
        return FunctionMetric(found, name, options)
    if lacking and not isinstance(found, type):
        raise _no_metric(name, lacking)
    made = with_options(found, name, options)
    lacking = [member for member in _MEMBERS if not hasattr(made, member)]
    if lacking:
        raise _no_metric(name, lacking)
    check = getattr(made, "check", None)
    if check is not None:
        check()
    metric: Metric = made
    return metric


def _no_metric(name: str, lacking: Sequence[str]) -> UsageError:
    return UsageError(
        f"{name} is no metric: it lacks {', '.join(lacking)}",
        hint="A metric has the members of ftkit.benchmarking.Metric, or is a function (answer, expected).",
    )
