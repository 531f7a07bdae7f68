"""Reads what decides from a finished run: each model's figures, and the challenger against the one in use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ftkit.lifecycle.retraining.result import Contest, Figure, Golden

if TYPE_CHECKING:
    from ftkit.benchmarking import BenchmarkReport, ModelScore
    from ftkit.lifecycle.result import RunResult

_SHOWN = 20
_TEXT = 200


def contests_of(result: RunResult, challenger: str, champion: str | None) -> tuple[Contest, ...]:
    """The models of every task of a run, from its reports and its tables of answers."""
    found = []
    for task, report in result.reports.items():
        folder = result.directory / "benchmark" / (task if result.tasks else "")
        found.append(contest_of(task, report, folder, challenger, champion))
    return tuple(found)


def contest_of(
    task: str, report: BenchmarkReport, folder: Path, challenger: str, champion: str | None
) -> Contest:
    """The models on one task. ``folder`` holds the benchmark's ``answers.csv``."""
    from ftkit.benchmarking.compare import compare, parity
    from ftkit.benchmarking.versus.groups import groups_of
    from ftkit.benchmarking.versus.marks import read_table
    from ftkit.benchmarking.versus.reading import read_recorded

    own = report.model(challenger)
    figures = tuple(_figure(score, challenger, champion) for score in report.models)
    made = Contest(
        task=task,
        rows=report.rows,
        figures=figures,
        recall={one.label: one.recall if one.support else None for one in own.per_label},
    )
    other = _against(made, champion, challenger)
    if other is None:
        return made
    recorded = read_recorded(folder)
    table = read_table(recorded.answers, {challenger, other})
    rows = range(len(table))
    new, old = table.marks(challenger, rows), table.marks(other, rows)
    groups = groups_of(recorded, len(table), rows)
    test = compare(own, report.model(other), new, old, groups=groups)
    continuous = own.continuous and report.model(other).continuous
    found = {"difference": test.difference, "low": test.low, "high": test.high, "p": test.p_value}
    counts = {"gained": test.only_model, "lost": test.only_other}
    shown = {"parity": parity(new, old, continuous=continuous, groups=groups)}
    return made.model_copy(update={"against": other, **found, **counts, **shown})


def _against(contest: Contest, champion: str | None, challenger: str) -> str | None:
    """The model that is to be beaten: the champion, else the best base model."""
    if champion == challenger:
        return None
    best = contest.figure("champion") or contest.figure("base")
    return best.model if best is not None else None


def _figure(score: ModelScore, challenger: str, champion: str | None) -> Figure:
    value, low, high = score.figure
    role = {challenger: "challenger", champion: "champion"}.get(score.model, "base")
    return Figure.model_validate(
        {
            "model": score.model,
            "role": role,
            "value": value,
            "low": low,
            "high": high,
            "rows": score.n,
            "per_1000": score.batch_per_1000,
        }
    )


def golden_of(folders: list[Path], challenger: str, champion: str | None) -> Golden:
    """How the golden rows fare, from the benchmarks (one for each task) in ``folders``."""
    from ftkit.benchmarking.versus.marks import read_answers

    now: dict[tuple[Path, int], bool] = {}
    before: dict[tuple[Path, int], bool] = {}
    prompts: dict[tuple[Path, int], str] = {}
    for folder in folders:
        for one in read_answers(folder / "answers.csv"):
            place = (folder, one.row)
            if one.model == challenger:
                now[place], prompts[place] = one.right, one.prompt
            elif one.model == champion:
                before[place] = one.right
    lost = [place for place, right in before.items() if right and not now.get(place, False)]
    return Golden(
        rows=len(now),
        right=sum(now.values()),
        right_before=sum(before.values()) if before else None,
        regressions=len(lost) if before else None,
        prompts=tuple(prompts[place][:_TEXT] for place in lost[:_SHOWN]),
    )
