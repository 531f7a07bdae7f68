"""The steps on this machine: source to examples, findings, splits and the files to upload."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ftkit.data import (
    JsonlWriter,
    SourceOptions,
    canonical_json,
    open_jsonl_writer,
    open_rows,
    read_jsonl,
    reply_of,
    sha256_file,
)
from ftkit.display import Display
from ftkit.errors import DataError, Where
from ftkit.lifecycle.gate import counted_as
from ftkit.lifecycle.journal import Journal, key_of
from ftkit.lifecycle.recipe import Recipe
from ftkit.lifecycle.tables import SourceTable, SplitTable, TaskTable
from ftkit.settings import Settings
from ftkit.splitting import SplitOptions, SplitResult, is_split, read_manifest, resolve_part, split
from ftkit.validation import ValidateOptions, validate

SHOW_EVERY_ROWS = 200


class Preparation:
    """The data side of one run; every method answers from the journal where nothing has changed.

    ``keep`` is an earlier split (its folder or manifest), whose rows stay in their parts.
    """

    def __init__(
        self,
        recipe: Recipe,
        journal: Journal,
        settings: Settings,
        display: Display,
        keep: Path | None = None,
    ) -> None:
        self.recipe, self.journal, self.settings, self.display = recipe, journal, settings, display
        self.keep = keep
        self.directory = journal.directory
        data = Path(recipe.data_path)
        self._ready: SplitResult | None = read_manifest(data) if is_split(data) else None

    def examples(self) -> Path:
        """Chat examples made of the source's rows; rows that make none go to ``rejected.jsonl``.

        Where the data is a split, its rows are examples already: those of all parts, as they are.
        """
        if self._ready is None:
            return self._examples("examples", self.recipe.source)
        origin = content_hash(self.recipe.data_path)
        return self._made("examples", origin, key_of(origin, "ready"), self._join_parts)

    def _examples(self, step: str, source: SourceTable) -> Path:
        name = self.recipe.beside(source.data)
        origin = content_hash(name) or name
        key = key_of(origin, source, *(_messages_of(task) for task in self.recipe.work))
        return self._made(step, origin, key, lambda path: self._write_examples(path, source), source=name)

    def _made(
        self,
        step: str,
        origin: str | None,
        key: str,
        make: Callable[[Path], dict[str, Any]],
        source: str | None = None,
    ) -> Path:
        path = self.directory / f"{step}.jsonl"
        done = self.journal.done(step, key)
        if done and path.exists() and sha256_file(path) == done["sha256"]:
            return path
        self.journal.intend(step, key)
        result = make(path)
        self.journal.finish(step, key, source=source or self.recipe.data_path, source_hash=origin, **result)
        return path

    def _write_examples(self, path: Path, source: SourceTable) -> dict[str, Any]:
        """An example of each task for every row of which all can be made."""
        tasks = self.recipe.work
        options = SourceOptions(**source.model_dump(exclude={"data"}), wanted=self.recipe.columns)
        rejected = path.with_name("rejected.jsonl" if path.stem == "examples" else f"rejected-{path.name}")
        read = 0
        with self.display.work("Reading rows", source.limit, "rows") as progress:
            rows = open_rows(self.recipe.beside(source.data), options)
            for note in rows.notes:
                self.display.note(note)
            with open_jsonl_writer(path) as good, open_jsonl_writer(rejected) as bad:
                for read, row in enumerate(rows, start=1):
                    try:
                        made = [task.render(row.data, Where(rows.name, row.line)) for task in tasks]
                    except DataError as error:
                        bad.write({"line": row.line, "reason": str(error), "row": row.data})
                    else:
                        for example in made:
                            good.write(example)
                    if read % SHOW_EVERY_ROWS == 0:
                        progress.update(read)
            progress.update(read)
        self._say_rejected(source, read, bad, rejected)
        return {"rows": read, "accepted": good.rows, "rejected": bad.rows, "sha256": good.sha256}

    def _join_parts(self, path: Path) -> dict[str, Any]:
        with open_jsonl_writer(path) as writer:
            for part in self._ready_parts().values():
                for row in read_jsonl(part):
                    writer.write(row.data)
        return {"rows": writer.rows, "accepted": writer.rows, "rejected": 0, "sha256": writer.sha256}

    def _ready_parts(self) -> dict[str, Path]:
        """The files of the split that the data is. Raises DataError where one has changed since."""
        assert self._ready is not None
        names = [name for name, part in self._ready.parts.items() if part.rows]
        return {name: resolve_part(self._ready.manifest, name) for name in names}

    def _say_rejected(self, source: SourceTable, read: int, bad: JsonlWriter, rejected: Path) -> None:
        if read == bad.rows:
            raise DataError(
                "no row of the data makes an example",
                where=self.recipe.beside(source.data),
                hint=f"See {rejected} for the reasons." if bad.rows else "The file has no rows.",
            )
        if bad.rows:
            self.display.warn(f"{bad.rows} of {read} rows make no example: see {rejected}")

    def origin(self) -> str | None:
        """The SHA-256 of the data that the examples were made of; None where there is none."""
        entry = self.journal.entries().get("examples")
        return entry.result.get("source_hash") if entry is not None else None

    def check(self, examples: Path) -> None:
        """Validate for the platform and the model to be tuned. Raises ValidationFailed on errors."""
        recipe, platform = self.recipe, self.settings.platform_name
        labels = None if recipe.tasks or recipe.answers.separator else recipe.answers.labels
        key = key_of(sha256_file(examples), recipe.train.model, platform, labels)
        if self.journal.done("validate", key):
            return
        self.journal.intend("validate", key)
        with self.display.work("Validating") as progress:
            report = validate(
                examples,
                models=self._counted_as(),
                platform=platform,
                settings=self.settings,
                options=ValidateOptions(labels=labels),
            )
            progress.update(report.rows, report.rows, f"{len(report.findings)} findings")
        for note in report.notes:
            self.display.note(note)
        report.raise_if_failed()
        counts = {f"{code} {rule}": n for code, rule, n in _counted(report)}
        for name, count in counts.items():
            self.display.warn(f"{name}: {count} times (see `ftkit validate {examples}`)")
        self.journal.finish("validate", key, rows=report.rows, messages=report.messages, findings=counts)

    def _counted_as(self) -> list[str]:
        """The model whose limits hold and whose tokens are counted; none where nothing is known of it.

        A model of one's own, on a local platform or behind an address alone, stands in no catalog.
        """
        model, catalog = self.recipe.train.model, self.settings.catalog
        provider = catalog.provider(self.settings.platform_name)
        lists_its_own = catalog.models(provider.name) and not provider.local
        if lists_its_own or catalog.model(model) is not None:
            return [model]
        known = counted_as(self.settings, provider, model)
        return [known.id] if known is not None else []

    def split(self, examples: Path) -> dict[str, Path]:
        """The parts by name (train, validation, test), disjoint by prompt; a split's own as they are.

        Where the held-out rows are of their own, or nothing is tuned and no size is given, all of the
        source's are in one part.
        """
        recipe, table, out = self.recipe, self.recipe.split, self.directory / "splits"
        if recipe.benchmark.data is not None:
            table = table.model_copy(update={"test": None})
        if self._ready is not None:
            return self._with_needed(self._ready_split(examples), examples)
        if not table.divides and (recipe.benchmark.data is not None or not recipe.tunes):
            part = "train" if recipe.benchmark.data is not None else "test"
            parts = {part: _whole_part(examples)}
            self.journal.finish("split", key_of(sha256_file(examples), "whole"), parts=parts, seed=table.seed)
            return self._with_held_out({part: examples})
        key = key_of(sha256_file(examples), table, *self._kept())
        done = self.journal.done("split", key)
        if not done or not all(_whole(out / f"{name}.jsonl", part) for name, part in done["parts"].items()):
            self.journal.intend("split", key)
            done = self.journal.finish(
                "split", key, parts=self._divided(examples, table, out), seed=table.seed
            )
        found = self._with_held_out({name: out / f"{name}.jsonl" for name in done["parts"]})
        return self._with_needed(found, examples)

    def _kept(self) -> tuple[str, ...]:
        """What stands for the earlier split in a key: its manifest's content."""
        return () if self.keep is None else (sha256_file(read_manifest(self.keep).manifest),)

    def _ready_split(self, examples: Path) -> dict[str, Path]:
        assert self._ready is not None
        parts = {n: p.model_dump(mode="json") for n, p in self._ready.parts.items() if p.rows}
        key = key_of(sha256_file(examples), "ready")
        self.journal.finish("split", key, parts=parts, seed=self._ready.seed)
        return self._with_held_out(self._ready_parts())

    def _divided(self, examples: Path, table: SplitTable, out: Path) -> dict[str, Any]:
        sizes = table.model_dump(include={"train", "validation", "test", "seed"})
        with self.display.work("Splitting") as progress:
            result = split(examples, out=out, options=SplitOptions(keep=self.keep), **sizes)
            rows = {name: part.rows for name, part in result.parts.items() if part.rows}
            progress.update(0, None, ", ".join(f"{name} {count:,}" for name, count in rows.items()))
        return {name: part.model_dump(mode="json") for name, part in result.parts.items() if part.rows}

    def _with_held_out(self, parts: dict[str, Path]) -> dict[str, Path]:
        """The parts, the test part from the file of held-out rows where there is one."""
        if self.recipe.benchmark.data is None:
            return parts
        return {**parts, "test": self.others("held-out", self.recipe.benchmark.data)}

    def others(self, step: str, data: str) -> Path:
        """The examples of another file with the columns of the source; ``step`` is what they are called."""
        return self._examples(step, SourceTable(data=data))

    def _with_needed(self, parts: dict[str, Path], examples: Path) -> dict[str, Path]:
        needed = {"train", "test"} if self.recipe.tunes else {"test"}
        if not needed <= set(parts):
            raise DataError(
                "the split leaves no rows to train on or none to test on",
                where=self.recipe.data_path if self._ready else str(examples),
                hint="Give --train and --test, as counts or shares.",
            )
        return parts

    def tests(self, test: Path) -> dict[str, Path]:
        """The held-out rows of each task by its name, told apart by their system messages."""
        tasks = self.recipe.work
        if len(tasks) == 1:
            return {tasks[0].name: test}
        folder = self.directory / "held-out"
        folder.mkdir(exist_ok=True)
        paths = {task.name: folder / f"{task.name}.jsonl" for task in tasks}
        with ExitStack() as stack:
            writers = {
                task.instruction: stack.enter_context(open_jsonl_writer(paths[task.name])) for task in tasks
            }
            for row in read_jsonl(test):
                if (writer := writers.get(_system_of(row.data))) is None:
                    raise DataError("this row is of no task of the recipe", where=Where(test, row.line))
                writer.write(row.data)
        return paths

    def upload_file(self, part: Path) -> Path:
        """The file to send for a part. Its name holds its hash: the platform's list can be asked for it."""
        folder = self.directory / "upload"
        folder.mkdir(exist_ok=True)
        draft = folder / f"{part.stem}.draft"
        with open_jsonl_writer(draft) as writer:
            for example in self._trained(part):
                writer.write(example)
        path = folder / f"{self.recipe.name}-{part.stem}-{writer.sha256[:12]}.jsonl"
        draft.replace(path)
        return path

    def _trained(self, part: Path) -> Iterator[dict[str, Any]]:
        """The examples as they are trained on: of several right answers, the first."""
        tasks = self.recipe.work
        separators = {task.instruction if len(tasks) > 1 else None: task.separator for task in tasks}
        for row in read_jsonl(part):
            example = dict(row.data)
            if separator := separators.get(_system_of(example) if len(tasks) > 1 else None):
                first = (reply_of(example) or "").split(separator)[0].strip()
                example["messages"] = [
                    *example["messages"][:-1],
                    {**example["messages"][-1], "content": first},
                ]
            yield example


def _messages_of(task: TaskTable) -> dict[str, Any]:
    return task.model_dump(include={"system", "user", "assistant"})


def _system_of(example: Mapping[str, Any]) -> str | None:
    first = example["messages"][0]
    return first["content"] if first.get("role") == "system" else None


def content_hash(name: str) -> str | None:
    """SHA-256 of a file, or of a saved dataset's folder by its files; None for a hosted dataset."""
    source = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser raises for an unknown user
    if source.is_file():
        return sha256_file(source)
    if not source.is_dir():
        return None
    files = sorted(path for path in source.rglob("*") if path.is_file())
    listing = [[path.relative_to(source).as_posix(), sha256_file(path)] for path in files]
    return hashlib.sha256(canonical_json(listing)).hexdigest()


def _whole_part(path: Path) -> dict[str, Any]:
    """What a split would say of a part that is all there is."""
    sha256, rows = sha256_file(path), sum(1 for _ in read_jsonl(path))
    return {"path": str(path), "rows": rows, "sha256": sha256, "bytes": path.stat().st_size}


def _whole(path: Path, part: dict[str, Any]) -> bool:
    return path.is_file() and sha256_file(path) == part["sha256"]


def _counted(report: Any) -> list[tuple[str, str, int]]:
    names = {finding.code: finding.rule for finding in report.findings}
    return [(code, names.get(code, ""), count) for code, count in report.counts.items() if count]
