"""Checks a file in shards: here when it is small, else in worker processes, each result merged in order."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from itertools import tee
from typing import TYPE_CHECKING

from ftkit.data.workers import WorkerPool
from ftkit.validation.brief import packed
from ftkit.validation.inspector import Inspector
from ftkit.validation.lines import LineReader
from ftkit.validation.oddities import is_utf16
from ftkit.validation.rendering import renderer
from ftkit.validation.shards import HEAD_BYTES, SHARD_BYTES, Shard, cut, open_bytes, unmarked

if TYPE_CHECKING:
    from ftkit.validation.cluster import RayPool
    from ftkit.validation.plugins import RuleSet
    from ftkit.validation.rules import Context

Update = Callable[[float], None]
_HEAD_LOOK = 203  # a byte-order mark, and what is looked at of a line
_LINE_END = re.compile(rb"[\r\n]")
_SMALL_BYTES = 20 << 20
"""Up to this size one process is done before others are ready."""


def check_shards(path: str, size: int, context: Context, rules: RuleSet, update: Update) -> Inspector:
    """Check a file of ``size`` bytes that can be read from any place. Raises StorageError, WorkerDied."""
    template = context.options.template
    inspector = Inspector(context, rules, renderer(template, context.name) if template else None)
    pool = _pool(path, size, inspector)
    if pool is None:
        _check_here(Shard(path, 0, size), inspector, update)
        return inspector
    with pool:
        shards, ends = tee(cut(path, size, HEAD_BYTES))
        next(ends)
        _check_here(next(shards), inspector, update)  # what is learnt of it, every worker is told
        brief = packed(context, rules, inspector.plain)
        for result in pool.map("ftkit.validation.shards:checker", brief, shards):
            inspector.merge(result)
            update(next(ends).end)
    return inspector


def _pool(path: str, size: int, inspector: Inspector) -> WorkerPool | RayPool | None:
    """Who checks the shards; None where this process checks the whole file."""
    if inspector.context.options.engine == "local":
        processes = _processes(path, size, inspector)
        return WorkerPool(processes) if processes > 1 else None
    from ftkit.validation.cluster import RayPool

    pool = RayPool()
    if inspector.mergeable and not _is_utf16(path):
        return pool
    with pool:  # a rule or the file needs one process
        return None


def _processes(path: str, size: int, inspector: Inspector) -> int:
    """As many as were asked for, or as there are cores and work for each; one where a rule needs that."""
    asked = inspector.context.options.processes
    if asked == 1 or (size < _SMALL_BYTES and asked is None) or not inspector.mergeable:
        return 1
    if _is_utf16(path):
        return 1
    return max(1, min(asked or _cores(), -(-size // SHARD_BYTES)))


def _check_here(shard: Shard, inspector: Inspector, update: Update) -> None:
    """Check a shard in this process, with the file's first line as number 1."""
    result = inspector.result
    chunks = unmarked(shard.chunks(), result)
    for block in LineReader(chunks, result.facts, inspector.context.options.max_line_bytes):
        inspector.block(block)
        result.facts.lines = block.first + block.count - 1
        update(shard.start + block.end)
    result.facts.bytes = shard.end - shard.start


def _is_utf16(path: str) -> bool:
    """Whether LF bytes are no line ends there, so that the file cannot be cut at them."""
    with open_bytes(path) as file:
        head = file.read(_HEAD_LOOK).removeprefix(b"\xef\xbb\xbf")
    return is_utf16(_LINE_END.split(head, maxsplit=1)[0])  # as the first line is judged when it is read


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
