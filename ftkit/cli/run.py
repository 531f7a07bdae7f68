"""``ftkit run``: a recipe from its data to a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command
from ftkit.cli.values import AMOUNT, AUTO_FLOAT, AUTO_INT, column_names, name_list

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.lifecycle import RunResult


@command(
    "run",
    platform=True,
    examples=[
        "ftkit run sentiment",
        "ftkit run sentiment --data headlines.csv --limit 4000 --train 400 --test 3600 --seed 42",
        "ftkit run genre --data films.csv --column description=Overview --column title=Name",
        "ftkit run sentiment --rehearse openai",
        "ftkit run ./my-recipe --platform openai --epochs 3",
    ],
)
@click.argument("recipe")
@click.option(
    "--data",
    help="Data to use instead of the recipe's own: a file, a saved or a hosted dataset, a split's folder.",
)
@click.option(
    "--column", "columns", multiple=True, metavar="OURS=THEIRS", help="What a column is called in --data."
)
@click.option(
    "--columns", "file_columns", metavar="NAME,NAME", help="Column names of a file without a header row."
)
@click.option("--encoding", help="Encoding of a text table, if not detected.")
@click.option("--limit", type=click.IntRange(1), help="Read only the first N rows.")
@click.option("--train", type=AMOUNT, help="Rows to train on: a count, or a share below 1.")
@click.option("--validation", type=AMOUNT, help="Rows for the validation loss.")
@click.option("--test", type=AMOUNT, help="Rows held out for the benchmark.")
@click.option("--seed", type=click.IntRange(0), help="Seed of the split and of the training.")
@click.option(
    "--tune/--no-tune",
    default=None,
    help="Tune a model, or compare models as they are; else as the recipe says.",
)
@click.option(
    "--rehearse",
    metavar="PLATFORM",
    help="Use the models that the recipe names for that platform; on the local one, stand-ins answer. "
    "It stays local, also where the settings name another platform.",
)
@click.option("--model", help="Base model to tune.")
@click.option("--base-model", "base_models", multiple=True, help="Model to compare with; may be repeated.")
@click.option("--epochs", "n_epochs", type=AUTO_INT, help="Passes over the training rows, or auto.")
@click.option("--batch-size", type=AUTO_INT, help="Examples per step, or auto.")
@click.option("--learning-rate-multiplier", type=AUTO_FLOAT, help="Factor on the learning rate, or auto.")
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    metavar="DOLLARS",
    help="Launch no job that may cost more, or whose cost is not known.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Directory of the run.")
@click.option(
    "--fresh",
    is_flag=True,
    help="Start over with another job; an earlier run's directory is kept under another name.",
)
def run(app: App, recipe: str, columns: tuple[str, ...], **given: Any) -> None:
    """Run RECIPE (a name, or a folder with a recipe.toml) from its data to a report.

    Reads, validates, splits, uploads, tunes, watches the job, and compares the tuned model with
    others on held-out rows by batch inference. A recipe may also generate its data, compare models
    as they are, ask several things of the same rows, or let judges judge: it says so itself. Python
    files beside it may be run. Without a platform the local one is used and started. Run again, it
    goes on where it was, or says that it is done.
    """
    from ftkit.lifecycle import RunOptions
    from ftkit.lifecycle import run as run_recipe

    hyperparameters = {n: given.pop(n) for n in ("n_epochs", "batch_size", "learning_rate_multiplier")}
    options = RunOptions(
        columns=column_names(columns),
        hyperparameters=hyperparameters,
        file_columns=name_list(given.pop("file_columns")),
        base_models=given.pop("base_models") or None,
        **given,
    )
    settings = app.settings
    if options.rehearse and app.platform is None and settings.platform_name not in ("local", "custom"):
        # whoever rehearses does not want to pay the platform that the project's settings name
        settings = settings.model_copy(update={"platform": "local", "base_url": None})
    result = run_recipe(recipe, options, settings=settings, display=app.display)
    app.emit(result, lambda console: _print(console, result))


def _print(console: Console, result: RunResult) -> None:
    from ftkit.benchmarking import print_report

    if (made := result.generated) is not None:
        lost = "".join(f"; {count:,}: {reason}" for reason, count in made.dropped.items())
        console.print(f"{made.model} wrote {made.rows:,} rows, {made.kept:,} are kept{lost}", soft_wrap=True)
    for name, report in result.reports.items():
        if result.tasks:
            console.print(f"\n[bold]{name}[/bold]")
        print_report(console, report)
    if result.tasks:
        _print_overview(console, result)
    words = {
        "new": "done",
        "resumed": "done, resumed from an earlier call",
        "already done": "was already done (--fresh starts over)",
    }
    console.print(f"Run {words[result.state]} in {result.seconds:.1f} s on {result.platform}.")
    places = {
        "Tuned model": result.tuned_model,
        "Data": result.generated.path if result.generated is not None else None,
        "Report": result.report,
        "Record": result.directory / "run.json",
    }
    for name, place in places.items():
        if place is not None:
            console.print(f"{name:<12} {place}", soft_wrap=True)


def _print_overview(console: Console, result: RunResult) -> None:
    from ftkit.cli.frame import table
    from ftkit.lifecycle.overview import overview_rows

    console.print("\n[bold]all tasks[/bold]")
    rows = [
        (model, *("–" if cell is None else cell[0] for cell in cells))
        for model, cells in overview_rows(result.tasks)
    ]
    table(console, ["Model", *result.tasks], rows, right=range(1, 1 + len(result.tasks)))
