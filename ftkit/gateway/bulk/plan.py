"""Prepared requests on disk: what the plan says of them, and how any of them is read again."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from ftkit.catalog import ProviderLimits
from ftkit.errors import DataError, Where, storage_error

if TYPE_CHECKING:
    from ftkit.gateway.bulk.ids import Positions

PLAN, IDS, OFFSETS, LINES = "plan.json", "ids.jsonl", "offsets.bin", "lines.bin"
_BYTES_PER_TOKEN = 3


class ShardLimits(NamedTuple):
    """What one batch may hold: requests, bytes and estimated tokens; None where nothing is known."""

    requests: int | None = None
    bytes: int | None = None
    tokens: int | None = None

    @classmethod
    def of(cls, limits: ProviderLimits) -> ShardLimits:
        """A platform's own."""
        return cls(limits.batch_requests, limits.batch_bytes, limits.batch_enqueued_tokens)

    def allow(self, requests: int, size: int, tokens: int) -> bool:
        """Whether a batch may hold so much."""
        return (
            (self.requests is None or requests <= self.requests)
            and (self.bytes is None or size <= self.bytes)
            and (self.tokens is None or tokens <= self.tokens)
        )


def estimated_tokens(line: bytes) -> int:
    """About the tokens of a request, without its vocabulary: a third of its bytes.

    More than there are in English, code and JSON (about four bytes a token) and about what there is
    in Chinese; a platform that counts more says so, and the shard is cut smaller then.
    """
    return len(line) // _BYTES_PER_TOKEN + 1


def tokens_of(sizes: list[int]) -> int:
    """:func:`estimated_tokens` of all lines of these sizes, line ends included."""
    return sum([(size - 1) // _BYTES_PER_TOKEN for size in sizes]) + len(sizes)


class Shard(BaseModel):
    """One file of requests: ``first`` is the position of its first one, counted from 0 over all shards."""

    model_config = ConfigDict(frozen=True)

    file: str
    first: int
    rows: int
    bytes: int
    tokens: int
    sha256: str


class Plan(BaseModel):
    """What was prepared. ``source`` is the user's file, ``fingerprint`` what it and the platform's words
    and limits were then; ``most_output`` the most tokens that the answers may have, where all say so.
    """

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    source: str | None = None
    fingerprint: str | None = None
    endpoint: str
    requests: int
    bytes: int
    tokens: int
    models: tuple[str, ...] = ()
    most_output: int | None = None
    shards: tuple[Shard, ...]


class Prepared:
    """The requests of a folder in which a preparation has ended; close it after use."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder = folder
        self.plan = plan
        self._firsts = [shard.first for shard in plan.shards]
        self._open: tuple[int, int] | None = None

    @classmethod
    def at(cls, folder: Path) -> Prepared | None:
        """What was prepared in a folder; None where no preparation has ended there."""
        path = folder / PLAN
        try:
            return cls(folder, Plan.model_validate_json(path.read_bytes()))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_error(error, path) from error
        except ValidationError as error:
            raise DataError(
                f"this is no plan of batches: {error.errors()[0]['msg']}",
                where=str(path),
                hint="Take another work directory, or delete this one to start over.",
            ) from error

    @property
    def count(self) -> int:
        """Requests in all shards."""
        return self.plan.requests

    @cached_property
    def _offsets(self) -> array[int]:
        return self._numbers(OFFSETS, self.count + 1)

    def lines(self, positions: Iterable[int]) -> Iterator[bytes]:
        """The requests at these positions, best in rising order: JSON with its line end."""
        offsets = self._offsets
        for position in positions:
            shard = bisect_right(self._firsts, position) - 1
            base = offsets[self._firsts[shard]]
            start, end = offsets[position] - base, offsets[position + 1] - base
            yield os.pread(self._descriptor(shard), end - start, start)

    def where(self, position: int) -> Where:
        """The place of a request in the user's source."""
        number = self._numbers(LINES, self.count)[position]
        return Where(self.plan.source if self.plan.source is not None else "requests", number)

    def close(self) -> None:
        """Let the files go."""
        if self._open is not None:
            os.close(self._open[1])
            self._open = None

    def _descriptor(self, shard: int) -> int:
        if self._open is None or self._open[0] != shard:
            self.close()
            path = self.folder / self.plan.shards[shard].file
            try:
                self._open = (shard, os.open(path, os.O_RDONLY))
            except OSError as error:
                raise storage_error(error, path) from error
        return self._open[1]

    def _numbers(self, name: str, count: int) -> array[int]:
        return read_numbers(self.folder / name, count)


def read_numbers(path: Path, count: int) -> array[int]:
    """A file of 64-bit numbers, as :func:`write_numbers` makes them."""
    numbers = array("q")
    try:
        with path.open("rb") as file, suppress(EOFError):
            numbers.fromfile(file, count)
    except OSError as error:
        raise storage_error(error, path) from error
    if len(numbers) != count:
        raise DataError(
            f"this file is cut off: {count:,} numbers are wanted, and there are {len(numbers):,}",
            where=str(path),
            hint="Take another work directory, or delete this one to start over.",
        )
    return numbers


def write_numbers(path: Path, numbers: array[int] | Positions) -> None:
    """Write 64-bit numbers, in this machine's own order of bytes."""
    try:
        with path.open("wb") as file:
            file.write(numbers.tobytes())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(error, path) from error
