"""Counting every row, only those that may be too long, or none: the three agree as far as each can know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftkit.errors import TokenizerMissing
from ftkit.settings import Settings
from ftkit.tokens.counting import counter_for
from ftkit.validation import Context, RowView, ValidateOptions, ValidationReport, validate
from ftkit.validation.counts import RowCounter, limit_of
from ftkit.validation.options import Counts
from ftkit.validation.tally import TokenSums
from ftkit.validation.typed import PlainMessage, PlainRow, Sound

WORDS = {"provider": "local", "tokenizer": "words", "chat_template": "words"}
LIMIT = 100
ALL = get_args(Counts)


def model(limit: int | None = LIMIT, **more: Any) -> dict[str, Any]:
    return {**WORDS, "limits": {} if limit is None else {"training_context": limit}, **more}


def config(**models: dict[str, Any]) -> Settings:
    return Settings(models=models)


ONE = config(m=model())


def row(words: int) -> dict[str, Any]:
    """A row of ``words`` tokens under the words tokenizer; its line has two bytes for each, and the frame."""
    question = {"role": "user", "content": " ".join("a" * (words - 1))}
    return {"messages": [question, {"role": "assistant", "content": "b"}]}


def check(
    folder: Path, rows: list[Any], counts: str, *names: str, chosen: Settings = ONE
) -> ValidationReport:
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    options = ValidateOptions.model_validate({"counts": counts, "select": ["FT3"]})
    return validate(path, models=names or ["m"], settings=chosen, options=options)


def sound(value: dict[str, Any], options: ValidateOptions | None = None) -> Sound:
    """A row as rules have seen it."""
    context = Context("x", ONE.catalog.provider("local"), (), options or ValidateOptions())
    pairs = list(enumerate(value.get("messages", value.get("input", {}).get("messages", []))))
    kind: Any = "chat" if "messages" in value else "preference"
    raw = json.dumps(value).encode()
    return Sound(1, raw, None, RowView(value, 1, raw, context, pairs, kind=kind))


@given(st.lists(st.one_of(st.integers(2, 130), st.sampled_from([99, 100, 101])), min_size=1, max_size=25))
@settings(max_examples=25, deadline=None)
def test_counting_where_it_matters_finds_what_counting_all_finds(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("counts")
    exact, limits, bound = (check(folder, [row(n) for n in sizes], counts) for counts in ALL)
    over = [line for line, n in enumerate(sizes, 1) if n > LIMIT]
    assert [f.line for f in exact.findings] == over == [f.line for f in limits.findings]
    assert exact.findings == limits.findings and exact.counts == limits.counts
    assert exact.fits[0].over == limits.fits[0].over == len(over)
    assert (exact.accepted, exact.ok) == (limits.accepted, limits.ok) == (len(sizes) - len(over), not over)
    assert bound.findings == [] and bound.fits[0].over == 0
    assert bound.fits[0].unknown == sum(len(json.dumps(row(n))) > LIMIT for n in sizes) >= len(over)


def test_what_was_not_counted_is_not_told_as_a_number(tmp_path: Path) -> None:
    rows = [row(3), row(120)]
    exact, limits, bound = (check(tmp_path, rows, counts) for counts in ALL)
    assert exact.tokens is not None and exact.tokens.total == exact.fits[0].total_tokens == 123
    assert [(r.tokens, r.bytes) for r in exact.glance.longest] == [(120, None), (3, None)]
    for report in (limits, bound):
        fit = report.fits[0]
        assert report.tokens is None
        assert {fit.total_tokens, fit.max_tokens, fit.p50, fit.p95, fit.billable_tokens} == {None}
        assert [(r.tokens, r.bytes) for r in report.glance.longest] == [
            (None, len(json.dumps(r))) for r in reversed(rows)
        ]
    assert (exact.fits[0].unknown, limits.fits[0].unknown, bound.fits[0].unknown) == (0, 0, 1)


def test_counting_by_limits_is_whole_where_every_row_had_to_be_counted(tmp_path: Path) -> None:
    exact, limits = (check(tmp_path, [row(60), row(120)], counts) for counts in ("exact", "limits"))
    assert exact.fits == limits.fits and exact.tokens == limits.tokens is not None


@pytest.mark.parametrize("spare", [-1, 0, 1])
def test_a_line_of_exactly_as_many_bytes_is_proven(tmp_path: Path, spare: int) -> None:
    chosen = config(m=model(len(json.dumps(row(20))) + spare))
    report = check(tmp_path, [row(20)], "bound", chosen=chosen)
    assert report.fits[0].unknown == (spare < 0)
    assert report.notes == (
        ["m: tokens of 1 row not known: too long to be shown to fit without counting"] if spare < 0 else []
    )


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any vocabulary."""
    for name in ("FTKIT_TOKENIZER_DIR", "FTKIT_CACHE_DIR", "TIKTOKEN_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


OPENAI = config(m=model(200, tokenizer="o200k_base", chat_template="openai"))


@pytest.mark.usefixtures("nowhere")
def test_no_vocabulary_is_needed_where_none_is_read(tmp_path: Path) -> None:
    rows = [row(10), row(150), row(20)]
    report = check(tmp_path, rows, "bound", chosen=OPENAI)
    assert (report.fits[0].unknown, report.rows, report.accepted) == (1, 3, 3)
    assert check(tmp_path, [row(10)] * 3, "limits", chosen=OPENAI).ok
    with pytest.raises(TokenizerMissing):
        check(tmp_path, rows, "limits", chosen=OPENAI)
    with pytest.raises(TokenizerMissing):
        check(tmp_path, [row(10)], "exact", chosen=OPENAI)


ROLES = st.sampled_from(("system", "user", "assistant", "tool"))
MESSAGES = st.lists(st.tuples(ROLES, st.text(min_size=1, max_size=30)), min_size=1, max_size=4)


@given(
    MESSAGES, st.integers(20, 250), st.sampled_from(("words", "generic", "openai", "llama3")), st.booleans()
)
@settings(max_examples=150, deadline=None)
def test_a_proven_row_is_never_over(
    said: list[tuple[str, str]], limit: int, template: str, escaped: bool
) -> None:
    chosen = config(m=model(limit, chat_template=template))
    entry = chosen.catalog.require_model("m", "local")
    counter = RowCounter([entry], "limits")
    value = {"messages": [{"role": role, "content": text} for role, text in said]}
    raw = json.dumps(value, ensure_ascii=escaped, separators=(",", ":")).encode("utf-8", "surrogatepass")
    plain = PlainRow([PlainMessage(role, text) for role, text in said])  # type: ignore[arg-type]
    row_ = Sound(1, raw, plain, None)
    (counted,) = counter_for(entry).count_many([value])
    if row_.within(counter.provable):
        assert counted.longest <= limit  # type: ignore[union-attr]
    sums: dict[Any, TokenSums] = {}
    told = counter.count([row_], sums).told
    assert told == ({0: {"m": counted.longest}} if not row_.within(counter.provable) else {})  # type: ignore[union-attr]


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
PICTURE = {"type": "image_url", "image_url": {"url": "https://x.y/z.png", "detail": "low"}}
SEEN = {"messages": [{"role": "user", "content": [PICTURE]}, {"role": "assistant", "content": "b"}]}
PAIR = {
    "input": {"messages": [{"role": "user", "content": "a"}]},
    "preferred_output": [{"role": "assistant", "content": "b"}],
    "non_preferred_output": [{"role": "assistant", "content": "c"}],
}


@pytest.mark.parametrize(
    "value",
    [
        {**row(3), "tools": [TOOL]},
        {**row(3), "functions": [TOOL["function"]]},
        SEEN,
        {**PAIR, "input": {**PAIR["input"], "tools": [TOOL]}},  # type: ignore[dict-item]
        {**PAIR, "preferred_output": [{"role": "assistant", "content": [PICTURE]}]},
        {**PAIR, "input": SEEN},
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f"}}]}]},
    ],
)
def test_tools_and_pictures_are_never_proven_by_bytes(value: dict[str, Any]) -> None:
    assert not sound(value).within(1 << 40)


def test_rows_of_texts_alone_are_proven_and_rows_without_a_line_are_not() -> None:
    assert sound(row(3)).within(1 << 40) and sound(PAIR).within(1 << 40)
    assert not sound(row(3))._replace(raw=None).within(1 << 40)
    assert not sound(row(3)).within(len(json.dumps(row(3))) - 1)


def test_tools_are_counted_where_bytes_prove_the_rows_beside_them(tmp_path: Path) -> None:
    chosen = config(m=model(1000, chat_template="generic"))
    rows = [row(3), {**row(3), "tools": [TOOL]}, row(4)]
    bound, limits = (check(tmp_path, rows, counts, chosen=chosen) for counts in ("bound", "limits"))
    assert (bound.fits[0].unknown, limits.fits[0].unknown) == (1, 0)
    assert limits.ok and limits.fits[0].total_tokens is None


SEVERAL = config(
    small=model(5),
    large=model(50),
    free=model(None),
    other=model(9, chat_template="generic"),
    strange={"provider": "local", "limits": {"training_context": 5}},
)
NAMES = ("large", "small", "free", "other", "strange")


def counter_of(counts: Counts, *names: str, ask_all: bool = True) -> RowCounter:
    entries = [SEVERAL.catalog.require_model(name, "local") for name in names]
    return RowCounter(entries, counts, ask_all=ask_all)


def test_a_way_of_counting_is_shared_and_the_least_limit_proves() -> None:
    counter = counter_of("limits", "large", "small", "other")
    assert set(counter.keys) == {("words", "words"), ("words", "generic")}
    assert counter.provable == 5 and counter_of("limits", "large", "other").provable == 9
    assert counter_of("exact", "large").provable == -1 == RowCounter([], "limits").provable
    assert counter_of("limits", "free").provable > 1 << 40
    assert counter.counter(("words", "words")) is counter.counter(("words", "words"))


def test_each_model_is_told_its_own_count() -> None:
    rows = [sound(row(3)), sound(row(7)), sound(row(60))]
    sums: dict[Any, TokenSums] = {}
    told = counter_of("exact", "large", "small", ask_all=False).count(rows, sums)
    assert told.sizes == [3, 7, 60]
    assert told.told == {1: {"small": 7}, 2: {"large": 60, "small": 60}}
    assert list(sums) == [("words", "words")] and sums[("words", "words")].total == 70
    everything = counter_of("exact", "large", "small").count(rows, {})
    assert everything.told == {n: {"large": size, "small": size} for n, size in enumerate((3, 7, 60))}
    assert counter_of("limits", "large").count(rows, {}).sizes == []
    assert counter_of("bound", "large").count(rows, {}).told == {}


def test_skipped_rows_are_uncounted_once_for_each_way_of_counting() -> None:
    sums: dict[Any, TokenSums] = {}
    counter = counter_of("limits", "large", "small", "other")
    counter.skip(4, sums)
    counter.skip(3, sums)
    assert {key: each.uncounted for key, each in sums.items()} == dict.fromkeys(counter.keys, 7)


@pytest.mark.parametrize("counts", ALL)
def test_a_model_whose_tokenizer_is_unknown_is_named_and_costs_nothing(tmp_path: Path, counts: str) -> None:
    report = check(tmp_path, [row(3)], counts, *NAMES, chosen=SEVERAL)
    assert "strange: tokens not counted: unknown tokenizer" in report.notes
    assert [fit.model for fit in report.fits] == [name for name in NAMES if name != "strange"]
    alone = check(tmp_path, [row(30)], counts, "strange", chosen=SEVERAL)
    assert alone.ok and alone.fits == [] and alone.tokens is None


def test_models_of_several_limits_agree_by_every_way(tmp_path: Path) -> None:
    rows = [row(n) for n in (2, 5, 6, 9, 50, 51, 300)]
    exact, limits = (check(tmp_path, rows, way, *NAMES, chosen=SEVERAL) for way in ("exact", "limits"))
    assert exact.findings == limits.findings and exact.counts == limits.counts
    over = {fit.model: fit.over for fit in exact.fits}
    assert over == {fit.model: fit.over for fit in limits.fits}
    assert (over["small"], over["large"], over["free"]) == (5, 2, 0)
    assert over["other"] >= 3


def test_the_limit_is_the_training_context_else_the_context() -> None:
    for limits, expected in (({}, None), ({"inference_context": 7}, 7), ({"training_context": 5}, 5)):
        both = {"inference_context": 7, **limits} if "training_context" in limits else limits
        entry = config(m={**WORDS, "limits": both}).catalog.require_model("m", "local")
        assert limit_of(entry) == expected


def test_a_plain_row_is_counted_as_its_example() -> None:
    plain = PlainRow([PlainMessage(**message) for message in row(8)["messages"]])
    counter = counter_of("exact", "large", "other")
    sums: dict[Any, TokenSums] = {}
    both = counter.count([Sound(1, b"", plain, None), sound(row(8))], sums)
    assert both.sizes == [8, 8] and both.told[0] == both.told[1]
    assert all(len(each.rows) == 1 for each in sums.values())
