"""A recording: what it would cost, which rows it takes, and how its answers are found again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from canned_platform import Asked, Canned
from conftest import example, rows, write
from hosted import OPENAI_JOB, TUNED, chat, page, reply, serve_openai
from houses import exported, recorded, tuned

from ftkit.data import read_jsonl
from ftkit.errors import BatchFailed, DataError, NotOnPlatform, UsageError
from ftkit.gateway import Platform
from ftkit.inference.lines import read_lines
from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.folder import MigrationFolder
from ftkit.lifecycle.migration.golden import copy_prompts
from ftkit.lifecycle.migration.recorded import RecordedBackend

To = Callable[..., Platform]
CHANCES = {"content": [{"token": "up", "logprob": -0.01, "bytes": None, "top_logprobs": []}]}


@pytest.fixture
def openai(canned: Canned, to_canned: To, folder: Path) -> Platform:
    """OpenAI with one tuned model, exported."""
    serve_openai(canned)
    platform = to_canned("openai")
    migration.export(platform, folder)
    canned.asked.clear()
    return platform


def test_what_it_would_ask_and_cost_is_told_before(canned: Canned, openai: Platform, folder: Path) -> None:
    plan = migration.plan_record(openai, folder, max_tokens=20)
    assert (plan.model, plan.rows, plan.expected, plan.known) == (TUNED, 10, 10, False)
    assert plan.parameters == {"temperature": 0, "max_tokens": 20}
    assert plan.dollars is not None
    assert plan.dollars.high is not None
    assert 0 < plan.dollars.low < plan.dollars.high
    most = 10 * 20 * 3.20 / 2 / 1e6  # ten answers of twenty tokens at the tuned model's price, by batch
    assert plan.dollars.high - plan.dollars.low < most
    assert canned.paths() == []


def test_what_is_recorded_already_would_cost_nothing(openai: Platform, folder: Path, here: Any) -> None:
    migration.record(openai, folder, via="realtime")
    assert migration.plan_record(openai, folder).known
    assert not migration.plan_record(openai, folder, limit=3).known  # another golden set
    assert not migration.plan_record(openai, folder, parameters={"top_p": 0.5}).known


def test_a_price_that_is_not_known_is_said(canned: Canned, to_canned: To, folder: Path) -> None:
    serve_openai(
        canned, {**OPENAI_JOB, "model": "gpt-unheard-of", "fine_tuned_model": "ft:gpt-unheard-of:a::1"}
    )
    platform = to_canned("openai")
    migration.export(platform, folder)
    plan = migration.plan_record(platform, folder)
    assert plan.dollars is None
    assert "does not list this model" in str(plan.note)


def test_chances_are_kept_where_the_platform_gives_them(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    def answer(asked: Asked) -> Any:
        said = reply("up")
        assert asked.json["logprobs"] is True
        return {**said, "choices": [{**said["choices"][0], "logprobs": CHANCES}]}

    canned.answer("POST", "/chat/completions", answer)
    found = migration.record(openai, folder, via="realtime")
    assert (found.answered, found.with_logprobs) == (10, 10)
    place = MigrationFolder(folder).models()[0].path
    lines = list(read_lines(place / found.answers))
    assert all(one["response"]["body"]["choices"][0]["logprobs"] == CHANCES for one in lines)


def test_without_chances_the_rows_are_asked_once_more_and_no_more(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    found = migration.record(openai, folder, via="realtime")
    assert (found.answered, found.with_logprobs) == (10, 0)
    bodies = [asked.json for asked in canned.asked if asked.path.endswith("/chat/completions")]
    assert sum("logprobs" not in body for body in bodies) == 10
    assert sum("logprobs" in body for body in bodies) <= 10


def test_another_refusal_is_not_taken_for_one_of_chances(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    canned.answer("POST", "/chat/completions", (400, {"error": {"message": "the prompt is too long"}}))
    with pytest.raises(BatchFailed, match="the prompt is too long"):
        migration.record(openai, folder, via="realtime")
    assert MigrationFolder(folder).models()[0].recorded is None


def test_rows_that_failed_are_recorded_as_such(canned: Canned, openai: Platform, folder: Path) -> None:
    def answer(asked: Asked) -> Any:
        if "region 103" in asked.json["messages"][-1]["content"]:
            return 400, {"error": {"message": "content policy"}}
        return chat(asked)

    canned.answer("POST", "/chat/completions", answer)
    found = migration.record(openai, folder, via="realtime", logprobs=False)
    assert (found.rows, found.answered, found.failed) == (10, 9, 1)
    assert migration.record(openai, folder, via="realtime", logprobs=False) == found


def test_a_model_that_has_ended_is_said_before_anything_is_asked(
    canned: Canned, openai: Platform, folder: Path
) -> None:
    canned.answer("GET", f"/models/{TUNED}", (404, {"error": {"message": "gone", "code": "model_not_found"}}))
    with pytest.raises(NotOnPlatform):
        migration.record(openai, folder, via="realtime")
    assert canned.paths("POST") == []


def test_a_job_whose_model_has_no_name_cannot_be_asked(canned: Canned, to_canned: To, folder: Path) -> None:
    serve_openai(canned)
    job = {**OPENAI_JOB, "fine_tuned_model": None}
    canned.answer("GET", "/fine_tuning/jobs", page(job))
    canned.answer("GET", "/models", page())
    platform = to_canned("openai")
    migration.export(platform, folder, ["ftjob-1"])
    with pytest.raises(UsageError, match="has no model that can be asked") as caught:
        migration.record(platform, folder)
    assert "ftkit generate" in str(caught.value)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (example("x", "up"), 1),
        (example("x", None), 0),
        ({**example("x", None), "expected": ["up", "down"]}, 1),
        ({**example("x", None), "expected": None}, 0),
    ],
)
def test_rows_with_and_without_a_right_answer(tmp_path: Path, row: dict[str, Any], expected: int) -> None:
    found = copy_prompts(write(tmp_path / "g.jsonl", [row]), tmp_path / "made" / "p.jsonl", None)
    assert (found.rows, found.expected) == (1, expected)


def test_a_wrong_row_leaves_no_half_of_a_copy(tmp_path: Path) -> None:
    source = write(tmp_path / "g.jsonl", [example("x", "up"), {"messages": "none"}])
    with pytest.raises(DataError, match="a chat example is wanted") as caught:
        copy_prompts(source, tmp_path / "p.jsonl", None)
    assert f"{source}:2" in str(caught.value)
    assert not (tmp_path / "p.jsonl").exists()


class TestPlayed:
    """The old model's part, played by its record."""

    @pytest.fixture
    def backend(self, folder: Path) -> RecordedBackend:
        model = tuned("ft:a")
        place = exported(folder, model).folder
        known = recorded(folder, model)
        answers = [
            {
                "custom_id": f"old-{n}",
                "response": {"status_code": 200, "body": reply(f"answer {n} ü")},
                "error": None,
            }
            for n in range(10)
        ]
        write(place / "golden" / "answers.jsonl", answers)
        return RecordedBackend(place, known)

    def ask(self, backend: RecordedBackend, tmp_path: Path, asked: list[dict[str, Any]]) -> list[Any]:
        requests = [
            {"custom_id": f"new-{n}", "body": {"model": "m", "messages": row["messages"][:2]}}
            for n, row in enumerate(asked)
        ]
        backend.answer(write(tmp_path / "r.jsonl", requests), tmp_path / "out.jsonl", tmp_path)
        return [row.data for row in read_jsonl(tmp_path / "out.jsonl")]

    def test_answers_are_found_by_what_was_asked_in_any_order(
        self, backend: RecordedBackend, tmp_path: Path
    ) -> None:
        found = self.ask(backend, tmp_path, [rows(100 + n, 1)[0] for n in (7, 0, 9, 7)])
        said = [one["response"]["body"]["choices"][0]["message"]["content"] for one in found]
        assert said == ["answer 7 ü", "answer 0 ü", "answer 9 ü", "answer 7 ü"]
        assert [one["custom_id"] for one in found] == ["new-0", "new-1", "new-2", "new-3"]

    def test_what_was_not_recorded_has_no_answer(self, backend: RecordedBackend, tmp_path: Path) -> None:
        [found] = self.ask(backend, tmp_path, [example("never asked", "up")])
        assert found["error"]["code"] == "no_answer"

    def test_a_line_too_few_is_no_record(self, backend: RecordedBackend, tmp_path: Path) -> None:
        answers = backend.folder / backend.record.answers
        answers.write_text("".join(answers.read_text().splitlines(keepends=True)[:-1]))
        with pytest.raises(DataError, match="not one recorded answer for each prompt"):
            self.ask(backend, tmp_path, rows(100, 1))

    def test_other_answers_are_another_identity(self, backend: RecordedBackend) -> None:
        other = RecordedBackend(backend.folder, backend.record.model_copy(update={"answers_sha256": "0"}))
        assert backend.identity("ft:a") != other.identity("ft:a")
        assert json.dumps(backend.identity("ft:a"))
