"""Keeps in the ledger how a job ended: what it trained on and how long it took, for later estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftkit.errors import UsageError
from ftkit.gateway.results import Job

if TYPE_CHECKING:
    from ftkit.ledger import Ledger


def remember_end(ledger: Ledger, platform: str, job: Job) -> None:
    """Write down the end of a job that the ledger knows, once; of any other nothing is kept.

    The facts: ``status``, ``trained_tokens``, ``seconds`` from its creation to its end.
    """
    if not ledger.exists():
        return
    try:
        known = ledger.get(job.id)
    except UsageError:
        return
    if known.platform != platform or known.result_id != job.id or "status" in known.result:
        return
    seconds = None
    if job.created_at is not None and job.finished_at is not None:
        seconds = max(0.0, (job.finished_at - job.created_at).total_seconds())
    with ledger.claim("job", platform, known.request) as claim:
        if claim.result_id == job.id:
            claim.finish(job.id, status=job.status, trained_tokens=job.trained_tokens, seconds=seconds)
