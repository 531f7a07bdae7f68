"""``ftkit jobs create``: its many options, as one order for a fine-tuning job."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ftkit.cli.frame import App, command
from ftkit.cli.remote import same_platform
from ftkit.cli.values import AUTO_FLOAT, AUTO_INT, pairs
from ftkit.cli.watching import follow, show_job

if TYPE_CHECKING:
    from rich.console import Console

    from ftkit.gateway.orders import JobOrder
    from ftkit.lifecycle.launching import LaunchPlan

_HYPERPARAMETERS = {
    "epochs": "n_epochs",
    "batch_size": "batch_size",
    "learning_rate_multiplier": "learning_rate_multiplier",
    "beta": "beta",
    "eval_interval": "eval_interval",
    "eval_samples": "eval_samples",
    "compute_multiplier": "compute_multiplier",
    "reasoning_effort": "reasoning_effort",
}


@dataclass(frozen=True)
class OrderOptions:
    """The options that say what is trained and how."""

    training_file: str
    model: str
    validation_file: str | None
    suffix: str | None
    seed: int | None
    method: str | None
    epochs: int | str | None
    batch_size: int | str | None
    learning_rate_multiplier: float | str | None
    beta: float | str | None
    grader: Path | None
    eval_interval: int | str | None
    eval_samples: int | str | None
    compute_multiplier: float | str | None
    reasoning_effort: str | None
    response_format: Path | None
    hyperparameters: tuple[str, ...]
    metadata: tuple[str, ...]
    wandb_project: str | None
    wandb_name: str | None
    wandb_entity: str | None
    wandb_tags: tuple[str, ...]

    def order(self) -> JobOrder:
        """The order; UsageError with everything that is wrong in it."""
        from ftkit.gateway.orders import JobOrder

        return JobOrder.model_validate(
            {
                "model": self.model,
                "training_file": self.training_file,
                "validation_file": self.validation_file,
                "suffix": self.suffix,
                "seed": self.seed,
                "method": self._method(),
                "metadata": pairs(self.metadata, "--metadata"),
                "integrations": self._integrations(),
            }
        )

    def _method(self) -> dict[str, Any]:
        kind = self.method or ("reinforcement" if self.grader else "dpo" if self.beta is not None else None)
        given = {theirs: getattr(self, ours) for ours, theirs in _HYPERPARAMETERS.items()}
        extra = {name: _value(text) for name, text in pairs(self.hyperparameters, "--hyperparameter").items()}
        method: dict[str, Any] = {
            "type": kind or "supervised",
            "hyperparameters": {**{n: v for n, v in given.items() if v is not None}, "extra": extra},
        }
        for name, file in (("grader", self.grader), ("response_format", self.response_format)):
            if file is not None:
                method[name] = _json_file(file, f"--{name.replace('_', '-')}")
        return method

    def _integrations(self) -> list[dict[str, Any]]:
        given = {"name": self.wandb_name, "entity": self.wandb_entity, "tags": list(self.wandb_tags)}
        said = {name: value for name, value in given.items() if value}
        if self.wandb_project is None:
            if said:
                raise click.UsageError("--wandb-project is needed beside other --wandb options.")
            return []
        return [{"project": self.wandb_project, **said}]


def _json_file(path: Path, option: str) -> Any:
    try:
        found = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}", param_hint=option) from error
    except ValueError as error:
        raise click.BadParameter(f"{path} is not JSON: {error}", param_hint=option) from error
    if not isinstance(found, dict):
        raise click.BadParameter(f"{path} holds no JSON object", param_hint=option)
    return found


def _value(text: str) -> Any:
    """A value as JSON where it is some, else as text: ``true``, ``0.1``, ``linear``."""
    try:
        return json.loads(text)
    except ValueError:
        return text


_OPTIONS: list[Callable[[Any], Any]] = [
    click.option(
        "--training-file",
        required=True,
        metavar="ID|PATH",
        help="An uploaded file, one to upload first, or a split (its train and validation part).",
    ),
    click.option("--model", required=True, help="The model to tune."),
    click.option("--validation-file", metavar="ID|PATH", help="Held-out examples, uploaded or to upload."),
    click.option("--suffix", help="A word of your own in the tuned model's name."),
    click.option("--seed", type=int, help="The same seed and data give the same job, where it can be."),
    click.option(
        "--method",
        type=click.Choice(["supervised", "dpo", "reinforcement"]),
        help="How to train; --beta and --grader say it too. [default: supervised]",
    ),
    click.option("--epochs", type=AUTO_INT, help="Passes over the data."),
    click.option("--batch-size", type=AUTO_INT, help="Examples per step."),
    click.option("--learning-rate-multiplier", type=AUTO_FLOAT, help="Factor on the learning rate."),
    click.option("--beta", type=AUTO_FLOAT, help="dpo: how near the model stays to its base."),
    click.option(
        "--grader",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="reinforcement: the grader, as JSON.",
    ),
    click.option("--eval-interval", type=AUTO_INT, help="reinforcement: steps between evaluations."),
    click.option("--eval-samples", type=AUTO_INT, help="reinforcement: answers in each evaluation."),
    click.option("--compute-multiplier", type=AUTO_FLOAT, help="reinforcement: factor on the exploration."),
    click.option(
        "--reasoning-effort",
        type=click.Choice(["default", "low", "medium", "high"]),
        help="reinforcement: how long the model thinks.",
    ),
    click.option(
        "--response-format",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="reinforcement: the form of the answers, as JSON.",
    ),
    click.option(
        "--hyperparameter",
        "hyperparameters",
        multiple=True,
        metavar="NAME=VALUE",
        help="One that only this platform has, such as lora=true (repeatable).",
    ),
    click.option(
        "--metadata", multiple=True, metavar="NAME=TEXT", help="Words to keep with the job (repeatable)."
    ),
    click.option("--wandb-project", metavar="NAME", help="Send metrics to this Weights & Biases project."),
    click.option("--wandb-name", metavar="NAME", help="The run's name there."),
    click.option("--wandb-entity", metavar="NAME", help="The team or user there."),
    click.option("--wandb-tag", "wandb_tags", multiple=True, metavar="TAG", help="A tag there (repeatable)."),
]


def order_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options to a command's function, which gets them as ``asked``, an :class:`OrderOptions`."""
    names = {field.name for field in fields(OrderOptions)}

    @functools.wraps(function)
    def call(*args: Any, **given: Any) -> Any:
        mine = {key: given.pop(key) for key in list(given) if key in names}
        return function(*args, asked=OrderOptions(**mine), **given)

    for option in reversed(_OPTIONS):
        call = option(call)
    return call


@command(
    "create",
    platform=True,
    examples=[
        "ftkit jobs create --training-file train.jsonl --model linear --watch",
        "ftkit jobs create --training-file parts --model gpt-4.1-2025-04-14 --max-cost 20 --platform openai",
        "ftkit jobs create --training-file file-abc123 --model gpt-4.1-2025-04-14 --beta 0.1 --dry-run",
    ],
)
@order_options
@click.option(
    "--max-cost",
    type=click.FloatRange(min=0),
    metavar="DOLLARS",
    help="Refuse a job that may cost more, or whose cost is not known.",
)
@click.option("--again", is_flag=True, help="Launch another job where one of the same order exists.")
@click.option(
    "--validate/--no-validate", default=True, help="Refuse files that have errors. [default: validate]"
)
@click.option("--dry-run", is_flag=True, help="Show the estimate and the request; send nothing.")
@click.option("--watch", is_flag=True, help="Stay until the job has ended.")
def create(
    app: App,
    asked: OrderOptions,
    max_cost: float | None,
    again: bool,
    validate: bool,
    dry_run: bool,
    watch: bool,
) -> None:
    """Start a fine-tuning job, once: the same order again gives the job that exists.

    Files that lie on this machine are validated and uploaded first. What the job costs and how long it
    takes is estimated before anything is sent.
    """
    from ftkit.lifecycle.launching import plan_launch

    plan = plan_launch(app.settings, asked.order(), max_cost=max_cost, validate=validate, display=app.display)
    if dry_run:
        app.emit(plan, lambda console: _show_plan(console, plan))
        plan.check_cost()
        return
    with app.connect() as platform:
        job = plan.carry_out(platform, again=again)
        if watch:
            app.display.note(f"job {job.id} created")
            job = job.with_job(follow(app, platform, job.id))
    app.emit(job, lambda console: show_job(console, job))
    job.raise_if_failed(same_platform(app))


def _show_plan(console: Console, plan: LaunchPlan) -> None:
    from ftkit.lifecycle.estimate import in_words

    for line in in_words(plan.estimate):
        console.print(line, markup=False, soft_wrap=True)
    for part, path in plan.uploads.items():
        console.print(f"uploads {path} as the {part} file", markup=False, soft_wrap=True)
    console.print("sends", markup=False)
    console.print(json.dumps(plan.request, indent=2, ensure_ascii=False), markup=False, soft_wrap=True)
