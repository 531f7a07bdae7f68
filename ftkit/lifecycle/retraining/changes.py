"""Tells what has changed between the examples of two rounds: new and vanished rows, drift of answers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftkit.data import canonical_json, read_jsonl, reply_of
from ftkit.lifecycle.retraining.result import Changes

_MOST_KINDS = 200
"""Answers of more kinds than these are free texts: there is no distribution to compare."""
DRIFT_ALPHA = 0.01
"""A drift that chance brings about more often than this is none."""


def changes_between(now: Path, before: Path | None) -> Changes:
    """The examples in ``now`` against those in ``before``; only counted where there is nothing before."""
    if before is None or not before.is_file():
        return Changes(rows=sum(1 for _ in read_jsonl(now)))
    known, answers = Counter[bytes](), Counter[str]()
    for digest, reply in _hashed(before):
        known[digest] += 1
        answers[reply] += 1
    rows, new, fresh = 0, 0, Counter[str]()
    for digest, reply in _hashed(now):
        rows += 1
        if known[digest] > 0:
            known[digest] -= 1
        else:
            new += 1
            fresh[reply] += 1
    drift, p = drift_of(answers, fresh)
    return Changes(rows=rows, new=new, gone=sum(known.values()), drift=drift, drift_p=p)


def digest_of(path: Path) -> str:
    """What stands for the examples in a file, whatever their order: 32 hexadecimal digits.

    The sum of their hashes, so that a row that is there twice counts twice.
    """
    total = sum(int.from_bytes(digest) for digest, _ in _hashed(path))
    return f"{total % 2**128:032x}"


def _hashed(path: Path) -> Iterator[tuple[bytes, str]]:
    """Each example's hash (12 bytes) and its answer."""
    for row in read_jsonl(path):
        yield hashlib.sha256(canonical_json(row.data)).digest()[:12], (reply_of(row.data) or "").strip()


def drift_of(before: Counter[str], now: Counter[str]) -> tuple[float | None, float | None]:
    """The total variation distance between the shares of two counts, and the p-value of a test of sameness.

    Half the sum of the differences of shares: 0 for the same shares, 1 for nothing in common. The test is
    Pearson's chi-squared of the 2 x k table. None, None for free texts and where one side is empty.
    """
    kinds = sorted(before.keys() | now.keys())
    old, new = before.total(), now.total()
    if not old or not new or len(kinds) > _MOST_KINDS or len(kinds) > max(2, old // 2):
        return None, None
    distance = sum(abs(before[kind] / old - now[kind] / new) for kind in kinds) / 2
    if len(kinds) < 2:
        return distance, 1.0
    from scipy.stats import chi2_contingency

    counts = [[side[kind] for kind in kinds] for side in (before, now)]
    test: Any = chi2_contingency(counts, correction=False)
    return distance, float(test.pvalue)
