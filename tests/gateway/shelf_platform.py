"""A platform with files where things go wrong by plan: what it takes and what it answers are two things."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from canned_platform import Asked, Canned

_NAME = re.compile(rb'name="(?:file|data)"; filename="([^"]*)"')
OK, LOST, BEFORE = "ok", "lost", "before"
"""All goes well; the file arrives and its answer is lost; the connection breaks before it arrives."""


@dataclass
class Shelf:
    """``plan`` says for each upload how it goes; after its end all go well. A number is an error's status."""

    canned: Canned
    plan: list[str | int] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    uploads: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    late: int = 0
    """So many times the list does not show the newest file yet."""

    def __post_init__(self) -> None:
        self.canned.answer("POST", "/files", self._create)
        self.canned.answer("GET", "/files", self._list)

    def sent(self) -> int:
        """How often a file was sent whole."""
        return self.canned.paths("POST").count("/files")

    def add(self, name: str, data: bytes, purpose: str = "fine-tune", **given: Any) -> dict[str, Any]:
        """A file that is there."""
        file = {
            "id": f"file-{len(self.contents)}",
            "object": "file",
            "bytes": len(data),
            "filename": name,
            "purpose": purpose,
            "status": "processed",
            **given,
        }
        self.files.append(file)
        self.contents[file["id"]] = data
        self.canned.answer("GET", f"/files/{file['id']}", file)
        return file

    def lose(self, file_id: str) -> None:
        """Forget a file, as platforms do."""
        self.files = [file for file in self.files if file["id"] != file_id]
        self.canned.answer("GET", f"/files/{file_id}", (404, {"error": {"message": "No such File object"}}))

    def goes(self, does: Callable[[], Any]) -> Any:
        """One request by the plan."""
        step = self.plan.pop(0) if self.plan else OK
        if step == BEFORE:
            raise ConnectionResetError
        if isinstance(step, int):
            return step, {"error": {"message": f"planned {step}"}}
        answer = does()
        if step == LOST:
            raise ConnectionResetError
        return answer

    def _create(self, asked: Asked) -> Any:
        purpose = re.search(rb'name="purpose"\r\n\r\n([^\r]*)', asked.body)
        name = _NAME.search(asked.body)
        assert purpose is not None and name is not None
        return self.goes(lambda: self.add(name[1].decode(), form_data(asked), purpose[1].decode()))

    def _list(self, asked: Asked) -> Any:
        hidden = 1 if self.late > 0 else 0
        self.late -= 1
        wanted = asked.query.get("purpose")
        files = self.files[: len(self.files) - hidden]
        found = [file for file in files if wanted in (None, file["purpose"])]
        return {"object": "list", "data": found[::-1], "has_more": False}


def form_data(asked: Asked) -> bytes:
    """The bytes of the form's file."""
    boundary = asked.headers["content-type"].partition("boundary=")[2].encode()
    [piece] = [part for part in asked.body.split(b"--" + boundary) if _NAME.search(part)]
    return piece.partition(b"\r\n\r\n")[2][:-2]
