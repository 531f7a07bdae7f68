"""Holds a new model's answers against the old model's recorded ones, on the same rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.benchmarking import BenchmarkReport, benchmark, write_report
from ftkit.benchmarking.requests import slug
from ftkit.benchmarking.statistics import CONFIDENCE
from ftkit.data import open_jsonl_writer, read_jsonl, sha256_file
from ftkit.errors import DataError, UsageError
from ftkit.gateway.reading import read_answer
from ftkit.inference.lines import read_lines
from ftkit.lifecycle.migration.folder import PARITY, MigrationFolder, ModelFolder, make_folder, write_record
from ftkit.lifecycle.migration.golden import has_truth
from ftkit.lifecycle.migration.parity import Against, likeness, sides_of, statement, verdict_of
from ftkit.lifecycle.migration.recorded import RecordedBackend
from ftkit.lifecycle.migration.results import Compared, Recorded
from ftkit.lifecycle.migration.retraining import refreshed

if TYPE_CHECKING:
    from ftkit.benchmarking import Metric
    from ftkit.gateway import Platform
    from ftkit.inference.backends.base import Via

MARGIN = 0.02
ROWS, REPORT = "rows.jsonl", "report.html"


def compare(
    platform: Platform,
    folder: str | Path,
    model: str | None = None,
    *,
    new: str | None = None,
    metric: str | Mapping[str, Any] | Metric = "label",
    margin: float = MARGIN,
    against: Against | None = None,
    labels: Sequence[str] | None = None,
    group: str | None = None,
    max_tokens: int | None = None,
    via: Via | None = None,
    confidence: float = CONFIDENCE,
) -> Compared:
    """Ask ``new`` (a model of ``platform``, by default the retrained one) the golden set, and compare.

    The old model's part is played by its recorded answers: it need not live. An answer is right by ``metric``
    where the rows say what is right; where they do not, or ``against`` says so, the old answers are what is
    right. ``margin`` is the largest difference that is of no matter to you (0.02: two points), ``confidence``
    that of each end of the interval. ``group`` is a field of the rows that says which belong together.
    ``max_tokens`` and other parameters are the recorded ones, unless they are given.

    Raises UsageError where nothing is recorded or retrained, DataError where the record is damaged, and what
    :func:`ftkit.benchmarking.benchmark` raises.
    """
    if not 0 < margin < 1:
        raise UsageError(f"a margin of {margin:g} is none: give a share, 0.02 for two points")
    place, exported = MigrationFolder(folder).model(model)
    name = new or _retrained(place, platform)
    out = place.path / "compared" / slug(f"{platform.name}-{name}")
    contest = _Contest(place, _whole(place), exported.model.name, name, out)
    asked = _Asked(metric, labels, group, max_tokens, via)
    with place.alone("comparison"):
        rows = contest.rows(against)
        found = contest.benchmark(platform, rows.path, asked)
        made = contest.compared(found, rows, margin, confidence)
        write_report(found, made.report, title=f"{name} in place of {made.old}")
        write_record(contest.out / PARITY, made)
    return made


class _Asked(NamedTuple):
    """How the new model is asked and scored."""

    metric: str | Mapping[str, Any] | Metric
    labels: Sequence[str] | None
    group: str | None
    max_tokens: int | None
    via: Via | None


class _Rows(NamedTuple):
    """The rows to score, what makes an answer right, and how many prompts have no row for want of that."""

    path: Path
    truth: Against
    skipped: int


@dataclass(frozen=True)
class _Contest:
    """The recorded answers of ``old`` against ``new``; everything of it lies in ``out``."""

    place: ModelFolder
    recorded: Recorded
    old: str
    new: str
    out: Path

    @property
    def called(self) -> str:
        """The old model's name beside a new one of, perhaps, the same name."""
        return self.old if self.old != self.new else f"{self.old} (old)"

    def rows(self, against: Against | None) -> _Rows:
        """Write the rows to score. Raises UsageError where nothing says what is right."""
        known, place = self.recorded, self.place.path
        truth: Against = against or ("right answers" if known.expected == known.rows else "old answers")
        make_folder(self.out)
        path, skipped = self.out / ROWS, 0
        with open_jsonl_writer(path) as writer:
            said = read_lines(place / known.answers)
            for row, line in zip(read_jsonl(place / known.prompts), said, strict=True):
                kept = _row_to_score(row.data, line, truth)
                if kept is None:
                    skipped += 1
                else:
                    writer.write(kept)
            if not writer.rows:
                raise UsageError("no row says what is right", where=str(place / known.prompts))
        return _Rows(path, truth, skipped)

    def benchmark(self, platform: Platform, rows: Path, asked: _Asked) -> BenchmarkReport:
        """The benchmark of both, asked as the old one was: its part is played by the record."""
        said = dict(self.recorded.parameters)
        limit, temperature = said.pop("max_tokens", None), said.pop("temperature", None)
        return benchmark(
            [self.called, self.new],
            rows,
            platform=platform,
            workdir=self.out,
            metric=asked.metric,
            labels=asked.labels,
            group=asked.group,
            max_tokens=asked.max_tokens if asked.max_tokens is not None else limit,
            temperature=temperature,
            parameters=said,
            tuned=[self.called, self.new],
            via=asked.via,
            backends={self.called: RecordedBackend(self.place.path, self.recorded)},
            display=platform.display,
        )

    def compared(self, found: BenchmarkReport, rows: _Rows, margin: float, confidence: float) -> Compared:
        """What the benchmark shows, in figures and in words."""
        sides = sides_of(found, self.called, self.new, self.out, rows.path, confidence)
        parity, verdict = sides.parity, verdict_of(sides.parity, margin)
        needed = sides.rows_needed(margin) if verdict == "not shown" else None
        words = statement(self.called, self.new, parity, verdict, margin, sides.rows, needed)
        if rows.truth == "old answers":  # which are right by definition
            words = likeness(self.called, self.new, sides)
        same, low, high = sides.agreement
        return Compared(
            old=self.old,
            new=self.new,
            platform=found.platform,
            metric=found.scored_by,
            against=rows.truth,
            rows=sides.rows,
            old_score=sides.old,
            new_score=sides.new,
            difference=parity.estimate,
            low=parity.low,
            high=parity.high,
            confidence=confidence,
            within=parity.within,
            margin=margin,
            verdict=verdict,
            agreement=same,
            agreement_low=low,
            agreement_high=high,
            only_old=sides.only_old,
            only_new=sides.only_new,
            rows_needed=needed,
            statement=words,
            notes=(*_left_out(rows.skipped), *found.notes),
            folder=self.out,
            report=self.out / REPORT,
        )


def _row_to_score(row: dict[str, Any], line: dict[str, Any], truth: Against) -> dict[str, Any] | None:
    """A row with what is right for it; None where nothing says so."""
    if truth == "right answers":
        return row if has_truth(row) else None
    answer = read_answer(line)
    return {**row, "expected": answer.text} if answer.ok and answer.text else None


def _left_out(prompts: int) -> tuple[str, ...]:
    if not prompts:
        return ()
    many = "1 prompt was" if prompts == 1 else f"{prompts:,} prompts were"
    return (f"{many} left out: nothing says what is right there",)


def _retrained(place: ModelFolder, platform: Platform) -> str:
    """The one model that was retrained on this platform. Raises UsageError."""
    made = [refreshed(one, platform) for one in place.retrained if one.platform == platform.name]
    models = [one.model for one in made if one.model is not None]
    if len(models) == 1:
        return models[0]
    if models:
        raise UsageError(
            "several models were retrained: which one?",
            where=str(place.path),
            hint=f"--new, one of: {', '.join(models)}.",
        )
    if made:
        jobs = ", ".join(f"{one.job} ({one.status})" for one in made)
        raise UsageError(
            f"the job has made no model yet: {jobs}",
            where=str(place.path),
            hint="The same ftkit migrate retrain waits for it. Or name any other model: --new MODEL.",
        )
    raise UsageError(
        f"no model was retrained on {platform.provider.title} from this one's data",
        where=str(place.path),
        hint="First: ftkit migrate retrain. Or name any model to compare with: --new MODEL.",
    )


def _whole(place: ModelFolder) -> Recorded:
    """The record, its files as they were. Raises UsageError, DataError."""
    recorded = place.recorded
    if recorded is None:
        raise UsageError(
            "the old model's answers are not recorded",
            where=str(place.path),
            hint="While it lives: ftkit migrate record.",
        )
    files = {recorded.prompts: recorded.prompts_sha256, recorded.answers: recorded.answers_sha256}
    for name, digest in files.items():
        path = place.path / name
        if not path.is_file() or sha256_file(path) != digest:
            raise DataError("the record of the old model is damaged: this file has changed", where=str(path))
    return recorded
