"""``ftkit generate``: rows of answers in a file, failed rows said, wrong calls refused."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftkit.gateway import Platform, connect
from ftkit.settings import Settings

Command = Callable[..., "subprocess.CompletedProcess[str]"]
ROWS = [("good profit", 1), ("bad loss", 2), ("a good year", 3)]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("generate")
    with connect("local", settings=Settings(state_dir=folder, runs_dir=folder / "runs")) as platform:
        yield platform
        platform.stop_local()


@pytest.fixture
def generate(local: Platform, here: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command over a file of rows of each test's own."""
    monkeypatch.setenv("FTKIT_STATE_DIR", str(local.settings.state_dir))
    rows = [{"text": f"{text} ({tmp_path.name})", "n": n} for text, n in ROWS]
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def call(
        *arguments: str, prompt: str = "{text}", source: str = "rows.jsonl"
    ) -> subprocess.CompletedProcess[str]:
        asked = ["--model", "linear", "--system", "Answer good or bad.", "--prompt", prompt]
        return here("generate", source, *asked, *arguments)

    return call


def test_rows_with_their_answers_are_written(generate: Command) -> None:
    done = generate("--out", "out.jsonl", "--name", "mood")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [row["mood"] for row in rows] == ["good", "bad", "good"]
    assert list(rows[0]) == ["text", "n", "mood"]
    assert "out.jsonl: 3 rows" in done.stdout and "3 of 3 rows answered" in done.stdout
    again = generate("--out", "out.csv", "--limit", "2")
    assert "2 of 2 rows answered, 2 of them from the cache" in again.stdout
    assert "0 requests sent" in again.stdout and "$0.0000" in again.stdout
    with Path("out.csv").open(newline="") as file:
        assert [row["response"] for row in csv.DictReader(file)] == ["good", "bad"]


def test_fields_and_json(generate: Command) -> None:
    kinds = ("mood=good | bad", "side=up,down", "stars=int", "tags=list[str]")
    fields = [word for kind in kinds for word in ("--field", kind)]
    done = generate("--out", "out.parquet", "--via", "batch", "--window", "24h", "--json", *fields)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["rows"], said["form"], said["batch_mode"]) == (3, "response_format", True)
    import pyarrow.parquet

    table = pyarrow.parquet.read_table("out.parquet").to_pylist()
    assert [row["mood"] for row in table] == ["good", "bad", "good"]
    assert table[0]["stars"] == 0 and table[0]["tags"] == []
    assert {row["side"] for row in table} <= {"up", "down"}


def test_a_schema_a_prompt_from_a_file_and_parameters(generate: Command) -> None:
    schema = {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
    Path("form.json").write_text(json.dumps(schema))
    Path("ask.txt").write_text("It is {text}")
    options = [
        "--param",
        "seed=3",
        "--param",
        "user=me",
        "--max-tokens",
        "9",
        "--price",
        "10",
        "20",
        "--rpm",
        "6000",
    ]
    done = generate("--out", "out.jsonl", "--schema", "form.json", *options, prompt="@ask.txt")
    assert done.returncode == 0, done.stderr
    assert "form kept by response format" in done.stdout and "$0.0" in done.stdout
    assert [json.loads(line)["mood"] for line in Path("out.jsonl").read_text().splitlines()][1] == "bad"


def test_rows_without_an_answer_are_said_and_end_with_exit_code_1(generate: Command) -> None:
    done = generate("--out", "out.jsonl", "--temperature", "9")
    assert done.returncode == 1
    assert "3 of 3 rows have no usable answer" in done.stderr and "failed_requests.jsonl" in done.stderr
    assert "3 failed:" in done.stdout
    assert Path("out.jsonl").read_text() == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "out.xlsx"], "cannot be written as .xlsx"),
        (["--out", "out"], "without a suffix"),
        (["--out", "o.csv", "--field", "stars=number"], "cannot be of type 'number'"),
        (["--out", "o.csv", "--field", "stars"], "is not NAME=VALUE"),
        (["--out", "o.csv", "--schema", "rows.jsonl"], "no JSON Schema"),
        (["--out", "o.csv", "--field", "a=int", "--schema", "form.json"], "say the same"),
        (["--out", "o.csv", "--window", "2h", "--via", "batch"], "no completion window '2h'"),
    ],
)
def test_wrong_calls_are_refused(generate: Command, arguments: list[str], words: str) -> None:
    Path("form.json").write_text("{}")
    done = generate(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr


@pytest.mark.parametrize("prompt", ["{nothing}", "{text", "@nowhere.txt"])
def test_wrong_prompts_are_refused(generate: Command, prompt: str) -> None:
    assert generate("--out", "o.csv", prompt=prompt).returncode == 2
    assert not Path("o.csv").exists()


def test_tables_without_a_header_and_in_old_encodings(generate: Command) -> None:
    Path("rows.jsonl").unlink()
    Path("old.csv").write_bytes("ein guter Tag für alle (cp1252)\n".encode("cp1252"))
    done = generate("--out", "out.jsonl", "--columns", "text", "--encoding", "cp1252", source="old.csv")
    assert done.returncode == 0, done.stderr
    assert json.loads(Path("out.jsonl").read_text("utf-8"))["text"] == "ein guter Tag für alle (cp1252)"


def test_all_is_asked_anew_if_wanted_and_quietly(generate: Command) -> None:
    assert "3 requests sent" in generate("--out", "out.jsonl", "--quiet").stdout
    assert "0 requests sent" in generate("--out", "out.jsonl", "--quiet").stdout
    done = generate("--out", "out.jsonl", "--fresh", "--quiet", "--batch-size", "2", "--via", "batch")
    assert "3 requests sent" in done.stdout and done.stderr == ""


def test_a_file_that_is_there_stays_until_the_new_one_is_whole(generate: Command) -> None:
    Path("out.csv").write_text("old")
    assert generate("--out", "out.csv", prompt="{nothing}").returncode == 2
    assert Path("out.csv").read_text() == "old"
    assert generate("--out", "out.csv").returncode == 0
    assert Path("out.csv").read_text().startswith("text,n,response")


def test_an_unknown_model_is_said_before_anything_is_asked(generate: Command, here: Command) -> None:
    done = here("generate", "rows.jsonl", "--model", "nobody", "--prompt", "{text}", "--out", "o.csv")
    assert done.returncode == 3 and "nobody" in done.stderr


def test_the_example_of_the_help_runs(generate: Command, here: Command) -> None:
    Path("reviews.csv").write_text("text\na good film\n")
    done = here(
        "generate",
        "reviews.csv",
        "--model",
        "linear",
        "--prompt",
        "Is this good or bad? {text}",
        "--out",
        "r.csv",
    )
    assert done.returncode == 0, done.stderr
    assert Path("r.csv").read_text().splitlines() == ["text,response", "a good film,good"]
    assert "generate reviews.csv" in here("generate", "--help").stdout
