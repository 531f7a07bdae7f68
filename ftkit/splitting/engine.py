"""``split``: reads a source twice and writes its parts and their manifest."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ftkit.data import JsonlWriter, atomic_write, canonical_json, open_jsonl_writer, sha256_file
from ftkit.display import Display, SilentDisplay
from ftkit.errors import DataError, UsageError, storage_error
from ftkit.splitting.assign import PARTS, Amount, Assignment, Request, assign, requests_of
from ftkit.splitting.keys import Hasher, group_key
from ftkit.splitting.result import MANIFEST, Method, Part, SplitOptions, SplitResult
from ftkit.splitting.shuffle import ShuffledLines
from ftkit.splitting.source import ExampleSource

_ROWS_PER_UPDATE = 1000


def split(
    source: str | Path | Any,
    *,
    train: Amount | None = None,
    validation: Amount | None = None,
    test: Amount | None = None,
    seed: int = 0,
    out: str | Path,
    options: SplitOptions | None = None,
    display: Display | None = None,
) -> SplitResult:
    """Write ``train.jsonl``, ``validation.jsonl``, ``test.jsonl`` and ``manifest.json`` into ``out``.

    ``source`` is anything that ``ftkit.data.open_rows`` opens, and can be read twice. Amounts are fractions
    (floats) or counts (integers) of rows; nothing given means 0.9 and 0.1 for validation. Examples with
    the same prompt are never divided. With fractions a row's side depends on its prompt and the seed alone,
    so that rows added or removed move no other. Memory: about 40 bytes a row.

    Raises UsageError (amounts, source, columns), DataError (a row that is no chat example, with its line;
    a source that changed meanwhile), StorageError.
    """
    chosen, show, folder = options or SplitOptions(), display or SilentDisplay(), Path(out)
    requests = requests_of(train, validation, test)
    examples = ExampleSource(source, chosen)
    _make_folder(folder, examples.path, requests)
    for note in examples.rows.notes:
        show.note(note)
    before = sha256_file(examples.path) if examples.path else None
    hasher = Hasher(seed)
    ranks = _ranks(examples, chosen, hasher, show)
    assignment = assign(ranks, requests)
    shuffle = hasher if chosen.shuffle else None
    written, content = _write(examples, assignment, requests, folder, shuffle, show)
    if examples.path and sha256_file(examples.path) != before:
        raise DataError(
            "the file changed while it was being split", where=str(examples.path), hint="Try again."
        )
    parts = {
        name: Part(requested=requests[name], share=round(w.rows / len(ranks), 6), **_facts(w, folder, name))
        for name, w in written.items()
    }
    result = SplitResult(
        source=examples.name,
        source_sha256=before or content,
        rows=len(ranks),
        groups=assignment.groups,
        largest_group=assignment.largest_group,
        seed=seed,
        method=_method(requests),
        options=chosen,
        parts=parts,
        unused=len(ranks) - sum(part.rows for part in parts.values()),
        notes=_notes(parts, folder),
        manifest=folder / MANIFEST,
    )
    atomic_write(result.manifest, result.manifest_json())
    for note in result.notes:
        show.warn(note)
    return result


def _make_folder(folder: Path, source: Path | None, requests: Mapping[str, Request]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    targets = {f"the {name} part": folder / f"{name}.jsonl" for name in requests}
    for what, target in {**targets, "the manifest": folder / MANIFEST}.items():
        if source is not None and target.exists() and target.samefile(source):
            hint = "Choose another folder with --out."
            raise UsageError(f"{what} would overwrite the source", where=str(source), hint=hint)


def _ranks(examples: ExampleSource, options: SplitOptions, hasher: Hasher, display: Display) -> array[int]:
    """The rank of each row's group, in the order of the source."""
    ranks = array("Q")
    with display.work(f"read {examples.name}", None, "rows") as progress:
        for example, _ in examples:
            key = group_key(example) if options.group == "prompt" else canonical_json(example)
            ranks.append(hasher.rank(key))
            if len(ranks) % _ROWS_PER_UPDATE == 0:
                progress.update(len(ranks))
        progress.update(len(ranks))
    if not ranks:
        raise DataError(
            "there are no rows in it", where=examples.name, hint="Check that this is the right source."
        )
    return ranks


def _write(
    examples: ExampleSource,
    assignment: Assignment,
    requests: Mapping[str, Request],
    folder: Path,
    hasher: Hasher | None,
    display: Display,
) -> tuple[dict[str, JsonlWriter], str]:
    """Copy every row into its part's file; the files get their names only when all are whole."""
    names = [name for name in PARTS if name in requests]
    codes, content, done = assignment.codes.tolist(), hashlib.sha256(), 0
    with ExitStack() as files, display.work(f"write {folder}", len(codes), "rows") as progress:
        writers = {n: files.enter_context(open_jsonl_writer(folder / f"{n}.jsonl")) for n in names}
        mixed = files.enter_context(ShuffledLines(folder, hasher.place)) if hasher else None
        for line in examples.lines():
            content.update(line + b"\n")
            name = PARTS[codes[done]] if done < len(codes) and codes[done] >= 0 else None
            done += 1
            if name == "train" and mixed is not None:
                mixed.add(line)
            elif name is not None:
                writers[name].write_line(line)
            if done % _ROWS_PER_UPDATE == 0:
                progress.update(done)
        if done != len(codes):
            raise DataError(
                "the source changed while it was being split", where=examples.name, hint="Try again."
            )
        for line in mixed or ():
            writers["train"].write_line(line)
        progress.update(done)
    return writers, content.hexdigest()


def _facts(writer: JsonlWriter, folder: Path, name: str) -> dict[str, Any]:
    path = folder / f"{name}.jsonl"
    return {"path": path, "rows": writer.rows, "bytes": writer.bytes, "sha256": writer.sha256}


def _method(requests: Mapping[str, Request]) -> Method:
    kinds = {type(amount) for amount in requests.values()} - {str}
    if kinds == {float, int}:
        return "threshold and rank"
    return "threshold" if kinds == {float} else "rank"


def _notes(parts: Mapping[str, Part], folder: Path) -> list[str]:
    """What is not as asked for, and what may mislead."""
    notes = []
    for name, part in parts.items():
        if isinstance(part.requested, int) and part.rows != part.requested:
            asked = f"{name}: {part.rows:,} rows instead of {part.requested:,}"
            notes.append(f"{asked}, because examples with the same prompt are not divided")
        elif not part.rows:
            notes.append(f"{name}: no row fell into this part")
    for name in PARTS:
        if name not in parts and (folder / f"{name}.jsonl").exists():
            notes.append(f"{folder / name}.jsonl was there before and is no part of this split")
    return notes
