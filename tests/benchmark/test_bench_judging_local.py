"""Judges on the real local platform: forms that it keeps, a tuned judge that is measured, the command."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bench_parts import write_rows

from ftkit.benchmarking import judge, judge_examples
from ftkit.benchmarking.judging import JudgeReport
from ftkit.gateway import Platform, connect
from ftkit.settings import Settings

Command = Callable[..., "subprocess.CompletedProcess[str]"]
POLITE = (
    "Of course, {} is open until six.",
    "Happy to help: {} is closed today.",
    "Thank you for asking, {}.",
)
RUDE = ("Look it up yourself, {} is not my job.", "What a silly thing to ask about {}.", "Go away with {}!")
PLACES = [f"{kind} {n}" for n in range(12) for kind in ("the museum", "the pool", "the library")]
CRITERIA = "The answer is correct when it is polite."


def replies(count: int, seed: int) -> list[dict[str, Any]]:
    """Replies of two clerks; a right one is polite, and `kind` is so more often."""
    chance = random.Random(seed)
    made = []
    for row in range(count):
        place = chance.choice(PLACES)
        for clerk, share in (("kind", 0.8), ("gruff", 0.3)):
            polite = chance.random() < share
            text = chance.choice(POLITE if polite else RUDE).format(place)
            question = f"When does {place} open?"
            made.append(
                {"row": row, "model": clerk, "question": question, "answer": text, "correct": int(polite)}
            )
    return made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    state = tmp_path_factory.mktemp("judging-platform")
    yield state
    record = state / "local" / "server.json"
    if record.exists():
        os.kill(json.loads(record.read_text())["pid"], signal.SIGTERM)


@pytest.fixture(scope="module")
def platform(shared: Path) -> Iterator[Platform]:
    with connect("local", settings=Settings(state_dir=shared, runs_dir=shared / "runs")) as connected:
        yield connected


@pytest.fixture(scope="module")
def tuned(platform: Platform, shared: Path) -> str:
    """A judge tuned on 200 verdicts."""
    table = write_rows(shared / "past.jsonl", replies(100, 1))
    made = judge_examples(table, shared / "judge.jsonl", rubric=CRITERIA)
    assert made.rows == 200 == sum(made.verdicts.values())
    assert set(made.verdicts) == {'{"verdict": "correct"}', '{"verdict": "incorrect"}'}
    job = platform.jobs.create(platform.files.upload(made.out).id, "linear", suffix="judge")
    list(platform.jobs.watch(job.id))
    model = platform.jobs.get(job.id).fine_tuned_model
    assert model is not None
    return model


def test_a_tuned_judge_is_measured_against_an_untrained_one(
    platform: Platform, tuned: str, tmp_path: Path
) -> None:
    table = write_rows(tmp_path / "replies.jsonl", replies(60, 2))
    report = judge(
        table,
        [tuned, "linear"],
        platform=platform,
        workdir=tmp_path / "judged",
        rubric=CRITERIA,
        reasons=False,
        against_truth=True,
    )
    assert all(used.enforced and used.undecided == 0 and used.prompt_tokens for used in report.judges)
    kappa = {one.first: one.kappa for one in report.against_truth if one.model is None}
    assert (kappa[tuned] or 0.0) > 0.9 and (kappa["linear"] or 0.0) < 0.5
    shares = {one.model: one.share for one in report.judged if one.judge == tuned}
    assert (shares["kind"] or 0.0) > (shares["gruff"] or 1.0) + 0.2
    assert sum(used.cost or 0 for used in report.judges) == 0


def test_judges_go_through_batches_and_the_platform_keeps_their_form(
    platform: Platform, tmp_path: Path
) -> None:
    table = write_rows(tmp_path / "replies.jsonl", replies(3, 5))
    report = judge(
        table, "linear", platform=platform, workdir=tmp_path / "w", scale=10, via="batch", models=["kind"]
    )
    (used,) = report.judges
    assert len(used.batches) == 1 and used.asked == 3 and used.rounds == 1
    (batch,) = (platform.batches.get(one) for one in used.batches)
    (first, *_) = platform.batches.results(batch.id)
    assert set(json.loads(first.text or "")) == {"reason", "score"}


def test_pairs_on_the_platform(platform: Platform, tmp_path: Path) -> None:
    table = write_rows(tmp_path / "replies.jsonl", replies(8, 6))
    report = judge(table, "linear", platform=platform, workdir=tmp_path / "w", pairwise=True)
    (found,) = report.preferences
    assert {found.first, found.second} == {"kind", "gruff"}
    assert found.first_wins + found.second_wins + found.ties + found.torn + found.same == 8
    assert report.judges[0].requests == 2 * (8 - found.same)


def test_a_platform_without_forms_is_asked_in_words(shared: Path, tuned: str, tmp_path: Path) -> None:
    providers = {"local": {"dialect": {"refuse_request": ["response_format"]}}}
    settings = Settings(state_dir=shared, runs_dir=tmp_path, providers=providers)
    table = write_rows(tmp_path / "replies.jsonl", replies(3, 7))
    with connect("local", settings=settings) as platform:
        report = judge(
            table, tuned, platform=platform, workdir=tmp_path / "w", rubric=CRITERIA, reasons=False
        )
    (used,) = report.judges
    assert not used.enforced and used.undecided == 0 and used.rounds == 1
    assert any("does not keep replies to a form" in note for note in report.notes)


def test_a_judge_that_is_not_there_is_said_before_anything_is_asked(
    platform: Platform, tmp_path: Path
) -> None:
    from ftkit.errors import NotOnPlatform, UsageError

    table = write_rows(tmp_path / "replies.jsonl", replies(1, 8))
    with pytest.raises(NotOnPlatform, match="no model 'gpt-9' to judge"):
        judge(table, ["linear", "gpt-9"], platform=platform, workdir=tmp_path / "w")
    with pytest.raises(UsageError, match="no judge"):
        judge(table, [], platform=platform, workdir=tmp_path / "w")
    assert not (tmp_path / "w").exists()


def test_the_command_judges_and_prints(shared: Path, tuned: str, ftkit: Command, tmp_path: Path) -> None:
    write_rows(tmp_path / "replies.jsonl", replies(20, 3))
    env = {**os.environ, "FTKIT_STATE_DIR": str(shared)}
    words = ("judge", "replies.jsonl", "-j", tuned, "--criteria", CRITERIA, "--no-reasons", "--against-truth")
    shown = ftkit(*words, cwd=tmp_path, env=env)
    assert shown.returncode == 0, shown.stderr
    assert (
        "Judges against the right answers" in shown.stdout and "agrees with the right answers" in shown.stdout
    )
    again = ftkit(*words, "--json", cwd=tmp_path, env=env)
    report = JudgeReport.model_validate_json(again.stdout)
    assert report.judges[0].asked == 0 and report.judges[0].cached == report.judges[0].different
    folder = tmp_path / "runs" / "judge-replies"
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") == [
        "judges-correct.json",
        "judges-correct.md",
        "verdicts-correct.csv",
    ]


def test_the_command_writes_training_data_and_says_what_is_wrong(ftkit: Command, tmp_path: Path) -> None:
    write_rows(tmp_path / "replies.jsonl", replies(4, 4))
    made = ftkit("judge", "replies.jsonl", "--examples", "judge.jsonl", "--json", cwd=tmp_path)
    assert made.returncode == 0 and json.loads(made.stdout)["rows"] == 8
    rows = [json.loads(line) for line in (tmp_path / "judge.jsonl").read_text().splitlines()]
    assert [message["role"] for message in rows[0]["messages"]] == ["system", "user", "assistant"]
    wrong = ftkit("judge", "replies.jsonl", cwd=tmp_path)
    assert wrong.returncode == 2 and "no judge" in wrong.stderr
    paired = ftkit("judge", "replies.jsonl", "-j", "linear", "--pairwise", "kind", "none", cwd=tmp_path)
    assert paired.returncode == 2 and "no answers of 'none'" in paired.stderr


@pytest.fixture(scope="module")
def held_out(shared: Path) -> Path:
    """Letters to be called polite or rude, with the right answer."""
    rows = []
    for row in replies(30, 9):
        messages = [
            {"role": "system", "content": "Say of the letter: polite or rude."},
            {"role": "user", "content": row["answer"]},
            {"role": "assistant", "content": "polite" if row["correct"] else "rude"},
        ]
        rows.append({"messages": messages})
    return write_rows(shared / "letters.jsonl", rows)


def test_a_benchmark_with_judges_has_their_word_beside_its_own(
    platform: Platform, held_out: Path, tmp_path: Path
) -> None:
    from ftkit.benchmarking import BenchmarkReport, benchmark

    out = tmp_path / "out"
    report = benchmark(
        ["linear"], held_out, platform=platform, workdir=out, judges=["linear"], rubric="Be fair."
    )
    (judged,) = report.judges
    assert judged.criteria == "Be fair." and judged.judged[0].n == 60 == report.rows
    assert judged.against_truth[0].n == 60 - judged.judged[0].undecided
    truth = judged.against_truth[0]
    assert truth.both + truth.only_second == report.models[0].correct
    assert BenchmarkReport.model_validate_json((out / "report.json").read_bytes()) == report
    again = judge(out, ["linear"], platform=platform, workdir=tmp_path / "again", rubric="Be fair.")
    assert again.judges[0].asked == 0 and again.judged == judged.judged
    (prompt,) = {row.question.split("\n")[0] for row in _opened(out)}
    assert prompt == "system: Say of the letter: polite or rude."


def _opened(folder: Path) -> list[Any]:
    from ftkit.benchmarking.judging import open_answers

    return list(open_answers(folder).rows())


def test_two_models_of_a_benchmark_side_by_side(platform: Platform, held_out: Path, tmp_path: Path) -> None:
    from ftkit.benchmarking import benchmark, with_judges

    models = ["linear", "gpt-4.1-mini-2025-04-14"]  # the second one is the first one's stand-in
    report = benchmark(models, held_out, platform=platform, workdir=tmp_path / "out")
    said = judge(tmp_path / "out", "linear", platform=platform, workdir=tmp_path / "w", pairwise=models)
    assert said.preferences[0].same == 60 and said.judges[0].requests == 0 and said.judges[0].cost == 0
    whole = with_judges(with_judges(report, [said]), [said], tmp_path / "out")
    assert whole.judges == (said,)


def test_the_judge_as_the_metric_needs_no_right_answers(
    platform: Platform, tuned: str, tmp_path: Path
) -> None:
    from ftkit.benchmarking import benchmark

    rows = [{"messages": [{"role": "user", "content": f"Polite or rude: {n}?"}]} for n in range(6)]
    data = write_rows(tmp_path / "asks.jsonl", rows)
    metric = {"name": "judge", "judges": [tuned], "criteria": CRITERIA, "reasons": False}
    report = benchmark(["linear"], data, platform=platform, workdir=tmp_path / "out", metric=metric)
    (score,) = report.models
    assert report.metric == "judge" and score.n == 6
    assert score.correct + score.invalid + score.empty <= 6 and score.confusion is None


def test_a_killed_judge_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    import sys
    import time

    (tmp_path / "slow.py").write_text(
        "import json, re, time\n"
        "def call(messages):\n"
        "    time.sleep(0.05)\n"
        "    with open('calls.txt', 'a') as file:\n"
        "        file.write(messages[1]['content'].split()[1] + '\\n')\n"
        "    return json.dumps({'reason': 'so', 'verdict': 'correct'})\n"
    )
    (tmp_path / "ftkit.toml").write_text(
        '[models."slow"]\nhook = "slow:call"\nrates = { concurrent_requests = 2 }\n'
    )
    rows = [{"question": f"q{n} ?", "answer": "a"} for n in range(60)]
    write_rows(tmp_path / "answers.jsonl", rows)
    command = [sys.executable, "-m", "ftkit", "judge", "answers.jsonl", "-j", "slow", "--json"]
    calls = tmp_path / "calls.txt"
    first = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while first.poll() is None and (not calls.exists() or calls.read_text().count("\n") < 10):
        time.sleep(0.02)
    first.kill()
    first.communicate()
    before = calls.read_text().split()
    assert 10 <= len(before) < 60
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    report = JudgeReport.model_validate_json(done.stdout)
    assert report.judged[0].correct == 60
    after = calls.read_text().split()
    # what was under way as it died had no answer yet: at most one for each of its two places
    assert set(after) == {f"q{n}" for n in range(60)} and len(after) - 60 <= 2
