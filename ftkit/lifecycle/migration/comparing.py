"""Holds a new model's answers against the old model's recorded ones, and states what parity is shown."""

from __future__ import annotations

import csv
import sys
from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ftkit.benchmarking import BenchmarkReport, benchmark, write_report
from ftkit.benchmarking.metrics import normalise
from ftkit.benchmarking.requests import slug
from ftkit.benchmarking.statistics import (
    CONFIDENCE,
    Parity,
    discordant,
    parity_of_scores,
    parity_of_shares,
    parity_words,
    rows_for_parity,
    rows_words,
    wilson_interval,
)
from ftkit.benchmarking.versus.marks import read_table
from ftkit.data import canonical_json, open_jsonl_writer, read_jsonl, sha256_file
from ftkit.errors import DataError, UsageError
from ftkit.gateway.reading import read_answer
from ftkit.inference.lines import read_lines
from ftkit.lifecycle.migration.folder import PARITY, MigrationFolder, ModelFolder, make_folder, write_record
from ftkit.lifecycle.migration.recorded import RecordedBackend
from ftkit.lifecycle.migration.recording import has_truth
from ftkit.lifecycle.migration.results import Compared, Recorded, Verdict

if TYPE_CHECKING:
    from ftkit.benchmarking import Metric
    from ftkit.gateway import Platform
    from ftkit.inference.backends.base import Via

MARGIN = 0.02
ROWS, REPORT = "rows.jsonl", "report.html"
Against = Literal["right answers", "old answers"]


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
    recorded = _whole(place)
    out = place.path / "compared" / slug(f"{platform.name}-{name}")
    with place.alone("comparison"):
        rows, truth, skipped = _rows(place, recorded, out, against)
        old = _other_name(exported.model.name, name)
        asked = dict(recorded.parameters)
        limit, temperature = asked.pop("max_tokens", None), asked.pop("temperature", None)
        found = benchmark(
            [old, name],
            rows,
            platform=platform,
            workdir=out,
            metric=metric,
            labels=labels,
            group=group,
            max_tokens=max_tokens if max_tokens is not None else limit,
            temperature=temperature,
            parameters=asked,
            tuned=[old, name],
            via=via,
            backends={old: RecordedBackend(place.path, recorded)},
            display=platform.display,
        )
        made = _compared(found, old, name, truth, margin, confidence, out, skipped)
        write_report(found, out / REPORT, title=f"{name} in place of {exported.model.name}")
        write_record(out / PARITY, made.model_copy(update={"old": exported.model.name}))
    return made.model_copy(update={"old": exported.model.name})


def _retrained(place: ModelFolder, platform: Platform) -> str:
    """The one model that was retrained on this platform."""
    models = [one.model for one in place.retrained if one.platform == platform.name and one.model]
    if len(models) == 1 and models[0] is not None:
        return models[0]
    if not models:
        raise UsageError(
            f"no model was retrained on {platform.provider.title} from this one's data",
            where=str(place.path),
            hint="First: ftkit migrate retrain. Or name any model to compare with: --new MODEL.",
        )
    raise UsageError(
        "several models were retrained: which one?",
        where=str(place.path),
        hint=f"--new, one of: {', '.join(map(str, models))}.",
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


def _other_name(old: str, new: str) -> str:
    """What the old model is called beside a new one of, perhaps, the same name."""
    return old if old != new else f"{old} (old)"


def _rows(
    place: ModelFolder, recorded: Recorded, out: Path, against: Against | None
) -> tuple[Path, Against, int]:
    """The rows to score, what makes an answer right, and how many prompts have no row for want of that."""
    truth: Against = against or ("right answers" if recorded.expected == recorded.rows else "old answers")
    make_folder(out)
    path, skipped = out / ROWS, 0
    said = read_lines(place.path / recorded.answers)
    with open_jsonl_writer(path) as writer:
        for row, line in zip(read_jsonl(place.path / recorded.prompts), said, strict=True):
            if truth == "right answers":
                kept = row.data if has_truth(row.data) else None
            else:
                answer = read_answer(line)
                kept = {**row.data, "expected": answer.text} if answer.ok and answer.text else None
            if kept is None:
                skipped += 1
            else:
                writer.write(kept)
    if not writer.rows:
        raise UsageError("no row says what is right", where=str(place.path / recorded.prompts))
    return path, truth, skipped


class _Sides(NamedTuple):
    """Both models' marks and how often they say the same."""

    parity: Parity
    only_old: int
    only_new: int
    same: int
    old: float
    new: float


def _sides(found: BenchmarkReport, old: str, new: str, out: Path, confidence: float) -> _Sides:
    answers = out / found.files["answers"]
    table = read_table(answers, (old, new))
    first, second = table.columns[old], table.columns[new]
    only_old, only_new = discordant(first.right, second.right)
    scores = (found.model(old).figure[0], found.model(new).figure[0])
    groups = _groups(out / ROWS, found.group)
    if found.model(new).continuous:
        parity = parity_of_scores(second.values, first.values, groups, confidence=confidence)
    elif groups is not None:
        parity = parity_of_scores(second.right, first.right, groups, confidence=confidence)
    else:
        parity = parity_of_shares(only_new, only_old, found.rows, confidence)
    return _Sides(parity, only_old, only_new, _agreeing(answers, old, new), *scores)


def _groups(rows: Path, group: str | None) -> array[int] | None:
    if group is None:
        return None
    known: dict[bytes, int] = {}
    return array(
        "q", (known.setdefault(canonical_json(row.data.get(group)), len(known)) for row in read_jsonl(rows))
    )


def _agreeing(answers: Path, old: str, new: str) -> int:
    """Rows on which both say the same: the same label or value read from the answers, else the same text."""
    csv.field_size_limit(sys.maxsize)
    said: dict[str, str] = {}
    same = 0
    with answers.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["model"] not in (old, new):
                continue
            said[row["model"]] = row["predicted"] or normalise(row["answer"])
            if len(said) == 2:
                same += said[old] == said[new] != ""
                said = {}
    return same


def _compared(
    found: BenchmarkReport,
    old: str,
    new: str,
    truth: Against,
    margin: float,
    confidence: float,
    out: Path,
    skipped: int,
) -> Compared:
    sides = _sides(found, old, new, out, confidence)
    parity, rows = sides.parity, found.rows
    low, high = wilson_interval(sides.same, rows, confidence)
    verdict = verdict_of(parity, margin)
    apart = max(sides.only_old + sides.only_new, 1) / max(rows, 1)
    needed = rows_for_parity(margin, apart, confidence) if verdict == "not shown" else None
    words = statement(old, new, parity, verdict, margin, rows, needed)
    if truth == "old answers":  # which are right by definition
        words = likeness(old, new, sides.same / rows, low, high, rows)
    notes = [f"{skipped:,} prompts were left out: nothing says what is right there"] if skipped else []
    return Compared(
        old=old,
        new=new,
        platform=found.platform,
        metric=found.scored_by,
        against=truth,
        rows=rows,
        old_score=sides.old,
        new_score=sides.new,
        difference=parity.estimate,
        low=parity.low,
        high=parity.high,
        confidence=confidence,
        within=parity.within,
        margin=margin,
        verdict=verdict,
        agreement=sides.same / rows,
        agreement_low=low,
        agreement_high=high,
        only_old=sides.only_old,
        only_new=sides.only_new,
        rows_needed=needed,
        statement=words,
        notes=(*notes, *found.notes),
        folder=out,
        report=out / REPORT,
    )


def verdict_of(parity: Parity, margin: float) -> Verdict:
    """What is shown for a margin, in one word or two."""
    if parity.equivalent(margin):
        return "equivalent"
    if parity.not_worse(margin):
        return "not worse"
    return "worse" if parity.high < 0 else "not shown"


def statement(
    old: str, new: str, parity: Parity, verdict: Verdict, margin: float, rows: int, needed: int | None
) -> str:
    """The parity in a sentence or two that a person may quote."""
    ends = f"{parity.estimate * 100:+.1f} points, {parity.low * 100:+.1f} to {parity.high * 100:+.1f}"
    text = f"On {rows:,} rows {new} is {parity_words(old, parity)} ({ends}). "
    points = f"{margin * 100:g} points"
    text += {
        "equivalent": f"It is as good, within {points}.",
        "not worse": f"It is not worse by {points} or more.",
        "worse": "It is shown to be worse.",
        "not shown": f"That it is as good, within {points}, is not shown.",
    }[verdict]
    if needed is not None and needed > rows:
        text += f" About {rows_words(needed)} rows would show it, if the two are truly equal."
    return text


def likeness(old: str, new: str, same: float, low: float, high: float, rows: int) -> str:
    """How often the new model says what the old one said, in a sentence."""
    ends = f"{low * 100:.1f} to {high * 100:.1f} %"
    return f"On {rows:,} rows {new} answers as {old} did in {same * 100:.1f} % ({ends})."
