"""Finding a split's parts through its folder or manifest, and what the commands do with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from split_helpers import chat, divide

from ftkit.cli.split import split as split_command
from ftkit.errors import DataError, UsageError
from ftkit.gateway.orders import JobOrder
from ftkit.lifecycle.launching import ordered_files
from ftkit.splitting import is_split, resolve_part, training_files


def order(training: str, validation: str | None = None) -> tuple[Any, Any]:
    made, paths = ordered_files(JobOrder(model="m", training_file=training, validation_file=validation))
    given = {"training": made.training_file, "validation": made.validation_file}
    return tuple(paths.get(part, name) for part, name in given.items())  # type: ignore[call-overload]


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    rows = [chat(f"question {n}", "yes" if n % 2 else "no", user=n % 5) for n in range(60)]
    divide(rows, out=tmp_path / "parts", train=40, validation=10, test=10)
    return tmp_path / "parts"


@pytest.mark.parametrize("through", ["", "manifest.json"])
def test_a_folder_and_its_manifest_lead_to_the_parts(parts: Path, through: str) -> None:
    path = parts / through
    assert is_split(path)
    assert resolve_part(str(path), "test") == parts / "test.jsonl"
    assert training_files(path) == (parts / "train.jsonl", parts / "validation.jsonl")
    assert order(str(path)) == (parts / "train.jsonl", parts / "validation.jsonl")
    assert order("file-1", str(path)) == ("file-1", parts / "validation.jsonl")
    assert order(str(path), "file-2") == (parts / "train.jsonl", "file-2")


def test_anything_else_is_taken_as_it_is(parts: Path) -> None:
    assert resolve_part(parts / "train.jsonl", "test") == parts / "train.jsonl"
    assert training_files("nothing.jsonl") == (Path("nothing.jsonl"), None)
    assert order("file-abc123") == ("file-abc123", None)


def test_a_part_that_is_not_there_or_not_the_same_is_said(parts: Path, tmp_path: Path) -> None:
    (parts / "train.jsonl").write_text("{}\n")
    with pytest.raises(DataError, match="has changed since it was split"):
        training_files(parts)
    (parts / "test.jsonl").unlink()
    with pytest.raises(DataError, match="the split's file is not there"):
        resolve_part(parts, "test")
    with pytest.raises(UsageError, match="no split here"):
        resolve_part(tmp_path, "test")
    divide([chat("a"), chat("b")], out=tmp_path / "two", train=2)
    with pytest.raises(UsageError, match="this split has no test part") as caught:
        resolve_part(tmp_path / "two", "test")
    assert str(caught.value.hint) == "It has: train."
    assert training_files(tmp_path / "two")[1] is None


def call(*words: str) -> Result:
    return CliRunner().invoke(split_command, [*words, "-q"])


def test_the_command_makes_what_its_options_say(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(
        "".join(
            json.dumps(chat(f"question {n}", "yes" if n % 4 else "no", user=n // 2)) + "\n" for n in range(80)
        )
    )
    out = tmp_path / "parts"
    words = ["--train", "0.5", "--test", "0.5", "--group", "user", "-g", "prompt", "--stratify", "reply"]
    words += [
        "--exact",
        "--sample",
        "40",
        "--balance",
        "rarest",
        "--model",
        "linear",
        "--no-shuffle",
        "--out",
        str(out),
    ]
    shown = call(str(data), *words)
    assert shown.exit_code == 0, shown.output
    for text in (
        "reply",
        "widest difference",
        "groups by user or prompt",
        "left out: 40 by sample",
        "tokens",
    ):
        assert text in shown.output
    manifest = json.loads((out / "manifest.json").read_text())
    options = manifest["options"]
    assert options["group"] == ["user", "prompt"] and options["exact"] and not options["shuffle"]
    assert (options["sample"], options["balance"], options["model"]) == (40, "rarest", "linear")
    assert "processes" not in options
    again = call(str(data), "--keep", str(out), "--out", str(tmp_path / "next"), "--json")
    assert json.loads(again.output)["parent"]["kept"] == sum(p["rows"] for p in manifest["parts"].values())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--balance", "most"], "'most'"),
        (["--balance-parts", "train,tset"], "--balance-parts"),
        (["--similarity", "2"], "--similarity"),
        (["--keep", "nowhere"], "does not exist"),
        (["--sample", "x"], "neither a count nor a share"),
    ],
)
def test_options_that_mean_nothing_are_said_by_name(tmp_path: Path, words: list[str], said: str) -> None:
    result = call("data.jsonl", *words, "--out", str(tmp_path))
    assert result.exit_code == 2 and said in result.output
