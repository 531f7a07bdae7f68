"""The options of ``ftkit benchmark``: how models are asked, priced, scored and judged, and the cache."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from ftkit.gateway import connect
from ftkit.settings import Settings

Command = Callable[..., "CompletedProcess[str]"]
LABELS = ("up", "down")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state directory of one local platform for this module."""
    state = tmp_path_factory.mktemp("options-platform")
    with connect("local", settings=Settings(state_dir=state)) as platform:
        yield state
        platform.stop_local()


@pytest.fixture
def data(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FTKIT_STATE_DIR", str(shared))
    rows = []
    for number in range(8):
        roles = (("system", "Say up or down."), ("user", f"shares {number} {tmp_path.name}"))
        messages = [{"role": role, "content": content} for role, content in roles]
        answer = {"role": "assistant", "content": LABELS[number % 2]}
        rows.append({"messages": [*messages, answer], "talk": number // 2})
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def bench(here: Command, data: Path) -> Callable[..., dict[str, Any]]:
    def call(*options: str) -> dict[str, Any]:
        done = here("benchmark", str(data), "-m", "linear", "--json", *options)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return call


def test_in_real_time_or_by_batch(bench: Callable[..., dict[str, Any]]) -> None:
    live = bench("--via", "realtime", "--out", "a")
    assert (live["models"][0]["via"], live["models"][0]["batches"]) == ("realtime", [])
    batch = bench("--param", "top_p=0.9", "--out", "b")
    assert batch["models"][0]["via"] == "batch" and len(batch["models"][0]["batches"]) == 1
    assert batch["parameters"]["top_p"] == 0.9


def test_the_cache_and_none_of_it(bench: Callable[..., dict[str, Any]], here: Command) -> None:
    assert bench("--out", "a", "--via", "realtime")["models"][0]["cached"] == 0
    second = bench("--out", "b", "--via", "realtime")
    assert second["models"][0]["cached"] == 8
    assert any("from an earlier call" in note for note in second["notes"])
    assert bench("--out", "c", "--via", "realtime", "--no-cache")["models"][0]["cached"] == 0
    assert Path("c/answers.db").is_file()
    assert bench("--out", "b", "--via", "realtime", "--fresh")["models"][0]["cached"] == 0
    assert "linear" in here("cache", "list").stdout


def test_a_price_and_groups(bench: Callable[..., dict[str, Any]]) -> None:
    report = bench("--price", "linear=1,4,0.5", "--group", "talk", "--via", "realtime")
    (model,) = report["models"]
    assert model["realtime_per_1000"] == pytest.approx(2 * model["batch_per_1000"])
    assert report["frontier"] == [
        {
            "model": "linear",
            "quality": pytest.approx(model["accuracy"]),
            "per_1000": model["batch_per_1000"],
            "best": True,
        }
    ]


def test_a_metric_with_options(bench: Callable[..., dict[str, Any]]) -> None:
    Path("mine.py").write_text("def kind(answer, expected, bonus=0.0):\n    return 0.5 + float(bonus)\n")
    report = bench("--metric", "mine.py:kind", "--metric-option", "bonus=0.25", "--via", "realtime")
    assert report["models"][0]["score"] == pytest.approx(0.75)


def test_every_answer_is_in_both_tables(bench: Callable[..., dict[str, Any]]) -> None:
    import pyarrow.parquet as pq

    report = bench("--via", "realtime", "--out", "o", "-m", "linear@local")
    with Path("o/answers.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = pq.read_table("o/answers.parquet").to_pylist()
    assert len(rows) == len(table) == 16
    for row, same in zip(rows, table, strict=True):
        assert (row["row"], row["model"], row["answer"]) == (str(same["row"]), same["model"], same["answer"])
        assert row["expected"] == " | ".join(same["expected"])
        assert (row["correct"] == "1", float(row["value"])) == (same["correct"], same["value"])
    right = sum(row["correct"] for row in table if row["model"] == "linear")
    assert right == report["models"][0]["correct"]
    assert report["files"]["parquet"] == "answers.parquet"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--price", "linear"], "no price of a model"),
        (["--price", "lineer=1,2"], "none of the models"),
        (["--param", "top_p"], "is not NAME=VALUE"),
        (["--metric-option", "x=1"], "option"),
        (["--group", "author"], "no field 'author'"),
        (["--window", "1h"], "no completion window '1h'"),
        (["--via", "mail"], "'mail' is not one of"),
    ],
)
def test_wrong_options(here: Command, data: Path, options: list[str], words: str) -> None:
    done = here("benchmark", str(data), "-m", "linear", "--out", "w", *options)
    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
