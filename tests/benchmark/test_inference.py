"""Batches on a platform with bad days: nothing is asked for twice, nothing is lost, nothing mistaken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_parts import LABELS, chat_row, write_rows
from odd_platform import Cut, Json, OddPlatform, running, shuffled

from ftkit.benchmarking import BenchmarkReport, benchmark
from ftkit.errors import (
    BatchFailed,
    DataError,
    NotOnPlatform,
    PlatformError,
    PlatformUnreachable,
    UsageError,
)
from ftkit.gateway import Platform, connect
from ftkit.inference import AnswerCache
from ftkit.settings import Settings

ROWS = 12


def truth(text: str) -> str:
    return LABELS[int(text.split()[1]) % 3]


@pytest.fixture
def odd() -> Iterator[OddPlatform]:
    """A platform with a model that is always right and one that always says the same."""
    with running(OddPlatform(models={"good": truth, "dull": lambda _: "Neutral."})) as platform:
        yield platform


@pytest.fixture(autouse=True)
def no_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """This platform shows at once what it has taken."""
    monkeypatch.setattr("ftkit.gateway.uploading.LOOKS_HOSTED", (0.0,))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_rows(tmp_path / "test.jsonl", [chat_row(f"text {i}", LABELS[i % 3]) for i in range(ROWS)])


Run = Callable[..., BenchmarkReport]


def connected(odd: OddPlatform, **limits: Any) -> Platform:
    provider = {"title": "odd", "base_url": odd.url, "limits": limits}
    settings = Settings(providers={"odd": provider}, poll_seconds=0.01, max_retries=0, timeout=5)
    return connect("odd", settings=settings, api_key="not-a-key")


@pytest.fixture
def run(odd: OddPlatform, data: Path, tmp_path: Path) -> Run:
    """The benchmark on that platform, in one working directory."""

    def call(models: tuple[str, ...] = ("good", "dull"), **options: Any) -> BenchmarkReport:
        with connected(odd, **options.pop("limits", {})) as platform:
            place = options.pop("workdir", tmp_path / "w")
            return benchmark(models, options.pop("data", data), platform=platform, workdir=place, **options)

    return call


def failed_as(line: Json) -> Json:
    """The same request, refused for a while."""
    failed: Json = json.loads(json.dumps(line))
    failed["response"] = {"status_code": 429, "body": {"error": {"message": "slow down"}}}
    return failed


def operations(odd: OddPlatform) -> list[str]:
    return [batch["metadata"]["ftkit_operation"] for batch in odd.batches.values()]


def test_answers_in_any_order_are_joined_by_id(odd: OddPlatform, run: Run) -> None:
    odd.mangle = shuffled
    report = run()
    assert [(s.model, s.correct, s.n) for s in report.models] == [("good", ROWS, ROWS), ("dull", 4, ROWS)]
    assert (report.models[0].prompt_tokens, report.models[0].completion_tokens) == (7 * ROWS, ROWS)
    assert report.reference == "good"
    assert report.models[0].batches[0].id in odd.batches
    assert 0 < (report.models[0].seconds or 0) <= 5


def test_every_batch_is_submitted_before_any_is_waited_for(odd: OddPlatform, run: Run) -> None:
    submitted: list[int] = []
    looked_at = odd._looked_at

    def watched(batch_id: str) -> Json:
        submitted.append(len(odd.batches))
        return looked_at(batch_id)

    odd._looked_at = watched  # type: ignore[method-assign]
    run()
    assert set(submitted) == {2}


def test_missing_duplicate_and_strange_answers_are_counted(odd: OddPlatform, run: Run) -> None:
    def mangle(lines: list[Json]) -> list[Json]:
        if len(lines) < ROWS:  # asked again: they fail again
            return [{**failed_as(lines[0]), "custom_id": lines[0]["custom_id"]}]
        stranger = {**lines[0], "custom_id": "row-000000-ffffffff"}
        return [stranger, *lines[:3], failed_as(lines[3]), lines[4], lines[4], *lines[5:-1]]

    odd.mangle = mangle
    score = run(("good",)).models[0]
    assert (score.n, score.correct, score.failures, score.missing) == (ROWS, ROWS - 2, 1, 1)
    assert (score.strangers, score.duplicates) == (1, 1)
    assert score.error_samples == ("slow down (1×)",)
    # what failed was asked three times, what is lost is asked again by the next call, the rest is not
    assert [b["request_counts"]["total"] for b in odd.batches.values()] == [ROWS, 2, 2]
    odd.mangle = lambda lines: lines
    assert run(("good",)).models[0].correct == ROWS
    assert [b["request_counts"]["total"] for b in odd.batches.values()][3:] == [2]


def test_a_second_call_submits_nothing(odd: OddPlatform, run: Run) -> None:
    first = run()
    odd.mangle = lambda lines: []  # would show if anything were fetched again
    assert run() == first
    assert len(odd.batches) == 2


def test_a_lost_answers_file_is_made_of_what_is_kept(odd: OddPlatform, run: Run, tmp_path: Path) -> None:
    first = run()
    (tmp_path / "w" / "good.answers.jsonl").unlink()
    changed = tmp_path / "w" / "dull.answers.jsonl"
    changed.write_bytes(changed.read_bytes()[:-40])
    again = run()
    assert [s.correct for s in again.models] == [s.correct for s in first.models]
    assert [s.batches for s in again.models] == [s.batches for s in first.models]
    assert [s.cached for s in again.models] == [ROWS, ROWS]
    assert "all answers are from an earlier call" in again.notes[0]
    assert len(odd.batches) == 2


def test_a_new_model_runs_alone(odd: OddPlatform, run: Run) -> None:
    run(("good",))
    report = run(("good", "dull"))
    assert len(odd.batches) == 2
    assert [score.correct for score in report.models] == [ROWS, 4]


def test_only_what_is_another_request_is_asked(odd: OddPlatform, run: Run, tmp_path: Path) -> None:
    other = write_rows(tmp_path / "other.jsonl", [chat_row(f"text {i}", "neutral") for i in (0, 1, 99)])
    first = run(("good",))
    changed = run(("good",), data=other)
    assert (changed.rows, changed.models[0].cached) == (3, 2)
    assert [b["request_counts"]["total"] for b in odd.batches.values()] == [ROWS, 1]
    assert run(("good",), max_tokens=5).models[0].cached == 0  # a parameter makes it another request
    assert len(odd.batches) == 3
    again = run(("good",))
    assert len(odd.batches) == 3
    assert (again.models[0].correct, again.rows) == (first.models[0].correct, first.rows)


def test_answers_are_taken_from_other_directories(odd: OddPlatform, run: Run, tmp_path: Path) -> None:
    run(("good",))
    report = run(("good", "dull"), workdir=tmp_path / "other")
    assert len(odd.batches) == 2
    assert [(s.cached, s.correct) for s in report.models] == [(ROWS, ROWS), (0, 4)]
    good = report.models[0]
    assert (good.seconds, good.batches, good.prompt_tokens) == (None, (), 7 * ROWS)
    assert good.answered_from and good.answered_until and good.answered_from[:4] >= "2026"
    assert len(report.notes) == 1 and "good: all answers are from an earlier call of 20" in report.notes[0]


def test_a_cache_of_one_s_own(odd: OddPlatform, run: Run, tmp_path: Path) -> None:
    run(("good",))
    with AnswerCache(tmp_path / "own.db") as own:
        report = run(("good",), workdir=tmp_path / "other", cache=own)
        # the batch that the platform has is still not paid for twice
        assert (report.models[0].cached, len(odd.batches)) == (0, 1)
        assert [known.answers for known in own.known()] == [ROWS]


def test_fresh_asks_again(odd: OddPlatform, run: Run) -> None:
    run(("good",))
    run(("good",), resume=False)
    assert len(odd.batches) == 2
    assert len(set(operations(odd))) == 2


def test_an_answer_lost_on_the_way_is_no_second_batch(odd: OddPlatform, run: Run) -> None:
    odd.cut_after_create = True
    with pytest.raises(PlatformError):
        run(("good",))
    odd.cut_after_create = False
    assert run(("good",)).models[0].correct == ROWS
    assert len(odd.batches) == 1


def test_a_request_lost_on_the_way_is_sent_again(odd: OddPlatform, run: Run) -> None:
    odd.cut_before_create = True
    with pytest.raises(PlatformError):
        run(("good",))
    odd.cut_before_create = False
    assert run(("good",)).models[0].correct == ROWS
    assert len(odd.batches) == 1


def test_a_running_batch_is_taken_up(odd: OddPlatform, run: Run, press_ctrl_c: Callable[[], None]) -> None:
    looked_at = odd._looked_at

    def pressing(batch_id: str) -> Json:
        press_ctrl_c()
        return looked_at(batch_id)

    odd.polls, odd._looked_at = 10**9, pressing  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(odd.batches) == 2
    odd.polls, odd._looked_at = 0, looked_at  # type: ignore[method-assign]
    assert run().models[0].correct == ROWS
    assert len(odd.batches) == 2


def test_a_failed_batch_says_why_and_keeps_the_other(odd: OddPlatform, run: Run) -> None:
    finish = odd._finish

    def fail_the_first(batch: Json) -> None:
        odd.end = "failed" if batch["id"] == "batch_0" else "completed"
        finish(batch)

    odd._finish = fail_the_first  # type: ignore[method-assign]
    with pytest.raises(BatchFailed, match=r"^good: odd refused the requests: no such model") as caught:
        run()
    assert caught.value.exit_code == 1
    assert "what others have answered is kept" in (caught.value.hint or "")
    report = run()
    assert [score.correct for score in report.models] == [ROWS, 4]
    assert len(odd.batches) == 3  # only the failed one was asked for again
    assert [[b.id for b in score.batches] for score in report.models] == [["batch_2"], ["batch_1"]]


def test_a_cancelled_batch_is_asked_for_again(odd: OddPlatform, run: Run) -> None:
    odd.end, odd.mangle = "cancelled", lambda lines: lines[:5]
    with pytest.raises(BatchFailed, match=f"the run was cancelled: 5 of {ROWS} requests answered"):
        run(("good",))
    odd.end, odd.mangle = "completed", lambda lines: lines
    assert run(("good",)).models[0].correct == ROWS
    assert [b["request_counts"]["total"] for b in odd.batches.values()] == [ROWS, ROWS - 5]


def test_what_an_expired_batch_has_not_answered_is_asked_again(odd: OddPlatform, run: Run) -> None:
    odd.end, odd.mangle = "expired", lambda lines: lines[:5]
    report = run(("good",))
    assert (report.models[0].correct, report.models[0].missing) == (ROWS, 0)
    assert [b["request_counts"]["total"] for b in odd.batches.values()] == [ROWS, 7, 2]


def test_where_nothing_is_answered_there_is_no_score(odd: OddPlatform, run: Run) -> None:
    odd.end, odd.mangle = "expired", lambda lines: []
    with pytest.raises(BatchFailed, match=f"good: none of {ROWS} requests was answered"):
        run()
    odd.end, odd.mangle = "completed", lambda lines: lines
    assert run(("good",)).models[0].correct == ROWS


def test_a_batch_that_the_platform_forgot_is_not_missed(odd: OddPlatform, run: Run, tmp_path: Path) -> None:
    run(("good",))
    forgotten = odd.batches.pop("batch_0")
    (tmp_path / "w" / "good.answers.jsonl").unlink()
    assert run(("good",)).models[0].correct == ROWS
    assert odd.batches == {}  # its answers are kept
    assert forgotten["metadata"]["ftkit_operation"]


def test_rows_beyond_a_batch_go_into_another(odd: OddPlatform, run: Run) -> None:
    odd.mangle = shuffled
    report = run(("good",), limits={"batch_requests": 5})
    assert [b["request_counts"]["total"] for b in odd.batches.values()] == [5, 5, 2]
    assert report.models[0].correct == ROWS
    assert [batch.id for batch in report.models[0].batches] == list(odd.batches)
    run(("good",), limits={"batch_requests": 5})
    assert len(odd.batches) == 3


def test_another_platform_is_another_state(odd: OddPlatform, run: Run, data: Path, tmp_path: Path) -> None:
    run(("good",))
    with running(OddPlatform(models={"good": truth})) as second:
        settings = Settings(poll_seconds=0.01, max_retries=0)
        with connect("custom", settings=settings, base_url=second.url, api_key="k") as platform:
            benchmark(["good"], data, platform=platform, workdir=tmp_path / "w")
        assert len(second.batches) == 1


def test_the_window_is_one_that_the_platform_has(odd: OddPlatform, run: Run) -> None:
    assert run(("good",), limits={"batch_windows": ["1h", "12h"]}).parameters["completion_window"] == "12h"
    assert odd.batches["batch_0"]["completion_window"] == "12h"


def test_wrong_calls_cost_nothing(odd: OddPlatform, run: Run, tmp_path: Path) -> None:
    with pytest.raises(NotOnPlatform):
        run(("good", "nobody"))
    with pytest.raises(UsageError, match="no model"):
        run(())
    with pytest.raises(UsageError, match="not there"):
        run(data=tmp_path / "none.jsonl")
    with pytest.raises(UsageError, match="no metric"):
        run(metric="labl")
    with pytest.raises(DataError, match="not among the labels"):
        run(labels=["a", "b"])
    assert (odd.batches, odd.files) == ({}, {})


@pytest.mark.parametrize("content", ["{", "[]", '{"models": 3}'])
def test_a_damaged_record_is_made_anew(odd: OddPlatform, run: Run, tmp_path: Path, content: str) -> None:
    run(("good",))
    (tmp_path / "w" / "asked.json").write_text(content)
    report = run(("good",))
    assert (report.models[0].correct, report.models[0].cached) == (ROWS, ROWS)
    assert len(odd.batches) == 1


def test_prices_and_tuned_ids_come_from_the_catalog(odd: OddPlatform, data: Path, tmp_path: Path) -> None:
    odd.models["acme/good:v7"] = truth
    price = {"input": 1.0, "output": 2.0, "tuned_input": 4.0, "tuned_output": 8.0, "batch_discount": 0.5}
    settings = Settings(
        providers={"odd": {"title": "odd", "base_url": odd.url}},
        models={
            "good": {"provider": "odd", "price": price, "tuned_prefixes": ["acme/good:"], "title": "Good 7B"}
        },
        poll_seconds=0.01,
    )
    with connect("odd", settings=settings, api_key="not-a-key") as platform:
        report = benchmark(["good", "acme/good:v7", "dull"], data, platform=platform, workdir=tmp_path / "w")
    assert [(s.role, s.title) for s in report.models] == [
        ("base", "Good 7B"),
        ("tuned", "acme/good:v7"),
        ("base", "dull"),
    ]
    tokens_in, tokens_out = 7 * ROWS, ROWS
    costs = [score.cost for score in report.models]
    assert costs[:2] == pytest.approx(
        [(tokens_in + 2 * tokens_out) / 2e6, (4 * tokens_in + 8 * tokens_out) / 2e6]
    )
    assert costs[2] is None


def test_the_files_say_what_was_done(odd: OddPlatform, run: Run, tmp_path: Path) -> None:
    report = run(("good",), tuned=["good"])
    folder = tmp_path / "w"
    assert sorted(p.name for p in folder.iterdir()) == [
        ".lock",
        "answers.csv",
        "answers.parquet",
        "asked.json",
        "good.answers.jsonl",
        "report.json",
    ]
    assert BenchmarkReport.model_validate_json((folder / "report.json").read_bytes()) == report
    assert report.models[0].role == "tuned"
    assert report.models[0].cost is None and report.models[0].cost_note
    assert "not-a-key" not in "".join(p.read_text("utf-8", "replace") for p in folder.iterdir())


def test_a_batch_that_is_never_answered_for_ends_the_wait_though_another_s_goes_on(
    odd: OddPlatform, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ftkit.gateway.bulk.following.HOSTED_PATIENCE", 0.2)
    odd.polls = 10**9
    looked_at = odd._looked_at
    odd._looked_at = lambda i: Cut() if i == "batch_0" else looked_at(i)  # type: ignore[assignment, method-assign, return-value]
    with pytest.raises(PlatformUnreachable, match="cannot find the batch"):
        run()
    odd._looked_at, odd.polls = looked_at, 0  # type: ignore[method-assign]
    assert [score.correct for score in run().models] == [ROWS, 4]
    assert len(odd.batches) == 2


def test_short_silences_are_lived_through(odd: OddPlatform, run: Run) -> None:
    looked_at, silent = odd._looked_at, iter([True, False, True, True, False, True])
    odd._looked_at = lambda i: Cut() if next(silent, False) else looked_at(i)  # type: ignore[assignment, method-assign, return-value]
    assert [score.correct for score in run().models] == [ROWS, 4]


def test_half_a_character_in_an_answer_is_no_answer_and_no_crash(odd: OddPlatform, run: Run) -> None:
    odd.models["half"] = lambda text: truth(text) + ("\ud83d" if text == "text 1" else "")
    score = run(("half",)).models[0]
    assert (score.correct, score.failures + score.missing + score.invalid, score.n) == (ROWS - 1, 1, ROWS)


def test_a_batch_that_expired_in_part_counts_each_request_once(odd: OddPlatform, run: Run) -> None:
    def mangle(lines: list[Json]) -> list[Json]:
        late = {"code": "batch_expired", "message": "not in time"}
        kept = 6 if len(lines) == ROWS else 0
        lost = [{**one, "response": {"status_code": 0, "body": None}, "error": late} for one in lines]
        return [*lines[:kept], *lost[max(kept - 2, 0) :]]  # two of them in both files

    odd.end, odd.mangle = "expired", mangle
    report = run(("good",))
    score = report.models[0]
    assert (score.correct, score.failures, score.missing) == (6, ROWS - 6, 0)
    assert score.duplicates == 2
    assert score.error_samples[0].startswith("not in time (batch_expired) (")
    assert any(f"{ROWS - 6} requests have no answer" in note for note in report.notes)


def test_the_same_model_twice_is_asked_once(odd: OddPlatform, run: Run) -> None:
    assert [score.model for score in run(("good", "good")).models] == ["good"]
    assert len(odd.batches) == 1
