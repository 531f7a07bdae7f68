"""A benchmark over several platforms, by several ways of asking, with what a person must know of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_parts import LABELS, Bench, answer, chat_row, write_rows
from hypothesis import given
from hypothesis import strategies as st
from odd_platform import Json, OddPlatform, running

from ftkit.benchmarking import BenchmarkReport, benchmark
from ftkit.benchmarking.compare import Marks
from ftkit.benchmarking.noting import notes_on
from ftkit.benchmarking.picking import rows_apart
from ftkit.benchmarking.results import ModelScore
from ftkit.errors import BatchFailed, NotOnPlatform, PlatformUnreachable
from ftkit.gateway import connect
from ftkit.settings import Settings

ROWS = 9


def truth(text: str) -> str:
    return LABELS[int(text.split()[1]) % 3]


@pytest.fixture(autouse=True)
def no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """These platforms show at once what they have taken."""
    monkeypatch.setattr("ftkit.gateway.uploading.LOOKS_HOSTED", (0.0,))


@pytest.fixture
def two() -> Iterator[tuple[OddPlatform, OddPlatform]]:
    first = OddPlatform(models={"good": truth, "same": truth})
    second = OddPlatform(models={"same": lambda _: "neutral", "other": truth})
    with running(first), running(second):
        yield first, second


Run = Callable[..., BenchmarkReport]


@pytest.fixture
def run(two: tuple[OddPlatform, OddPlatform], tmp_path: Path) -> Run:
    data = write_rows(tmp_path / "t.jsonl", [chat_row(f"text {i}", LABELS[i % 3]) for i in range(ROWS)])
    providers = {
        name: {"title": name.upper(), "base_url": odd.url}
        for name, odd in zip(("one", "two"), two, strict=True)
    }
    providers["off"] = {"title": "off", "base_url": "http://127.0.0.1:9/v1"}

    def call(*models: str, **options: Any) -> BenchmarkReport:
        settings = Settings(
            providers=providers, poll_seconds=0.01, max_retries=0, timeout=5, state_dir=tmp_path / "s"
        )
        with connect("one", settings=settings) as platform:
            return benchmark(models, data, platform=platform, workdir=tmp_path / "w", **options)

    return call


def sizes(odd: OddPlatform) -> list[int]:
    return [batch["request_counts"]["total"] for batch in odd.batches.values()]


def test_the_same_name_on_two_platforms_is_two_models(
    two: tuple[OddPlatform, OddPlatform], run: Run, tmp_path: Path
) -> None:
    report = run("same", "same@two", "other@two")
    assert [(s.model, s.platform, s.correct) for s in report.models] == [
        ("same", "one", ROWS),
        ("same@two", "two", 3),
        ("other@two", "two", ROWS),
    ]
    assert [sizes(odd) for odd in two] == [[ROWS], [ROWS, ROWS]]
    sent = json.loads(next(iter(two[1].files.values())).splitlines()[0])
    assert sent["body"]["model"] == "same"
    assert (tmp_path / "w" / "same-two.answers.jsonl").is_file()
    again = run("same", "same@two", "other@two", "good")
    assert [s.correct for s in again.models] == [ROWS, 3, ROWS, ROWS]
    assert [sizes(odd) for odd in two] == [[ROWS, ROWS], [ROWS, ROWS]]  # only the new one was asked
    assert again.models[1] == report.models[1]


def test_one_platform_s_refusal_keeps_the_other_s_answers(
    two: tuple[OddPlatform, OddPlatform], run: Run
) -> None:
    two[1].end = "failed"
    with pytest.raises(BatchFailed, match="other: TWO refused the requests"):
        run("good", "other@two")
    two[1].end = "completed"
    assert [s.correct for s in run("good", "other@two").models] == [ROWS, ROWS]
    assert sizes(two[0]) == [ROWS]


def test_a_platform_that_is_not_there_or_has_no_such_model_costs_nothing(
    two: tuple[OddPlatform, OddPlatform], run: Run
) -> None:
    with pytest.raises(PlatformUnreachable):
        run("good", "other@off")
    with pytest.raises(NotOnPlatform, match="no model 'good'"):
        run("good", "good@two")
    assert [odd.batches for odd in two] == [{}, {}]


def test_equal_rows_are_asked_once(two: tuple[OddPlatform, OddPlatform], run: Run, tmp_path: Path) -> None:
    rows = [chat_row(f"text {i % 2}", LABELS[i % 2]) for i in range(10)]
    write_rows(tmp_path / "t.jsonl", rows)
    report = run("good")
    assert (report.rows, report.models[0].correct, sizes(two[0])) == (10, 10, [2])
    assert report.models[0].prompt_tokens == 70  # what the answers are worth, not what was paid


def test_how_the_batches_are_asked_for(two: tuple[OddPlatform, OddPlatform], run: Run) -> None:
    report = run("good", window="24h", parameters={"top_p": 0.5, "seed": 3}, max_tokens=4)
    sent = json.loads(next(iter(two[0].files.values())).splitlines()[0])["body"]
    assert {k: sent[k] for k in ("top_p", "seed", "max_tokens", "temperature")} == {
        "top_p": 0.5,
        "seed": 3,
        "max_tokens": 4,
        "temperature": 0,
    }
    assert report.parameters == {**report.parameters, "top_p": 0.5, "completion_window": "24h"}
    assert report.models[0].via == "batch"


def test_only_failures_are_asked_again_by_the_next_call(
    two: tuple[OddPlatform, OddPlatform], run: Run
) -> None:
    def mangle(lines: list[Json]) -> list[Json]:
        for line in lines[:2] if len(lines) == ROWS else lines:
            line["response"] = {"status_code": 400, "body": {"error": {"message": "too odd", "code": "odd"}}}
        return lines

    two[0].mangle = mangle
    report = run("good")
    assert (report.models[0].correct, report.models[0].failures) == (ROWS - 2, 2)
    assert sizes(two[0]) == [ROWS]  # what will not pass is asked once a call
    two[0].mangle = lambda lines: lines
    second = run("good")
    assert (second.models[0].correct, second.models[0].cached) == (ROWS, ROWS - 2)
    assert sizes(two[0]) == [ROWS, 2]
    assert f"{ROWS - 2} of {ROWS} answers are from an earlier call" in second.notes[0]
    assert [batch.id for batch in second.models[0].batches] == ["batch_0", "batch_1"]
    assert second.models[0].seconds is None


def score(**fields: Any) -> ModelScore:
    fixed = {"model": "m", "title": "m", "role": "base", "n": 9, "correct": 3, "accuracy": 1 / 3}
    return ModelScore(**{**fixed, "low": 0.0, "high": 1.0, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, []),
        ({"truncated": 2}, ["2 replies were cut off at the token limit"]),
        (
            {"failures": 1, "missing": 2, "error_samples": ("boom (1×)",)},
            ["3 requests have no answer", "boom"],
        ),
        ({"missing": 1}, ["1 requests have no answer and count as not correct"]),
        ({"duplicates": 1, "strangers": 1}, ["2 answers to no request"]),
        ({"cached": 9}, ["all answers are from an earlier call and were not"]),
        (
            {"cached": 4, "answered_from": "2026-01-02T03:04:05+00:00"},
            ["4 of 9 answers are from an earlier call of 2026-01-02 and"],
        ),
        (
            {"cached": 9, "answered_from": "2026-01-02T00:00:00", "answered_until": "2026-01-05T00:00:00"},
            ["of 2026-01-02 to 2026-01-05 and"],
        ),
    ],
)
def test_notes_say_what_must_be_known(fields: dict[str, Any], words: list[str]) -> None:
    notes = notes_on([score(**fields)])
    assert len(notes) == (1 if words else 0)
    assert all(word in notes[0] for word in words)


values = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=60)


@given(values, st.integers(1, 12))
def test_the_rows_farthest_apart_are_picked_from_both_sides(pairs: list[tuple[int, int]], limit: int) -> None:
    first = Marks(bytes(len(pairs)), np.array([a / 8 for a, _ in pairs], np.float32))
    second = Marks(bytes(len(pairs)), np.array([b / 8 for _, b in pairs], np.float32))
    picked, total = rows_apart(first, second, True, limit)
    gaps = [a - b for a, b in pairs]
    assert total == sum(gap != 0 for gap in gaps)
    assert len(picked) == len(set(picked)) == min(limit, total)
    assert picked == sorted(picked)
    for side in (1, -1):
        chosen = [side * gaps[row] for row in picked if side * gaps[row] > 0]
        left = [side * gap for row, gap in enumerate(gaps) if side * gap > 0 and row not in picked]
        assert not left or not chosen or min(chosen) >= max(left)
        assert not left or len(chosen) >= limit // 2


def test_of_right_and_wrong_the_disagreements_are_picked() -> None:
    assert rows_apart(Marks([1, 0, 1]), Marks([1, 1, 0]), False) == ([1, 2], 2)


def test_parts_and_values_come_into_the_report(tmp_path: Path) -> None:
    rows = [chat_row(f"text {i}", "a, b, c") for i in range(4)]
    bench = Bench(tmp_path, rows, "keywords", ())
    name = bench.task.ids.id_of
    report = bench.report(
        {
            "ft:m": lambda row: answer(name(row), "a, b, c") if row else None,
            "n": lambda row: answer(name(row), "a, x"),
        }
    )
    good, poor = report.models
    assert good.continuous and good.score == pytest.approx(0.75)
    assert all(part.rows == 4 for part in good.parts) and good.parts[0].mean == pytest.approx(0.75)
    assert 0 < (poor.score or 0) < 0.75
    assert report.disagreements_total == 4
    shown = report.disagreements[0]
    assert shown.values == {"ft:m": 0.0, "n": pytest.approx(poor.score)}
    assert shown.answers == {"ft:m": "(no answer came)", "n": "a, x"}
    assert [point.best for point in report.frontier] == [None, None]
