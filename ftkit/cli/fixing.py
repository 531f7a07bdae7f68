"""The options of ``ftkit validate`` that write files: a corrected copy, accepted and rejected rows."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.validation.fixing import FixReport

_BESIDE = "beside"
_FILE = click.Path(path_type=Path, dir_okay=False)

_OPTIONS: list[Callable[[Any], Any]] = [
    click.option(
        "--fix",
        "fix_out",
        is_flag=False,
        flag_value=_BESIDE,
        metavar="[OUT]",
        help="Write a corrected copy to OUT (by default DATA.fixed.jsonl), a log of every change, and the "
        "rows that stay bad. Only what means the same is changed; DATA itself never is.",
    ),
    click.option(
        "--fix-aliases",
        "fix_aliases",
        is_flag=True,
        help="With --fix: also rename roles like human and gpt, ShareGPT's keys, legacy functions.",
    ),
    click.option(
        "--drop-duplicates",
        "fix_drop",
        is_flag=True,
        help="With --fix: reject rows that say the same as an earlier one.",
    ),
    click.option(
        "--rejected",
        "fix_rejected",
        type=_FILE,
        metavar="FILE",
        help="Write the rejected rows with their reasons to FILE, as JSON lines.",
    ),
    click.option(
        "--accepted",
        "fix_accepted",
        type=_FILE,
        metavar="FILE",
        help="Write the accepted rows to FILE, as they stand.",
    ),
]


@dataclass(frozen=True)
class FixRequest:
    """What the options of :func:`fix_options` were given."""

    out: str | None = None
    aliases: bool = False
    drop: bool = False
    rejected: Path | None = None
    accepted: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if self.fixes and self.accepted:
            raise click.UsageError("--accepted goes without --fix, whose OUT has the accepted rows.")
        if not self.fixes and (self.aliases or self.drop):
            option = "--fix-aliases" if self.aliases else "--drop-duplicates"
            raise click.UsageError(f"{option} goes with --fix.")

    @property
    def fixes(self) -> bool:
        """Whether a corrected copy is asked for."""
        return self.out is not None

    @property
    def separates(self) -> bool:
        """Whether rows are only to be parted."""
        return not self.fixes and (self.rejected is not None or self.accepted is not None)

    def run(self, source: str, **given: Any) -> FixReport:
        """Write the corrected copy."""
        from ftkit.validation.fixing import FixOptions, fix

        out = None if self.out == _BESIDE else self.out
        mends = FixOptions(aliases=self.aliases, drop_duplicates=self.drop)
        return fix(source, out, rejected=self.rejected, mends=mends, **given)


def fix_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command's function, which gets them as ``fixing``, a :class:`FixRequest`."""

    @functools.wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        mine = {key[4:]: given.pop(key) for key in list(given) if key.startswith("fix_")}
        return function(*args, fixing=FixRequest(**mine), **given)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call


def print_fix(console: Console, report: FixReport, request: FixRequest) -> None:
    """Print what was changed, and which files came into being."""
    from rich.text import Text

    rows = f"{report.read:,} row{'' if report.read == 1 else 's'}"
    lines = [
        f"{report.accepted:,} of {rows} accepted ({report.changed:,} changed), {report.rejected:,} rejected"
    ]
    if report.duplicates:
        lines[0] += f" ({report.duplicates:,} as duplicates)"
    lines += [f"  {name} {count:,}" for name, count in report.changes.items()]
    lines.append(f"corrected copy: {report.fixed.path} (sha256 {report.fixed.sha256[:12]})")
    lines.append(f"rejected rows:  {report.rejected_rows.path}")
    lines.append(f"every change:   {report.log.path}")
    if not request.aliases and (more := fixable(report.validation.counts, aliases=True)):
        lines.append(f"--fix-aliases may mend {', '.join(more)}")
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def fixable(counts: Mapping[str, int], *, aliases: bool = False) -> list[str]:
    """The codes among these whose findings ``--fix`` may mend; with ``aliases``, only on that option."""
    from ftkit.validation.fixing import mends_of

    wanted = "aliases" if aliases else None
    return [code for code in counts if any(mend.wanted == wanted for mend in mends_of(code))]
