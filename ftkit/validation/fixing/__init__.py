"""Mending data: a corrected copy with a log of every change, and the rows that a person must look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit._lazy import lazy_names

if TYPE_CHECKING:
    from ftkit.validation.fixing.mends import MENDS, Mend, mends_of
    from ftkit.validation.fixing.report import FixOptions, FixReport, WrittenFile
    from ftkit.validation.fixing.running import fix, separate

_HOME = {
    "MENDS": "ftkit.validation.fixing.mends",
    "FixOptions": "ftkit.validation.fixing.report",
    "FixReport": "ftkit.validation.fixing.report",
    "Mend": "ftkit.validation.fixing.mends",
    "WrittenFile": "ftkit.validation.fixing.report",
    "fix": "ftkit.validation.fixing.running",
    "mends_of": "ftkit.validation.fixing.mends",
    "separate": "ftkit.validation.fixing.running",
}

__all__ = ["MENDS", "FixOptions", "FixReport", "Mend", "WrittenFile", "fix", "mends_of", "separate"]

__getattr__, __dir__ = lazy_names(__name__, _HOME)
