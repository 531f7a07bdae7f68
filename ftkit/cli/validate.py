"""``ftkit validate``: check training data."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ftkit.cli.checking import CheckOptions, check_options
from ftkit.cli.fixing import FixRequest, fix_options, fixable, print_fix
from ftkit.cli.frame import App, command, to_json
from ftkit.cli.mapping import DataOptions, data_options

if TYPE_CHECKING:
    from ftkit.validation import RuleSet, ValidateOptions, ValidationReport

Format = Literal["text", "json", "jsonl", "sarif", "github"]
ALL_MODELS = "all"
_KEPT = {"text": 5, "json": 100, "jsonl": 1000, "sarif": 1000, "github": 10}
"""Findings of a rule that are kept where a person does not say how many: what each form is read for."""


@dataclass(frozen=True)
class ReportOptions:
    """What a validation is asked beside its rules, and the form of its report."""

    format: Format | None = None
    models: tuple[str, ...] = ()
    candidates: bool = False
    counts: Literal["exact", "limits", "bound"] = "exact"
    labels: tuple[str, ...] = ()
    method: Literal["sft", "dpo", "rft"] | None = None
    held_out: tuple[Path, ...] = ()
    epochs: int | None = None
    engine: Literal["local", "ray"] = "local"
    processes: int | None = None
    max_findings: int | None = None

    def form(self, app: App) -> Format:
        """The form of the report: ``--json`` is ``--format json``."""
        if app.json and self.format not in (None, "json"):
            raise click.UsageError(f"--json and --format {self.format} are two forms; choose one.")
        return "json" if app.json else self.format or "text"


_OPTIONS: list[Callable[[Any], Any]] = [
    click.option(
        "--format",
        type=click.Choice(list(_KEPT)),  # in the order that help shows
        help="Form of the report: text (default), json (as --json), jsonl (a finding a line, then a "
        "summary), sarif (code scanning), github (annotations of a pull request).",
    ),
    click.option(
        "--model",
        "models",
        multiple=True,
        metavar="ID",
        help="Count tokens for this model (repeatable); 'all' for every candidate.",
    ),
    click.option(
        "--candidates",
        is_flag=True,
        help="Compare every model of the platform (of all, if none is named) that can be tuned.",
    ),
    click.option(
        "--counts",
        type=click.Choice(["exact", "limits", "bound"]),
        default="exact",
        show_default=True,
        help="Count every row's tokens; or only where its bytes do not prove that it fits (limits); or "
        "none, without a vocabulary, and say 'unknown' where nothing is proven (bound).",
    ),
    click.option(
        "--label", "labels", multiple=True, metavar="TEXT", help="A reply that is allowed (repeatable)."
    ),
    click.option(
        "--method",
        type=click.Choice(["sft", "dpo", "rft"]),
        help="What the rows are for, where their keys do not say it.",
    ),
    click.option(
        "--held-out",
        "held_out",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Look for this file's rows in the data: a validation or test set (repeatable).",
    ),
    click.option("--epochs", type=click.IntRange(min=1), metavar="N", help="Say what N epochs cost."),
    click.option(
        "--engine",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Check in processes of this machine, or on a Ray cluster: that of RAY_ADDRESS, or the one that "
        "runs here (needs the extra: pip install 'ftkit[ray]').",
    ),
    click.option(
        "--processes",
        type=click.IntRange(min=1),
        metavar="N",
        help="Check with N processes; by default the size of the data decides.",
    ),
    click.option(
        "--max-findings",
        type=click.IntRange(min=1),
        metavar="N",
        help="Show at most N findings of each rule, and count all. "
        "[default: 5 in text, 10 in github, 100 in json, 1000 in jsonl and sarif]",
    ),
]


def report_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command's function, which gets them as ``asked``, a :class:`ReportOptions`."""
    names = set(ReportOptions.__dataclass_fields__)

    @functools.wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        mine = {key: given.pop(key) for key in list(given) if key in names}
        return function(*args, asked=ReportOptions(**mine), **given)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call


@command(
    "validate",
    platform=True,
    examples=[
        "ftkit validate train.jsonl --model linear",
        "ftkit validate train.jsonl --platform openai --candidates --epochs 3",
        "ftkit validate train.jsonl --held-out test.jsonl --select FT5",
        "ftkit validate train.jsonl --severity FT215=off --set FT502.similarity=0.85",
        "ftkit validate train.jsonl --format sarif > findings.sarif",
        "ftkit validate train.jsonl --fix clean.jsonl --rejected left.jsonl",
        "ftkit validate reviews.csv --user '{text}' --assistant '{label}' --label good --label bad",
    ],
)
@click.argument("source", metavar="DATA")
@report_options
@fix_options
@check_options
@data_options
def validate(
    app: App,
    source: str,
    asked: ReportOptions,
    fixing: FixRequest,
    checks: CheckOptions,
    data: DataOptions,
) -> int:
    """Check the training data in DATA: every finding with its place, why, and how to mend it.

    DATA is a chat file (.jsonl, also .gz and .zst; unpacked also s3://, gs://, hf://), or a table (.csv,
    .tsv, .parquet, .arrow) or a dataset's name with a template that makes messages of its columns. Exit
    code 1 means that errors were found. `ftkit rules` lists the rules, `ftkit explain` tells of one;
    ftkit.toml keeps choices in [validation].
    """
    form = asked.form(app)
    options = checks.options(
        template=data.template(),
        source=data.source_options(),
        labels=asked.labels or None,
        method=asked.method,
        held_out=asked.held_out,
        counts=asked.counts,
        epochs=asked.epochs,
        engine=asked.engine,
        processes=asked.processes,
        max_findings=asked.max_findings or _KEPT[form],
    )
    app.json = form == "json"
    rules = checks.rules(app.settings)
    given = {"models": _models(app, asked), "settings": app.settings, "options": options}
    if fixing.fixes:
        return _fix(app, form, source, fixing, rules, given)
    report = _check(source, fixing, {**given, "display": app.display})
    _say(app, form, report, rules, options)
    if form == "text" and (codes := fixable(report.counts)):
        app.console.print(f"`--fix` may mend {', '.join(codes)}.", markup=False, soft_wrap=True)
    return 0 if report.ok else 1


def _check(source: str, fixing: FixRequest, given: dict[str, Any]) -> ValidationReport:
    from ftkit.validation import validate as check

    if not fixing.separates:
        return check(source, **given)
    from ftkit.validation.fixing import separate

    return separate(source, accepted=fixing.accepted, rejected=fixing.rejected, **given)


def _fix(
    app: App, form: Format, source: str, fixing: FixRequest, rules: RuleSet, given: dict[str, Any]
) -> int:
    """Write a corrected copy; the findings are those that are left."""
    report = fixing.run(source, **given, display=app.display)
    if form == "json":
        click.echo(to_json(report))
        return 0 if report.ok else 1
    _say(app, form, report.validation, rules, given["options"])
    if form == "text":
        print_fix(app.console, report, fixing)
    return 0 if report.ok else 1


def _models(app: App, asked: ReportOptions) -> list[str]:
    """The ids of the models that were asked for, each once."""
    if not asked.candidates and ALL_MODELS not in asked.models:
        return list(asked.models)
    from ftkit.validation.candidates import candidates, countable

    settings = app.settings
    found, missing = candidates(settings.catalog, settings.platform, asked.method), list[str]()
    if asked.counts != "bound":
        found, missing = countable(found)
    for name in missing:
        app.display.warn(f"models of {name} are left out: run `ftkit tokenizers fetch {name}`")
    if not found and not missing:
        where = f"of {settings.platform} " if settings.platform else ""
        raise click.UsageError(f"The catalog knows no model {where}that can be tuned.")
    named = [model for model in asked.models if model != ALL_MODELS]
    return list(dict.fromkeys([*named, *(model.id for model in found)]))


def _say(app: App, form: Format, report: ValidationReport, rules: RuleSet, options: ValidateOptions) -> None:
    """Print the report in the form that was asked for."""
    from ftkit.validation import output

    if form == "text":
        output.print_report(app.console, report, {rule.code: rule for rule in rules.rules})
    elif form == "sarif":
        provider = app.settings.catalog.provider(report.platform)
        asked = rules.configured(provider.rules, app.settings.validation, options)
        click.echo(to_json(output.sarif_log(report, asked.rules)))
    elif form == "json":
        click.echo(report.model_dump_json(indent=2))
    else:
        for line in output.jsonl_lines(report) if form == "jsonl" else output.github_lines(report):
            click.echo(line)
