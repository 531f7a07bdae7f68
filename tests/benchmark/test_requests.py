"""The request files: one per model, split where a batch is full, the same bytes each time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from bench_parts import chat_row, write_rows

from ftkit.benchmarking.metrics import label
from ftkit.benchmarking.requests import RequestWriter, Shard, slug, slugs
from ftkit.benchmarking.task import Task
from ftkit.catalog import ProviderLimits
from ftkit.display import SilentDisplay

MESSAGES = [{"role": "user", "content": "Höhe?"}]


def written(folder: Path, count: int, limits: ProviderLimits) -> list[Shard]:
    with RequestWriter(folder, "m", "model", {"temperature": 0}, limits) as writer:
        for number in range(count):
            writer.write(f"row-{number:06d}-00000000", MESSAGES)
    return writer.shards


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


def test_one_request(tmp_path: Path) -> None:
    (shard,) = written(tmp_path, 1, ProviderLimits())
    line = json.loads((tmp_path / shard.file).read_text("utf-8"))
    assert line == {
        "custom_id": "row-000000-00000000",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "model", "messages": MESSAGES, "temperature": 0},
    }
    assert shard.sha256 == hashlib.sha256((tmp_path / shard.file).read_bytes()).hexdigest()


def test_a_full_batch_begins_another_file(tmp_path: Path) -> None:
    shards = written(tmp_path, 7, ProviderLimits(batch_requests=3))
    assert [(shard.file, shard.rows) for shard in shards] == [
        ("m.requests.jsonl", 3),
        ("m.requests-2.jsonl", 3),
        ("m.requests-3.jsonl", 1),
    ]
    ids = [json.loads(line)["custom_id"] for s in shards for line in (tmp_path / s.file).open()]
    assert ids == [f"row-{number:06d}-00000000" for number in range(7)]


def test_bytes_fill_a_batch_too(tmp_path: Path) -> None:
    (one,) = written(tmp_path, 1, ProviderLimits())
    size = (tmp_path / one.file).stat().st_size
    shards = written(tmp_path, 5, ProviderLimits(batch_bytes=2 * size))
    assert [shard.rows for shard in shards] == [2, 2, 1]
    assert max((tmp_path / shard.file).stat().st_size for shard in shards) == 2 * size


def test_an_error_leaves_no_file_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), RequestWriter(tmp_path, "m", "model", {}, ProviderLimits()) as writer:
        writer.write("a", MESSAGES)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_every_model_is_asked_the_same_rows(tmp_path: Path) -> None:
    data = write_rows(
        tmp_path / "t.jsonl", [chat_row("same", "yes"), chat_row("same", "no"), chat_row("b", "no")]
    )

    def asked() -> list[tuple[str, str, list[str]]]:
        task = Task(data, label, (), tmp_path / "out")
        said = {"temperature": 0, "max_tokens": None}
        return [
            (one.model, (tmp_path / "out" / one.shards[0].file).read_text(), one.hashes)
            for one in task.write_requests(["a", "b"], said, ProviderLimits(), SilentDisplay())
        ]

    (a, a_text, a_hashes), (b, b_text, b_hashes) = first = asked()
    assert (a, b) == ("a", "b")
    assert a_text.replace('"model":"a"', '"model":"b"') == b_text
    assert a_hashes != b_hashes
    lines = [json.loads(line) for line in a_text.splitlines()]
    assert len({line["custom_id"] for line in lines}) == 3
    assert "max_tokens" not in lines[0]["body"]
    assert asked() == first
