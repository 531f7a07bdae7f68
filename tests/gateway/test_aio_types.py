"""What type checkers see of the asynchronous platform: the synchronous signatures, awaited."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RIGHT = """
from collections.abc import AsyncGenerator
from typing import assert_type
import ftkit
from ftkit.gateway import Batch, ChatReply, Embedded, FileInfo, Job, JobEvent, ModelInfo, ReplyPiece
from ftkit.gateway.bulk.result import BulkResult

async def main() -> None:
    async with ftkit.connect_async("local") as platform:
        assert_type(platform, ftkit.AsyncPlatform)
        assert_type(await platform.files.upload("train.jsonl", wait=False), FileInfo)
        assert_type(await platform.jobs.create("file-1", "linear", suffix="x", seed=1), Job)
        assert_type(platform.jobs.watch("job-1", timeout=3), AsyncGenerator[JobEvent, None])
        async for event in platform.jobs.watch("job-1"):
            assert_type(event, JobEvent)
        assert_type(await platform.batches.submit([], "24h"), Batch)
        assert_type(await platform.batches.run([], "out.jsonl", via="auto"), BulkResult)
        assert_type(await platform.chat.complete("m", [], temperature=0), ChatReply)
        assert_type(platform.chat.stream("m", []), AsyncGenerator[str, None])
        assert_type(platform.chat.pieces("m", [], timeout=3.0), AsyncGenerator[ReplyPiece, None])
        assert_type(await platform.completions.complete("m", "p", headers={"x": "y"}), ChatReply)
        assert_type(platform.completions.stream("m", "p", temperature=0), AsyncGenerator[str, None])
        assert_type(await platform.embeddings.create("m", ["a"]), Embedded)
        assert_type(await platform.models.list(), list[ModelInfo])
    assert_type(await ftkit.connect_async(), ftkit.AsyncPlatform)
"""

WRONG = {
    "await platform.files.upload(3)": "arg-type",
    "await platform.files.upload('x', purpos='batch')": "call-arg",
    "await platform.jobs.create('file-1')": "call-overload",
    "await platform.batches.run([], 'out', via='post')": "arg-type",
    "platform.files.upload('x').id": "attr-defined",
    "[e for e in platform.jobs.watch('x')]": "attr-defined",
}


def mypy(code: str, folder: Path) -> str:
    """What mypy says of the code."""
    file = folder / "code.py"
    file.write_text(code)
    config = Path(__file__).resolve().parents[2] / "pyproject.toml"
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        str(config),
        "--cache-dir",
        str(folder / "cache"),
    ]
    done = subprocess.run([*command, str(file)], capture_output=True, text=True, cwd=folder, check=False)
    return done.stdout + done.stderr


@pytest.mark.slow
def test_types_are_seen(tmp_path: Path) -> None:
    assert "Success" in mypy(RIGHT, tmp_path)
    lines = "\n".join(f"    {wrong}" for wrong in WRONG)
    said = mypy(f"import ftkit\n\nasync def f(platform: ftkit.AsyncPlatform) -> None:\n{lines}\n", tmp_path)
    for number, (wrong, code) in enumerate(WRONG.items(), 4):
        assert any(f"code.py:{number}:" in line and f"[{code}]" in line for line in said.splitlines()), (
            f"{wrong}\n{said}"
        )
