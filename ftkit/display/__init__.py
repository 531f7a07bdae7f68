"""Progress and notices behind one Protocol: plain lines, rich, JSON lines, or silence.

Everything here goes to stderr: stdout belongs to the result.
"""

from __future__ import annotations

from ftkit.display.base import Display, Progress, QuietDisplay, SilentDisplay
from ftkit.display.board import Board, Line, open_board
from ftkit.display.choose import choose_display

__all__ = [
    "Board",
    "Display",
    "Line",
    "Progress",
    "QuietDisplay",
    "SilentDisplay",
    "choose_display",
    "open_board",
]
