"""Chooses the display that fits the place where the words go."""

from __future__ import annotations

import os
import sys
from typing import Literal, TextIO

from ftkit.display.base import Display, SilentDisplay
from ftkit.display.streams import can_say

MARKS = "✓✗│━─⠋•…▁▂▃▄▅▆▇█"
"""What the rich display draws with."""

Style = Literal["auto", "rich", "plain", "json", "none"]


def choose_display(style: Style = "auto", stream: TextIO | None = None) -> Display:
    """The display for ``stream`` (stderr): rich in a terminal that can draw it, plain lines elsewhere.

    In a notebook, where no stream is given, it is the notebook's own.
    """
    if style == "auto" and stream is None and "IPython" in sys.modules:
        from ftkit.display.notebook import NotebookDisplay, in_notebook

        if in_notebook():
            return NotebookDisplay()
    target = stream if stream is not None else sys.stderr
    if style == "none":
        return SilentDisplay()
    if style == "json":
        from ftkit.display.jsonlines import JsonDisplay

        return JsonDisplay(target)
    live = target.isatty() and os.environ.get("TERM") != "dumb" and can_say(target, MARKS)
    if style == "rich" or (style == "auto" and live):
        from rich.console import Console

        from ftkit.display.fancy import RichDisplay

        return RichDisplay(Console(file=target, emoji=False))  # ft:m:x is the name of a model
    from ftkit.display.plain import PlainDisplay

    return PlainDisplay(target)
