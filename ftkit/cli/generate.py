"""``ftkit generate``: rows made from a model's answers about rows of data."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command
from ftkit.cli.values import name_list, pairs
from ftkit.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.data import RowSource
    from ftkit.inference.llm import LLM, LLMResponse

_VIA = {"auto": None, "batch": True, "realtime": False}


@command(
    "generate",
    platform=True,
    examples=[
        "ftkit generate reviews.csv --model linear --prompt 'Is this good or bad? {text}' --out rated.csv",
        "ftkit generate news.jsonl --model linear --prompt '{text}' --field mood=good,bad --out moods.csv",
        "ftkit generate topics.csv --model gpt-4.1 --prompt @ask.txt --schema form.json --out made.jsonl",
    ],
)
@click.argument("data")
@click.option("--model", "-m", required=True, help="The model to ask.")
@click.option(
    "--prompt",
    metavar="TEXT|@FILE",
    help="What to ask; {column} takes a cell. Without it: each row's own prompt or messages.",
)
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="A .jsonl, .csv or .parquet file."
)
@click.option("--system", metavar="TEXT|@FILE", help="Instructions that stand before each prompt.")
@click.option("--schema", type=click.Path(exists=True, path_type=Path), help="A JSON Schema for answers.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=KIND",
    help="A field of answers: str, int, float, bool, list[KIND], or values: 'up,down'.",
)
@click.option("--name", default="response", show_default=True, help="The column of answers that are text.")
@click.option(
    "--via",
    type=click.Choice(list(_VIA)),
    default="auto",
    show_default=True,
    help="Ask in batches, one by one, or the cheaper or quicker way.",
)
@click.option("--window", default="24h", show_default=True, help="Time in which batches are wanted.")
@click.option("--max-tokens", type=click.IntRange(min=1), help="Longest reply, in tokens.")
@click.option("--temperature", type=click.FloatRange(min=0), help="0 for the likeliest words.")
@click.option("--param", "params", multiple=True, metavar="NAME=JSON", help="Any other request parameter.")
@click.option(
    "--retries", type=click.IntRange(min=0), default=3, show_default=True, help="Ask again so often at most."
)
@click.option("--concurrency", type=click.IntRange(min=1), help="In real time: requests at once.")
@click.option("--rpm", type=float, help="In real time: requests a minute.")
@click.option("--tpm", type=float, help="In real time: tokens a minute.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Requests of a batch at most.")
@click.option(
    "--price", nargs=2, type=float, metavar="IN OUT", help="US dollars per million tokens, in and out."
)
@click.option("--fresh", is_flag=True, help="Ask everything anew, whatever was answered before.")
@click.option("--columns", metavar="NAME,NAME", help="Names of the columns of a file without header.")
@click.option("--encoding", metavar="NAME", help="Encoding of a text table, if not detected.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Use the first N rows only.")
def generate(app: App, data: str, model: str, out: Path, **given: Any) -> None:
    """Ask MODEL about each row of DATA and write the rows with its answers to OUT.

    DATA is any table that ftkit reads. What was answered before is not asked again: after a stop, the
    same call goes on. Rows without a usable answer are listed in a file, and exit code 1 says so.
    """
    from ftkit.inference.llm.writing import check_kind

    check_kind(out)
    llm, rows = _llm(app, model, given), _rows(data, given)
    try:
        response = llm(rows)
        response.write(out)
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped; what was answered is kept, and batches that the platform has go on",
            hint=f"Go on with the same command: ftkit {shlex.join(sys.argv[1:])}",
        ) from None
    app.emit(response, lambda console: _show(console, response, out))
    response.raise_if_failed()


def _llm(app: App, model: str, given: Mapping[str, Any]) -> LLM:
    from ftkit.inference.llm import LLM

    price = given["price"] or (None, None)
    fields = {name: _kind(kind) for name, kind in pairs(given["fields"], "--field").items()}
    return LLM(
        model,
        prompt=_text(given["prompt"]),
        parse=None if given["name"] == "response" else _parse(given["name"]),
        system_prompt=_text(given["system"]),
        response_format=_schema(given["schema"]),
        output_type=fields or None,
        batch=_VIA[given["via"]],
        generation_params=_params(given),
        cache=not given["fresh"],
        settings=app.settings,
        display=app.display,
        max_retries=given["retries"],
        completion_window=given["window"],
        max_concurrent_requests=given["concurrency"],
        max_requests_per_minute=given["rpm"],
        max_tokens_per_minute=given["tpm"],
        batch_size=given["batch_size"] or "auto",
        in_mtok_cost=price[0],
        out_mtok_cost=price[1],
    )


def _rows(data: str, given: Mapping[str, Any]) -> RowSource:
    from ftkit.data import SourceOptions, open_rows

    names = name_list(given["columns"])
    return open_rows(data, SourceOptions(columns=names, encoding=given["encoding"], limit=given["limit"]))


def _text(value: str | None) -> str | None:
    """A text, or that of the file behind an ``@``."""
    if value is None or not value.startswith("@"):
        return value
    path = Path(value[1:])
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the text cannot be read: {error}", where=str(path)) from error


def _schema(path: Path | None) -> Any:
    if path is None:
        return None
    try:
        schema = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"this is no JSON Schema: {error}", where=str(path)) from error
    if not isinstance(schema, dict):
        raise UsageError("a JSON Schema is a JSON object", where=str(path))
    return schema


def _kind(text: str) -> Any:
    """A kind by its name, or values apart by ``|``, or by ``,`` as other options take them."""
    mark = "|" if "|" in text else ","
    return [value.strip() for value in text.split(mark)] if mark in text else text.strip()


def _params(given: Mapping[str, Any]) -> dict[str, Any]:
    """The request's parameters; a value that is no JSON is a text."""
    found: dict[str, Any] = {"max_tokens": given["max_tokens"], "temperature": given["temperature"]}
    for name, text in pairs(given["params"], "--param").items():
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def _parse(name: str) -> Any:
    def parse(row: dict[str, Any], response: Any) -> dict[str, Any]:
        return {**row, **response} if isinstance(response, Mapping) else {**row, name: response}

    return parse


def _show(console: Console, response: LLMResponse, out: Path) -> None:
    requests, tokens, cost = response.request_stats, response.token_usage, response.cost_info
    console.print(f"{out}: {response.rows:,} rows", markup=False)
    kept = f", {requests.cached:,} of them from the cache" if requests.cached else ""
    console.print(f"  {requests.succeeded:,} of {requests.total:,} rows answered{kept}")
    for line in _lines(response.failures.items()):
        console.print(line, markup=False)
    dollars = f"${cost.total_cost:,.4f}" if cost.total_cost is not None else f"cost unknown ({cost.note})"
    console.print(
        f"  {requests.sent:,} requests sent, {tokens.input:,} prompt and {tokens.output:,} completion "
        f"tokens, {dollars}, {response.performance_stats.total_time:,.1f} s"
    )
    if response.form is not None:
        rounds = f" in {response.rounds} rounds" if response.rounds > 1 else ""
        console.print(f"  form kept by {response.form.replace('_', ' ')}{rounds}")


def _lines(failures: Iterable[tuple[str, int]]) -> list[str]:
    return [f"  {count:,} failed: {code}" for code, count in sorted(failures, key=lambda one: -one[1])]
