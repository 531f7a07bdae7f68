"""Many answers: what judging keeps in memory does not grow with their texts."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = """
import json, resource, sys
from pathlib import Path
from ftkit.benchmarking.judging import Judge, Rubric, judge_answers, open_answers
from ftkit.data import open_jsonl_writer, read_jsonl
from ftkit.inference import AnswerCache
from ftkit.inference.backends.base import Round

class Fast:
    name = "fast"
    def identity(self, model):
        return "fast"
    def answer(self, requests, out, workdir, *, wait=True):
        if not wait:
            return Round(False, "fast")
        message = {"role": "assistant", "content": '{"reason": "so", "verdict": "correct"}'}
        body = {"choices": [{"message": message, "finish_reason": "stop"}]}
        with open_jsonl_writer(out) as writer:
            for row in read_jsonl(requests):
                response = {"status_code": 200, "body": body}
                writer.write({"custom_id": row.data["custom_id"], "response": response, "error": None})
        return Round(True, "fast")

folder = Path(sys.argv[1])
answers = open_answers(folder / "answers.jsonl")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with AnswerCache(folder / "answers.db") as cache:
    report = judge_answers(answers, [Judge("j", Fast(), True)], Rubric(), workdir=folder / "w", cache=cache)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
(judged,) = report.judged
print(json.dumps({"n": judged.n, "correct": judged.correct, "grown_mb": (after - before) / 1024}))
"""


@pytest.mark.slow
def test_a_hundred_megabytes_of_answers_are_judged_in_a_fraction_of_that(tmp_path: Path) -> None:
    with (tmp_path / "answers.jsonl").open("w") as file:
        for row in range(20_000):
            text = f"answer {row} " + "word " * 1000
            file.write(json.dumps({"question": f"q{row}", "answer": text, "expected": "x"}) + "\n")
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(tmp_path)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert (found["n"], found["correct"]) == (20_000, 20_000)
    assert found["grown_mb"] < 60
