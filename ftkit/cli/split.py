"""``ftkit split``: divide data into train, validation and test files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command, table
from ftkit.cli.mapping import DataOptions, data_options
from ftkit.cli.values import AMOUNT, name_list

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.splitting import Fitting, SplitOptions, SplitResult, Strata

_SHOWN = 20
_NO_VALUE = "(none)"


class Balance(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.3
    """``rarest``, or the most rows of a label."""

    name = "N|rarest"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """``"rarest"`` or an int of at least 1."""
        if value == "rarest":
            return value
        return click.IntRange(min=1).convert(value, param, ctx)


@command(
    "split",
    examples=[
        "ftkit split train.jsonl --out parts",
        "ftkit split reviews.csv --user '{text}' --assistant '{label}' --train 400 --test 3600 --out parts",
        "ftkit split chats.jsonl --stratify reply --group user_id --group prompt --test 0.1 --out parts",
        "ftkit split more.jsonl --keep parts --out parts-2",
        "ftkit split chats.jsonl --max-tokens 2000000 --model gpt-4.1-mini --out parts",
        "ftkit split chats.jsonl --over-limit window --overlap 1 --model gpt-4.1-mini --out parts",
    ],
)
@click.argument("source", metavar="DATA")
@click.option(
    "--train", type=AMOUNT, help="Share or rows to train on; what is left, if only others are given."
)
@click.option("--validation", type=AMOUNT, help="Share or rows to validate on while training.")
@click.option("--test", type=AMOUNT, help="Share or rows held out for the benchmark.")
@click.option(
    "--group",
    "-g",
    multiple=True,
    metavar="KIND",
    help="What is never divided: prompt (the default), row, conversation, near-duplicates, a column or a "
    "/json/pointer. Given several times, rows that share any of them stay together; the widest first.",
)
@click.option(
    "--similarity",
    type=click.FloatRange(0.5, 1),
    default=0.9,
    show_default=True,
    help="From which similarity on rows are near duplicates.",
)
@click.option("--stratify", metavar="LABEL", help="Keep proportions of: reply, a column or a /json/pointer.")
@click.option("--exact", is_flag=True, help="Cut shares exactly, instead of within sampling error.")
@click.option(
    "--keep",
    type=click.Path(exists=True, path_type=Path),
    metavar="SPLIT",
    help="Continue an earlier split (its folder or manifest): its rows stay where they were.",
)
@click.option("--sample", type=AMOUNT, help="Use a share of the groups, or so many rows, only.")
@click.option(
    "--balance", type=Balance(), help="Train on so many rows of a label (--stratify, or the reply) at most."
)
@click.option("--balance-parts", metavar="NAME,NAME", help="Parts to balance.  [default: train]")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Train on so many tokens at most (--model).")
@click.option("--model", help="Count tokens as this model does.")
@click.option(
    "--over-limit",
    type=click.Choice(["error", "drop", "truncate", "window"]),
    help="What becomes of rows longer than an example of --model may be: truncate leaves out first turns, "
    "window makes several rows of whole turns.",
)
@click.option(
    "--max-row-tokens", type=click.IntRange(min=1), help="Another limit of tokens a row than --model's."
)
@click.option(
    "--overlap", type=click.IntRange(min=0), default=0, help="Turns that a window repeats, with weight 0."
)
@click.option("--no-shuffle", is_flag=True, help="Leave the train part in the order of DATA.")
@click.option("--seed", type=int, help="Another seed divides differently.  [default: 0, or that of --keep]")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the parts.")
@data_options
def split(app: App, source: str, out: Path, data: DataOptions, **given: Any) -> None:
    """Split DATA into train.jsonl, validation.jsonl and test.jsonl, with a manifest.json beside them.

    With no amounts given: 0.9 to train and 0.1 to validate. With shares a row's side depends on its
    group's content and the seed alone, so that added or removed rows move no other. Rows of one group (by
    default those with the same prompt) always stay together. Counts and --exact are cut to the row.

    --sample, --balance and --max-tokens leave rows out by one hash: a larger sample holds the smaller.
    --over-limit divides no turn (a question with all that answers it, calls and their results) and cuts no
    text; what is made of a row is in one part.

    upload, jobs create and benchmark take the folder and find their part through the manifest.
    """
    from ftkit.splitting import split as divide

    amounts = {name: given.pop(name) for name in ("train", "validation", "test", "seed")}
    options = _options(data, **given)
    result = divide(
        source,
        **amounts,
        out=out,
        options=options,
        settings=app.settings if options.model is not None else None,
        display=app.display,
    )
    app.emit(result, lambda console: print_split(console, result))


def _options(
    data: DataOptions, group: tuple[str, ...], balance_parts: str | None, no_shuffle: bool, **given: Any
) -> SplitOptions:
    from pydantic import ValidationError

    from ftkit.splitting import SplitOptions

    named = {"group": group, "balance_parts": name_list(balance_parts)}
    given |= {name: value for name, value in named.items() if value}
    try:
        return SplitOptions(
            template=data.template(), source=data.source_options(), shuffle=not no_shuffle, **given
        )
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise click.UsageError(f"--{option}: {first['msg']}") from error


def print_split(console: Console, result: SplitResult) -> None:
    """Print the table of parts, and of the strata where there are any."""
    counted = any(part.tokens is not None for part in result.parts.values())
    rows = [
        (
            name,
            str(part.path),
            str(part.requested),
            f"{part.rows:,}",
            f"{part.share:.1%}",
            *([f"{part.tokens:,}" if part.tokens is not None else None] if counted else []),
            part.sha256[:12],
        )
        for name, part in result.parts.items()
    ]
    headers = ("part", "file", "asked", "rows", "share", *(["tokens"] if counted else []), "sha256")
    table(console, headers, rows, right=(2, 3, 4, *([5] if counted else [])))
    if result.strata is not None:
        _print_strata(console, result.strata, list(result.parts))
    for line in _summary(result):
        console.print(line, markup=False, soft_wrap=True)


def _print_strata(console: Console, strata: Strata, parts: list[str]) -> None:
    rows = [
        (stratum.label or _NO_VALUE, f"{stratum.rows:,}", *(f"{stratum.shares[p]:.1%}" for p in parts))
        for stratum in strata.listed[:_SHOWN]
    ]
    table(console, (strata.by, "rows", *parts), rows, right=range(1, 2 + len(parts)))
    more = strata.count - len(rows)
    note = f"and {more:,} more values of {strata.by}; " if more else ""
    console.print(f"{note}widest difference from all rows: {strata.widest:.2%}", markup=False)


def _summary(result: SplitResult) -> list[str]:
    kinds = " or ".join(result.options.group)
    groups = "groups of equal prompts" if kinds == "prompt" else f"groups by {kinds}"
    unused = f", {result.unused:,} unused" if result.unused else ""
    out = ", ".join(f"{rows:,} by {why.replace('_', '-')}" for why, rows in result.left_out.items() if rows)
    lines = [f"{result.rows:,} rows in {result.groups:,} {groups}{unused}; seed {result.seed}"]
    if out:
        lines.append(f"left out: {out}")
    if result.fitting is not None:
        lines += _fitting(result.fitting, result.source)
    if result.parent is not None:
        lines.append(f"continues {result.parent.manifest}: {result.parent.kept:,} rows stayed in their parts")
    return lines


def _fitting(fitting: Fitting, source: str) -> list[str]:
    if not fitting.over:
        return [f"no row has more than {fitting.limit:,} tokens"]
    outcomes = {
        f"{fitting.dropped:,} dropped ({fitting.dropped_tokens:,} tokens)": fitting.dropped,
        f"{fitting.truncated:,} truncated": fitting.truncated,
        f"{fitting.divided:,} divided into {fitting.windows:,} windows": fitting.divided,
    }
    done = ", ".join(text for text, rows in outcomes.items() if rows)
    lines = [f"{fitting.over:,} rows have more than {fitting.limit:,} tokens: {done}"]
    if fitting.truncated or fitting.divided:
        lines.append(
            f"lost of what was cut: {fitting.lost_messages:,} messages ({fitting.lost_answers:,} to be "
            f"learned), {fitting.lost_tokens:,} tokens"
        )
    if fitting.first_lines:
        lines.append(f"first with a loss: {source}:{', '.join(map(str, fitting.first_lines))}")
    return lines
