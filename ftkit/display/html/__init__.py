"""What notebooks draw results with: escaped pieces of HTML, curves, and the mixin of every result."""

from __future__ import annotations

from ftkit.display.html.shown import Shown

__all__ = ["Shown"]
