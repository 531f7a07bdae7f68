"""Carries a recipe out from its data to a report; called again, it goes on where it was."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from ftkit.data import atomic_write, sha256_file
from ftkit.display import Display, SilentDisplay
from ftkit.errors import (
    Interrupted,
    NotOnPlatform,
    PlatformError,
    PlatformRefused,
    UsageError,
    storage_error,
)
from ftkit.lifecycle.gate import Part
from ftkit.lifecycle.journal import JOURNAL_FILE, Journal, key_of
from ftkit.lifecycle.options import RunOptions
from ftkit.lifecycle.prepare import Preparation
from ftkit.lifecycle.recipe import Recipe, load_recipe
from ftkit.lifecycle.remote import Tuning
from ftkit.lifecycle.result import RunResult, package_versions
from ftkit.settings import Settings, load_settings

if TYPE_CHECKING:
    from ftkit.benchmarking import BenchmarkReport
    from ftkit.gateway import Job, Platform

RUN_FILE, REPORT_FILE, LOCK_FILE = "run.json", "report.html", ".lock"
Value = TypeVar("Value")


def run(
    recipe: str | Path | Recipe,
    options: RunOptions | None = None,
    *,
    settings: Settings | None = None,
    display: Display | None = None,
) -> RunResult:
    """Run a recipe: read, validate, split, upload, tune, watch, benchmark, report.

    The run's directory holds everything it made. A call with the same recipe, options and
    platform goes on in the same directory: finished steps are not done again, and nothing is
    uploaded, launched or submitted twice. Raises ``ftkit.errors``; Ctrl-C raises Interrupted,
    and what runs on a platform runs on.
    """
    settings = settings or load_settings()
    options = options or RunOptions()
    chosen = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    made = options.applied_to(chosen, settings.platform_name)
    place = _place(settings)
    name = f"{made.name}-{key_of(made, made.data_path, place)[:8]}"
    directory = options.out or settings.runs_dir / name
    if options.fresh:
        _set_aside(directory)
    with _locked(directory):
        this = _Run(made, directory, place, settings, display or SilentDisplay())
        this.fresh, this.max_cost = options.fresh, options.max_cost
        return this.carry_out()


class _Run:
    """One call of :func:`run` on one directory."""

    def __init__(
        self, recipe: Recipe, directory: Path, place: str, settings: Settings, display: Display
    ) -> None:
        self.recipe, self.directory, self.place = recipe, directory, place
        self.settings, self.display = settings, display
        self.journal = Journal(directory)
        self.resumed = bool(self.journal.entries())
        self.started = time.monotonic()
        self.stage = "starting"
        self.fresh = False  # a job that exists is not taken: another one is launched
        self.max_cost: float | None = None
        self.job_id: str | None = None
        self._platform: Platform | None = None

    @property
    def platform(self) -> Platform:
        """The platform, connected at the first need: a finished run asks nobody."""
        if self._platform is None:
            from ftkit.gateway import connect

            self._platform = connect(settings=self.settings, display=self.display)
        return self._platform

    def carry_out(self) -> RunResult:
        """All steps; the local platform is stopped again at the end if this run started it."""
        try:
            result = self._steps()
        except KeyboardInterrupt:
            self._close(stop_local=False)
            raise Interrupted(f"stopped while {self.stage}", hint=self._way_back()) from None
        except BaseException:
            self._close(stop_local=False)
            raise
        self._close(stop_local=True)
        return result

    def _close(self, stop_local: bool) -> None:
        if self._platform is not None:
            if stop_local and self._platform.started_local:
                self._platform.stop_local()
            self._platform.close()

    def _way_back(self) -> str:
        back = "Nothing is lost: run the same command again to go on from here."
        if not self.job_id:
            return back
        chosen = {"--platform": self.settings.platform, "--base-url": self.settings.base_url}
        options = "".join(f" {name} {value}" for name, value in chosen.items() if value)
        return f"The job {self.job_id} goes on: `ftkit jobs watch {self.job_id}{options}`. {back}"

    def _steps(self) -> RunResult:
        preparation = Preparation(self.recipe, self.journal, self.settings, self.display)
        self.stage = "reading the data"
        examples = preparation.examples()
        self.stage = "validating"
        preparation.check(examples)
        self.stage = "splitting"
        parts = preparation.split(examples)
        hashes = {name: sha256_file(path) for name, path in parts.items()}
        job_key = key_of(hashes, self.recipe.train, self.place)
        tuned = self.journal.done("tuned", job_key)
        if tuned is None:
            tuned = self._with_lost_files_forgotten(lambda: self._tune(preparation, parts, job_key))
        return self._compare(parts["test"], str(tuned["model"]), str(tuned["job"]))

    def _with_lost_files_forgotten(self, step: Callable[[], Value]) -> Value:
        """Try once more from the upload when the platform no longer has what the journal names."""
        try:
            return step()
        except (NotOnPlatform, PlatformRefused) as error:
            lost = self._lost(error) if self.resumed else []
            if not lost:
                raise
            self.display.warn(f"{error.message}: uploading and tuning again")
            for name in lost:
                self.journal.forget(name)
            return step()

    def _lost(self, error: PlatformError) -> list[str]:
        """The steps to do again after ``error``: platforms refuse a job on a lost file with 400, not 404."""
        entries = self.journal.entries()
        uploads = [name for name in entries if name.startswith("upload")]
        if isinstance(error, NotOnPlatform):
            return [*uploads, *(name for name in entries if name == "job")]
        return [name for name in uploads if not self._is_there(entries[name].result.get("file"))]

    def _is_there(self, file: str | None) -> bool:
        try:
            return file is not None and self.platform.files.get(file).id == file
        except NotOnPlatform:
            return False

    def _tune(self, preparation: Preparation, parts: dict[str, Path], key: str) -> dict[str, object]:
        self.stage = "uploading"
        tuning = Tuning(self.recipe, self.journal, self.platform, self.display, self.max_cost)
        roles: dict[str, Part] = {"train": "training", "validation": "validation"}
        files = {
            n: tuning.upload(preparation.upload_file(p), roles[n]) for n, p in parts.items() if n in roles
        }
        self.stage = "creating the job"
        self.job_id = tuning.job(files["train"], files.get("validation"), another=self.fresh)
        self.stage = "watching the job"
        job = tuning.watch(self.job_id)
        self.job_id = None
        return self.journal.finish("tuned", key, job=job.id, **_tuned(job))

    def _compare(self, test: Path, tuned_model: str, job: str) -> RunResult:
        recipe = self.recipe
        models = [tuned_model, *(m for m in recipe.benchmark.models if m != tuned_model)]
        key = key_of(sha256_file(test), models, recipe.benchmark, recipe.answers, self.place)
        run_file = self.directory / RUN_FILE
        if self.journal.done("benchmark", key) and (finished := self._finished(run_file)):
            return finished
        self.stage = "benchmarking"
        self.journal.intend("benchmark", key, models=models)
        report = self._benchmark(models, test)
        self.stage = "writing the report"
        result = self._result(report, tuned_model, job)
        atomic_write(run_file, result.model_dump_json(indent=2))
        self.journal.finish("benchmark", key, models=models)
        return result

    def _benchmark(self, models: list[str], test: Path) -> BenchmarkReport:
        from ftkit.benchmarking import benchmark

        tuned = models[0]
        try:
            return benchmark(
                models,
                test,
                platform=self.platform,
                metric=self.recipe.benchmark.metric,
                labels=self.recipe.answers.labels,
                max_tokens=self.recipe.benchmark.max_tokens,
                workdir=self.directory / "benchmark",
                tuned=[tuned],
                display=self.display,
            )
        except NotOnPlatform as error:
            if repr(tuned) not in error.message:
                raise
            # to tune again may cost money: that is for the person to say
            hint = "The platform no longer has the tuned model. --fresh tunes another one."
            raise NotOnPlatform(error.message, hint=hint, request_id=error.request_id) from error

    def _result(self, report: BenchmarkReport, tuned_model: str, job: str) -> RunResult:
        from ftkit.benchmarking import to_markdown, write_report

        result = RunResult(
            recipe=self.recipe.name,
            directory=self.directory,
            platform=self.platform.name,
            base_url=self.settings.base_url or self.platform.provider.base_url,
            base_model=self.recipe.train.model,
            tuned_model=tuned_model,
            job=job,
            parameters=self.recipe.model_dump(mode="json"),
            steps={name: entry.model_dump() for name, entry in self.journal.entries().items()},
            benchmark=report,
            report=self.directory / REPORT_FILE,
            versions=package_versions(),
            state="resumed" if self.resumed else "new",
            seconds=round(time.monotonic() - self.started, 3),
        )
        with self.display.work("Writing the report"):
            write_report(report, result.report, title=self.recipe.title, lineage=_lineage(result))
            atomic_write(result.report.with_suffix(".md"), to_markdown(report))
        return result

    def _finished(self, run_file: Path) -> RunResult | None:
        """The result of a run that had come to its end; None where its files are gone or damaged."""
        if not (run_file.exists() and (self.directory / REPORT_FILE).exists()):
            return None
        try:
            old = RunResult.model_validate_json(run_file.read_bytes())
        except ValidationError:
            self.display.warn(f"{run_file} is damaged: comparing again")
            return None
        seconds = round(time.monotonic() - self.started, 3)
        here = {"directory": self.directory, "report": self.directory / REPORT_FILE}
        return old.model_copy(update={"state": "already done", "seconds": seconds, **here})


def _tuned(job: Job) -> dict[str, object]:
    return {
        "model": job.fine_tuned_model,
        "trained_tokens": job.trained_tokens,
        "hyperparameters": job.hyperparameters,
        "finished_at": job.finished_at,
    }


def _lineage(result: RunResult) -> dict[str, str]:
    """What the report says about where its figures come from."""
    steps = result.steps
    lines = {
        "Recipe": result.recipe,
        "Platform": result.platform,
        "Base model": result.base_model,
        "Tuned model": result.tuned_model,
        "Job": result.job,
        "Data": str(steps["examples"]["result"].get("source")),
        "Data hash (SHA-256)": str(steps["examples"]["result"].get("source_hash")),
    }
    for name, part in steps["split"]["result"]["parts"].items():
        lines[f"{name.capitalize()} rows"] = f"{part['rows']:,} (SHA-256 {part['sha256'][:12]})"
    lines["Versions"] = ", ".join(f"{name} {number}" for name, number in result.versions.items())
    return lines


def _place(settings: Settings) -> str:
    """What tells two platforms apart without asking them: the name and the address or local state."""
    provider = settings.catalog.provider(settings.platform_name)
    at_home = settings.local_state if provider.local else provider.base_url
    return f"{provider.name} {settings.base_url or at_home}"


def _set_aside(directory: Path) -> None:
    """Keep an earlier run's directory under another name; a folder that holds no run stays as it is."""
    if not (directory / JOURNAL_FILE).exists():
        return
    if Path.cwd().is_relative_to(directory.resolve()):
        raise UsageError(
            "the working directory cannot be set aside",
            where=str(directory),
            hint="Call --fresh from outside, or name another place with --out.",
        )
    with _locked(directory):
        directory.rename(directory.with_name(f"{directory.name}.until-{datetime.now():%Y%m%dT%H%M%S.%f}"))


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """One run at a time in a directory; the lock goes with the process."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = (directory / LOCK_FILE).open("a")
    except OSError as error:
        raise storage_error(error, directory) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                "another run is at work in this directory",
                where=str(directory),
                hint="Wait for it to end, or give this one another place with --out.",
            ) from None
        yield
