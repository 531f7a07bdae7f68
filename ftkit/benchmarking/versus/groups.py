"""Finds which rows belong together (one conversation, one author) where a benchmark's rows come in groups."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

from ftkit.benchmarking.versus.reading import Recorded
from ftkit.data import canonical_json, read_jsonl, sha256_file


def groups_of(run: Recorded, count: int, rows: Sequence[int]) -> array[int] | None:
    """A group's number, from 0, for each of these ``rows`` out of ``count``.

    None where the rows come in no groups, and where the held-out file is not there any more or has
    other bytes: then nothing tells the groups.
    """
    report, data = run.report, Path(run.report.data)
    if report.group is None or not data.is_file() or sha256_file(data) != report.data_sha256:
        return None
    known: dict[bytes, int] = {}
    numbers = array("q")
    for row in read_jsonl(data):
        numbers.append(known.setdefault(canonical_json(row.data.get(report.group)), len(known)))
    if len(numbers) != count:
        return None
    seen: dict[int, int] = {}
    return array("q", (seen.setdefault(numbers[row], len(seen)) for row in rows))
