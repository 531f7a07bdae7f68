"""What may be asked of ``fix``, and what it answers."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from ftkit.display.html import Shown
from ftkit.validation.report import ValidationReport


class FixOptions(BaseModel):
    """``aliases``: also rename what other formats call otherwise (roles like human and gpt, ShareGPT's keys,
    legacy functions). ``drop_duplicates``: reject rows that say the same as an earlier one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    aliases: bool = False
    drop_duplicates: bool = False


class WrittenFile(BaseModel):
    """A file that was written: its lines, its size and its SHA-256."""

    model_config = ConfigDict(frozen=True)

    path: Path
    rows: int
    bytes: int
    sha256: str


class FixReport(Shown, BaseModel):
    """What ``fix`` read, changed and wrote. ``accepted + rejected == read``, always.

    A row is what can be one: two objects on a line are two rows, an object over several lines is one, each
    object of an array is one; any other line that is not blank, and no comment, is one as well. ``changed``
    are accepted rows that are not written byte for byte as they stood. ``changes`` counts the entries of the
    log by mend. ``validation`` is the check of the rows as they were mended, at their lines in the source;
    what it says of the file as a whole it says of the corrected copy. ``ok``: every row is accepted, and the
    corrected copy has no error.
    """

    model_config = ConfigDict(frozen=True)

    ok: bool
    source: str
    read: int
    accepted: int
    rejected: int
    changed: int
    duplicates: int = 0
    changes: dict[str, int]
    fixed: WrittenFile
    rejected_rows: WrittenFile
    log: WrittenFile
    validation: ValidationReport
