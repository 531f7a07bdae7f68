"""What every model is asked, and the file names of models."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_parts import chat_row, write_rows

from ftkit.benchmarking import find_metric
from ftkit.benchmarking.requests import requests_of, slug, slugs
from ftkit.benchmarking.task import Task
from ftkit.display import SilentDisplay
from ftkit.errors import DataError


def task(folder: Path, rows: list[dict[str, object]], **options: object) -> Task:
    data = write_rows(folder / "t.jsonl", rows)
    made = Task(data, find_metric("exact"), (), folder / "out", **options)  # type: ignore[arg-type]
    made.read(SilentDisplay())
    return made


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("linear", "linear"),
        ("ft:linear:org:name:1", "ft-linear-org-name-1"),
        ("klusterai/Meta-Llama-3.1-8B", "klusterai-Meta-Llama-3.1-8B"),
        ("../../etc/passwd", "etc-passwd"),
        ("...", "model"),
    ],
)
def test_a_model_id_as_a_file_name(model: str, name: str) -> None:
    assert slug(model) == name


def test_names_stay_apart_and_short() -> None:
    names = slugs(["a:b", "a/b", "A-B", "c", "x" * 300])
    assert len({name.lower() for name in names.values()}) == 5
    assert names["c"] == "c"
    assert max(len(name) for name in names.values()) == 80


def test_every_model_is_asked_the_same_rows(tmp_path: Path) -> None:
    made = task(tmp_path, [chat_row("same", "yes"), chat_row("same", "no"), chat_row("b", "no")])
    said = {"temperature": 0, "max_tokens": None}
    a, b = (list(requests_of(made.rows(), made.ids, model, said)) for model in "ab")
    assert [one["body"].pop("model") for one in (*a, *b)] == ["a"] * 3 + ["b"] * 3
    assert a == b
    assert len({one["custom_id"] for one in a}) == 3
    assert a[0]["body"] == {"messages": made_messages("same"), "temperature": 0}
    assert (a[0]["method"], a[0]["url"]) == ("POST", "/v1/chat/completions")


def made_messages(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Classify."}, {"role": "user", "content": text}]


def test_a_row_brings_its_own_tools(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    made = task(tmp_path, [chat_row("a", "x", tools=tools), chat_row("b", "y", note="not sent")])
    first, second = requests_of(made.rows(), made.ids, "m", {"top_p": 0.5})
    assert first["body"]["tools"] == tools
    assert set(second["body"]) == {"model", "messages", "top_p"}


def test_rows_of_a_group_have_its_number(tmp_path: Path) -> None:
    rows = [chat_row(str(i), "x", talk=name) for i, name in enumerate(["b", "a", "b", 3, "a"])]
    assert list(task(tmp_path, rows, group="talk").groups or ()) == [0, 1, 0, 2, 1]
    assert task(tmp_path, rows).groups is None
    with pytest.raises(DataError, match="no field 'who'") as caught:
        task(tmp_path, rows, group="who")
    assert str(caught.value.where).endswith("t.jsonl:1")
