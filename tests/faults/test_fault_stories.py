"""What platforms do to things that were there: files vanish, jobs fail at once, batches expire half done."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from breakage import changed, gone, named
from proxy import Action, Answer, Exchange, Proxy, Rule
from rig import Server
from scenarios import CONTENTS, JOB, Stage
from tally import form, tally

from ftkit.errors import NotOnPlatform


def test_a_file_that_vanished_is_uploaded_again_and_only_then(stage: Stage, proxy: Proxy) -> None:
    with stage.connect() as client:
        first = client.files.upload(stage.training_file()).id
    with stage.connect() as client:
        assert client.files.upload(stage.training_file()).id == first
    assert tally(proxy.records).counts == {"files": 1}
    with stage.connect() as client:
        client.files.delete(first)
        second = client.files.upload(stage.training_file()).id
        assert second != first
        assert b"".join(client.files.content(second)) == stage.training_file().read_bytes()
    assert len(proxy.carried_out("POST", "/files")) == 2


def test_a_file_that_only_seems_to_have_vanished_is_found_in_the_list(stage: Stage, proxy: Proxy) -> None:
    """One wrong 404 on the way is no reason to send a file again that the list still has."""
    with stage.connect() as client:
        first = client.files.upload(stage.training_file()).id
    proxy.plan = [Rule("GET", "/files/[^/]+", gone)]
    with stage.connect() as client:
        again = client.files.upload(stage.training_file()).id
    assert again == first
    assert tally(proxy.records).counts == {"files": 1}


def test_a_watched_job_that_vanishes_is_an_error(stage: Stage, proxy: Proxy) -> None:
    with stage.connect() as client:
        file = client.files.upload(stage.training_file()).id
        job = client.jobs.create(file, "linear", hyperparameters={"n_epochs": 50, "batch_size": 1})
        proxy.plan = [Rule("GET", JOB, gone, nth=3, times=0)]
        with pytest.raises(NotOnPlatform, match=f"{job.id} has vanished"):
            list(client.jobs.watch(job.id, timeout=30))
        proxy.plan = []
        client.jobs.cancel(job.id)


def test_a_job_that_failed_at_once_is_launched_again_by_the_next_call(stage: Stage, proxy: Proxy) -> None:
    faulty = stage.training_file()
    with stage.connect() as client:
        file = client.files.upload(faulty).id
        said = {"status": "failed", "error": {"code": "x", "message": "no room"}, "finished_at": 1}
        proxy.plan = [Rule("GET", JOB, changed("failed", lambda job: {**job, **said}), times=1)]
        order: dict[str, Any] = {"training_file": file, "model": "linear", "seed": 5}
        first = client.jobs.create(**order)
        assert client.jobs.wait(first.id, lambda event: None, timeout=30).status == "failed"
        proxy.plan = [
            Rule(
                "GET",
                f"/fine_tuning/jobs/{first.id}",
                changed("failed", lambda job: {**job, **said}),
                times=0,
            )
        ]
        second = client.jobs.create(**order)
        assert second.id != first.id
    with stage.connect() as client:
        assert client.jobs.create(**order).id == second.id
    assert tally(proxy.records).counts == {"files": 1, "jobs": 2}


class HalfDone:
    """The first batch expires when half of its requests are answered; what it did answer can be read."""

    def __init__(self) -> None:
        self.batch: str | None = None
        self.output: str | None = None
        self.kept: list[str] = []

    def plan(self) -> list[Rule]:
        return [
            Rule("GET", "/batches/[^/]+", self.expired, times=0),
            Rule("GET", CONTENTS, self.half, times=0),
            Rule("GET", "/files/[^/]+", changed("no size", lambda file: {**file, "bytes": None}), times=0),
        ]

    @property
    def expired(self) -> Action:
        return changed("expired", self._expire)

    def _expire(self, batch: dict[str, Any]) -> dict[str, Any]:
        self.batch = self.batch or batch["id"]
        if batch["id"] != self.batch or batch["status"] != "completed":
            return batch
        self.output = batch["output_file_id"]
        counts = {"total": 6, "completed": 3, "failed": 0}
        return {**batch, "status": "expired", "expired_at": batch["completed_at"], "request_counts": counts}

    @property
    def half(self) -> Action:
        @named("half of the answers")
        async def act(exchange: Exchange) -> None:
            answer = await exchange.carry_out()
            if exchange.record.path != f"/files/{self.output}/content":
                await exchange.answer(answer)
                return
            lines = answer.body.splitlines(keepends=True)[::2]
            self.kept = [json.loads(line)["custom_id"] for line in lines]
            headers = [(n, v) for n, v in answer.headers if n.lower() != "repr-digest"]
            await exchange.answer(Answer(200, headers, b"".join(lines)))

        return act


def test_a_batch_that_expires_half_done_is_asked_only_for_the_rest(stage: Stage, proxy: Proxy) -> None:
    fate = HalfDone()
    proxy.plan = fate.plan()
    with stage.connect() as client:
        result = client.batches.run(stage.requests(), stage.folder / "answers.jsonl", via="batch")
    assert (result.status, result.answered, result.failed) == ("completed", 6, 0)
    lines = [json.loads(line) for line in result.out.read_text().splitlines()]
    asked = stage.requests()
    assert [line["custom_id"] for line in lines] == [one["custom_id"] for one in asked]
    texts = [line["response"]["body"]["choices"][0]["message"]["content"] for line in lines]
    assert texts == ["up", "down"] * 3
    assert len(fate.kept) == 3
    second = form(proxy.carried_out("POST", "/files")[1])["file"].splitlines()
    bodies = [json.loads(line)["body"]["messages"] for line in second if line.strip()]
    unanswered = [one["body"]["messages"] for one in asked if one["custom_id"] not in fate.kept]
    assert bodies == unanswered, "what was answered is never asked again"
    assert len(proxy.carried_out("POST", "/batches")) == 2


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A platform of the test's own, which may be killed."""
    server = Server(tmp_path / "platform")
    server.start()
    yield server
    server.kill()


@pytest.mark.parametrize("workers_too", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_watch_lives_through_the_death_of_the_platform(
    server: Server, tmp_path: Path, workers_too: bool
) -> None:
    with Proxy(server.url) as proxy:
        stage = Stage(proxy, tmp_path)
        with stage.connect() as client:
            file = client.files.upload(stage.training_file()).id
            job = client.jobs.create(file, "linear", hyperparameters={"n_epochs": 20, "batch_size": 1})
            trained = threading.Event()

            def murder() -> None:
                trained.wait(30)
                server.kill(workers_too)
                time.sleep(0.2)
                server.start()

            killer = threading.Thread(target=murder)
            killer.start()
            shown = []
            for event in client.jobs.watch(job.id, timeout=90):
                shown.append(event.id)
                if len(shown) > 20:
                    trained.set()
            killer.join()
            there = client.jobs.get(job.id)
            assert there.status == "succeeded"
            assert shown == [event.id for event in client.jobs.events(job.id)]
        assert tally(proxy.records).duplicates == {}


def test_a_batch_run_lives_through_the_death_of_the_platform(server: Server, tmp_path: Path) -> None:
    with Proxy(server.url) as proxy:
        stage = Stage(proxy, tmp_path)
        killed = threading.Event()

        async def at(moment: str, record: Any) -> None:
            if moment == "answered" and record.method == "POST" and record.path == "/batches":
                killed.set()
                server.kill()

        def revive() -> None:
            if killed.wait(30):
                time.sleep(0.2)
                server.start()

        proxy.moment = at
        helper = threading.Thread(target=revive)
        helper.start()
        with stage.connect() as client:
            result = client.batches.run(stage.requests(200), tmp_path / "answers.jsonl", via="batch")
        helper.join()
        assert killed.is_set()
        assert (result.status, result.answered, result.duplicates, result.strangers) == (
            "completed",
            200,
            0,
            0,
        )
        assert tally(proxy.records).counts == {"files": 1, "batches": 1, "requests": 200}
