"""The data at a glance: spreads and sums that agree with the rows, costs that follow from prices, bars."""

from __future__ import annotations

import io
from collections import Counter
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from output_reports import EMPTY
from rich.console import Console

from ftkit.catalog import Model, builtin_catalog
from ftkit.validation import ModelFit, TokenStats, ValidationReport
from ftkit.validation.candidates import candidates, countable
from ftkit.validation.glance import fit_of, glance_of, histogram_of, stats_of
from ftkit.validation.output.glance import bars, composition, print_glance
from ftkit.validation.report import Glance, TokenBucket
from ftkit.validation.tally import LabelTally, LongestRows, TokenSums, quantile

SIZES = st.lists(st.integers(0, 5000) | st.integers(0, 12), min_size=1, max_size=60)


def sums_of(sizes: list[int], reply: int = 1) -> TokenSums:
    return TokenSums(Counter(sizes), sum(sizes), trained=reply * len(sizes), replies=reply * len(sizes))


def model(**fields: Any) -> Model:
    return Model.model_validate({"id": "m", "provider": "p", "tokenizer": "words", **fields})


PRICE = {"train": 10.0, "input": 2.0, "output": 4.0, "tuned_input": 20.0, "tuned_output": 40.0}


@given(SIZES, st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_a_quantile_is_the_smallest_count_that_covers_its_share(values: list[int], share: float) -> None:
    got = quantile(Counter(values), share)
    assert got in values
    assert sum(v <= got for v in values) >= share * len(values)
    assert sum(v < got for v in values) < max(share * len(values), 1e-9) or got == min(values)


def test_quantile_of_nothing() -> None:
    assert quantile(Counter(), 0.5) == 0


@given(SIZES)
def test_every_row_is_in_one_bucket_of_the_histogram(sizes: list[int]) -> None:
    buckets = histogram_of(Counter(sizes))
    uppers = [bucket.upper for bucket in buckets]
    assert uppers == sorted(set(uppers)) and len(buckets) <= 12
    assert sum(bucket.rows for bucket in buckets) == len(sizes)
    low = -1
    for bucket in buckets:
        assert bucket.rows == sum(low < size <= bucket.upper for size in sizes)
        low = bucket.upper
    assert uppers[-1] >= max(sizes)


def test_one_long_row_does_not_flatten_the_bars_of_the_others() -> None:
    buckets = histogram_of(Counter([*range(100, 200), 50_000]))
    assert buckets[-1] == TokenBucket(upper=50_000, rows=1)
    assert max(bucket.rows for bucket in buckets) <= 25, "the usual rows are spread over several bars"


@given(st.lists(SIZES, min_size=1, max_size=4), st.integers(1, 3000))
def test_sums_of_shards_are_those_of_the_whole(shards: list[list[int]], limit: int) -> None:
    merged, longest, lines = TokenSums(), LongestRows(), 0
    for shard in shards:
        merged.merge(sums_of(shard))
        part = LongestRows()
        for line, size in enumerate(shard, 1):
            part.add(size, line)
        longest.merge(part, lines)
        lines += len(shard)
    sizes = [size for shard in shards for size in shard]
    assert merged == sums_of(sizes)
    assert merged.over(limit) == sum(size > limit for size in sizes)
    assert merged.within(limit) == sum(min(size, limit) for size in sizes)
    ranked = sorted(enumerate(sizes, 1), key=lambda pair: (-pair[1], pair[0]))
    assert [(row.line, row.size) for row in longest.result()] == ranked[:5]


@given(st.lists(st.lists(st.sampled_from(["a", "b ", "c"]), max_size=6), max_size=3))
def test_labels_of_shards_are_those_of_the_whole(shards: list[list[str]]) -> None:
    whole, merged = LabelTally(), LabelTally()
    for shard in shards:
        part = LabelTally()
        for reply in shard:
            whole.add_reply(reply)
            part.add_reply(reply)
        merged.merge(part)
    assert merged.result() == whole.result()


@pytest.mark.parametrize(
    ("replies", "labels"),
    [
        (["a", "b", "a", "a"], {"a": 3, "b": 1}),
        (["a ", " a", "b", "b"], {"a": 2, "b": 2}),
        (["a"], {"a": 1}),
        (["a", "b", "c", "d", "e"], None),
        (["a"] * 100 + ["x" * 81], None),
        ([f"{n}" for n in range(51)] * 4, None),
        (["a", "a", None], None),
        ([], None),
    ],
)
def test_replies_are_labels_where_they_are_few_and_short(
    replies: list[str | None], labels: dict[str, int] | None
) -> None:
    tally = LabelTally()
    for reply in replies:
        tally.add({"messages": [{"role": "assistant", "content": reply}]})
    assert tally.result() == labels


def test_the_spread_of_tokens() -> None:
    key = ("words", "generic")
    sums = sums_of([10, 20, 30, 40], reply=3)
    stats = stats_of([(model(), key)], {key: sums})
    assert stats is not None
    assert (stats.rows, stats.total, stats.mean, stats.p50, stats.p95, stats.max) == (
        4,
        100,
        25.0,
        20,
        40,
        40,
    )
    assert (stats.trained, stats.prompt) == (12, 88)
    sums.uncounted = 1
    assert stats_of([(model(), key)], {key: sums}) is None, "a part is no spread of the whole"
    assert stats_of([], {}) is None and stats_of([(model(), key)], {key: TokenSums()}) is None


def test_a_fit_says_what_is_cut_billed_and_paid() -> None:
    fit = fit_of(
        model(limits={"training_context": 25}, price={**PRICE, "batch_discount": 0.5}),
        sums_of([10, 20, 30, 40], reply=5),
        epochs=3,
    )
    assert (fit.limit, fit.over, fit.max_tokens, fit.total_tokens) == (25, 2, 40, 100)
    assert fit.billable_tokens == 10 + 20 + 25 + 25
    assert fit.training_cost == pytest.approx(80 * 10 / 1e6)
    assert fit.training_cost_all == pytest.approx(3 * 80 * 10 / 1e6)
    assert fit.batch_cost_base == pytest.approx((80 * 2 + 20 * 4) / 1e6 / 2)
    assert fit.batch_cost_tuned == pytest.approx((80 * 20 + 20 * 40) / 1e6 / 2)
    assert ModelFit.model_validate_json(fit.model_dump_json()) == fit


@pytest.mark.parametrize(
    ("price", "base", "tuned"),
    [
        ({}, None, None),
        (PRICE, None, None),  # no discount is known
        ({**PRICE, "batch_discount": 0.0}, 240.0, 2400.0),
        ({**PRICE, "tuned_batch_input": 1.0, "tuned_batch_output": 1.0}, None, 100.0),
        ({"input": 0.0, "output": 0.0}, 0.0, None),
        ({"input": 2.0, "batch_discount": 0.5}, None, None),
    ],
)
def test_a_batch_costs_what_is_known_of_it(
    price: dict[str, float], base: float | None, tuned: float | None
) -> None:
    fit = fit_of(model(price=price), sums_of([25, 25, 25, 25], reply=5))
    assert fit.batch_cost_base == (None if base is None else pytest.approx(base / 1e6))
    assert fit.batch_cost_tuned == (None if tuned is None else pytest.approx(tuned / 1e6))


def test_what_was_not_counted_is_unknown_and_never_zero() -> None:
    sums = sums_of([100])
    sums.uncounted = 9
    fit = fit_of(model(limits={"training_context": 50}, price={**PRICE, "batch_discount": 0.5}), sums, 2)
    assert fit.over == 1
    known = fit.model_dump(include={"max_tokens", "total_tokens", "p50", "billable_tokens", "training_cost"})
    assert set(known.values()) == {None}
    assert fit.training_cost_all is fit.batch_cost_base is fit.batch_cost_tuned is None
    assert fit_of(model(), sums_of([1])).training_cost is None


def test_candidates_can_still_be_tuned() -> None:
    catalog = builtin_catalog()
    today = date(2026, 11, 1)
    everything = candidates(catalog, None, today=today)
    assert {m.provider for m in everything} >= {"local", "openai"} and all(m.tunable for m in everything)
    assert not any(catalog.provider(m.provider).closed for m in everything)
    assert [m.id for m in candidates(catalog, "local", today=today)] == ["linear"]
    assert candidates(catalog, "kluster", today=today), "a closed platform's models, where it is asked for"
    dpo = {m.id for m in candidates(catalog, "openai", "dpo", today=today)}
    assert "gpt-4.1" in dpo and "o4-mini" not in dpo
    late = {m.id for m in candidates(catalog, "openai", today=date(2027, 1, 7))}
    assert "gpt-4.1" not in late, "no new jobs after 2027-01-06"


def test_candidates_whose_vocabulary_is_not_here_are_named(monkeypatch: Any, tmp_path: Any) -> None:
    for name in ("FTKIT_TOKENIZER_DIR", "FTKIT_CACHE_DIR", "TIKTOKEN_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    here, missing = countable([model(), model(id="n", tokenizer="llama3")])
    assert [m.id for m in here] == ["m"] and missing == ["llama3"]


def stats(*buckets: tuple[int, int], **fields: Any) -> TokenStats:
    histogram = [TokenBucket(upper=upper, rows=rows) for upper, rows in buckets]
    base = {"tokenizer": "words", "rows": 4, "total": 100, "mean": 25.0, "p50": 20, "p95": 40, "max": 40}
    return TokenStats.model_validate({**base, "histogram": histogram, **fields})


def test_bars_are_as_long_as_their_rows_and_none_that_has_rows_is_lost() -> None:
    made = bars(stats((10, 1000), (20, 500), (30, 0), (40, 1)), 120, fine=True)
    lines = [line.plain for line in made]
    assert lines[0] == "  ≤ 10 │" + "█" * 50 + " 1,000"
    assert lines[1] == "  ≤ 20 │" + "█" * 25 + " 500"
    assert lines[2] == "  ≤ 30 │ 0" and lines[3] == "  ≤ 40 │▏ 1"
    plain = [line.plain for line in bars(stats((10, 3), (20, 1)), 120, fine=False)]
    assert plain == ["  <= 10 |" + "#" * 50 + " 3", "  <= 20 |" + "#" * 17 + " 1"]
    assert all(line.plain.isascii() for line in bars(stats((1, 7)), 20, fine=False))
    assert bars(stats(), 80, fine=True) == []


@given(st.integers(20, 200), st.integers(0, 10**9), st.booleans())
def test_bars_stay_within_the_terminal(width: int, rows: int, fine: bool) -> None:
    made = bars(stats((128_000, rows), (256_000, rows // 3)), max(40, width), fine=fine)
    assert all(len(line.plain) <= max(40, width) for line in made if rows)


def shown(report: ValidationReport, width: int = 160, **options: Any) -> str:
    console = Console(file=io.StringIO(), width=width, **options)
    print_glance(console, report)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


FITS = [
    fit_of(model(id="dear", limits={"training_context": 25}, price=PRICE), sums_of([10, 40]), 3),
    fit_of(model(id="dark"), sums_of([10, 40]), 3),
]
FULL = EMPTY.model_copy(
    update={
        "messages": 8,
        "labels": {f"label {n}": 20 - n for n in range(15)},
        "fits": FITS,
        "glance": Glance(
            kinds={"chat": 3, "preference": 1},
            roles={"user": 4, "assistant": 4},
            longest=[{"line": 1234, "tokens": 40}, {"line": 2, "bytes": 1}],  # type: ignore[list-item]
        ),
    }
)


def test_what_the_data_is_made_of() -> None:
    kinds, messages, replies, longest = composition(FULL)
    assert kinds == "kinds of rows: chat 3, preference 1"
    assert messages == "8 messages: user 4, assistant 4"
    assert replies.startswith("replies: label 0 20, label 1 19") and replies.endswith("and 3 more")
    assert longest == "longest rows: line 1,234 (40 tokens), line 2 (1 byte)"
    assert composition(EMPTY) == [] and shown(EMPTY) == ""
    alike = [{"line": n, "bytes": 7} for n in range(3)]
    same = EMPTY.model_copy(update={"glance": Glance.model_validate({"longest": alike})})
    assert composition(same) == [], "of rows that are all alike none stands out"
    only_chat = EMPTY.model_copy(update={"glance": Glance(kinds={"chat": 9})})
    assert composition(only_chat) == [], "what is usual is not said"


def test_the_table_of_models_or_blocks_where_it_is_too_wide() -> None:
    rows = {
        line.split()[0]: line.split()[1:] for line in shown(FULL).splitlines() if line[:2] in ("de", "da")
    }
    assert rows["dear"] == ["25", "1", "40", "35", "$0.0003", "$0.0010", "unknown", "unknown"]
    assert rows["dark"] == ["unknown", "unknown", "40", "50", *["unknown"] * 4]
    narrow = shown(FULL, width=40)
    assert "dear\n  limit        25\n  over         1\n" in narrow and "  3 epochs     $0.0010\n" in narrow
    assert "…" not in narrow and "…" not in shown(FULL)


def test_rows_of_unknown_size_leave_open_how_many_are_over() -> None:
    sums = sums_of([10, 40])
    sums.unknown["an image"] = 2
    fits = [
        fit_of(model(id=name, limits={"training_context": limit}), sums)
        for name, limit in (("small", 20), ("large", 90))
    ]
    out = shown(EMPTY.model_copy(update={"fits": fits}))
    assert "1 or more" in out and [fit.unknown for fit in fits] == [2, 2]
    assert next(line for line in out.splitlines() if line.startswith("large")).split()[2] == "unknown"


def test_remarks_name_the_date_of_prices() -> None:
    shutdown = {"no_new_jobs_after": "2027-01-06"}
    price = {**PRICE, "as_of": "2026-09-25", "batch_discount": 0.5}
    dated = model(id="old", price=price, shutdown=shutdown)
    fit = fit_of(dated, sums_of([10]))
    out = shown(EMPTY.model_copy(update={"fits": [fit]}))
    assert fit.no_new_jobs_after == date(2027, 1, 6) and "prices of p as of 2026-09-25: old" in out
    assert "batch: every row asked once in a batch" in out


def test_bars_are_drawn_fine_in_terminals_that_can_and_plain_elsewhere() -> None:
    report = EMPTY.model_copy(update={"tokens": stats((10, 4), trained=20, prompt=80)})
    assert "█" in shown(report, force_terminal=True) and "█" not in shown(report)
    assert "100 tokens: 20 trained (20%), 80 prompt" in shown(report)
    ascii_only = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), width=80, force_terminal=True)
    print_glance(ascii_only, report)  # would raise where a character cannot be written
    untold = EMPTY.model_copy(update={"tokens": stats((10, 4))})
    assert "trained" not in shown(untold)


def test_a_glance_orders_by_number() -> None:
    rows = LongestRows()
    rows.add(5, 7)
    made = glance_of(Counter(chat=1), Counter(user=1, assistant=9), rows, counted=False)
    assert list(made.roles) == ["assistant", "user"]
    assert (made.longest[0].bytes, made.longest[0].tokens, made.longest[0].line) == (5, None, 7)
