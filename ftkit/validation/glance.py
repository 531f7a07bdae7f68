"""From sums over rows to what a person sees at a glance: tokens, their spread, how they fit each model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from ftkit.catalog import Model
from ftkit.validation.report import Glance, LongestRow, ModelFit, TokenBucket, TokenStats
from ftkit.validation.tally import LongestRows, TokenKey, TokenSums, quantile

_BUCKETS = 10
_STEPS = (1, 2, 5)


def stats_of(
    models: Sequence[tuple[Model, TokenKey]], sums: Mapping[TokenKey, TokenSums]
) -> TokenStats | None:
    """The spread of tokens per row as the first model counts them; None where not every row was counted."""
    if not models or (first := sums[models[0][1]]).uncounted or not first.rows:
        return None
    number, total = first.rows.total(), first.total
    return TokenStats(
        tokenizer=str(models[0][0].tokenizer),
        rows=number,
        total=total,
        mean=round(sum(tokens * rows for tokens, rows in first.rows.items()) / number, 1),
        p50=quantile(first.rows, 0.5),
        p95=quantile(first.rows, 0.95),
        max=max(first.rows),
        trained=first.trained,
        prompt=total - first.trained,
        histogram=histogram_of(first.rows),
    )


def histogram_of(rows: Counter[int]) -> list[TokenBucket]:
    """About ten buckets of one round width; where a few rows are far longer, the last reaches to them."""
    if not rows:
        return []
    most = max(rows)
    usual = quantile(rows, 0.99)
    width = _round_up(max(1, math.ceil((usual if most > 2 * usual else most) / _BUCKETS)))
    last = math.ceil((usual if most > 2 * usual else most) / width)
    counts: Counter[int] = Counter()
    for tokens, number in rows.items():
        counts[min(max(0, math.ceil(tokens / width) - 1), last)] += number
    uppers = [width * (index + 1) for index in range(last)]
    if counts[last]:
        uppers.append(most)
    buckets = [TokenBucket(upper=upper, rows=counts[index]) for index, upper in enumerate(uppers)]
    first = next(index for index, bucket in enumerate(buckets) if bucket.rows)
    return buckets[max(0, first - 1) :]


def _round_up(width: int) -> int:
    """The next 1, 2 or 5 times a power of ten."""
    power = int(10 ** (len(str(width)) - 1))
    return next((step * power for step in _STEPS if step * power >= width), 10 * power)


def fits_of(
    models: Sequence[tuple[Model, TokenKey]], sums: Mapping[TokenKey, TokenSums], epochs: int | None = None
) -> list[ModelFit]:
    """One entry for each model whose tokens are counted."""
    return [fit_of(model, sums[key], epochs) for model, key in models]


def fit_of(model: Model, sums: TokenSums, epochs: int | None = None) -> ModelFit:
    """How the rows fit one model and what they cost there; what is not known is None.

    A platform trains on a row up to its training context, so billable tokens are cut there (OpenAI cookbook,
    "Data preparation and analysis for chat model fine-tuning", read 2026-11-21). The benchmark's cost is
    that of asking every row's prompt once in a batch, for replies as long as those in the data.
    """
    limit, price, known = model.limits.training_context, model.price, sums.whole
    billable = sums.within(limit)
    per_epoch = None if price.train is None or not known else billable * price.train / 1e6
    asked = sums.total - sums.replies
    base, tuned = (price.batch_rates(tuned=t).dollars(asked, sums.replies) for t in (False, True))
    return ModelFit(
        model=model.id,
        provider=model.provider,
        tokenizer=str(model.tokenizer),
        limit=limit,
        over=sums.over(limit),
        unknown=sums.unknown.total(),
        max_tokens=max(sums.rows, default=0) if known else None,
        total_tokens=sums.total if known else None,
        p50=quantile(sums.rows, 0.5) if known else None,
        p95=quantile(sums.rows, 0.95) if known else None,
        billable_tokens=billable if known else None,
        training_cost=per_epoch,
        epochs=epochs,
        training_cost_all=None if per_epoch is None or epochs is None else per_epoch * epochs,
        batch_cost_base=base if known else None,
        batch_cost_tuned=tuned if known else None,
        prices_as_of=price.as_of,
        no_new_jobs_after=model.shutdown.no_new_jobs_after,
    )


def glance_of(kinds: Counter[str], roles: Counter[str], longest: LongestRows, *, counted: bool) -> Glance:
    """Rows by kind, messages by role, the longest rows (in tokens where ``counted``, else in bytes)."""
    rows = [
        LongestRow(line=line, **({"tokens": size} if counted else {"bytes": size}))
        for size, line in longest.result()
    ]
    return Glance(kinds=_by_number(kinds), roles=_by_number(roles), longest=rows)


def _by_number(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
