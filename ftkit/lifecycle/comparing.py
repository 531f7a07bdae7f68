"""The last step of a run: models answer the held-out rows of each task, judges judge, reports are written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import atomic_write
from ftkit.display import Display
from ftkit.errors import NotOnPlatform
from ftkit.lifecycle.recipe import Recipe
from ftkit.lifecycle.tables import JudgeTable, TaskTable
from ftkit.settings import Settings

if TYPE_CHECKING:
    from ftkit.benchmarking import BenchmarkReport
    from ftkit.gateway import Platform

REPORT_FILE = "report.html"
_LETTING_GO = 20.0  # seconds


class Comparing:
    """The comparison of one run's models on each of its tasks."""

    def __init__(
        self,
        recipe: Recipe,
        directory: Path,
        settings: Settings,
        display: Display,
        platform: Callable[[], Platform],
    ) -> None:
        self.recipe, self.directory, self.settings = recipe, directory, settings
        self.display, self.platform = display, platform

    def reports(
        self, tests: Mapping[str, Path], models: list[str], tuned: str | None
    ) -> dict[str, BenchmarkReport]:
        """The report of each task by its name; several side by side, each by its own batches."""
        work = {task.name: task for task in self.recipe.work}
        if len(work) == 1:
            [(name, task)] = work.items()
            return {name: self._report(task, tests[name], models, tuned, self.platform(), "benchmark")}
        return self._side_by_side(work, tests, models, tuned)

    def _side_by_side(
        self, work: Mapping[str, TaskTable], tests: Mapping[str, Path], models: list[str], tuned: str | None
    ) -> dict[str, BenchmarkReport]:
        """One thread and one connection for each task; where one fails, or a person stops, all stop."""
        from ftkit.gateway import connect
        from ftkit.gateway.threads import in_thread, with_stop

        stop = threading.Event()

        self.platform()  # so that the local one runs before all of them look for it
        with ExitStack() as stack:
            waiting = {}
            for name, task in work.items():
                own = with_stop(
                    stack.enter_context(connect(settings=self.settings, display=self.display)), stop
                )

                def ask(task: TaskTable = task, own: Platform = own) -> BenchmarkReport:
                    place = f"benchmark/{task.name}"
                    return self._report(task, tests[task.name], models, tuned, own, place)

                waiting[name] = in_thread(ask)
            try:
                return {name: future.result() for name, future in waiting.items()}
            except BaseException:
                stop.set()
                wait(waiting.values(), _LETTING_GO)  # their directories are for the next call
                raise

    def _report(
        self,
        task: TaskTable,
        test: Path,
        models: list[str],
        tuned: str | None,
        platform: Platform,
        place: str,
    ) -> BenchmarkReport:
        from ftkit.benchmarking import benchmark

        folder = self.directory / place
        try:
            report = benchmark(
                models,
                test,
                platform=platform,
                metric=task.metric,
                labels=task.labels,
                max_tokens=task.max_tokens,
                parameters=_form_of(task, platform),
                workdir=folder,
                tuned=[tuned] if tuned else (),
                display=self.display,
            )
        except NotOnPlatform as error:
            if tuned is None or repr(tuned) not in error.message:
                raise
            # to tune again may cost money: that is for the person to say
            hint = "The platform no longer has the tuned model. --fresh tunes another one."
            raise NotOnPlatform(error.message, hint=hint, request_id=error.request_id) from error
        table = self.recipe.benchmark.judge
        return report if table is None else self._judged(report, table, folder, platform)

    def _judged(
        self, report: BenchmarkReport, table: JudgeTable, folder: Path, platform: Platform
    ) -> BenchmarkReport:
        """The report with what judges say of the same answers; the right ones measure the judges."""
        from ftkit.benchmarking import judge, with_judges

        file = self.recipe.beside(table.rubric) if table.rubric is not None else None
        judged = judge(
            folder,
            table.models,
            workdir=folder / "judging",
            platform=platform,
            settings=self.settings,
            rubric=Path(file) if file is not None else table.criteria,
            scale=table.scale,
            reasons=table.reasons,
            display=self.display,
        )
        return with_judges(report, [judged], folder)

    def write(self, reports: Mapping[str, BenchmarkReport], lineage: Mapping[str, str]) -> Path:
        """Write each report as a page and as Markdown, and where they are several one that leads to them."""
        from ftkit.benchmarking import to_markdown, write_report

        first = self.directory / REPORT_FILE
        with self.display.work("Writing the report"):
            for name, report in reports.items():
                path = first if len(reports) == 1 else self.directory / f"report-{name}.html"
                title = self.recipe.title if len(reports) == 1 else f"{self.recipe.title}: {name}"
                write_report(report, path, title=title, lineage=dict(lineage))
                atomic_write(path.with_suffix(".md"), to_markdown(report))
            if len(reports) > 1:
                self._write_overview(reports, first)
        return first

    def _write_overview(self, reports: Mapping[str, BenchmarkReport], path: Path) -> None:
        from ftkit.lifecycle.overview import overview_page, overview_text

        atomic_write(path, overview_page(self.recipe.title, reports))
        atomic_write(path.with_suffix(".md"), overview_text(self.recipe.title, reports))


def _form_of(task: TaskTable, platform: Platform) -> dict[str, Any] | None:
    """The parameter ``response_format`` where the platform keeps to it; elsewhere the instruction must do."""
    if task.form is None:
        return None
    dialect = platform.provider.dialect
    if "response_format" in (*dialect.refuse_request, *dialect.drop_request):
        return None
    from ftkit.inference.llm.schemas import response_format

    return {"response_format": response_format(task.name, task.form)}
