"""Tells what metrics there are: what each does, and its options."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from ftkit.benchmarking.metrics.options import options_of
from ftkit.benchmarking.registry import load_metric, metric_names
from ftkit.display.html import Shown
from ftkit.errors import UsageError


class _Told(Shown, BaseModel):
    model_config = ConfigDict(frozen=True)


class OptionInfo(_Told):
    """One option of a metric: its default, what it does, and its values where they are few."""

    name: str
    default: Any
    help: str
    choices: tuple[str, ...] = ()


class MetricInfo(_Told):
    """A metric: what it does in a sentence and at length.

    ``by_value`` says that models are compared by the mean of its values, not by right and wrong; None
    where its options decide that. ``error`` is why it cannot be loaded, None where it can.
    """

    name: str
    summary: str = ""
    description: str = ""
    by_value: bool | None = None
    options: tuple[OptionInfo, ...] = ()
    error: str | None = None


def describe_metrics(names: Sequence[str] = ()) -> tuple[MetricInfo, ...]:
    """The metrics of these names, or all that are registered, by name.

    A plug-in that cannot be loaded is in it with its error; only one that is asked for by its name
    raises UsageError, as does an unknown name.
    """
    if names:
        return tuple(_described(name, load_metric(name)) for name in names)
    found = []
    for name in metric_names():
        try:
            found.append(_described(name, load_metric(name)))
        except UsageError as error:
            found.append(MetricInfo(name=name, error=error.message))
    return tuple(found)


def _described(name: str, metric: object) -> MetricInfo:
    """A metric or its class; one that is a class is not made, for it may need options."""
    kind = metric if isinstance(metric, type) else type(metric)
    if inspect.isroutine(metric):
        text, by_value = inspect.getdoc(metric) or "", None
    else:
        text = inspect.getdoc(kind) or ""
        said = getattr(metric, "continuous", False)
        by_value = said if isinstance(said, bool) else None
    plain = text.replace("``", "`")
    summary, _, rest = plain.partition("\n\n")
    options = tuple(OptionInfo(**one._asdict()) for one in options_of(kind))
    return MetricInfo(
        name=name,
        summary=" ".join(summary.split()),
        description=rest.strip(),
        by_value=by_value,
        options=options,
    )
