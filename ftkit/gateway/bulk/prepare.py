"""Writes requests once, as the platform takes them, in shards of the size that it takes.

In memory there are 24 bytes for each request. The plan is written last, and the folder gets its name
after that: a preparation that was killed has left nothing that counts.
"""

from __future__ import annotations

import hashlib
import shutil
from array import array
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import accumulate, islice
from pathlib import Path

from ftkit.data.files import atomic_write
from ftkit.data.jsonl import JsonlWriter, open_jsonl_writer
from ftkit.display import Display
from ftkit.errors import DataError, storage_error
from ftkit.gateway.bulk.ids import first_repeated, id_lines, read_ids
from ftkit.gateway.bulk.lines import Source, place, repeated, request_blocks
from ftkit.gateway.bulk.plan import (
    IDS,
    LINES,
    OFFSETS,
    PLAN,
    Plan,
    Prepared,
    Shard,
    ShardLimits,
    estimated_tokens,
    tokens_of,
    write_numbers,
)
from ftkit.gateway.bulk.unchanged import Request
from ftkit.gateway.dialect import Translator

_MOST_MODELS = 20


def prepare(
    source: Source, folder: Path, translator: Translator, limits: ShardLimits, display: Display
) -> Prepared:
    """Write the requests of ``source`` as shards into ``folder``, which is made, or made anew.

    Raises DataError with the place of a request that is none, comes twice or is too large, and
    StorageError.
    """
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    with display.work("Prepare requests", unit="requests") as progress:
        written = _Written(source, folder, translator, limits)
        for count in written.all():
            progress.update(count)
    if not written.rows:
        raise DataError("there are no requests", where=_name(source))
    written.check_ids()
    write_numbers(folder / OFFSETS, written.offsets)
    write_numbers(folder / LINES, written.lines)
    plan = written.plan(fingerprint(source, translator, limits))
    atomic_write(folder / PLAN, plan.model_dump_json(indent=2))
    return Prepared(folder, plan)


def fingerprint(source: Source, translator: Translator, limits: ShardLimits) -> str | None:
    """What a preparation of a file depends on; None for other sources, which cannot be known again."""
    if not isinstance(source, str | Path) or not Path(source).is_file():
        return None
    path = Path(source).resolve()
    seen = path.stat()
    words = f"{translator.provider.name} {translator.dialect.model_dump_json()}"
    text = f"{path}\n{seen.st_size}\n{seen.st_mtime_ns}\n{tuple(limits)}\n{words}"
    return hashlib.sha256(text.encode()).hexdigest()


class _Written:
    """The shards as they grow."""

    def __init__(self, source: Source, folder: Path, translator: Translator, limits: ShardLimits) -> None:
        self._source, self._folder = source, folder
        self._translator, self._limits = translator, limits
        self.offsets, self.lines, self._hashes = array("q", [0]), array("q"), array("q")
        self._shards: list[Shard] = []
        self._models: dict[str, None] = {}
        self._most: int | None = 0
        self._endpoint = ""

    @property
    def rows(self) -> int:
        """Requests so far."""
        return len(self.lines)

    def all(self) -> Iterator[int]:
        """Write everything; yields the count now and then."""
        with ExitStack() as stack:
            ids = stack.enter_context(open_jsonl_writer(self._folder / IDS))
            shard: _OpenShard | None = None
            for block in request_blocks(self._source, self._translator):
                todo = block
                while todo:
                    room = shard.room(todo, self._limits) if shard is not None else 0
                    if shard is None or not room:
                        self._end(shard)
                        shard = _OpenShard(self._folder / f"{len(self._shards):05}.jsonl", self._written)
                        if not (room := shard.room(todo, self._limits)):
                            raise self._too_large(todo[0])
                    sizes = shard.write([request.line for request in todo[:room]])
                    self.offsets.extend(islice(accumulate(sizes, initial=self.offsets[-1]), 1, None))
                    todo = todo[room:]
                ids.write_lines(id_lines([request.custom_id for request in block]))
                self._note(block)
                yield self.rows
            self._end(shard)

    def _end(self, shard: _OpenShard | None) -> None:
        if shard is not None:
            self._shards.append(shard.closed())

    @property
    def _written(self) -> int:
        return len(self.offsets) - 1

    def check_ids(self) -> None:
        """DataError where a custom_id came twice."""
        found = first_repeated(self._hashes, lambda: read_ids(self._folder / IDS))
        if found is not None:
            raise repeated(self._source, found[0], self.lines[found[1]], self.lines[found[2]])

    def plan(self, made_from: str | None) -> Plan:
        """What was written."""
        return Plan(
            source=_name(self._source),
            fingerprint=made_from,
            endpoint=self._endpoint,
            requests=self.rows,
            bytes=self.offsets[-1],
            tokens=sum(shard.tokens for shard in self._shards),
            models=tuple(self._models),
            most_output=self._most or None,
            shards=tuple(self._shards),
        )

    def _note(self, block: list[Request]) -> None:
        self.lines.extend([request.number for request in block])
        self._hashes.extend([hash(request.custom_id) for request in block])
        self._endpoint = block[0].url
        if len(self._models) < _MOST_MODELS:
            self._models |= dict.fromkeys(request.model for request in block)
        if self._most is not None:
            most = [request.most for request in block]
            self._most = None if None in most else self._most + sum(n for n in most if n is not None)

    def _too_large(self, request: Request) -> DataError:
        provider = self._translator.provider
        most = (
            f"{self._limits.bytes:,} bytes"
            if self._limits.bytes is not None and len(request.line) >= self._limits.bytes
            else f"{self._limits.tokens:,} tokens"
        )
        return DataError(
            f"this request alone has {len(request.line):,} bytes, about {estimated_tokens(request.line):,} "
            f"tokens; a batch on {provider.title} takes at most {most}",
            where=place(self._source, request.number),
            hint="Shorten it, or ask it in real time: --via realtime.",
        )


class _OpenShard:
    """The shard that is being written."""

    def __init__(self, path: Path, first: int) -> None:
        self._path, self.first = path, first
        self._tokens = 0
        self._file: AbstractContextManager[JsonlWriter] = open_jsonl_writer(path)
        self.writer = self._file.__enter__()

    def room(self, block: list[Request], limits: ShardLimits) -> int:
        """How many of these requests, from the first on, have room here."""
        rows, size, tokens = self.writer.rows, self.writer.bytes, self._tokens
        length = sum([len(request.line) for request in block])
        if limits.allow(rows + len(block), size + length + len(block), tokens + length):
            return len(block)  # most blocks: even a token for each byte would fit
        for count, request in enumerate(block):
            size += len(request.line) + 1
            tokens += estimated_tokens(request.line)
            if not limits.allow(rows + count + 1, size, tokens):
                return count
        return len(block)

    def write(self, lines: list[bytes]) -> list[int]:
        """Write requests; what each takes in the file."""
        self.writer.write_lines(lines)
        sizes = [len(line) + 1 for line in lines]
        self._tokens += tokens_of(sizes)
        return sizes

    def closed(self) -> Shard:
        """Close the file and say what is in it."""
        self._file.__exit__(None, None, None)
        writer = self.writer
        return Shard(
            file=self._path.name,
            first=self.first,
            rows=writer.rows,
            bytes=writer.bytes,
            tokens=self._tokens,
            sha256=writer.sha256,
        )


def _name(source: Source) -> str | None:
    return str(source) if isinstance(source, str | Path) else None
