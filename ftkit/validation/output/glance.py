"""The data at a glance, for a terminal: what it is made of, tokens per row as bars, and each model's fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO, cast

from ftkit.display.streams import can_say
from ftkit.validation.output.words import UNKNOWN, counted, dollars, names, printable
from ftkit.validation.report import LongestRow, ModelFit, TokenStats, ValidationReport

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_WIDEST_BAR = 50
_MOST_LABELS, _MOST_MODELS_OVER = 12, 3
_SHARE_BAR = 20


def print_glance(console: Console, report: ValidationReport) -> None:
    """Print the composition, the tokens and the models; nothing of what is not known."""
    from rich.text import Text

    lines = composition(report)
    for line in lines:
        console.print(Text(printable(line)), soft_wrap=not console.is_terminal)
    if lines:
        console.print()
    if report.tokens:
        print_tokens(console, report.tokens)
        console.print()
    if report.fits:
        print_fits(console, report.fits)


def composition(report: ValidationReport) -> list[str]:
    """Rows by kind, messages by role, labels, the longest rows."""
    glance, lines = report.glance, []
    kinds = [f"{kind} {number:,}" for kind, number in glance.kinds.items()]
    if len(kinds) > 1 or (kinds and "chat" not in glance.kinds):
        lines.append(f"kinds of rows: {', '.join(kinds)}")
    if report.messages:
        roles = ", ".join(f"{role} {number:,}" for role, number in glance.roles.items())
        lines.append(counted(report.messages, "message") + (f": {roles}" if roles else ""))
    if report.labels:
        labels = [f"{label or '(empty)'} {number:,}" for label, number in report.labels.items()]
        lines.append(f"replies: {names(labels, _MOST_LABELS)}")
    sizes = {(row.tokens, row.bytes) for row in glance.longest}
    if len(sizes) > 1 or len(glance.longest) == 1:  # of rows that are all alike none stands out
        rows = [f"line {row.line:,} ({_size(row)})" for row in glance.longest]
        lines.append(f"longest rows: {', '.join(rows)}")
    return lines


def _size(row: LongestRow) -> str:
    return counted(row.bytes or 0, "byte") if row.tokens is None else counted(row.tokens, "token")


def print_tokens(console: Console, stats: TokenStats) -> None:
    """Print the histogram of tokens per row, then its figures."""
    from rich.text import Text

    console.print(Text(f"tokens per row ({stats.tokenizer}, {counted(stats.rows, 'row')})", "bold"))
    for line in bars(stats, console.width, fine=_can_draw(console)):
        console.print(line, soft_wrap=True)
    console.print(
        Text(f"mean {stats.mean:,.1f}, median {stats.p50:,}, p95 {stats.p95:,}, longest {stats.max:,}")
    )
    told = ""
    if stats.trained is not None and stats.prompt is not None:
        share = f" ({stats.trained / stats.total:.0%})" if stats.total else ""
        told = f": {stats.trained:,} trained{share}, {stats.prompt:,} prompt"
    console.print(Text(f"{counted(stats.total, 'token')}{told}"), soft_wrap=True)


def _can_draw(console: Console) -> bool:
    return console.is_terminal and can_say(cast(TextIO, console.file), _EIGHTHS)


def bars(stats: TokenStats, width: int, *, fine: bool) -> list[Text]:
    """One bar for each bucket of the histogram: block characters where ``fine``, else plain ``#``."""
    from rich.text import Text

    buckets = stats.histogram
    if not buckets:
        return []
    label = max(len(f"{bucket.upper:,}") for bucket in buckets)
    count = max(len(f"{bucket.rows:,}") for bucket in buckets)
    room = max(4, min(_WIDEST_BAR, width - label - count - 8))
    most = max(1, *(bucket.rows for bucket in buckets))
    sign, edge = ("≤", "│") if fine else ("<=", "|")
    return [
        Text(f"  {sign} {bucket.upper:>{label},} {edge}", "dim")
        .append(_bar(bucket.rows / most * room, fine), "not dim cyan")
        .append(f" {bucket.rows:,}", "not dim default")
        for bucket in buckets
    ]


def _bar(cells: float, fine: bool) -> str:
    """A bar so many cells long; a row that is there is seen, however few they are."""
    if not fine:
        return "#" * (max(1, round(cells)) if cells else 0)
    eighths = max(1, round(cells * 8)) if cells else 0
    full, rest = divmod(eighths, 8)
    return "█" * full + (_EIGHTHS[rest] if rest else "")


_HEADERS = ("model", "limit", "over", "longest", "billable", "training")


def print_fits(console: Console, fits: list[ModelFit]) -> None:
    """Print how the rows fit each model and what they cost there: a table, or blocks in a narrow terminal."""
    from rich import box
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    epochs = next((fit.epochs for fit in fits if fit.epochs is not None), None)
    headers = [*_HEADERS, *([f"{counted(epochs, 'epoch')}"] if epochs else []), "batch base", "batch tuned"]
    rows = [fit_cells(fit) for fit in fits]
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for index, header in enumerate(headers):
        grid.add_column(header, justify="right" if index else "left", no_wrap=True)
    for fit, row in zip(fits, rows, strict=True):
        styles = (_style(fit, cell, header) for cell, header in zip(row, headers, strict=True))
        grid.add_row(*map(Text, row, styles))
    if Measurement.get(console, console.options.update(max_width=1000), grid).maximum <= console.width:
        console.print(grid)
    else:
        for row in rows:
            console.print(Text(row[0], "bold"), soft_wrap=True)
            for header, cell in zip(headers[1:], row[1:], strict=True):
                console.print(Text(f"  {header:<13}{cell}"), soft_wrap=True)
    for line in remarks(fits):
        console.print(Text(line, "dim"), soft_wrap=not console.is_terminal)
    console.print()


def fit_cells(fit: ModelFit) -> list[str]:
    """A model's row of the table."""
    return [
        printable(fit.model),
        _number(fit.limit),
        _over(fit),
        _number(fit.max_tokens),
        _number(fit.billable_tokens),
        dollars(fit.training_cost),
        *([dollars(fit.training_cost_all)] if fit.epochs is not None else []),
        dollars(fit.batch_cost_base),
        dollars(fit.batch_cost_tuned),
    ]


def _over(fit: ModelFit) -> str:
    if fit.limit is None or (fit.unknown and not fit.over):
        return UNKNOWN
    return f"{fit.over:,}" if not fit.unknown else f"{fit.over:,} or more"


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def _style(fit: ModelFit, cell: str, header: str) -> str:
    if cell == UNKNOWN:
        return "dim"
    return "bold red" if header == "over" and fit.over else ""


def remarks(fits: list[ModelFit]) -> list[str]:
    """What the table's figures mean, and what else is to be known of the models."""
    lines = ["billable, training: of one epoch; a row over the limit counts up to the limit"]
    if any(fit.batch_cost_base is not None or fit.batch_cost_tuned is not None for fit in fits):
        lines.append("batch: every row asked once in a batch, for replies as long as those in the data")
    dates: dict[str, list[str]] = {}
    for fit in fits:
        if fit.prices_as_of is not None:
            dates.setdefault(f"prices of {fit.provider} as of {fit.prices_as_of}", []).append(fit.model)
    lines += [f"{what}: {printable(names(models, 6))}" for what, models in dates.items()]
    return lines
