"""Shows results and lists of them: drawn in a notebook, as text elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from ftkit.data.tabled import frame_of
from ftkit.display import Display, choose_display
from ftkit.display.html.card import card
from ftkit.display.html.elements import Html, safe, table
from ftkit.display.html.shown import html_of, is_result, table_of, title_of
from ftkit.display.notebook import NotebookDisplay, Slot, in_notebook
from ftkit.gateway.drawn import jobs_table
from ftkit.gateway.results import Job

if TYPE_CHECKING:
    from pandas import DataFrame

MOST_ROWS = 200
"""Rows of a table that are drawn; ``frame`` has them all."""


def display(*, widgets: bool | None = None) -> Display:
    """What progress and notices are shown by: bars in a notebook, the terminal's display elsewhere.

    Every function of ftkit that takes ``display`` takes this. ``widgets`` says whether bars are
    ipywidgets'; by default they are where these are installed.
    """
    return NotebookDisplay(widgets=widgets) if in_notebook() else choose_display()


def show(*results: Any) -> None:
    """Show results, each in a frame of its own; several of one kind in a list or an iterator as a table.

    Elsewhere than in a notebook they are printed.
    """
    for result in results:
        html, text = _shown(result)
        if in_notebook():
            Slot().put(html, text)
        else:
            sys.stdout.write(f"{text}\n")


def frame(results: Iterable[Any]) -> DataFrame:
    """Results as a pandas frame, a row for each: jobs, events, batches, models, findings, answers...

    A result that is a table itself has its own ``to_pandas``.
    """
    return frame_of(map(_record, results))


def _record(result: Any) -> Mapping[str, Any]:
    made: Any = result if isinstance(result, Mapping) else result.model_dump()
    return dict(made)


def _shown(result: Any) -> tuple[Html, str]:
    if callable(drawn := getattr(result, "_repr_html_", None)):
        return Html(drawn()), repr(result)
    if is_result(result):
        return html_of(result), repr(result)
    if isinstance(result, str | Mapping) or not isinstance(result, Iterable):
        return card(type(result).__name__, safe(result)), repr(result)
    rows = list(islice(iter(result), MOST_ROWS + 1))
    more = len(rows) > MOST_ROWS
    listed = rows[:MOST_ROWS]
    about = f"the first {MOST_ROWS}" if more else f"{len(listed)}"
    kind = title_of(listed[0]) if listed else "Nothing"
    text = "\n".join(map(repr, listed)) or "(nothing)"
    return card(kind, _table(listed), about=about), text


def _table(rows: list[Any]) -> Html:
    """The fields that any of the results has a value of; of jobs those that a person looks for."""
    if rows and all(isinstance(row, Job) for row in rows):
        return jobs_table(rows)
    if not all(map(is_result, rows)):
        return table((), ([repr(row)] for row in rows))
    return table_of(rows)
