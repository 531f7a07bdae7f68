"""What a call of ``retrain`` ends with, and the exit code that a scheduler can branch on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, computed_field

from ftkit.benchmarking.statistics.equivalence import Parity
from ftkit.data.tabled import Tabled
from ftkit.display.html import Shown
from ftkit.lifecycle.estimate import Estimate
from ftkit.lifecycle.retraining.asking import AskingCost

Outcome = Literal["promoted", "kept", "nothing to do", "blocked", "failed", "planned"]
"""``blocked``: the training may cost too much, or has failed too often; ``planned``: what would be done."""
CauseKind = Literal["first", "data", "drift", "age", "recipe", "shutdown", "asked", "unfinished"]

EXIT_CODES: dict[str, int] = {
    "promoted": 0,
    "planned": 0,
    "kept": 10,
    "nothing to do": 11,
    "blocked": 12,
    "failed": 1,
}
"""Beside these, errors have theirs: 1 to 4 (see ``ftkit.errors``); what they end has failed."""


class _Result(Shown, BaseModel):
    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Cause(_Result):
    """One reason to train again."""

    kind: CauseKind
    said: str


class Changes(_Result):
    """The rows against those of the last round, by the content of their examples.

    ``new`` are not among the earlier ones, ``gone`` were among them; a changed row is one of each. None of
    the two is known where the earlier rows are not on this machine. ``drift`` is the total variation distance
    (0 to 1) between the answers of the new rows and of the earlier ones, ``drift_p`` how likely chance makes
    so much of it.
    """

    rows: int
    new: int | None = None
    gone: int | None = None
    drift: float | None = None
    drift_p: float | None = None


class Check(_Result):
    """One rule of the policy, whether it holds, and the figures in words."""

    rule: str
    passed: bool
    said: str
    task: str | None = None


class Figure(_Result):
    """A model on the held-out rows of a task: its figure (0 to 1) with the 95 % interval."""

    model: str
    role: Literal["challenger", "champion", "base"]
    value: float
    low: float
    high: float
    rows: int
    per_1000: float | None = None


class Contest(_Result):
    """The models on the held-out rows of one task, and the new one against the one in use.

    ``against`` is the champion, or the best base model where there is none; ``difference`` is the
    challenger's figure minus its, with the 95 % interval ``low`` to ``high`` and the p-value of the paired
    test. ``gained`` rows are right only with the challenger, ``lost`` ones only with the other. ``parity``
    is what is shown of the two being equally good.
    """

    task: str
    rows: int
    figures: tuple[Figure, ...]
    recall: dict[str, float | None] = {}
    against: str | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    gained: int = 0
    lost: int = 0
    parity: Parity | None = None

    def figure(self, role: str) -> Figure | None:
        """The best figure among the models of a role; None where there is none."""
        return max((f for f in self.figures if f.role == role), key=lambda f: f.value, default=None)


class Golden(_Result):
    """The rows that must not get worse: ``regressions`` are right with the champion and wrong now."""

    rows: int
    right: int
    right_before: int | None
    regressions: int | None
    prompts: tuple[str, ...] = ()


class Decision(_Result):
    """Whether the challenger takes the champion's place: it does where every check has passed."""

    promote: bool
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """What decided: the checks that failed, or all of them where none did."""
        failed = tuple(check.said for check in self.checks if not check.passed)
        return failed or tuple(check.said for check in self.checks)


class Retrained(Tabled, _Result):
    """One call of ``retrain``; the rows of its table are the models on the held-out rows of each task.

    ``reasons`` say why it ended so, ``causes`` why anything was done. ``champion`` is the model in use before
    the call, ``challenger`` the one that was trained; None where there is none. ``round`` counts from 1,
    ``version`` is the challenger's in the registry, ``directory`` holds the round's data, run,
    ``decision.json`` and ``summary.md``. ``estimate`` is that of the
    training, ``asking`` (of a dry run) what the benchmark's requests cost, ``seconds`` the time of this call.
    """

    recipe: str
    name: str
    platform: str
    outcome: Outcome
    reasons: tuple[str, ...]
    causes: tuple[Cause, ...] = ()
    changes: Changes | None = None
    champion: str | None = None
    challenger: str | None = None
    version: int | None = None
    job: str | None = None
    contests: tuple[Contest, ...] = ()
    golden: Golden | None = None
    decision: Decision | None = None
    estimate: Estimate | None = None
    asking: tuple[AskingCost, ...] = ()
    policy: dict[str, Any] = {}
    round: int | None = None
    directory: Path | None = None
    report: Path | None = None
    summary: Path | None = None
    started: datetime
    seconds: float = 0.0

    def _repr_html_(self) -> str:
        from ftkit.lifecycle.retraining.drawn import retrained_html

        return retrained_html(self)

    def _records(self) -> Iterable[dict[str, Any]]:
        for contest in self.contests:
            yield from ({"task": contest.task, **figure.model_dump()} for figure in contest.figures)

    def _columns(self) -> tuple[str, ...]:
        return ("task", *Figure.model_fields)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def exit_code(self) -> int:
        """0 promoted (or planned), 10 kept, 11 nothing to do, 12 blocked, 1 failed."""
        return EXIT_CODES[self.outcome]
