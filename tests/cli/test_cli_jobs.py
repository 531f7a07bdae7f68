"""``ftkit jobs``: create with all of its options, wait, pause and resume, and a list with filters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import canned_platform
import pytest
from canned_platform import Command

canned_server, canned, at = canned_platform.canned_server, canned_platform.canned, canned_platform.at
JOBS = "/fine_tuning/jobs"
GRADER = {"type": "python", "name": "g", "source": "def grade(sample, item): return 1.0"}
CREATE = ("jobs", "create", "--training-file", "file-1", "--model", "m")


def posted(canned: Any) -> dict[str, Any]:
    """The one order that was sent, without ftkit's own word."""
    (body,) = [asked.json for asked in canned.asked if asked.method == "POST"]
    metadata = {k: v for k, v in body.pop("metadata", {}).items() if k != "ftkit_operation"}
    return body | ({"metadata": metadata} if metadata else {})


@pytest.fixture
def training(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    examples = [
        {"messages": [{"role": "user", "content": f"q {n}"}, {"role": "assistant", "content": "a"}]}
        for n in range(12)
    ]
    path.write_text("".join(json.dumps(example) + "\n" for example in examples))
    return path


def test_every_option_becomes_its_parameter(canned: Any, at: Command) -> None:
    canned.answer("POST", JOBS, {"id": "j", "status": "queued"})
    options = "--validation-file file-2 --suffix s --seed 7 --epochs 3 --batch-size auto"
    options += " --learning-rate-multiplier 0.5 --hyperparameter lora=true --hyperparameter mode=fast"
    options += " --metadata team=search --metadata note=a=b --wandb-project p --wandb-name n"
    options += " --wandb-entity e --wandb-tag x --wandb-tag y"
    done = at(*CREATE, *options.split())
    assert done.returncode == 0, done.stderr
    assert posted(canned) == {
        "training_file": "file-1",
        "model": "m",
        "validation_file": "file-2",
        "suffix": "s",
        "seed": 7,
        "hyperparameters": {
            "n_epochs": 3,
            "batch_size": "auto",
            "learning_rate_multiplier": 0.5,
            "lora": True,
            "mode": "fast",
        },
        "metadata": {"team": "search", "note": "a=b"},
        "integrations": [
            {"type": "wandb", "wandb": {"project": "p", "name": "n", "entity": "e", "tags": ["x", "y"]}}
        ],
    }


@pytest.mark.parametrize("named", [[], ["--method", "dpo"]])
def test_dpo(canned: Any, at: Command, named: list[str]) -> None:
    canned.answer("POST", JOBS, {"id": "j", "status": "queued"})
    assert at(*CREATE, *named, "--beta", "0.1", "--epochs", "2").returncode == 0
    inner = {"hyperparameters": {"beta": 0.1, "n_epochs": 2}}
    assert posted(canned)["method"] == {"type": "dpo", "dpo": inner}


def test_reinforcement(canned: Any, at: Command, tmp_path: Path) -> None:
    canned.answer("POST", JOBS, {"id": "j", "status": "queued"})
    (tmp_path / "grader.json").write_text(json.dumps(GRADER))
    form = {"type": "json_schema", "json_schema": {"name": "x"}}
    (tmp_path / "form.json").write_text(json.dumps(form))
    options = "--grader grader.json --response-format form.json --eval-interval 5 --eval-samples auto"
    options += " --compute-multiplier 1.5 --reasoning-effort low"
    done = at(*CREATE, *options.split())
    assert done.returncode == 0, done.stderr
    hyperparameters = {
        "eval_interval": 5,
        "eval_samples": "auto",
        "compute_multiplier": 1.5,
        "reasoning_effort": "low",
    }
    inner = {"grader": GRADER, "response_format": form, "hyperparameters": hyperparameters}
    assert posted(canned)["method"] == {"type": "reinforcement", "reinforcement": inner}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--suffix " + "x" * 65, "suffix: it has 65 characters; 1 to 64 are taken"),
        ("--seed -1", "seed: should be greater than or equal to 0"),
        ("--metadata team", "'team' is not NAME=VALUE"),
        ("--metadata a=1 --metadata a=2", "'a' is given twice"),
        ("--hyperparameter lora", "'lora' is not NAME=VALUE"),
        ("--wandb-name n", "--wandb-project is needed"),
        ("--method sft", "'sft' is not one of"),
        ("--method supervised --beta 0.1", "beta is no parameter of supervised training"),
        ("--method dpo --eval-samples 3", "eval_samples is no parameter of dpo training"),
        ("--method reinforcement", "method.grader is missing"),
        ("--grader none.json", "none.json: No such file"),
        ("--grader broken.json", "broken.json is not JSON"),
        ("--grader list.json", "list.json holds no JSON object"),
        ("--grader odd.json", "its type is 'odd'"),
        ("--beta 0", "'0' is neither a number above zero nor 'auto'"),
        ("--max-cost -1", "-1"),
    ],
)
def test_wrong_options_are_said_and_nothing_is_asked(
    canned: Any, at: Command, tmp_path: Path, options: str, words: str
) -> None:
    for name, text in (("broken", "{"), ("list", "[]"), ("odd", '{"type": "odd"}')):
        (tmp_path / f"{name}.json").write_text(text)
    done = at(*CREATE, *options.split())
    assert done.returncode == 2 and words in done.stderr
    assert canned.asked == []


def test_a_dry_run_says_that_the_job_would_be_refused(canned: Any, at: Command, training: Path) -> None:
    options = ["--training-file", str(training), "--model", "unknown", "--max-cost", "5", "--dry-run"]
    done = at("jobs", "create", *options)
    assert done.returncode == 2
    assert "sends" in done.stdout and "is not known" in done.stderr
    assert canned.asked == []


def test_a_dry_run_asks_nobody(canned: Any, at: Command, training: Path) -> None:
    options = ["--training-file", str(training), "--model", "linear", "--suffix", "x", "--dry-run"]
    done = at("jobs", "create", "--platform", "local", *options)
    assert done.returncode == 0, done.stderr
    assert "the job trains on 360 tokens (36 in 10 epochs), costs nothing" in done.stdout
    assert f"uploads {training} as the training file" in done.stdout
    assert '"suffix": "x"' in done.stdout
    plan = json.loads(at("jobs", "create", "--platform", "local", *options, "--json").stdout)
    assert plan["request"]["training_file"] == str(training)
    assert plan["estimate"]["trained_tokens"] == {"low": 360.0, "high": 360.0}
    assert canned.asked == []


def test_a_missing_file_is_said_before_the_local_platform_starts(ftkit: Command, tmp_path: Path) -> None:
    done = ftkit("jobs", "create", "--training-file", "none.jsonl", "--model", "linear")
    assert done.returncode == 2
    assert done.stderr.startswith("error: none.jsonl: the training file is not there\n")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("limit", [["--max-cost", "5"], []], ids=["max cost", "budget"])
def test_a_job_of_unknown_cost_is_refused_where_there_is_a_limit(
    canned: Any, at: Command, training: Path, monkeypatch: pytest.MonkeyPatch, limit: list[str]
) -> None:
    if not limit:
        monkeypatch.setenv("FTKIT_BUDGET", "20")
    done = at("jobs", "create", "--training-file", str(training), "--model", "m", *limit)
    assert done.returncode == 2
    assert "what this job costs is not known" in done.stderr and "ftkit.toml" in done.stderr
    assert "POST" not in [asked.method for asked in canned.asked]


def test_the_same_order_is_not_sent_twice_and_again_sends_it(canned: Any, at: Command) -> None:
    canned.answer("POST", JOBS, {"id": "j", "status": "queued"}, {"id": "j2", "status": "queued"})
    canned.answer("GET", f"{JOBS}/j", {"id": "j", "status": "running"})
    assert at(*CREATE).returncode == 0
    second = at(*CREATE, "--json")
    assert json.loads(second.stdout)["id"] == "j"
    notes = [json.loads(line)["text"] for line in second.stderr.splitlines()]
    assert any("this job exists: j (running); another: jobs create --again" in note for note in notes)
    assert json.loads(at(*CREATE, "--again", "--json").stdout)["id"] == "j2"
    assert [asked.method for asked in canned.asked if asked.path.endswith("jobs")] == ["POST", "POST"]


def test_what_has_errors_is_not_uploaded_unless_told(canned: Any, at: Command, training: Path) -> None:
    with training.open("a") as file:
        file.write("{broken\n")
    done = at("jobs", "create", "--training-file", str(training), "--model", "m")
    assert done.returncode == 1
    assert f"{training}:13" in done.stderr and "--no-validate" in done.stderr
    assert f"ftkit validate {training} --platform custom" in done.stderr
    assert canned.asked == []
    done = at("jobs", "create", "--training-file", str(training), "--model", "m", "--no-validate")
    assert "upload the file" in done.stderr and canned.paths("POST") == ["/files"]


def test_waiting_says_nothing_but_the_end(canned: Any, at: Command) -> None:
    canned.answer(
        "GET", f"{JOBS}/a", {"id": "a", "status": "running"}, {"id": "a", "status": "succeeded", "model": "m"}
    )
    canned.answer("GET", f"{JOBS}/b", {"id": "b", "status": "succeeded"})
    done = at("jobs", "wait", "a", "b")
    assert done.returncode == 0 and done.stderr == ""
    words = [line.split() for line in done.stdout.splitlines()]
    assert ["a", "succeeded", "m", "-", "-"] in words and ["b", "succeeded", "-", "-", "-"] in words
    assert [one["id"] for one in json.loads(at("jobs", "wait", "a", "b", "--json").stdout)] == ["a", "b"]


def test_waiting_for_a_job_that_fails_ends_with_one(canned: Any, at: Command) -> None:
    canned.answer("GET", f"{JOBS}/a", {"id": "a", "status": "succeeded"})
    canned.answer("GET", f"{JOBS}/b", {"id": "b", "status": "failed", "error": {"message": "bad data"}})
    done = at("jobs", "wait", "b", "a")
    assert done.returncode == 1 and "job b failed: bad data" in done.stderr
    assert "succeeded" in done.stdout


def test_waiting_too_long_ends_with_three(canned: Any, at: Command) -> None:
    canned.answer("GET", f"{JOBS}/a", {"id": "a", "status": "running"})
    done = at("jobs", "wait", "a", "--timeout", "0.05")
    assert done.returncode == 3 and "a is running" in done.stderr
    assert "ftkit jobs wait a" in done.stderr


def test_waiting_for_nothing_is_a_wrong_call(at: Command) -> None:
    assert at("jobs", "wait").returncode == 2


def test_ctrl_c_leaves_the_wait_and_not_the_job(canned: Any, at: Command, press_ctrl_c: Any) -> None:
    def running(asked: Any) -> Any:
        press_ctrl_c()
        return {"id": "a", "status": "running"}

    canned.answer("GET", f"{JOBS}/a", running)
    done = at("jobs", "wait", "a")
    assert done.returncode == 130 and "ftkit jobs wait a" in done.stderr


@pytest.mark.parametrize(("verb", "status"), [("pause", "paused"), ("resume", "queued")])
def test_pause_and_resume(canned: Any, at: Command, verb: str, status: str) -> None:
    canned.answer("POST", f"{JOBS}/j/{verb}", {"id": "j", "status": status})
    assert at("jobs", verb, "j").stdout == f"job j: {status}\n"
    assert json.loads(at("jobs", verb, "j", "--json").stdout)["status"] == status


def test_the_list_can_be_narrowed(canned: Any, at: Command) -> None:
    jobs = [
        {"id": "a", "status": "running", "metadata": {"team": "x"}},
        {"id": "b", "status": "succeeded", "metadata": {"team": "x"}},
        {"id": "c", "status": "running"},
    ]
    canned.answer("GET", JOBS, {"data": jobs, "has_more": False})
    for options, expected in (
        (["--metadata", "team=x"], ["a", "b"]),
        (["--status", "running"], ["a", "c"]),
        (["--metadata", "team=x", "--status", "running"], ["a"]),
    ):
        found = json.loads(at("jobs", "list", *options, "--json").stdout)
        assert [job["id"] for job in found] == expected
