"""Prints the comparison of two runs in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.benchmarking.versus.results import RunComparison
from ftkit.benchmarking.words import p_value, percent, points, points_between, shortened, whole

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_NARROW = 100  # columns of a terminal below which the interval and the counts of answers are left out
_WIDE_SETTING = 48
_MOST_SETTINGS = 20


def print_runs(console: Console, comparison: RunComparison) -> None:
    """Print what came of it, then what was changed, then what must be known."""
    from rich.text import Text

    console.print(Text(comparison.verdict))
    console.print(_changes(comparison, wide=console.width >= _NARROW))
    for change in comparison.changes[1:]:
        console.print(Text(f"{change.verdict}."))
    for where, models in ((comparison.a, comparison.removed), (comparison.b, comparison.added)):
        if models:
            console.print(Text(f"Only in {where.name}: {', '.join(models)}.", style="dim"))
    for setting in comparison.settings[:_MOST_SETTINGS]:
        before, after = (shortened(value or "–", _WIDE_SETTING) for value in (setting.a, setting.b))
        console.print(
            Text(f"Changed: {setting.what}: {before} → {after}", style="" if setting.matters else "dim")
        )
    if len(comparison.settings) > _MOST_SETTINGS:
        console.print(Text(f"and {len(comparison.settings) - _MOST_SETTINGS} more settings", style="dim"))
    for note in comparison.notes:
        console.print(Text(f"Note: {note}", style="yellow"))


def _changes(comparison: RunComparison, *, wide: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=None)
    grid.add_column("Model", overflow="fold")
    names = (comparison.a.name, comparison.b.name) if wide else ("first", "second")
    interval = ["95 % interval"] if wide else []
    for header in (*(shortened(name, 20) for name in names), "Points", *interval, "p", "Gained", "Lost"):
        grid.add_column(header, justify="right", no_wrap=True)
    if wide:
        grid.add_column("Other answers", justify="right")
    for change in comparison.changes:
        test = change.test
        cells = [
            change.model_b if change.same else f"{change.model_b} (against {change.model_a})",
            percent(change.figure_a),
            percent(change.figure_b),
            points(test.difference),
            *([points_between(test.low, test.high)] if wide else []),
            p_value(test.p),
            whole(change.gained),
            whole(change.lost),
            *([whole(change.changed)] if wide else []),
        ]
        grid.add_row(*(Text(cell) for cell in cells))
    return grid
