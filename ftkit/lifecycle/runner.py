"""Carries a recipe out from its data to a report; called again, it goes on where it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from ftkit.data import atomic_write, sha256_file
from ftkit.display import Display, SilentDisplay
from ftkit.errors import Interrupted, NotOnPlatform, PlatformError, PlatformRefused
from ftkit.lifecycle.comparing import REPORT_FILE, Comparing
from ftkit.lifecycle.gate import Part
from ftkit.lifecycle.journal import Journal, key_of
from ftkit.lifecycle.options import RunOptions
from ftkit.lifecycle.own_code import own_code, own_files
from ftkit.lifecycle.places import locked, place_of, set_aside
from ftkit.lifecycle.prepare import Preparation
from ftkit.lifecycle.recipe import Recipe, load_recipe
from ftkit.lifecycle.remote import Tuning
from ftkit.lifecycle.result import Generated, RunResult, package_versions
from ftkit.settings import Settings, load_settings

if TYPE_CHECKING:
    from ftkit.benchmarking import BenchmarkReport
    from ftkit.gateway import Job, Platform

RUN_FILE = "run.json"
Value = TypeVar("Value")


def run(
    recipe: str | Path | Recipe,
    options: RunOptions | None = None,
    *,
    settings: Settings | None = None,
    display: Display | None = None,
) -> RunResult:
    """Run a recipe: generate, read, validate, split, upload, tune, watch, benchmark, judge, report.

    What of this is done, the recipe says. The run's directory holds everything it made. A call with the
    same recipe, options and platform goes on in the same directory: finished steps are not done again, and
    nothing is uploaded, launched, submitted or asked twice. Python files beside the recipe may be imported
    and run. Raises ``ftkit.errors``; Ctrl-C raises Interrupted, and what runs on a platform runs on.
    """
    settings = settings or load_settings()
    options = options or RunOptions()
    chosen = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    made = options.applied_to(chosen, settings.platform_name)
    place = place_of(settings)
    name = f"{made.name}-{key_of(made, made.data_path, place)[:8]}"
    directory = options.out or settings.runs_dir / name
    if options.fresh:
        set_aside(directory)
    with locked(directory), own_code(made.folder):
        this = _Run(made, directory, place, settings, display or SilentDisplay())
        this.fresh, this.max_cost, this.keep = options.fresh, options.max_cost, options.keep
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
        self.keep: Path | None = None
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
        generated = self._generated()
        if self.recipe.kind == "generate":
            return self._end_with_data(generated)
        preparation = Preparation(self.recipe, self.journal, self.settings, self.display, self.keep)
        self.stage = "reading the data"
        examples = preparation.examples()
        if self.recipe.tunes:
            self.stage = "validating"
            preparation.check(examples)
        self.stage = "splitting"
        parts = preparation.split(examples)
        tuned = self._tuned(preparation, parts) if self.recipe.tunes else {}
        return self._compare(preparation.tests(parts["test"]), tuned, generated)

    def _generated(self) -> Generated | None:
        """The rows that a model writes; from here on they are the recipe's source."""
        if self.recipe.generate is None:
            return None
        from ftkit.lifecycle.generating import Generation

        self.stage = "generating data"
        made = Generation(
            self.recipe, self.journal, self.settings, self.display, lambda: self.platform
        ).made()
        source = self.recipe.source.model_copy(
            update={
                "data": str(made.path),
                "columns": None,
                "delimiter": None,
                "encoding": None,
                "limit": None,
            }
        )
        self.recipe = self.recipe.model_copy(update={"source": source})
        return made

    def _tuned(self, preparation: Preparation, parts: dict[str, Path]) -> dict[str, object]:
        hashes = {name: sha256_file(path) for name, path in parts.items()}
        key = key_of(hashes, self.recipe.train, self.place)
        done = self.journal.done("tuned", key)
        if done is not None:
            return done
        return self._with_lost_files_forgotten(lambda: self._tune(preparation, parts, key))

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

    def _compare(
        self, tests: dict[str, Path], tuned: dict[str, object], generated: Generated | None
    ) -> RunResult:
        recipe = self.recipe
        model = str(tuned["model"]) if tuned else None
        models = [*([model] if model else []), *(m for m in recipe.benchmark.models if m != model)]
        hashes = {name: sha256_file(path) for name, path in tests.items()}
        said = (recipe.benchmark, recipe.answers, *recipe.tasks, own_files(recipe))
        key = key_of(hashes, models, *said, self.place)
        if self.journal.done("benchmark", key) and (finished := self._finished()):
            return finished
        self.stage = "benchmarking"
        self.journal.intend("benchmark", key, models=models)
        comparing = Comparing(recipe, self.directory, self.settings, self.display, lambda: self.platform)
        reports = comparing.reports(tests, models, model)
        self.stage = "writing the report"
        made = self._result(reports, tuned, generated)
        comparing.write(reports, _lineage(made))
        return self._recorded("benchmark", key, made, models=models)

    def _end_with_data(self, generated: Generated | None) -> RunResult:
        """The end of a run that generates data and no more."""
        key = key_of(generated.sha256 if generated is not None else None)
        if self.journal.done("record", key) is not None and (finished := self._finished()):
            return finished
        return self._recorded("record", key, self._result({}, {}, generated))

    def _recorded(self, step: str, key: str, result: RunResult, **facts: object) -> RunResult:
        """Write the record of the whole run, and then that its last step is done."""
        atomic_write(self.directory / RUN_FILE, result.model_dump_json(indent=2))
        self.journal.finish(step, key, **facts)
        return result

    def _result(
        self, reports: dict[str, BenchmarkReport], tuned: dict[str, object], generated: Generated | None
    ) -> RunResult:
        several = bool(self.recipe.tasks)
        provider = self.settings.catalog.provider(self.settings.platform_name)
        return RunResult(
            recipe=self.recipe.name,
            kind=self.recipe.kind,
            directory=self.directory,
            platform=provider.name,
            base_url=self.settings.base_url or provider.base_url,
            base_model=self.recipe.train.model if tuned else None,
            tuned_model=str(tuned["model"]) if tuned else None,
            job=str(tuned["job"]) if tuned else None,
            parameters=self.recipe.model_dump(mode="json"),
            steps={name: entry.model_dump() for name, entry in self.journal.entries().items()},
            generated=generated,
            benchmark=None if several else next(iter(reports.values()), None),
            tasks=reports if several else {},
            report=self.directory / REPORT_FILE if reports else None,
            versions=package_versions(),
            state="resumed" if self.resumed else "new",
            seconds=round(time.monotonic() - self.started, 3),
        )

    def _finished(self) -> RunResult | None:
        """The result of a run that had come to its end; None where its files are gone or damaged."""
        run_file, report = self.directory / RUN_FILE, self.directory / REPORT_FILE
        if not run_file.exists():
            return None
        try:
            old = RunResult.model_validate_json(run_file.read_bytes())
        except ValidationError:
            self.display.warn(f"{run_file} is damaged: comparing again")
            return None
        if old.report is not None and not report.exists():
            return None
        seconds = round(time.monotonic() - self.started, 3)
        here = {"directory": self.directory, "report": report if old.report is not None else None}
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
    tuned = {"Base model": result.base_model, "Tuned model": result.tuned_model, "Job": result.job}
    lines = {
        "Recipe": result.recipe,
        "Platform": result.platform,
        **{name: value for name, value in tuned.items() if value is not None},
        "Data": str(steps["examples"]["result"].get("source")),
        "Data hash (SHA-256)": str(steps["examples"]["result"].get("source_hash")),
    }
    for name, part in steps["split"]["result"]["parts"].items():
        lines[f"{name.capitalize()} rows"] = f"{part['rows']:,} (SHA-256 {part['sha256'][:12]})"
    if result.generated is not None:
        made = result.generated
        lines["Written by"] = f"{made.model}: {made.kept:,} of {made.rows:,} rows kept"
    lines["Versions"] = ", ".join(f"{name} {number}" for name, number in result.versions.items())
    return lines
