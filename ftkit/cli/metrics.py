"""``ftkit metrics``: how a benchmark can score answers, and with which options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ftkit.cli.frame import App, command, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from ftkit.benchmarking.describing import MetricInfo, OptionInfo


@command("metrics", examples=["ftkit metrics", "ftkit metrics number", "ftkit metrics json rouge --json"])
@click.argument("names", metavar="[METRIC]...", nargs=-1)
def metrics(app: App, names: tuple[str, ...]) -> None:
    """List the metrics of `ftkit benchmark`, or tell all of those named with their options.

    A function of yours is a metric too: --metric FILE.py:FUNCTION.
    """
    from ftkit.benchmarking import describe_metrics

    found = describe_metrics(names)
    for one in found:
        if one.error:
            app.display.warn(one.error)
    result = {"metrics": [one.model_dump(mode="json") for one in found]}
    app.emit(result, lambda console: _tell(console, found) if names else _list(console, found))


def _list(console: Console, found: Sequence[MetricInfo]) -> None:
    rows = [(one.name, _compared(one), one.summary) for one in found if one.error is None]
    table(console, ["metric", "compared by", "what it does"], rows)


def _compared(one: MetricInfo) -> str:
    return {True: "value", False: "right or wrong", None: "either"}[one.by_value]


def _tell(console: Console, found: Sequence[MetricInfo]) -> None:
    for place, one in enumerate(found):
        if place:
            console.print()
        console.print(f"{one.name}: {one.summary}", markup=False, highlight=False)
        if one.description:
            console.print(f"\n{one.description}", markup=False, highlight=False)
        console.print(f"\nModels are compared by {_compared(one)}.", markup=False, highlight=False)
        if one.options:
            console.print()
            rows = [(option.name, _default(option.default), _help(option)) for option in one.options]
            table(console, ["--metric-option", "default", ""], rows)


def _help(option: OptionInfo) -> str:
    return f"{option.help} One of: {', '.join(option.choices)}." if option.choices else option.help


def _default(value: object) -> str:
    """A default as one line: a line break in it is shown as such."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    text = "" if value is None else str(value)
    return text.lower() if isinstance(value, bool) else text.replace("\n", "\\n")
