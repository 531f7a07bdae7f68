"""Runs on the real local platform: by batches, in real time, chosen by itself, and by the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import UsageError
from ftkit.gateway import Platform, chat_request
from ftkit.gateway.realtime import Pace


def some(count: int, tag: str) -> list[dict[str, Any]]:
    """Requests of their own for each test: the ledger knows the same ones again."""
    prompt = [{"role": "system", "content": "Answer with one word: up or down."}]
    return [
        chat_request(f"{tag}-{n}", "linear", [*prompt, {"role": "user", "content": f"up {n}"}], max_tokens=4)
        for n in range(count)
    ]


def ids(path: Path) -> list[str]:
    return [json.loads(line)["custom_id"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize("via", ["batch", "realtime"])
def test_either_way_gives_the_same_answers(local: Platform, tmp_path: Path, via: Any) -> None:
    requests = [*some(30, f"same-{via}"), chat_request("bad", "linear", [])]
    result = local.batches.run(requests, tmp_path / "out.jsonl", via=via)
    assert (result.status, result.via, result.answered, result.failed) == ("completed", via, 30, 1)
    assert ids(result.out) == [one["custom_id"] for one in requests]
    answers = list(result.answers())
    assert {answer.text for answer in answers[:-1]} == {"up"}
    assert (answers[-1].ok, answers[-1].status_code) == (False, 400)
    assert result.prompt_tokens and result.completion_tokens
    assert result.workdir is None and not Path(f"{result.out}.work").exists()


def test_few_requests_are_asked_in_real_time_and_the_reason_is_said(local: Platform, tmp_path: Path) -> None:
    result = local.batches.run(some(3, "few"), tmp_path / "out.jsonl", pace=Pace(concurrency=2))
    assert (result.via, result.answered) == ("realtime", 3)
    assert "3 requests" in result.reason


def test_a_finished_run_in_real_time_asks_nothing_again(local: Platform, tmp_path: Path) -> None:
    work, out = tmp_path / "work", tmp_path / "out.jsonl"
    local.batches.run(some(3, "again"), out, via="realtime", workdir=work)
    before = out.read_bytes()  # the platform gives each answer an id of its own
    assert local.batches.run(some(3, "again"), out, via="realtime", workdir=work).answered == 3
    assert out.read_bytes() == before


def test_the_command_runs_resumes_and_cancels(
    local: Platform, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTKIT_STATE_DIR", str(local.settings.state_dir))
    path = tmp_path / "requests.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in some(60, "command")))
    done = here(
        "batches", "run", str(path), "--out", "answers.jsonl", "--via", "batch", "--workdir", "work", "--json"
    )
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert (shown["answered"], shown["status"], len(shown["batches"])) == (60, "completed", 1)
    assert ids(tmp_path / "answers.jsonl") == [f"command-{n}" for n in range(60)]
    done = here("batches", "resume", "work")
    assert "60 of 60" in done.stdout
    done = here("batches", "cancel", "work")
    assert (done.returncode, "60 of 60" in done.stdout) == (0, True)
    done = here("batches", "run", str(path), "--out", "quick.jsonl", "--concurrency", "8", "--rpm", "100000")
    assert (done.returncode, "quick.jsonl" in done.stdout) == (0, True)
    done = here("batches", "run", str(path), "--out", "quick.jsonl", "--attempts", "0")
    assert done.returncode == 2


def test_submit_takes_the_same_file_for_the_same_batch(
    local: Platform, here: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTKIT_STATE_DIR", str(local.settings.state_dir))
    path = tmp_path / "requests.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in some(2, "submit")))
    calls = [("--json",), ("--json", "--watch"), ("--json", "--again")]
    first, second, third = [json.loads(here("batches", "submit", str(path), *c).stdout)["id"] for c in calls]
    assert first == second != third


def test_a_pace_that_is_none_is_refused(local: Platform, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="more than 0"):
        local.batches.run(some(1, "pace"), tmp_path / "o.jsonl", pace=Pace(concurrency=0))
