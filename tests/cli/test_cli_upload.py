"""``ftkit upload``: what is refused, what is sent once, and how."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import canned_platform
import pytest

canned_server, canned, at = canned_platform.canned_server, canned_platform.canned, canned_platform.at


@pytest.fixture
def train(tmp_path: Path) -> Path:
    rows = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"{n}!"}]}
        for n in range(20)
    ]
    path = tmp_path / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def prepared(canned: Any, train: Path, status: str = "processed") -> None:
    file = {"id": "f1", "bytes": train.stat().st_size, "purpose": "fine-tune", "status": status}
    canned.answer("POST", "/files", file, {**file, "id": "f2"})
    canned.answer("GET", "/files/f1", file)


def test_once_and_again(canned: Any, at: Any, train: Path) -> None:
    prepared(canned, train)
    assert at("upload", str(train)).stdout == "f1\n"
    second = at("upload", str(train), "--json")
    assert json.loads(second.stdout)["id"] == "f1"
    assert any("already, as f1" in json.loads(line).get("text", "") for line in second.stderr.splitlines())
    assert at("upload", str(train), "--again").stdout == "f2\n"
    assert canned.paths("POST") == ["/files", "/files"]


def test_a_faulty_file_is_refused_unless_told(canned: Any, at: Any, train: Path) -> None:
    train.write_text(train.read_text() + "{}\n")
    prepared(canned, train)
    refused = at("upload", str(train))
    assert refused.returncode == 1 and "has not passed validation" in refused.stderr
    assert f"{train}:21" in refused.stderr and "--no-validate" in refused.stderr
    assert canned.asked == []
    assert at("upload", str(train), "--no-validate").stdout == "f1\n"


def test_without_waiting(canned: Any, at: Any, train: Path) -> None:
    prepared(canned, train, "processing")
    done = at("upload", str(train), "--no-wait", "--json")
    assert json.loads(done.stdout)["status"] == "processing"
    assert canned.paths() == ["/files"]


def test_in_parts(canned: Any, at: Any, train: Path) -> None:
    size = train.stat().st_size
    canned.answer("POST", "/uploads", {"id": "u1", "status": "pending", "bytes": size})
    canned.answer("POST", "/uploads/u1/parts", {"id": "p1", "upload_id": "u1"})
    file = {"id": "f9", "bytes": size, "purpose": "fine-tune", "status": "processed"}
    canned.answer("POST", "/uploads/u1/complete", {"id": "u1", "status": "completed", "file": file})
    assert at("upload", str(train), "--parts").stdout == "f9\n"
    assert canned.asked[-1].json["part_ids"] == ["p1"]


def test_the_reason_of_the_platform_is_shown(canned: Any, at: Any, train: Path) -> None:
    refused = {"id": "f1", "status": "error", "status_details": "line 7 has no messages"}
    canned.answer("POST", "/files", {"id": "f1", "status": "uploaded"})
    canned.answer("GET", "/files/f1", refused)
    done = at("upload", str(train))
    assert done.returncode == 3 and done.stdout == ""
    assert "line 7 has no messages" in done.stderr
