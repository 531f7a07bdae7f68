"""Judges answers: puts them to the judges, sums up what they say, and measures them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit import __version__
from ftkit.benchmarking.judging.asking import ROUNDS, Hearing, Judge, digest_of, hear
from ftkit.benchmarking.judging.judges import judges_of
from ftkit.benchmarking.judging.pairwise import PairwiseTally, pairs_of, pairwise_cases
from ftkit.benchmarking.judging.places import open_answers
from ftkit.benchmarking.judging.pointwise import PointwiseTally, pointwise_cases
from ftkit.benchmarking.judging.results import JudgeReport
from ftkit.benchmarking.judging.rubric import Rubric, rubric_of
from ftkit.benchmarking.judging.show import judges_markdown
from ftkit.benchmarking.judging.sources import AnswerSet, Columns
from ftkit.benchmarking.judging.table import open_verdict_table
from ftkit.benchmarking.judging.words import notes_of, verdict_of
from ftkit.data import atomic_write
from ftkit.display import SilentDisplay
from ftkit.errors import UsageError, storage_error
from ftkit.inference import AnswerCache, project_cache
from ftkit.inference.backends import needs_platform

if TYPE_CHECKING:
    from ftkit.display import Display
    from ftkit.gateway import Platform
    from ftkit.inference.backends import Via
    from ftkit.settings import Settings

_ASKING, _LOCK = "asking", ".lock"


def judge(
    answers: Any,
    judges: str | Judge | Sequence[str | Judge],
    *,
    workdir: str | Path,
    platform: Platform | None = None,
    settings: Settings | None = None,
    rubric: Rubric | str | Path | None = None,
    scale: int | None = None,
    pairwise: Sequence[str] | bool = (),
    models: Sequence[str] = (),
    against_truth: bool = False,
    reasons: bool | None = None,
    reference: bool | None = None,
    columns: Columns | None = None,
    requests: str | Path | None = None,
    metric: Any = "exact",
    parameters: dict[str, Any] | None = None,
    via: Via = "auto",
    window: str = "24h",
    rounds: int = ROUNDS,
    fresh: bool = False,
    cache: AnswerCache | None = None,
    display: Display | None = None,
) -> JudgeReport:
    """Let models judge answers: those of a benchmark's directory, a table, a chat file or a batch.

    By default each answer is called correct or incorrect by the criteria of ``rubric`` (their text, the
    path of a file with them, or a :class:`Rubric`); with ``scale`` each gets a score of 0 to ``scale``;
    with ``pairwise`` (two models, or True where there are two) the better of two answers is chosen, in
    both orders. ``models`` chooses whose answers are judged. ``columns``, ``requests`` and ``metric`` say
    how ``answers`` is read, see :func:`~ftkit.benchmarking.judging.places.open_answers`.

    Judges are asked through ``platform`` (else that of the settings, where one is needed), or by what the
    settings say of their names; ``via`` and ``window`` as in a benchmark, with ``parameters`` beside
    temperature 0. The same question to the same judge is asked once, ever (``cache``, by default the
    project's), unless ``fresh``. ``rounds`` bounds how often a judge is asked for a verdict that can be
    read. ``workdir`` gets the verdicts as CSV and the report as JSON and Markdown. Where the right answers
    are known the judges are measured by them; ``against_truth`` insists on it.

    Raises UsageError for a call that cannot be, DataError for answers that cannot be read, and what the
    platform raises.
    """
    settings = settings or (platform.settings if platform is not None else _settings())
    shown = display or SilentDisplay()
    asked = rubric_of(
        rubric, kind="pair" if pairwise else None, scale=scale, reasons=reasons, reference=reference
    )
    chosen = tuple(models) if isinstance(pairwise, bool) else tuple(pairwise or models)
    opened = open_answers(answers, columns=columns, requests=requests, metric=metric).only(chosen)
    _check(opened, asked, against_truth)
    with ExitStack() as stack:
        at = platform or _platform(judges, settings, shown, stack)
        kept = cache or stack.enter_context(project_cache(settings))
        bench = judges_of(
            judges,
            settings=settings,
            platform=at,
            parameters=parameters,
            via=via,
            window=window,
            display=shown,
        )
        return judge_answers(
            opened, bench, asked, workdir=Path(workdir), cache=kept, rounds=rounds, fresh=fresh, display=shown
        )


def _settings() -> Settings:
    from ftkit.settings import load_settings

    return load_settings()


def _platform(
    judges: str | Judge | Sequence[str | Judge], settings: Settings, display: Display, stack: ExitStack
) -> Platform | None:
    """The platform of the settings, where a judge needs one."""
    from ftkit.gateway import connect

    listed = [judges] if isinstance(judges, str | Judge) else judges
    if not any(isinstance(one, str) and needs_platform(one, settings) for one in listed):
        return None
    return stack.enter_context(connect(settings=settings, display=display))


def _check(answers: AnswerSet, rubric: Rubric, against_truth: bool) -> None:
    """What is wrong is said before anything is paid."""
    if rubric.kind == "pair" and len(answers.models) != 2:
        raise UsageError(
            f"a pair is of two models, and there are answers of {len(answers.models)}",
            where=answers.name,
            hint=f"Name two of them: {', '.join(answers.models)}.",
        )
    if rubric.kind == "pair" and next(pairs_of(answers), None) is None:
        raise UsageError(
            f"no question has answers of both {answers.models[0]} and {answers.models[1]}",
            where=answers.name,
            hint="Answers to one question follow each other, or have the same number in a column 'row'.",
        )
    known = (given.right is not None for row in answers.rows() for given in row.answers.values())
    if against_truth and not any(known):
        raise UsageError(
            "nothing says which of these answers are right, so the judges cannot be measured",
            where=answers.name,
            hint="The right answers stand in a column 'expected', or in the held-out file of a benchmark.",
        )


def judge_answers(
    answers: AnswerSet,
    judges: Sequence[Judge],
    rubric: Rubric,
    *,
    workdir: Path,
    cache: AnswerCache,
    rounds: int = ROUNDS,
    fresh: bool = False,
    display: Display | None = None,
) -> JudgeReport:
    """Let ``judges`` judge the answers by ``rubric``; see :func:`judge`, which makes these from names."""
    shown = display or SilentDisplay()
    names = [one.model for one in judges]
    kind = rubric.kind
    table, record, summary = f"verdicts-{kind}.csv", f"judges-{kind}.json", f"judges-{kind}.md"
    tally = _tally(answers, rubric, names)
    with _alone(workdir):
        hearings = [_hearing(one, answers, rubric, workdir, cache, rounds, fresh) for one in judges]
        with shown.work(f"Asking {', '.join(names)}", total=len(hearings), unit="judges") as progress:
            hear(hearings, progress.update)
        used = tuple(hearing.used() for hearing in hearings)
        with open_verdict_table(workdir / table) as written:
            tally.read([hearing.replies() for hearing in hearings], written)
        _tidy(hearings, workdir)
    fields = tally.fields()
    report = JudgeReport(
        kind=kind,
        criteria=rubric.criteria,
        scale=rubric.scale,
        pass_mark=rubric.pass_mark,
        reference_shown=rubric.reference,
        data=answers.name,
        models=answers.models,
        judges=used,
        notes=(*answers.notes, *notes_of(used, answers.models, fields, tally.known_truth)),
        files={"verdicts": table, "record": record, "summary": summary},
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        ftkit_version=__version__,
        **fields,
    )
    report = report.model_copy(update={"verdict": verdict_of(report)})
    atomic_write(workdir / record, report.model_dump_json(indent=2))
    atomic_write(workdir / summary, judges_markdown(report))
    return report


@contextmanager
def _alone(workdir: Path) -> Iterator[None]:
    """Hold the directory. Raises UsageError where another process or thread judges in it."""
    from ftkit.storage.locks import holding

    def busy(seconds: float) -> None:
        raise UsageError(
            "other judges are at work in this directory",
            where=str(workdir),
            hint="Wait for them, or name another directory.",
        )

    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, workdir) from error
    with holding(workdir / _LOCK, 0, busy):
        yield


def _hearing(
    judge: Judge,
    answers: AnswerSet,
    rubric: Rubric,
    workdir: Path,
    cache: AnswerCache,
    rounds: int,
    fresh: bool,
) -> Hearing:
    cases = pairwise_cases if rubric.kind == "pair" else pointwise_cases
    name = digest_of(judge, rubric, " ".join([answers.sha256, *answers.models]))
    return Hearing(
        judge, rubric, partial(cases, answers, rubric), workdir / _ASKING / name, cache, rounds, fresh
    )


def _tally(answers: AnswerSet, rubric: Rubric, judges: Sequence[str]) -> PairwiseTally | PointwiseTally:
    kind = PairwiseTally if rubric.kind == "pair" else PointwiseTally
    return kind(answers, rubric, judges)


def _tidy(hearings: Sequence[Hearing], workdir: Path) -> None:
    """Remove what was kept to go on after a crash, and nothing of another call in the same directory."""
    for hearing in hearings:
        hearing.tidy()
    with suppress(OSError):
        (workdir / _ASKING).rmdir()
