"""The command line: each module parses, calls one library function and prints."""

from __future__ import annotations

from ftkit.cli.root import main

__all__ = ["main"]
