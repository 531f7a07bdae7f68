"""``fix`` writes a corrected copy of the data; ``separate`` only parts the good rows from the others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.display import Display, SilentDisplay
from ftkit.errors import UsageError
from ftkit.validation.fixing.mending import MendingPass
from ftkit.validation.fixing.opening import open_source
from ftkit.validation.fixing.outputs import open_outputs
from ftkit.validation.fixing.passes import Pass
from ftkit.validation.fixing.report import FixOptions, FixReport
from ftkit.validation.options import ValidateOptions
from ftkit.validation.report import ValidationReport

if TYPE_CHECKING:
    from ftkit.settings import Settings


def fix(
    source: str | Path | Any,
    out: str | Path | None = None,
    *,
    rejected: str | Path | None = None,
    log: str | Path | None = None,
    models: Sequence[str] = (),
    platform: str | None = None,
    settings: Settings | None = None,
    options: ValidateOptions | None = None,
    mends: FixOptions | None = None,
    display: Display | None = None,
) -> FixReport:
    """Write a corrected copy of ``source`` as JSON lines, a log of every change, and the rows that stay bad.

    Only what means the same afterwards is changed (``ftkit.validation.fixing.MENDS``). Every row is then
    judged as ``validate`` judges it: accepted rows go to ``out`` (DATA.fixed.jsonl beside the source), byte
    for byte where nothing had to be changed; all others go to ``rejected`` (DATA.rejected.jsonl) with their
    reasons; the changes to ``log`` (DATA.fixes.jsonl). The source is never overwritten. The three files
    come into being at the end, or none of them does.

    Raises UsageError, StorageError, and TokenizerMissing, as ``validate`` does.
    """
    opened = open_source(source, models, platform, settings, options)
    paths = _paths(source, out, rejected, log)
    with open_outputs(paths, opened.file) as (bad, changes, good):
        assert good is not None and bad is not None and changes is not None
        run = MendingPass(opened, mends or FixOptions(), good, bad, changes)
        return run.whole(display or SilentDisplay())


def separate(
    source: str | Path | Any,
    *,
    accepted: str | Path | None = None,
    rejected: str | Path | None = None,
    models: Sequence[str] = (),
    platform: str | None = None,
    settings: Settings | None = None,
    options: ValidateOptions | None = None,
    display: Display | None = None,
) -> ValidationReport:
    """Check ``source`` as ``validate`` does, and write its rows, unchanged, to the one file or the other.

    ``accepted`` gets good rows byte for byte, with LF line ends; ``rejected`` gets the others as JSON lines
    with their reasons. Raises what ``fix`` raises.
    """
    opened = open_source(source, models, platform, settings, options)
    paths = [None if path is None else Path(path) for path in (rejected, accepted)]
    with open_outputs(paths, opened.file) as (bad, good):
        run = Pass(opened, good, bad)
        result = run.judge.inspector.result
        return run.over(
            display or SilentDisplay(),
            "validate",
            lambda update: opened.plain_lines(result, update) if opened.path else opened.plain_rows(),
        )


def _paths(source: Any, out: Any, rejected: Any, log: Any) -> list[Path]:
    """Where the rejected rows, the log and the corrected copy go."""
    if out is None:
        path = Path(source).expanduser() if isinstance(source, (str, Path)) else None
        if path is None or not path.exists():  # a dataset's name, a DataFrame
            raise UsageError("say where the corrected copy goes", hint="Pass out=PATH, or --fix OUT.")
        base = path.parent / _stem(path)
        fixed = Path(f"{base}.fixed.jsonl")
    else:
        fixed = Path(out).expanduser()
        base = fixed.parent / _stem(fixed).removesuffix(".fixed")
    return [
        Path(rejected).expanduser() if rejected is not None else Path(f"{base}.rejected.jsonl"),
        Path(log).expanduser() if log is not None else Path(f"{base}.fixes.jsonl"),
        fixed,
    ]


def _stem(path: Path) -> str:
    """The file's name without what says its kind."""
    name = path.name
    for suffix in (".gz", ".zst", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow"):
        name = name.removesuffix(suffix)
    return name or "data"
