"""Compares two benchmarks or runs: the rows that both have, the same models on them, what was set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from ftkit import __version__
from ftkit.benchmarking.compare import Marks, compare
from ftkit.benchmarking.results import Comparison, ModelScore
from ftkit.benchmarking.statistics import ALPHA, holm, verdict_words
from ftkit.benchmarking.versus.flips import flips_of
from ftkit.benchmarking.versus.groups import groups_of
from ftkit.benchmarking.versus.marks import Pairs, Table, pair_rows, read_table
from ftkit.benchmarking.versus.reading import Recorded, read_recorded
from ftkit.benchmarking.versus.results import ModelChange, RunComparison, SettingChange
from ftkit.benchmarking.words import called
from ftkit.errors import UsageError

MATTERS = ("metric", "labels", "data SHA-256", "platform", "temperature", "max_tokens", "top_p", "seed")
"""Settings that change answers or scores, whatever the models are."""


class _Pair(NamedTuple):
    a: ModelScore
    b: ModelScore


def compare_runs(
    a: str | Path, b: str | Path, *, models: Sequence[str | tuple[str, str]] | None = None
) -> RunComparison:
    """Hold the benchmark or run in ``b`` against that in ``a``, on the rows that both have.

    ``models`` are names that both have, or pairs of a name in ``a`` and one in ``b``; without them the
    reference models of both are compared first, then every model that both have. The tests are
    paired, the p-values corrected for as many comparisons as there are (Holm).

    Raises UsageError where there is no record, no common row or no such model, DataError where a file
    is damaged.
    """
    first, second = read_recorded(a), read_recorded(b)
    pairs = _pairs(first, second, models)
    tables = _tables(first, second, pairs)
    rows = pair_rows(*tables)
    if not rows.a:
        raise UsageError(
            "the two have no row in common",
            where=f"{first.report.data} and {second.report.data}",
            hint="Rows are matched by their texts: benchmark both on the same held-out rows.",
        )
    names = _names(first, second)
    groups = groups_of(second, len(tables[1]), rows.b) or groups_of(first, len(tables[0]), rows.a)
    changes = _changes(pairs, tables, rows, names, groups)
    flips, total = flips_of(first, second, pairs[0].a.model, pairs[0].b.model, tables, rows)
    settings = _settings(first, second)
    return RunComparison(
        a=first.side.model_copy(update={"name": names[0]}),
        b=second.side.model_copy(update={"name": names[1]}),
        rows=len(rows.a),
        only_a=len(tables[0]) - len(rows.a),
        only_b=len(tables[1]) - len(rows.b),
        settings=settings,
        changes=tuple(changes),
        added=_lacking(second, first, pairs),
        removed=_lacking(first, second, pairs),
        flips=flips,
        flips_total=total,
        verdict=f"{changes[0].verdict}.",
        notes=_notes(first, second, tables, rows, grouped=groups is not None),
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        ftkit_version=__version__,
    )


def _names(first: Recorded, second: Recorded) -> tuple[str, str]:
    """What the two are called in sentences: the last parts of their paths by which they differ."""
    paths = [list(reversed(one.path.parts)) for one in (first, second)]
    for depth, (left, right) in enumerate(zip(*paths, strict=False), 1):
        if left != right:
            return "/".join(reversed(paths[0][:depth])), "/".join(reversed(paths[1][:depth]))
    return f"{first.path.name} (A)", f"{second.path.name} (B)"


def _pairs(first: Recorded, second: Recorded, models: Sequence[str | tuple[str, str]] | None) -> list[_Pair]:
    if models:
        wanted = [(one, one) if isinstance(one, str) else one for one in models]
    else:
        shared = [s.model for s in first.report.models if _has(second, s.model)]
        wanted = [(first.report.reference, second.report.reference), *((name, name) for name in shared)]
    return [_Pair(_score(first, one), _score(second, other)) for one, other in dict.fromkeys(wanted)]


def _has(run: Recorded, model: str) -> bool:
    return any(score.model == model for score in run.report.models)


def _score(run: Recorded, model: str) -> ModelScore:
    if not _has(run, model):
        have = ", ".join(score.model for score in run.report.models)
        raise UsageError(f"{run.path.name} has no model {model!r}", hint=f"It has: {have}.")
    return run.report.model(model)


def _lacking(there: Recorded, here: Recorded, pairs: Sequence[_Pair]) -> tuple[str, ...]:
    """Models of ``there`` that ``here`` does not have and that no pair is about."""
    compared = {name for pair in pairs for name in (pair.a.model, pair.b.model)}
    names = (score.model for score in there.report.models)
    return tuple(name for name in names if name not in compared and not _has(here, name))


def _tables(first: Recorded, second: Recorded, pairs: Sequence[_Pair]) -> tuple[Table, Table]:
    return (
        read_table(first.answers, {pair.a.model for pair in pairs}),
        read_table(second.answers, {pair.b.model for pair in pairs}),
    )


def _changes(
    pairs: Sequence[_Pair],
    tables: tuple[Table, Table],
    rows: Pairs,
    names: tuple[str, str],
    groups: Sequence[int] | None,
) -> list[ModelChange]:
    marks = [(tables[0].marks(pair.a.model, rows.a), tables[1].marks(pair.b.model, rows.b)) for pair in pairs]
    tests = [
        compare(pair.b, pair.a, new, old, groups=groups)
        for pair, (old, new) in zip(pairs, marks, strict=True)
    ]
    changed = [_changed(pair, tables, rows) for pair in pairs]
    corrected = _corrected(tests, changed)
    return [
        _change(pair, old, new, test, other, names)
        for pair, (old, new), test, other in zip(pairs, marks, corrected, changed, strict=True)
    ]


def _corrected(tests: Sequence[Comparison], changed: Sequence[int]) -> list[Comparison]:
    """The tests with p-values corrected for their number; where no answer has changed, none was made."""
    made = [test.p_value for test, other in zip(tests, changed, strict=True) if other]
    adjusted = iter(holm(made))
    return [
        test.model_copy(update={"p_adjusted": next(adjusted) if other else 1.0, "family": max(len(made), 1)})
        for test, other in zip(tests, changed, strict=True)
    ]


def _changed(pair: _Pair, tables: tuple[Table, Table], rows: Pairs) -> int:
    """Rows whose answer is not the same text."""
    old, new = (tables[0].columns[pair.a.model].answers, tables[1].columns[pair.b.model].answers)
    return sum(old[one] != new[other] for one, other in zip(rows.a, rows.b, strict=True))


def _change(
    pair: _Pair, old: Marks, new: Marks, test: Comparison, changed: int, names: tuple[str, str]
) -> ModelChange:
    n = len(old.right)
    before, after = (sum(m.values if test.continuous else m.right) / n for m in (old, new))
    same = pair.a.model == pair.b.model
    needed = test.rows_needed if test.p >= ALPHA else None
    said = verdict_words(
        names[0] if same else f"{called(pair.a)} in {names[0]}",
        test.difference,
        test.p,
        test.low,
        test.high,
        detectable=test.detectable,
        needed=needed,
    )
    return ModelChange(
        model_a=pair.a.model,
        model_b=pair.b.model,
        n=n,
        continuous=test.continuous,
        figure_a=before,
        figure_b=after,
        gained=test.only_model,
        lost=test.only_other,
        changed=changed,
        test=test.model_copy(update={"verdict": said, "rows_needed": needed}),
        verdict=f"{called(pair.b)} in {names[1]}: {said}",
        per_1000_a=pair.a.batch_per_1000,
        per_1000_b=pair.b.batch_per_1000,
    )


def _settings(first: Recorded, second: Recorded) -> tuple[SettingChange, ...]:
    old, new = first.settings, second.settings
    if first.report.data_sha256 == second.report.data_sha256:
        for one in (old, new):
            one.pop("data", None)  # the same bytes, wherever they lie
    return tuple(
        SettingChange(what=name, a=old.get(name), b=new.get(name), matters=name in MATTERS)
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    )


def _notes(
    first: Recorded, second: Recorded, tables: tuple[Table, Table], rows: Pairs, *, grouped: bool
) -> tuple[str, ...]:
    """What must be known before believing a figure."""
    a, b, n = first.report, second.report, len(rows.a)
    found = []
    if n < max(map(len, tables)):
        found.append(
            f"The rows are not the same: {n:,} are in both, {len(tables[0]) - n:,} only in the first, "
            f"{len(tables[1]) - n:,} only in the second. All figures are of those in both."
        )
    elif a.data_sha256 != b.data_sha256:
        found.append(
            "The files of held-out rows differ (in their order, system messages or other fields), but every "
            "row's text is in both."
        )
    if rows.other_truth:
        found.append(f"{rows.other_truth:,} rows have another right answer in the second.")
    if a.metric != b.metric:
        found.append(
            f"The metrics differ ({a.metric}, then {b.metric}): what counts as right is not the same."
        )
    elif set(a.labels) != set(b.labels):
        found.append("The allowed labels differ: an answer may be read differently.")
    if (a.group or b.group) and not grouped:
        found.append(
            "Rows come in groups, but their file is not there or has changed: they count singly here, "
            "and the intervals are too narrow."
        )
    for name in ("temperature", "max_tokens"):
        if a.parameters.get(name) != b.parameters.get(name):
            found.append(f"{name} differs: {a.parameters.get(name)}, then {b.parameters.get(name)}.")
    return tuple(found)
