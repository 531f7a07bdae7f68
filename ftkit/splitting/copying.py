"""The second pass: every row's line goes into its part's file, in blocks, and is what it was at the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ftkit.data import JsonlWriter, open_jsonl_writer
from ftkit.display import Display
from ftkit.errors import DataError
from ftkit.splitting.amounts import PARTS
from ftkit.splitting.columns import Columns
from ftkit.splitting.digest import BackgroundDigest, FileDigest
from ftkit.splitting.keys import Hasher
from ftkit.splitting.rowfile import RowFile, stays_in_memory
from ftkit.splitting.shuffle import ShuffledLines
from ftkit.splitting.source import ExampleSource, FileState

if TYPE_CHECKING:
    from ftkit.splitting.arrays import Codes, Rows

_ROWS = 1000


class Stage(Protocol):
    """What becomes of rows when their part is known and cannot change any more: cut, divided, dropped."""

    def __call__(self, lines: Sequence[bytes], rows: Rows) -> Sequence[Sequence[bytes]]:
        """For each line, of the row of that number, those to be written: any number, without their ends."""
        ...


@dataclass(frozen=True, slots=True)
class Copy:
    """What is copied: rows of ``examples`` by their ``codes`` into the parts ``names`` in ``folder``.

    ``before`` is the state of the source's file before the first pass.
    """

    examples: ExampleSource
    before: FileState | None
    columns: Columns
    codes: Codes
    names: Sequence[str]
    folder: Path
    hasher: Hasher
    shuffle: bool
    stage: Stage | None
    display: Display

    def run(self) -> tuple[Mapping[str, JsonlWriter], str]:
        """Write the files, which get their names only when all are whole.

        Returns their writers, and the SHA-256 of the source's file, else of the lines. Raises DataError
        where a row is not what it was at the first pass, StorageError.
        """
        path = self.examples.path
        with (
            ExitStack() as stack,
            self.display.work(f"write {self.folder}", len(self.columns), "rows") as bar,
        ):
            content = stack.enter_context(closing(BackgroundDigest() if path is None else FileDigest(path)))
            writers = {}
            for name in self.names:
                digest = stack.enter_context(closing(BackgroundDigest()))
                target = self.folder / f"{name}.jsonl"
                writers[name] = stack.enter_context(open_jsonl_writer(target, digest))
            if path is not None and self.examples.ranges is not None and stays_in_memory(path):
                file = stack.enter_context(RowFile(path, self.columns))
                for done in self._by_place(file, writers, stack):
                    bar.update(done)
            else:
                for done in self._in_order(writers, content, stack):
                    bar.update(done)
            bar.update(len(self.columns))
            sha256 = content.hexdigest()
            if self.examples.state() != self.before:
                raise changed(self.examples.name)
        return writers, sha256

    def _by_place(self, file: RowFile, writers: Mapping[str, JsonlWriter], stack: ExitStack) -> Iterator[int]:
        """Part by part, each row read from where it lies."""
        import numpy as np

        done = 0
        for name, writer in writers.items():
            rows = np.flatnonzero(self.codes == PARTS.index(name))
            mixed = self.shuffle and name == "train"
            if mixed and self.stage is None:
                rows = rows[np.argsort(self.columns.places[rows], kind="stable")]
            target = self._target(name, writer, mixed and self.stage is not None, stack)
            for at in range(0, len(rows), _ROWS):
                block = rows[at : at + _ROWS]
                target.add(self._checked(file.read(block), block), block)
                done += len(block)
                yield done
            target.finish()

    def _in_order(
        self, writers: Mapping[str, JsonlWriter], content: BackgroundDigest | FileDigest, stack: ExitStack
    ) -> Iterator[int]:
        """All rows in the order of the source."""
        import numpy as np

        targets = {
            PARTS.index(name): self._target(name, writer, self.shuffle and name == "train", stack)
            for name, writer in writers.items()
        }
        done = 0
        for lines in self.examples.line_blocks():
            if isinstance(content, BackgroundDigest):
                content.update(b"\n".join(lines) + b"\n")
            here = np.arange(done, done + len(lines))
            done += len(lines)
            if done > len(self.columns):
                break
            self._checked(lines, here)
            for code, target in targets.items():
                wanted = self.codes[here] == code
                target.add(list(compress(lines, wanted.tolist())), here[wanted])
            yield done
        if done != len(self.columns):
            raise changed(self.examples.name)
        for target in targets.values():
            target.finish()

    def _target(self, name: str, writer: JsonlWriter, mixed: bool, stack: ExitStack) -> _Target:
        shuffle = stack.enter_context(ShuffledLines(self.folder)) if mixed else None
        return _Target(writer, shuffle, self.columns, self.hasher, self.stage)

    def _checked(self, lines: Any, rows: Rows) -> Any:
        """``lines``, which are those that the first pass saw."""
        if self.hasher.places(lines) != self.columns.places[rows].tolist():
            raise changed(self.examples.name)
        return lines


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the lines of one part go: to its file, or first into another order."""

    writer: JsonlWriter
    shuffle: ShuffledLines | None
    columns: Columns
    hasher: Hasher
    stage: Stage | None

    def add(self, lines: list[bytes], rows: Rows) -> None:
        if self.stage is not None:
            lines = [line for several in self.stage(lines, rows) for line in several]
        if self.shuffle is None:
            self._write(lines)
        elif self.stage is not None:
            self.shuffle.add(lines, self.hasher.places(lines))
        else:
            self.shuffle.add(lines, self.columns.places[rows].tolist())

    def finish(self) -> None:
        for lines in self.shuffle.blocks() if self.shuffle is not None else ():
            self._write(lines)

    def _write(self, lines: list[bytes]) -> None:
        if lines:
            self.writer.write_lines(lines)


def changed(name: str) -> DataError:
    """The error of a source that is not the same at its second reading."""
    return DataError("the source changed while it was being split", where=name, hint="Try again.")
