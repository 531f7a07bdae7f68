"""``ftkit judge`` in this process, by hooks of the project: its options, its output, its exit codes."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ftkit.benchmarking.judging import JudgeReport
from ftkit.gateway import chat_request

Command = Callable[..., "subprocess.CompletedProcess[str]"]
COURT = """
import json, re

def parts(messages):
    return dict(re.findall(r"<(\\w+)>\\n(.*?)\\n</\\1>", messages[1]["content"], re.S))

def strict(messages):
    found = parts(messages)
    right = found.get("right_answer", found["question"].split("=")[-1])
    verdict = "correct" if found["answer"] == right else "incorrect"
    return json.dumps({"reason": "I can add", "verdict": verdict})

def kind(messages):
    return json.dumps({"verdict": "correct"})

def scores(messages):
    top = int(re.search(r"from 0 to (\\d+)", messages[0]["content"])[1])
    return json.dumps({"score": top if len(parts(messages)["answer"]) == 1 else 0})

def shorter(messages):
    found = parts(messages)
    first, second = len(found["first_answer"]), len(found["second_answer"])
    return json.dumps({"better": "tie" if first == second else "first" if first < second else "second"})

def brief(messages, max_tokens=None):
    return "correct" if max_tokens == 7 and "reason" not in messages[0]["content"] else "Hm."

def mute(messages):
    return "Hm."

def critical(messages):
    return "correct" if "Be kind" in messages[0]["content"] else "incorrect"
"""
ROWS = [
    ("1+1=2", "2", "2"),
    ("1+2=3", "4", "3"),
    ("1+3=4", "4", "4"),
    ("1+4=5", "11", "5"),
]


@pytest.fixture(autouse=True)
def project(tmp_path: Path) -> None:
    """Judges in a module, and sums with answers."""
    (tmp_path / "judgement.py").write_text(COURT)
    with (tmp_path / "sums.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("question", "answer", "expected"), *ROWS])


def hook(name: str) -> str:
    return f"hook:judgement:{name}"


def report_of(done: subprocess.CompletedProcess[str]) -> JudgeReport:
    assert done.returncode == 0, done.stderr
    return JudgeReport.model_validate_json(done.stdout)


def test_a_table_is_judged_and_the_judge_measured(here: Command, tmp_path: Path) -> None:
    done = here("judge", "sums.csv", "-j", hook("strict"))
    assert done.returncode == 0, done.stderr
    assert "hook:judgement:strict calls right sums: 50.0 %" in done.stdout
    assert "agrees with the right answers on 100.0 %" in done.stdout
    for name in ("verdicts-correct.csv", "judges-correct.json", "judges-correct.md"):
        assert name in done.stdout and (tmp_path / "runs" / "judge-sums" / name).is_file()


def test_json_is_the_result_itself(here: Command, tmp_path: Path) -> None:
    report = report_of(here("judge", "sums.csv", "-j", hook("strict"), "--json", "--out", "here"))
    assert report.judged[0].correct == 2 and report.files["verdicts"] == "verdicts-correct.csv"
    assert JudgeReport.model_validate_json((tmp_path / "here" / "judges-correct.json").read_bytes()) == report


def test_two_judges_and_their_panel(here: Command) -> None:
    report = report_of(here("judge", "sums.csv", "-j", hook("strict"), "-j", hook("kind"), "--json"))
    assert [(one.judge.rpartition(":")[2], one.correct, one.undecided) for one in report.judged] == [
        ("strict", 2, 0),
        ("kind", 4, 0),
        ("panel", 2, 2),
    ]


def test_criteria_come_from_a_text_or_a_file(here: Command, tmp_path: Path) -> None:
    (tmp_path / "rubric.md").write_text("Be kind.\n")
    (tmp_path / "rubric.toml").write_text('criteria = "Be kind to all."\n')
    for words in (("--criteria", "Be kind."), ("--rubric", "rubric.md"), ("--rubric", "rubric.toml")):
        assert (
            report_of(here("judge", "sums.csv", "-j", hook("critical"), *words, "--json")).judged[0].correct
            == 4
        )
    assert report_of(here("judge", "sums.csv", "-j", hook("critical"), "--json")).judged[0].correct == 0
    both = here("judge", "sums.csv", "-j", hook("kind"), "--criteria", "x", "--rubric", "rubric.md")
    assert both.returncode == 2 and "not both" in both.stderr


def test_a_rubric_with_faults_is_a_fault_of_configuration(here: Command, tmp_path: Path) -> None:
    (tmp_path / "rubric.toml").write_text("scale = 500\nextra = 1\n")
    done = here("judge", "sums.csv", "-j", hook("kind"), "--rubric", "rubric.toml")
    assert done.returncode == 4 and "rubric.toml:1" in done.stderr and "rubric.toml:2" in done.stderr


def test_scores(here: Command) -> None:
    report = report_of(here("judge", "sums.csv", "-j", hook("scores"), "--scale", "4", "--json"))
    (judged,) = report.judged
    assert (report.kind, report.pass_mark, judged.mean_score, judged.scores) == (
        "score",
        3,
        3.0,
        (1, 0, 0, 0, 3),
    )
    shown = here("judge", "sums.csv", "-j", hook("scores"), "--scale", "4")
    assert "3.00 of 4" in shown.stdout


def test_pairs(here: Command, tmp_path: Path) -> None:
    rows = [{"ask": f"q{n}", "a": "xx", "b": "x" * (1 + n % 3)} for n in range(9)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = ("--question", "ask", "--answer", "a", "--answer", "b")
    words = ("judge", "pairs.jsonl", "-j", hook("shorter"), "--pairwise", "a", "b", *columns)
    (found,) = report_of(here(*words, "--json")).preferences
    assert (found.first_wins, found.second_wins, found.same) == (3, 3, 3)
    assert "shows no preference between a and b (3 to 3 and 3 even, p = 1.00)" in here(*words).stdout


def test_only_some_models_are_judged(here: Command, tmp_path: Path) -> None:
    rows = [{"question": "1+1=2", "answer": text, "model": name} for name, text in (("m", "2"), ("n", "3"))]
    (tmp_path / "two.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = report_of(here("judge", "two.jsonl", "-j", hook("strict"), "-m", "n", "--json"))
    assert [(one.model, one.correct) for one in report.judged] == [("n", 0)]
    wrong = here("judge", "two.jsonl", "-j", hook("strict"), "-m", "o")
    assert wrong.returncode == 2 and "There are those of: m, n." in wrong.stderr


def test_the_right_answer_is_shown_on_request(here: Command, tmp_path: Path) -> None:
    rows = [("question", "answer", "expected"), ("1+1=9", "2", "2")]  # the question itself is misleading
    with (tmp_path / "odd.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    blind = report_of(here("judge", "odd.csv", "-j", hook("strict"), "--json"))
    told = report_of(here("judge", "odd.csv", "-j", hook("strict"), "--reference", "--json"))
    assert (blind.judged[0].correct, told.judged[0].correct) == (0, 1)
    assert (blind.reference_shown, told.reference_shown) == (False, True)


def test_fewer_tokens(here: Command) -> None:
    words = ("judge", "sums.csv", "-j", hook("brief"), "--no-reasons", "--max-tokens", "7", "--json")
    assert report_of(here(*words)).judged[0].correct == 4


def test_rounds_bound_how_often_a_judge_is_asked(here: Command) -> None:
    for rounds in (1, 2):
        report = report_of(here("judge", "sums.csv", "-j", hook("mute"), "--rounds", str(rounds), "--json"))
        assert (report.judges[0].rounds, report.judges[0].undecided) == (rounds, 4)
    assert here("judge", "sums.csv", "-j", hook("mute"), "--rounds", "0").returncode == 2


def test_the_answers_of_a_batch(here: Command, tmp_path: Path) -> None:
    asks: list[Any] = [
        chat_request(f"r{n}", "m", [{"role": "user", "content": q}]) for n, (q, _, _) in enumerate(ROWS)
    ]
    (tmp_path / "requests.jsonl").write_text("".join(json.dumps(ask) + "\n" for ask in asks))
    with (tmp_path / "answers.jsonl").open("w") as file:
        for n, (_, text, _) in enumerate(ROWS):
            choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            response = {"status_code": 200, "body": {"choices": [choice]}}
            file.write(json.dumps({"custom_id": f"r{n}", "response": response, "error": None}) + "\n")
    words = ("judge", "answers.jsonl", "--requests", "requests.jsonl", "-j", hook("strict"))
    report = report_of(here(*words, "--json"))
    assert report.models == ("m",) and report.judged[0].correct == 2 and report.against_truth == ()
    insisted = here(*words, "--against-truth")
    assert insisted.returncode == 2 and "cannot be measured" in insisted.stderr


def test_a_metric_decides_what_is_right_in_a_table(here: Command, tmp_path: Path) -> None:
    with (tmp_path / "numbers.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("question", "answer", "expected"), ("1+1=2", "2.0", "2")])
    for metric, agreed in (("exact", 0.0), ("number", 1.0)):
        report = report_of(here("judge", "numbers.csv", "-j", hook("kind"), "--metric", metric, "--json"))
        assert report.against_truth[0].share == agreed
    unknown = here("judge", "numbers.csv", "-j", hook("kind"), "--metric", "numbr")
    assert unknown.returncode == 2 and "Did you mean number" in unknown.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("sums.csv",), 2, "there is no judge"),
        (("none.csv", "-j", "m"), 2, "does not exist"),
        (("sums.csv", "-j", "hook:judgement:nobody"), 2, "nobody"),
        (("sums.csv", "-j", "hook:judgement:kind", "--scale", "0"), 2, "range"),
        (("sums.csv", "-j", "hook:judgement:kind", "--pairwise", "a", "b"), 2, "no answers of 'a'"),
        (("sums.csv", "-j", "hook:judgement:kind", "--question", "ask"), 2, "no column 'ask'"),
        (("sums.csv", "-j", "hook:judgement:kind", "--pairwise", "a"), 2, "requires 2 arguments"),
    ],
)
def test_what_is_wrong_is_said_with_an_exit_code(
    here: Command, words: tuple[str, ...], code: int, said: str
) -> None:
    done = here("judge", *words)
    assert done.returncode == code and said in done.stderr


def test_training_data_for_a_judge(here: Command, tmp_path: Path) -> None:
    done = here("judge", "sums.csv", "--examples", "judge.jsonl", "--criteria", "Be exact.")
    assert done.returncode == 0 and "4 rows" in done.stdout
    rows = [json.loads(line) for line in (tmp_path / "judge.jsonl").read_text().splitlines()]
    assert [json.loads(row["messages"][-1]["content"])["verdict"] for row in rows] == [
        "correct",
        "incorrect",
        "correct",
        "incorrect",
    ]
    assert "Be exact." in rows[0]["messages"][0]["content"]
    assert not (tmp_path / "runs").exists()


def test_fresh_asks_everything_again(here: Command) -> None:
    words = ("judge", "sums.csv", "-j", hook("kind"), "--json")
    used = [report_of(here(*words, *more)).judges[0] for more in ((), (), ("--fresh",))]
    assert [(one.asked, one.cached) for one in used] == [(4, 0), (0, 4), (4, 0)]
