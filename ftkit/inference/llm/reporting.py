"""The figures of a call, from what came of its rounds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ftkit import __version__
from ftkit.inference.llm.pricing import cost_of
from ftkit.inference.llm.response import LLMResponse, PerformanceStats, RequestStats, TokenUsage

if TYPE_CHECKING:
    from ftkit.inference.llm.opening import Opened
    from ftkit.inference.llm.ordering import Order
    from ftkit.inference.llm.running import Done


def response_of(order: Order, at: Opened, done: Done, answers: Path) -> LLMResponse:
    """The response of a call, without its rows; ``answers`` is the file of the cache."""
    platform = at.platform.name if at.platform is not None else None
    pace = at.pace
    return LLMResponse(
        model_name=order.model,
        backend=at.backend.name,
        batch_mode=any(one.via == "batch" for one in done.asked),
        batches=tuple(batch for one in done.asked for batch in one.batches),
        form=order.how,
        rounds=len(done.asked),
        request_stats=_requests(done),
        token_usage=_tokens(done),
        cost_info=cost_of(order.options, at.settings, order.model, platform, done.asked),
        performance_stats=_performance(done, pace.concurrency if pace is not None else None),
        failures=dict(done.failures),
        cache_dir=done.folder,
        answer_cache=answers,
        failed_requests_path=done.failed_path,
        max_requests_per_minute=pace.requests_per_minute if pace is not None else None,
        max_tokens_per_minute=pace.tokens_per_minute if pace is not None else None,
        notes=_notes(order, at),
        metadata={
            "ftkit_version": __version__,
            "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


def _requests(done: Done) -> RequestStats:
    return RequestStats(
        total=done.rows,
        succeeded=done.rows - done.failed,
        failed=done.failed,
        cached=done.cached,
        sent=sum(one.asked for one in done.asked),
    )


def _tokens(done: Done) -> TokenUsage:
    prompt = sum(one.prompt_tokens for one in done.asked)
    completion = sum(one.completion_tokens for one in done.asked)
    uncounted = sum(one.uncounted for one in done.asked)
    return TokenUsage(input=prompt, output=completion, total=prompt + completion, uncounted=uncounted)


def _performance(done: Done, concurrency: int | None) -> PerformanceStats:
    tokens, minutes = _tokens(done), max(done.seconds, 1e-3) / 60
    return PerformanceStats(
        total_time=round(done.seconds, 3),
        requests_per_minute=sum(one.asked for one in done.asked) / minutes,
        input_tokens_per_minute=tokens.input / minutes,
        output_tokens_per_minute=tokens.output / minutes,
        max_concurrent_requests=concurrency,
    )


def _notes(order: Order, at: Opened) -> tuple[str, ...]:
    if order.how != "instruction":
        return ()
    said = (
        f"{at.title} cannot be told the form of answers: it was asked for in words, each answer was "
        "checked, and wrong ones were asked for again"
    )
    return (said,)
