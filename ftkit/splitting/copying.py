"""The second pass: every row's line goes into its part's file, in blocks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ftkit.data import JsonlWriter, open_jsonl_writer
from ftkit.data.jsonl import Digest
from ftkit.display import Display
from ftkit.errors import DataError
from ftkit.splitting.amounts import PARTS
from ftkit.splitting.columns import Columns
from ftkit.splitting.digest import BackgroundDigest
from ftkit.splitting.keys import Hasher
from ftkit.splitting.ranges import block_of
from ftkit.splitting.shuffle import ShuffledLines
from ftkit.splitting.source import ExampleSource

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Codes, Numbers


class Stage(Protocol):
    """What becomes of rows when their part is known and cannot change any more: cut, divided, dropped."""

    def __call__(self, lines: Sequence[bytes], part: str) -> Sequence[Sequence[bytes]]:
        """For each line of ``part`` the lines to be written, any number, none of them with its end."""
        ...


class _Via(NamedTuple):
    hasher: Hasher
    stage: Stage | None


class _Target:
    """Where the lines of one part go: to its file, or first into another order."""

    def __init__(self, name: str, writer: JsonlWriter, mixed: ShuffledLines | None, via: _Via) -> None:
        self._name, self.writer, self._shuffle = name, writer, mixed
        self._hasher, self._stage = via.hasher, via.stage

    def add(self, lines: list[bytes], places: Numbers) -> None:
        if self._stage is not None:
            lines = [line for several in self._stage(lines, self._name) for line in several]
        if self._shuffle is None:
            self._write(lines)
        elif self._stage is not None:
            self._shuffle.add(lines, [self._hasher.place(line) for line in lines])
        else:
            self._shuffle.add(lines, places.tolist())

    def finish(self) -> None:
        for lines in self._shuffle.blocks() if self._shuffle is not None else ():
            self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        if lines:
            self.writer.write_lines(lines)


def copy_rows(
    examples: ExampleSource,
    columns: Columns,
    codes: Codes,
    names: Sequence[str],
    folder: Path,
    *,
    hasher: Hasher,
    shuffle: bool,
    stage: Stage | None,
    display: Display,
) -> tuple[Mapping[str, JsonlWriter], str]:
    """Write the parts ``names`` into ``folder``; the files get their names only when all are whole.

    Returns their writers, and the SHA-256 of a file read in ranges, else of the lines. Raises DataError
    where the source is not what it was at the first pass, StorageError.
    """
    done, content = 0, _Content()
    with ExitStack() as stack, display.work(f"write {folder}", len(columns), "rows") as progress:
        stack.enter_context(closing(content))
        targets = {}
        for name in names:
            digest = stack.enter_context(closing(BackgroundDigest()))
            writer = stack.enter_context(open_jsonl_writer(folder / f"{name}.jsonl", digest))
            mixed = stack.enter_context(ShuffledLines(folder)) if shuffle and name == "train" else None
            targets[PARTS.index(name)] = _Target(name, writer, mixed, _Via(hasher, stage))
        for lines in _blocks(examples, columns, content):
            here = slice(done, done + len(lines))
            done += len(lines)
            for code, target in targets.items():
                wanted = codes[here] == code
                target.add(list(compress(lines, wanted.tolist())), columns.places[here][wanted])
            progress.update(done)
        if done != len(columns):
            raise changed(examples.name)
        for target in targets.values():
            target.finish()
        written = {name: targets[PARTS.index(name)].writer for name in names}
        hashes = content.hexdigest()
    return written, hashes


def changed(name: str) -> DataError:
    """The error of a source that is not the same at its second reading."""
    return DataError("the source changed while it was being split", where=name, hint="Try again.")


class _Content(BackgroundDigest):
    """The hash of what is copied."""


def _blocks(examples: ExampleSource, columns: Columns, content: Digest) -> Iterator[Sequence[bytes]]:
    """The lines of all rows in blocks; their bytes go into ``content``."""
    if examples.ranges is None:
        for lines in examples.line_blocks():
            content.update(b"\n".join(lines) + b"\n")
            yield lines
        return
    for piece, checksum in zip(examples.ranges, columns.checksums, strict=True):
        data = piece.bytes()
        block = block_of(data, first=piece.start == 0)
        if block.checksum != checksum:
            raise changed(examples.name)
        content.update(data)
        yield list(filter(None, block.lines))
    assert examples.path is not None
    if examples.path.stat().st_size != examples.ranges[-1].end:
        raise changed(examples.name)
