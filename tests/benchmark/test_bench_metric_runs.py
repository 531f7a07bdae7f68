"""Whole benchmarks by each kind of metric: real requests, a model that says what its row tells it to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from bench_parts import write_rows

from ftkit.benchmarking import BenchmarkReport, benchmark, to_markdown
from ftkit.benchmarking.lineage import lineage_of
from ftkit.errors import UsageError
from ftkit.gateway import Platform, connect
from ftkit.inference.backends import Round
from ftkit.settings import Settings


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    with connect("local", settings=Settings(state_dir=folder, runs_dir=folder / "runs")) as platform:
        yield platform
        platform.stop_local()


class Obedient:
    """A backend whose model answers with what the user's message holds: a text, or a whole message."""

    name = "obedient"

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []

    def identity(self, model: str) -> str:
        return "obedient"

    def answer(self, requests: Path, out: Path, workdir: Path, *, wait: bool = True) -> Round:
        lines = [self._line(json.loads(line)) for line in requests.read_text("utf-8").splitlines()]
        out.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
        return Round(True, "realtime", (), 0.1)

    def _line(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.asked.append(request["body"])
        said = json.loads(request["body"]["messages"][-1]["content"])
        message = said if isinstance(said, dict) else {"role": "assistant", "content": said}
        body = {
            "model": request["body"]["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6},
        }
        response = {"status_code": 200, "body": body}
        return {"custom_id": request["custom_id"], "response": response, "error": None}


class Bench:
    """Benchmarks rows of (what the model says, what is right)."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform, self.folder, self.backend = platform, folder, Obedient()

    def run(
        self,
        pairs: Sequence[tuple[Any, Any]],
        metric: Any,
        more: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> BenchmarkReport:
        """The report on one model."""
        rows = [
            {"messages": [{"role": "user", "content": json.dumps(said)}], "expected": right, **(more or {})}
            for said, right in pairs
        ]
        return benchmark(
            ["tame"],
            write_rows(self.folder / "rows.jsonl", rows),
            platform=self.platform,
            workdir=self.folder / "out",
            metric=metric,
            backends={"tame": self.backend},
            **options,
        )


@pytest.fixture
def bench(platform: Platform, tmp_path: Path) -> Bench:
    return Bench(platform, tmp_path)


def parts(report: BenchmarkReport) -> dict[str, tuple[float, int]]:
    """The parts of the only model: mean and rows."""
    return {part.name: (pytest.approx(part.mean), part.rows) for part in report.models[0].parts}


def test_numbers(bench: Bench) -> None:
    report = bench.run(
        [("It is 101.", 100), ("98", "100"), ("many", 1), ("", 3)], {"name": "number", "relative": 0.01}
    )
    (model,) = report.models
    assert (report.metric, report.metric_options) == ("number", {"relative": 0.01})
    assert "metric number (relative 0.01)" in to_markdown(report)
    assert (model.n, model.correct, model.invalid, model.empty) == (4, 1, 1, 1)
    assert not model.continuous


def test_json_fields_keep_every_row_in_their_denominator(bench: Bench) -> None:
    report = bench.run(
        [
            ('{"age": 3, "city": "Rome"}', {"age": 3, "city": "Rome"}),
            ('{"age": 4, "city": "Rome"}', {"age": 3, "city": "Rome"}),
            ("no json", {"age": 3, "city": "Rome"}),
            ("", {"age": 3, "city": "Rome"}),
        ],
        "json",
    )
    (model,) = report.models
    assert (model.correct, model.invalid, model.empty, model.continuous) == (1, 1, 1, True)
    assert model.score == pytest.approx(1.5 / 4)
    assert parts(report) == {"valid": (0.5, 4), "$.age": (0.25, 4), "$.city": (0.5, 4)}


def test_keywords_are_compared_by_their_f1(bench: Bench) -> None:
    report = bench.run([("a, b", ["a", "b"]), ("a, b", ["a", "c"]), ("x", ["a"])], "keywords")
    (model,) = report.models
    assert (model.score, model.correct) == (pytest.approx(0.5), 1)
    assert parts(report) == {"precision": (0.5, 3), "recall": (0.5, 3)}


def test_tools_are_sent_and_calls_without_a_text_are_read(bench: Bench) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "time", "arguments": '{"zone": "CET"}'}}
    tools = [{"type": "function", "function": {"name": "time", "parameters": {"type": "object"}}}]
    right = [{"name": "time", "arguments": {"zone": "CET"}}]
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    report = bench.run([(said, right), (said, []), ("No.", []), ("", right)], "tool_calls", {"tools": tools})
    (model,) = report.models
    assert all(body["tools"] == tools for body in bench.backend.asked)
    assert (model.correct, model.empty, model.invalid) == (2, 1, 0)
    assert parts(report) == {"name": (0.5, 4), "arguments": (0.5, 4)}


def test_form_alone_benchmarks_rows_without_a_right_answer(bench: Bench) -> None:
    schema = {"type": "object", "required": ["age"]}
    report = bench.run(
        [('{"age": 1}', None), ("{}", None), ("?", None)],
        {"name": "json", "form_only": True, "schema": schema},
    )
    (model,) = report.models
    assert (model.correct, model.invalid, model.continuous) == (1, 2, False)


def test_a_function_of_the_working_directory(bench: Bench, tmp_path: Path) -> None:
    code = "def half(answer, expected) -> float:\n    return 0.5 if answer in expected else 0.0\n"
    (tmp_path / "mine.py").write_text(code)
    report = bench.run([("a", "a"), ("b", "a")], "mine.py:half")
    (model,) = report.models
    assert (report.metric, model.score, model.correct) == ("mine.py:half", pytest.approx(0.25), 1)


def test_labels_of_the_instruction(bench: Bench, tmp_path: Path) -> None:
    told = {"role": "user", "content": json.dumps("maybe")}
    system = {"role": "system", "content": "Answer with one of: yes, no, maybe."}
    rows = [{"messages": [system, told], "expected": right} for right in ("yes", "no")]
    report = benchmark(
        ["tame"],
        write_rows(tmp_path / "told.jsonl", rows),
        platform=bench.platform,
        workdir=tmp_path / "told",
        backends={"tame": bench.backend},
    )
    assert (report.labels, report.labels_from) == (("yes", "no", "maybe"), "instruction")
    assert (report.models[0].invalid, report.models[0].correct) == (0, 0)
    told_of = lineage_of(report)["Data"]["Labels"]
    assert told_of == "3, read from the instruction: yes, no, maybe"


def test_similarity_by_vectors_of_the_platform(bench: Bench, tmp_path: Path) -> None:
    pairs = [
        ("profit rose sharply", "profit rose sharply"),
        ("profit rose a little", "profit rose sharply"),
        ("entirely different words", "profit rose sharply"),
    ]
    report = bench.run(pairs, {"name": "similarity", "model": "linear", "threshold": 0.9})
    (model,) = report.models
    assert model.correct == 1
    assert model.score is not None and 1 / 3 < model.score < 2 / 3
    vectors = tmp_path / "out" / "metric" / "vectors.f32"
    assert vectors.stat().st_size % (4 * 3) == 0, "three different texts"
    again = bench.run(pairs, {"name": "similarity", "model": "linear", "threshold": 0.9})
    assert again.models[0].score == model.score
    with pytest.raises(UsageError, match="needs an embedding model"):
        bench.run(pairs, "similarity")


def test_a_model_that_makes_no_vectors_is_told(bench: Bench) -> None:
    from ftkit.errors import FtkitError

    with pytest.raises(FtkitError, match="nothing-like-it"):
        bench.run([("a", "b")], {"name": "similarity", "model": "nothing-like-it"})


def test_a_metric_that_lacks_something_is_told_before_a_model_is_asked(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no metric is called"):
        bench.run([("a", "b")], "no-such-metric")
    with pytest.raises(UsageError, match="no JSON Schema"):
        bench.run([("a", "b")], {"name": "json", "schema": {"type": "nothing"}})
    assert bench.backend.asked == []
