"""The top of the command: the list of commands, and the one place where errors become words."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import click

from ftkit.cli.lazy import LazyGroup

EXIT_INTERRUPTED = 130
EXIT_BUG = 70

COMMANDS = {
    "run": ("ftkit.cli.run:run", "Run a recipe: data in, a tuned and benchmarked model out."),
    "retrain": ("ftkit.cli.retrain:retrain", "Train anew where there is a reason; promote what is better."),
    "recipes": ("ftkit.cli.recipes:recipes", "List, show, copy and check recipes."),
    "validate": ("ftkit.cli.validate:validate", "Check training data, all findings with their places."),
    "split": ("ftkit.cli.split:split", "Split data into train, validation and test files."),
    "rules": ("ftkit.cli.rules:rules", "List the rules that validate checks."),
    "explain": ("ftkit.cli.rules:explain", "Explain one rule, with a bad and a good example."),
    "upload": ("ftkit.cli.files:upload", "Upload a training or batch file."),
    "files": ("ftkit.cli.files:files", "List, show, fetch and delete uploaded files."),
    "jobs": ("ftkit.cli.jobs:jobs", "Create, list, watch and cancel fine-tuning jobs."),
    "batches": ("ftkit.cli.batches:batches", "Submit, watch and read batches of requests."),
    "ledger": ("ftkit.cli.ledger:ledger", "Show, export and forget what was done on platforms."),
    "benchmark": ("ftkit.cli.benchmark:benchmark", "Compare models on held-out rows by batch inference."),
    "compare": ("ftkit.cli.compare:compare", "Hold a benchmark or run against another, row by row."),
    "metrics": ("ftkit.cli.metrics:metrics", "List the metrics of benchmarks; one with its options."),
    "generate": ("ftkit.cli.generate:generate", "Make rows of a model's answers about rows of data."),
    "cache": ("ftkit.cli.cache:cache", "Show and delete the answers that are kept."),
    "judge": ("ftkit.cli.judge:judge", "Let models judge answers, and measure the judges."),
    "models": ("ftkit.cli.models:models", "List and show models; name, promote and roll them back."),
    "migrate": ("ftkit.cli.migrate:migrate", "Move tuned models to another platform."),
    "chat": ("ftkit.cli.chat:chat", "Ask a model, with the answer as it comes."),
    "serve": ("ftkit.cli.serve:serve", "Run the local OpenAI-compatible platform."),
    "local": ("ftkit.cli.local:local", "Show and clean what the local platform keeps."),
    "tokenizers": ("ftkit.cli.tokenizers:tokenizers", "List, fetch and import vocabularies."),
    "doctor": ("ftkit.cli.doctor:doctor", "Show what is set up and what is missing."),
    "completion": ("ftkit.cli.completion:completion", "Print the shell's completion script."),
}

EXIT_CODES = """\b
Exit codes: 0 ok; 1 the answer is no (findings, a failed job); 2 usage;
3 platform failure; 4 configuration, key or disk; 130 interrupted; 70 a bug.
"""


def _print_version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        from ftkit import __version__

        click.echo(f"ftkit {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup, lazy=COMMANDS, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
def cli() -> None:
    """Fine-tuning from raw data to a benchmarked model, on any OpenAI-compatible platform.

    \b
    Example:
      ftkit run sentiment
    """


def main() -> NoReturn:
    """Run the command and leave with its exit code."""
    sys.exit(_run())


def _run() -> int:
    from ftkit.display.streams import bear_any_text

    bear_any_text(sys.stdout, sys.stderr)
    try:
        result = cli.main(prog_name="ftkit", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        return _wrong_call(error)
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    except BrokenPipeError:
        # the reader (head, less) has left; Python must not complain again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the one place where errors become words
        from ftkit.cli.failure import explain

        return explain(error)
    return result if isinstance(result, int) else 0


def _wrong_call(error: click.ClickException) -> int:
    """click's own words with the usage; for a program, JSON like every other error."""
    if "--json" not in sys.argv[1:]:
        error.show()
        return error.exit_code
    from ftkit.cli.failure import explain
    from ftkit.errors import UsageError

    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"See `{context.command_path} --help`." if context else None
    return explain(UsageError(error.format_message(), hint=hint))


def _interrupted() -> int:
    if "--json" not in sys.argv[1:]:
        click.echo("\ninterrupted", err=True)
        return EXIT_INTERRUPTED
    from ftkit.cli.failure import explain
    from ftkit.errors import Interrupted

    return explain(Interrupted("interrupted"))
