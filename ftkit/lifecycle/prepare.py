"""The steps on this machine: source to examples, findings, splits and the files to upload."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
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
from ftkit.lifecycle.journal import Journal, key_of
from ftkit.lifecycle.recipe import Recipe
from ftkit.settings import Settings
from ftkit.splitting import SplitResult, is_split, read_manifest, resolve_part, split
from ftkit.validation import ValidateOptions, validate

SHOW_EVERY_ROWS = 200


class Preparation:
    """The data side of one run; every method answers from the journal where nothing has changed."""

    def __init__(self, recipe: Recipe, journal: Journal, settings: Settings, display: Display) -> None:
        self.recipe, self.journal, self.settings, self.display = recipe, journal, settings, display
        self.directory = journal.directory
        data = Path(recipe.data_path)
        self._ready: SplitResult | None = read_manifest(data) if is_split(data) else None

    def examples(self) -> Path:
        """Chat examples made of the source's rows; rows that make none go to ``rejected.jsonl``.

        Where the data is a split, its rows are examples already: those of all parts, as they are.
        """
        recipe, path = self.recipe, self.directory / "examples.jsonl"
        origin = _content_hash(recipe.data_path) or recipe.data_path
        key = key_of(origin, recipe.source, recipe.example)
        done = self.journal.done("examples", key)
        if done and path.exists() and sha256_file(path) == done["sha256"]:
            return path
        self.journal.intend("examples", key)
        result = self._write_examples(path) if self._ready is None else self._join_parts(path)
        self.journal.finish("examples", key, source=recipe.data_path, source_hash=origin, **result)
        return path

    def _write_examples(self, path: Path) -> dict[str, Any]:
        recipe = self.recipe
        template = recipe.example
        options = SourceOptions(**recipe.source.model_dump(exclude={"data"}), wanted=template.columns)
        rejected = self.directory / "rejected.jsonl"
        read = 0
        with self.display.work("Reading rows", recipe.source.limit, "rows") as progress:
            rows = open_rows(recipe.data_path, options)
            for note in rows.notes:
                self.display.note(note)
            with open_jsonl_writer(path) as good, open_jsonl_writer(rejected) as bad:
                for read, row in enumerate(rows, start=1):
                    try:
                        good.write(template.render(row.data, Where(rows.name, row.line)))
                    except DataError as error:
                        bad.write({"line": row.line, "reason": str(error), "row": row.data})
                    if read % SHOW_EVERY_ROWS == 0:
                        progress.update(read)
            progress.update(read)
        self._say_rejected(good, bad, rejected)
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

    def _say_rejected(self, good: JsonlWriter, bad: JsonlWriter, rejected: Path) -> None:
        if not good.rows:
            raise DataError(
                "no row of the data makes an example",
                where=self.recipe.data_path,
                hint=f"See {rejected} for the reasons." if bad.rows else "The file has no rows.",
            )
        if bad.rows:
            self.display.warn(f"{bad.rows} of {good.rows + bad.rows} rows make no example: see {rejected}")

    def check(self, examples: Path) -> None:
        """Validate for the platform and the model to be tuned. Raises ValidationFailed on errors."""
        recipe, platform = self.recipe, self.settings.platform_name
        labels = None if recipe.answers.separator else recipe.answers.labels
        key = key_of(sha256_file(examples), recipe.train.model, platform, labels)
        if self.journal.done("validate", key):
            return
        self.journal.intend("validate", key)
        with self.display.work("Validating") as progress:
            report = validate(
                examples,
                models=[recipe.train.model],
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

    def split(self, examples: Path) -> dict[str, Path]:
        """The parts by name (train, validation, test), disjoint by prompt; a split's own as they are."""
        table, out = self.recipe.split, self.directory / "splits"
        key = key_of(sha256_file(examples), table if self._ready is None else "ready")
        done = self.journal.done("split", key)
        if self._ready is not None:
            parts = {n: p.model_dump(mode="json") for n, p in self._ready.parts.items() if p.rows}
            self.journal.finish("split", key, parts=parts, seed=self._ready.seed)
            return self._with_needed(self._ready_parts(), examples)
        if not done or not all(_whole(out / f"{name}.jsonl", part) for name, part in done["parts"].items()):
            self.journal.intend("split", key)
            with self.display.work("Splitting") as progress:
                result = split(
                    examples,
                    train=table.train,
                    validation=table.validation,
                    test=table.test,
                    seed=table.seed,
                    out=out,
                )
                sizes = {name: part.rows for name, part in result.parts.items() if part.rows}
                progress.update(0, None, ", ".join(f"{name} {rows:,}" for name, rows in sizes.items()))
            parts = {name: part.model_dump(mode="json") for name, part in result.parts.items() if part.rows}
            done = self.journal.finish("split", key, parts=parts, seed=table.seed)
        return self._with_needed({name: out / f"{name}.jsonl" for name in done["parts"]}, examples)

    def _with_needed(self, parts: dict[str, Path], examples: Path) -> dict[str, Path]:
        if not {"train", "test"} <= set(parts):
            raise DataError(
                "the split leaves no rows to train on or none to test on",
                where=self.recipe.data_path if self._ready else str(examples),
                hint="Give --train and --test, as counts or shares.",
            )
        return parts

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
        separator = self.recipe.answers.separator
        for row in read_jsonl(part):
            example = dict(row.data)
            if separator:
                first = (reply_of(example) or "").split(separator)[0].strip()
                example["messages"] = [
                    *example["messages"][:-1],
                    {**example["messages"][-1], "content": first},
                ]
            yield example


def _content_hash(name: str) -> str | None:
    """SHA-256 of a file, or of a saved dataset's folder by its files; None for a hosted dataset."""
    source = Path(os.path.expanduser(name))  # noqa: PTH111 - Path.expanduser raises for an unknown user
    if source.is_file():
        return sha256_file(source)
    if not source.is_dir():
        return None
    files = sorted(path for path in source.rglob("*") if path.is_file())
    listing = [[path.relative_to(source).as_posix(), sha256_file(path)] for path in files]
    return hashlib.sha256(canonical_json(listing)).hexdigest()


def _whole(path: Path, part: dict[str, Any]) -> bool:
    return path.is_file() and sha256_file(path) == part["sha256"]


def _counted(report: Any) -> list[tuple[str, str, int]]:
    names = {finding.code: finding.rule for finding in report.findings}
    return [(code, names.get(code, ""), count) for code, count in report.counts.items() if count]
