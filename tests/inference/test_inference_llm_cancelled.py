"""Batches of ``ftkit.LLM`` on a platform that takes its time: cancelled from elsewhere, and gone on with."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import canned_platform
from asked_backends import Prepared
from canned_platform import Asked, Canned

import ftkit
from ftkit.errors import BatchFailed
from ftkit.settings import Settings

canned_server, canned = canned_platform.canned_server, canned_platform.canned


class Slow:
    """Batches that are at work until they are cancelled, or until ``quick`` is set."""

    def __init__(self, canned: Canned) -> None:
        self.quick = False
        self.batches: dict[str, dict[str, Any]] = {}
        self.files: list[bytes] = []
        self._canned = canned
        canned.answer("POST", "/files", self._upload)
        canned.answer("GET", "/files", {"object": "list", "data": [], "has_more": False})
        canned.answer("POST", "/batches", self._create)
        canned.answer(
            "GET", "/batches", lambda asked: {"data": list(self.batches.values()), "has_more": False}
        )

    def _upload(self, asked: Asked) -> dict[str, Any]:
        self.files.append(asked.body)
        one = {"id": f"file-{len(self.files)}", "object": "file", "status": "processed", "purpose": "batch"}
        self._canned.answer("GET", f"/files/{one['id']}", one)
        return one

    def _create(self, asked: Asked) -> dict[str, Any]:
        number = len(self.batches) + 1
        name = f"batch-{number}"
        one = {
            **asked.json,
            "id": name,
            "object": "batch",
            "status": "in_progress",
            "created_at": int(time.time()),
        }
        self.batches[name] = one
        self._canned.answer("GET", f"/batches/{name}", lambda _: self._look(one))
        self._canned.answer(
            "POST", f"/batches/{name}/cancel", lambda _: one.update(status="cancelled") or one
        )
        self._canned.answer("GET", f"/files/{name}-out/content", lambda _: (200, self._output(one)))
        return one

    def _look(self, one: dict[str, Any]) -> dict[str, Any]:
        if self.quick and one["status"] == "in_progress":
            one.update(status="completed", output_file_id=f"{one['id']}-out", completed_at=int(time.time()))
            self._canned.answer(
                "GET", f"/files/{one['id']}-out", {"id": f"{one['id']}-out", "object": "file"}
            )
        return one

    def _output(self, one: dict[str, Any]) -> bytes:
        body = self.files[int(one["input_file_id"].removeprefix("file-")) - 1]
        lines = [json.loads(line) for line in body.splitlines() if line.startswith(b'{"')]
        answers = []
        for line in lines:
            text = line["body"]["messages"][-1]["content"].upper()
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            made = {"model": "m", "choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}
            response = {"status_code": 200, "body": made}
            answers.append({"custom_id": line["custom_id"], "response": response, "error": None})
        return b"".join(json.dumps(answer).encode() + b"\n" for answer in answers)


def test_a_call_is_cancelled_from_elsewhere_and_goes_on_later(canned: Canned, tmp_path: Path) -> None:
    slow = Slow(canned)
    settings = Settings(state_dir=tmp_path / "state", max_retries=0, poll_seconds=0.02)

    def make() -> ftkit.LLM:
        return ftkit.LLM("m", batch=True, base_url=canned.address, api_key="k", settings=settings)

    ended: list[BatchFailed] = []

    def call() -> None:
        try:
            make()(["a", "b"])
        except BatchFailed as error:
            ended.append(error)

    assert make().cancel(["a", "b"]) == 0, "nothing is under way"
    thread = threading.Thread(target=call)
    thread.start()
    until = time.monotonic() + 30
    while not slow.batches and time.monotonic() < until:
        time.sleep(0.02)
    assert make().cancel(["a", "c"]) == 0, "other data is another call"
    assert make().cancel(["a", "b"]) == 1
    thread.join(30)
    assert not thread.is_alive() and len(ended) == 1
    assert [one["status"] for one in slow.batches.values()] == ["cancelled"]
    slow.quick = True
    response = make()(["a", "b"])
    assert response.dataset["response"][:] == ["A", "B"] and response.batch_mode
    assert len(slow.batches) == 2


def test_files_of_batches_that_did_not_complete_are_deleted_if_wanted(canned: Canned, tmp_path: Path) -> None:
    from ftkit.gateway import connect
    from ftkit.inference.llm.tidying import delete_files

    for name, status in (("good", "completed"), ("bad", "expired")):
        files = {"input_file_id": f"{name}-in", "output_file_id": f"{name}-out"}
        canned.answer("GET", f"/batches/{name}", {"id": name, "object": "batch", "status": status, **files})
        canned.answer("DELETE", f"/files/{name}-in", {"id": f"{name}-in", "deleted": True})
    settings = Settings(state_dir=tmp_path, max_retries=0)
    with connect("custom", settings=settings, base_url=canned.address, api_key="k") as platform:
        assert delete_files(platform, ["good", "bad"], good=False, bad=True) == 1
        assert canned.paths("DELETE") == ["/files/bad-in", "/files/bad-out"], "one was gone already"
        assert delete_files(platform, ["good", "bad"], good=True, bad=False) == 1
        assert delete_files(platform, ["good", "bad"], good=False, bad=False) == 0


def test_what_is_no_platform_has_nothing_to_cancel(tmp_path: Path) -> None:
    backend = Prepared(lambda messages: "ok")
    assert ftkit.LLM("m", backend=backend, settings=Settings(state_dir=tmp_path)).cancel(["a"]) == 0
