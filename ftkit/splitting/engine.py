"""``split``: reads a source twice and writes its parts and their manifest."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.data import JsonlWriter
from ftkit.display import Display, Progress, SilentDisplay
from ftkit.errors import DataError, UsageError, storage_error
from ftkit.splitting.amounts import PARTS, Amount, Request
from ftkit.splitting.columns import Columns, Piece, Plan, joined
from ftkit.splitting.copying import Copy, Stage
from ftkit.splitting.decide import Decision, decide
from ftkit.splitting.fields import NEAR_DUPLICATES
from ftkit.splitting.fitting import CUT, FitStage, Fitter, fit_plan, fitting_of, too_long
from ftkit.splitting.groups import Groups, groups_of
from ftkit.splitting.index import index_bytes, write_index
from ftkit.splitting.keeping import Earlier, continued, earlier_split
from ftkit.splitting.keys import Hasher
from ftkit.splitting.manifest import write_manifest
from ftkit.splitting.notes import notes_of
from ftkit.splitting.result import INDEX, MANIFEST, Method, Parent, Part, RowIndex, SplitOptions, SplitResult
from ftkit.splitting.scan import scan_batches, scan_ranges
from ftkit.splitting.source import ExampleSource, FileState
from ftkit.splitting.strata import strata_of

if TYPE_CHECKING:
    from ftkit.catalog import Model
    from ftkit.settings import Settings

_WORTH_PROCESSES = 24 << 20
"""Bytes of a file from which on starting another process pays."""
_MOST_PROCESSES = 4


def split(
    source: str | Path | Any,
    *,
    train: Amount | None = None,
    validation: Amount | None = None,
    test: Amount | None = None,
    seed: int | None = None,
    out: str | Path,
    options: SplitOptions | None = None,
    settings: Settings | None = None,
    display: Display | None = None,
) -> SplitResult:
    """Write ``train.jsonl``, ``validation.jsonl``, ``test.jsonl`` and ``manifest.json`` into ``out``.

    ``source`` is anything that ``ftkit.data.open_rows`` opens, and can be read twice. Amounts are fractions
    (floats) or counts (integers) of rows; nothing given means 0.9 and 0.1 for validation, or what an earlier
    split had that is kept. Rows of one group (by default: with the same prompt) are never divided. With
    fractions a group's side depends on its content and the seed (0) alone, so that rows added or removed
    move no other. ``rows.index`` beside the manifest lets a later split continue this one. Memory: about 60
    bytes a row (160 more for near duplicates) and 100 MB. ``settings`` know the model that counts tokens.

    Raises UsageError (amounts, source, columns), DataError (a row that is no chat example, with its line;
    a source that changed meanwhile; an earlier split that is damaged), StorageError, and what
    ``ftkit.tokens.counter_for`` raises.
    """
    chosen, show = options or SplitOptions(), display or SilentDisplay()
    kinds, model = _kinds(chosen), _model(chosen, settings)
    earlier = earlier_split(chosen.keep, kinds) if chosen.keep is not None else None
    requests, number = continued(earlier, {"train": train, "validation": validation, "test": test}, seed)
    examples = ExampleSource(source, chosen)
    folder = _folder(Path(out), examples.path, requests)
    for note in examples.rows.notes:
        show.note(note)
    plan = Plan(
        name=examples.name,
        seed=number,
        kinds=kinds,
        near_duplicates=NEAR_DUPLICATES in chosen.group,
        stratify=chosen.label,
        model=model,
        fit=fit_plan(chosen, model),
    )
    work = _Work(examples, chosen, plan, requests, folder, show)
    result = work.run(earlier)
    for note in result.notes:
        show.warn(note)
    return result


def _kinds(options: SplitOptions) -> tuple[str, ...]:
    """The kinds of keys to read: near duplicates go by clusters, and by equal prompts."""
    return tuple(dict.fromkeys("prompt" if kind == NEAR_DUPLICATES else kind for kind in options.group))


def _model(options: SplitOptions, settings: Settings | None) -> Model | None:
    if options.model is None:
        if options.max_tokens is not None:
            raise UsageError("max_tokens needs a model to count with", hint="Name it: --model gpt-4.1-mini")
        return None
    from ftkit.settings import load_settings

    return (settings or load_settings()).catalog.require_model(options.model)


def _folder(folder: Path, source: Path | None, requests: Mapping[str, Request]) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    targets = {f"the {name} part": folder / f"{name}.jsonl" for name in requests}
    targets |= {"the manifest": folder / MANIFEST, "the list of rows": folder / INDEX}
    for what, target in targets.items():
        if source is not None and target.exists() and target.samefile(source):
            hint = "Choose another folder with --out."
            raise UsageError(f"{what} would overwrite the source", where=str(source), hint=hint)
    return folder


@dataclass(frozen=True, slots=True)
class _Work:
    """One split under way."""

    examples: ExampleSource
    options: SplitOptions
    plan: Plan
    requests: Mapping[str, Request]
    folder: Path
    display: Display

    def run(self, earlier: Earlier | None) -> SplitResult:
        before = self.examples.state()
        columns = self._scan()
        clusters = columns.near.clusters(self.options.similarity) if columns.near is not None else None
        groups = groups_of(columns, clusters)
        columns.near = columns.strata = None
        decision = decide(columns, groups, self.requests, self.options, self.plan.kinds, earlier)
        stage = self._stage(columns, decision)
        written, content = self._copy(columns, decision, before, stage)
        index = self._write_index(columns, decision, earlier)
        result = self._result(columns, groups, decision, written, content)
        if self.plan.fit is not None:
            fitting = fitting_of(self.plan.fit, columns, decision.too_long, stage, self.examples)
            result = result.model_copy(update={"fitting": fitting})
        if earlier is not None:
            parent = Parent(manifest=earlier.split.manifest, sha256=earlier.sha256, kept=decision.kept)
            result = result.model_copy(update={"parent": parent})
        result = result.model_copy(update={"index": index})
        write_manifest(result)
        return result

    def _scan(self) -> Columns:
        """The first pass, by several processes where the file is large."""
        with self.display.work(f"read {self.examples.name}", None, "rows") as progress:
            columns = joined(self._pieces(progress), self.plan)
        if not len(columns):
            raise DataError(
                "there are no rows in it",
                where=self.examples.name,
                hint="Check that this is the right source.",
            )
        return columns

    def _pieces(self, progress: Progress) -> Iterator[Piece]:
        if self.examples.ranges is None:
            found = scan_batches(self.examples.batches(), self.plan)
        else:
            size = self.examples.ranges[-1].end if self.examples.ranges else 0
            processes = self.options.processes or min(os.cpu_count() or 1, _MOST_PROCESSES)
            found = scan_ranges(self.examples.ranges, self.plan, processes if size >= _WORTH_PROCESSES else 1)
        done = 0
        for piece in found:
            done += len(piece)
            yield piece
            progress.update(done)

    def _stage(self, columns: Columns, decision: Decision) -> FitStage | None:
        """What cuts the rows that are too long, if there are any in a part. Raises DataError for `error`."""
        fit, model = self.plan.fit, self.plan.model
        if fit is None or model is None or columns.over is None:
            return None
        if fit.over_limit == "error" and len(decision.too_long):
            raise too_long(fit, columns, decision.too_long, self.examples)
        cut = (columns.over == CUT) & (decision.codes >= 0)
        return FitStage(Fitter(fit, model), columns) if cut.any() else None

    def _copy(
        self, columns: Columns, decision: Decision, before: FileState | None, stage: Stage | None
    ) -> tuple[Mapping[str, JsonlWriter], str]:
        return Copy(
            examples=self.examples,
            before=before,
            columns=columns,
            codes=decision.codes,
            names=[name for name in PARTS if name in self.requests],
            folder=self.folder,
            hasher=Hasher(self.plan.seed),
            shuffle=self.options.shuffle,
            stage=stage,
            display=self.display,
        ).run()

    def _write_index(self, columns: Columns, decision: Decision, earlier: Earlier | None) -> RowIndex:
        before = earlier.index if earlier is not None else None
        content = index_bytes(columns, decision.codes, self.plan.kinds, self.plan.seed, before)
        path = self.folder / INDEX
        return RowIndex(path=path, sha256=write_index(path, content))

    def _result(
        self,
        columns: Columns,
        groups: Groups,
        decision: Decision,
        written: Mapping[str, JsonlWriter],
        source_sha256: str,
    ) -> SplitResult:
        parts = {name: self._part(name, writer, columns, decision) for name, writer in written.items()}
        by = self.options.label
        strata = strata_of(by, groups, decision.codes, list(parts), columns.labels) if by else None
        sampled = len(columns) - decision.left_out.get("sample", 0)
        return SplitResult(
            source=self.examples.name,
            source_sha256=source_sha256,
            rows=len(columns),
            groups=len(groups),
            largest_group=int(groups.sizes.max()),
            seed=self.plan.seed,
            method=_method(self.requests, self.options.exact),
            options=self.options,
            parts=parts,
            unused=int((decision.codes < 0).sum()),
            left_out=decision.left_out,
            strata=strata,
            notes=[*decision.notes, *notes_of(parts, columns, sampled, strata, self.options, self.folder)],
            manifest=self.folder / MANIFEST,
        )

    def _part(self, name: str, writer: JsonlWriter, columns: Columns, decision: Decision) -> Part:
        inside = decision.codes == PARTS.index(name)
        return Part(
            path=self.folder / f"{name}.jsonl",
            rows=writer.rows,
            bytes=writer.bytes,
            sha256=writer.sha256,
            requested=self.requests[name],
            share=round(int(inside.sum()) / len(columns), 6),
            tokens=int(columns.tokens[inside].sum()) if columns.tokens is not None else None,
            source_rows=int(inside.sum()) if self.plan.fit is not None else None,
        )


def _method(requests: Mapping[str, Request], exact: bool) -> Method:
    kinds = {type(amount) for amount in requests.values()} - {str}
    if kinds == {float, int} and not exact:
        return "threshold and rank"
    return "threshold" if kinds == {float} and not exact else "rank"
