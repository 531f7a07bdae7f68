"""Jobs of preferences and of rewards, where the new platform has such training and where it has none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from canned_platform import Canned
from conftest import LABELS, rows, write
from hosted import OPENAI_JOB, TUNED, serve_file, serve_openai

from ftkit.errors import DataError, NotOnPlatform, OverBudget, UsageError
from ftkit.gateway import Platform
from ftkit.lifecycle import migration
from ftkit.lifecycle.migration.folder import MigrationFolder
from ftkit.lifecycle.migration.preferences import preferred, write_preferred

To = Callable[..., Platform]
DPO_JOB = {
    **OPENAI_JOB,
    "hyperparameters": None,
    "method": {
        "type": "dpo",
        "dpo": {
            "hyperparameters": {"n_epochs": 4, "beta": 0.2, "batch_size": 8, "learning_rate_multiplier": 1.0}
        },
    },
}
GRADER = {
    "type": "string_check",
    "name": "same",
    "input": "{{sample.output_text}}",
    "operation": "eq",
    "reference": "{{item.answer}}",
}
FORM = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
RFT_JOB = {
    **OPENAI_JOB,
    "model": "o4-mini-2025-04-16",
    "fine_tuned_model": "ft:o4-mini-2025-04-16:acme::rft",
    "hyperparameters": None,
    "method": {
        "type": "reinforcement",
        "reinforcement": {
            "grader": GRADER,
            "response_format": FORM,
            "hyperparameters": {"n_epochs": 2, "reasoning_effort": "medium"},
        },
    },
}


def preferences(start: int, count: int) -> list[dict[str, Any]]:
    """Rows that prefer the right label to the wrong one."""
    made = []
    for row in rows(start, count):
        *asked, answer = row["messages"]
        other = next(label for label in LABELS if label != answer["content"])
        made.append(
            {  # as in OpenAI's own example: no tools, and how to call them
                "input": {"messages": asked, "tools": [], "parallel_tool_calls": True},
                "preferred_output": [answer],
                "non_preferred_output": [{"role": "assistant", "content": other}],
            }
        )
    return made


def graded(start: int, count: int) -> list[dict[str, Any]]:
    """Rows for a grader: prompts without a reply, and what it compares with."""
    return [
        {"messages": row["messages"][:-1], "answer": row["messages"][-1]["content"]}
        for row in rows(start, count)
    ]


@pytest.fixture
def dpo(canned: Canned, to_canned: To, folder: Path) -> Platform:
    """OpenAI with a model of preferences, exported."""
    serve_openai(canned, DPO_JOB, train=preferences(0, 40), validation=preferences(100, 12))
    platform = to_canned("openai")
    migration.export(platform, folder)
    return platform


@pytest.fixture
def rft(canned: Canned, to_canned: To, folder: Path) -> Platform:
    """OpenAI with a model of rewards, exported."""
    serve_openai(canned, RFT_JOB, train=graded(0, 20), validation=graded(100, 10))
    platform = to_canned("openai")
    migration.export(platform, folder)
    return platform


def test_preferences_are_refused_where_the_new_base_learns_none(
    dpo: Platform, folder: Path, new: Platform
) -> None:
    uploaded = len(list(new.files.list()))
    with pytest.raises(NotOnPlatform, match="trained by dpo, and linear trains by supervised only") as caught:
        migration.retrain(new, folder, base="linear")
    assert "--method supervised" in str(caught.value)
    assert len(list(new.files.list())) == uploaded


def test_preferences_are_refused_where_the_new_platform_learns_none(
    dpo: Platform, folder: Path, to_canned: To
) -> None:
    with pytest.raises(NotOnPlatform, match="supervised only") as caught:
        migration.plan_retrain(to_canned("nebius"), folder, base="acme/unknown-to-the-catalog")
    assert "--method supervised" in str(caught.value)


def test_the_better_replies_of_preferences_can_be_taught_as_examples(
    dpo: Platform, folder: Path, new: Platform
) -> None:
    recorded = migration.record(dpo, folder, via="realtime")
    assert (recorded.rows, recorded.expected) == (12, 12)  # the preferred reply is what is right
    made = migration.retrain(new, folder, base="linear", method="supervised", suffix="preferred")
    assert (made.status, made.method) == ("succeeded", "supervised")
    assert made.hyperparameters == {"n_epochs": 4}
    assert made.left_behind == {"beta": 0.2, "batch_size": 8, "learning_rate_multiplier": 1.0}
    sent = [
        json.loads(line) for line in (made.folder / "training" / "preferred.jsonl").read_text().splitlines()
    ]
    assert [row["messages"] for row in sent] == [row["messages"] for row in rows(0, 40)]
    assert (made.training_rows, made.validation_rows) == (40, 12)
    assert new.jobs.get(made.job).method == "supervised"
    assert migration.compare(new, folder, margin=0.5).verdict == "equivalent"
    assert "supervised" in migration.report(folder).page.read_text()


def test_a_preference_as_an_example_keeps_its_tools() -> None:
    tools = [{"type": "function", "function": {"name": "look"}}]
    row = {"input": {"messages": [{"role": "user", "content": "x"}], "tools": tools}, "preferred_output": []}
    assert preferred(row) == {"messages": [{"role": "user", "content": "x"}], "tools": tools}


def test_a_row_that_is_no_preference_is_named(tmp_path: Path) -> None:
    mixed = write(tmp_path / "mixed.jsonl", [*preferences(0, 2), *rows(0, 1)])
    with pytest.raises(DataError, match="a preference is wanted") as caught:
        write_preferred(mixed, tmp_path / "out.jsonl")
    assert f"{mixed}:3" in str(caught.value)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("base", ["linear", "acme/unknown-to-the-catalog"])
def test_rewards_are_refused_where_there_are_none(
    rft: Platform, folder: Path, new: Platform, base: str
) -> None:
    with pytest.raises(NotOnPlatform) as caught:
        migration.retrain(new, folder, base=base)
    assert "reinforcement" in caught.value.message
    assert "train on its answers" in str(caught.value.hint)


def test_rewards_cannot_be_taught_as_examples(rft: Platform, folder: Path, new: Platform) -> None:
    with pytest.raises(UsageError, match="rows for a grader hold no replies"):
        migration.retrain(new, folder, base="linear", method="supervised")


def test_rewards_go_along_with_their_grader_where_there_are_some(
    canned: Canned, rft: Platform, folder: Path
) -> None:
    plan = migration.plan_retrain(rft, folder, base="o9-mini")
    assert (plan.method, plan.hyperparameters) == (
        "reinforcement",
        {"n_epochs": 2, "reasoning_effort": "medium"},
    )
    assert plan.estimate.dollars is None  # it is not billed by tokens
    canned.answer("POST", "/files", lambda asked: {"id": "file-new", "object": "file", "bytes": 9})
    canned.answer("GET", "/models/o9-mini", {"id": "o9-mini"})
    answer = {**RFT_JOB, "id": "ftjob-9", "status": "queued", "fine_tuned_model": None}
    canned.answer("POST", "/fine_tuning/jobs", answer)
    migration.retrain(rft, folder, base="o9-mini", wait=False)
    [sent] = [a.json for a in canned.asked if (a.method, a.path) == ("POST", "/v1/fine_tuning/jobs")]
    assert sent["method"]["reinforcement"]["grader"] == GRADER
    assert sent["method"]["reinforcement"]["response_format"] == FORM
    assert sent["suffix"] == "news"


def test_a_job_that_cannot_be_read_any_more_is_said(rft: Platform, folder: Path) -> None:
    [place] = MigrationFolder(folder).models()
    (place.path / "job.json").write_text("{")
    with pytest.raises(DataError, match="exported job cannot be read"):
        migration.plan_retrain(rft, folder, base="o9-mini")


def test_answers_of_a_model_of_rewards_are_recorded_without_right_ones(rft: Platform, folder: Path) -> None:
    found = migration.record(rft, folder, via="realtime")
    assert (found.rows, found.answered, found.expected) == (10, 10, 0)


class TestCost:
    """What a training may cost, told before anything is sent."""

    @pytest.fixture(autouse=True)
    def exported(self, canned: Canned, to_canned: To, folder: Path) -> None:
        serve_openai(canned)
        self.openai = to_canned("openai")
        migration.export(self.openai, folder, [TUNED])
        canned.asked.clear()

    def test_a_price_that_nobody_knows_is_too_high(self, canned: Canned, to_canned: To, folder: Path) -> None:
        nebius = to_canned("nebius")
        base = "meta-llama/Llama-3.3-70B-Instruct"
        with pytest.raises(OverBudget, match="not known"):
            migration.retrain(nebius, folder, base=base, max_cost=20)
        assert canned.paths("POST") == []

    def test_a_dear_one_is_refused_and_a_cheap_one_is_launched(self, canned: Canned, folder: Path) -> None:
        base = "gpt-4.1-mini-2025-04-14"
        plan = migration.plan_retrain(self.openai, folder, base=base)
        dollars = plan.estimate.dollars
        assert dollars is not None
        assert dollars.high is not None
        assert dollars.high == pytest.approx(5.00 * 3 * (plan.estimate.tokens or 0) / 1e6)
        assert canned.paths("POST") == []
        with pytest.raises(OverBudget, match="may cost"):
            migration.retrain(self.openai, folder, base=base, max_cost=dollars.high / 2)
        assert canned.paths("POST") == []
        assert MigrationFolder(folder).models()[0].retrained == []
        serve_file(canned, "file-new", b"{}\n")
        canned.answer("POST", "/files", {"id": "file-new", "object": "file", "bytes": 3})
        job = {**OPENAI_JOB, "id": "ftjob-7", "status": "queued", "fine_tuned_model": None}
        canned.answer("POST", "/fine_tuning/jobs", job)
        made = migration.retrain(self.openai, folder, base=base, max_cost=dollars.high * 2, wait=False)
        assert (made.job, made.model, made.dollars) == ("ftjob-7", None, dollars.high)
        migration.record(self.openai, folder, via="realtime")
        told = migration.report(folder)
        assert "ftkit migrate retrain" in str(told.models[0].next_step)  # the same call waits for it
        assert f"--base {base}" in str(told.models[0].next_step)

    def test_a_job_that_came_to_nothing_is_said_where_a_comparison_needs_it(
        self, canned: Canned, folder: Path
    ) -> None:
        serve_file(canned, "file-new", b"{}\n")
        canned.answer("POST", "/files", {"id": "file-new", "object": "file", "bytes": 3})
        job = {**OPENAI_JOB, "id": "ftjob-7", "status": "queued", "fine_tuned_model": None}
        canned.answer("POST", "/fine_tuning/jobs", job)
        migration.retrain(self.openai, folder, base="gpt-4.1-mini-2025-04-14", wait=False)
        migration.record(self.openai, folder, via="realtime")
        canned.answer("GET", "/fine_tuning/jobs/ftjob-7", {**job, "status": "running"})
        with pytest.raises(UsageError, match=r"has made no model yet: ftjob-7 \(running\)"):
            migration.compare(self.openai, folder)
        canned.answer("GET", "/fine_tuning/jobs/ftjob-7", {**job, "status": "cancelled"})
        with pytest.raises(UsageError, match=r"has made no model yet: ftjob-7 \(cancelled\)") as caught:
            migration.compare(self.openai, folder)
        assert "--new MODEL" in str(caught.value)
        assert MigrationFolder(folder).models()[0].retrained[0].status == "cancelled"
