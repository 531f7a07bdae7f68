"""instructor's command line and its patched client, pointed at the local platform."""

from __future__ import annotations

import json
import re
from pathlib import Path

from client_rig import Client
from scripts.client_data import request_line, training

CLIENTS = ("instructor",)
MODEL = "gpt-4o-mini"


def identifier(pattern: str, output: str) -> str:
    """The first id of this kind in a command's output."""
    found = re.search(pattern + r"[A-Za-z0-9_-]+", output)
    assert found, output
    return found[0]


def test_instructor_files(client: Client, tmp_path: Path) -> None:
    """instructor files: upload, status, list, delete"""
    (tmp_path / "train.jsonl").write_text(training(), "utf-8")
    uploaded = client.command("instructor", "files", "upload", "train.jsonl", "--poll", "1")
    assert "uploaded successfully" in uploaded
    file = identifier("file-", uploaded)
    client.command("instructor", "files", "status", file)
    listed = client.command("instructor", "files", "list")
    assert file in listed
    assert "train.jsonl" in listed
    assert "deleted successfully" in client.command("instructor", "files", "delete", file)
    assert file not in client.command("instructor", "files", "list")


def test_instructor_jobs(client: Client, tmp_path: Path) -> None:
    """instructor jobs: create-from-file with validation and hyperparameters, list, create-from-id, cancel"""
    (tmp_path / "train.jsonl").write_text(training(), "utf-8")
    (tmp_path / "valid.jsonl").write_text(training(12), "utf-8")
    made = ["instructor", "jobs", "create-from-file", "train.jsonl", "--model", MODEL, "--poll", "1"]
    made += ["--n-epochs", "2", "--validation-file", "valid.jsonl", "--model-suffix", "cli"]
    seen = client.watching(*made, until=":cli:")
    job, file = identifier("ftjob-", seen), identifier("file-", seen)
    again = client.watching(
        "instructor", "jobs", "create-from-id", file, "--model", MODEL, until="Base Model"
    )
    second = identifier("ftjob-", again)
    assert second != job
    listed = client.watching("instructor", "jobs", "list", "--poll", "1", until=job)
    assert second in listed, "newest first"
    cancelled = client.command("instructor", "jobs", "cancel", second)
    assert "cancelled successfully" in cancelled or "cannot become cancelled" in cancelled


def test_instructor_batches(client: Client, tmp_path: Path) -> None:
    """instructor batch: create-from-file, list, results, download-file, cancel"""
    lines = "".join(request_line(f"r{number}", MODEL, "a lemon") for number in range(3))
    (tmp_path / "in.jsonl").write_text(lines, "utf-8")
    made = client.command("instructor", "batch", "create-from-file", "--file-path", "in.jsonl")
    batch = identifier("batch_", made)
    listed = client.until("completed", "instructor", "batch", "list", "--full-id", "--limit", "1")
    assert batch in listed
    client.command("instructor", "batch", "results", "--batch-id", batch, "--output-file", "out.jsonl")
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert [record["custom_id"] for record in records] == ["r0", "r1", "r2"]
    client.command(
        "instructor", "batch", "download-file", "--batch-id", batch, "--download-file-path", "copy.jsonl"
    )
    assert (tmp_path / "copy.jsonl").read_bytes() == (tmp_path / "out.jsonl").read_bytes()
    refused = client.command("instructor", "batch", "cancel", "--batch-id", batch)
    assert "cannot be cancelled" in " ".join(refused.split())


def test_instructor_models(client: Client) -> None:
    """from_openai with a response_model by JSON schema"""
    found = client.run("instructor_models.py")
    assert found["type"] == "Fruit"
    assert found["citrus"] in ("yes", "no")
