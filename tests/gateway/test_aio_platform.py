"""The asynchronous platform: every operation once, many at once, cancelled, closed."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from canned_platform import Asked, Canned

import ftkit
from ftkit.errors import NotOnPlatform, PlatformError
from ftkit.gateway import AsyncPlatform, Pace, Platform, aio, chat_request, connect_async
from ftkit.gateway.batches import Batches
from ftkit.gateway.chat import Chat
from ftkit.gateway.completions import Completions
from ftkit.gateway.embeddings import Embeddings
from ftkit.gateway.files import Files
from ftkit.gateway.jobs import Jobs
from ftkit.gateway.models import Models
from ftkit.settings import Settings

Connect = Callable[..., Platform]
SAY_UP = [{"role": "user", "content": "Answer with one word: up or down. profit rose"}]
PAIRS = [
    (Files, aio.AsyncFiles),
    (Jobs, aio.AsyncJobs),
    (Batches, aio.AsyncBatches),
    (Chat, aio.AsyncChat),
    (Completions, aio.AsyncCompletions),
    (Embeddings, aio.AsyncEmbeddings),
    (Models, aio.AsyncModels),
]
NEEDS_NO_WAITING = {"read", "check_window"}


@pytest.mark.parametrize(("sync", "face"), PAIRS, ids=lambda c: c.__name__)
def test_every_method_has_its_asynchronous_twin(sync: type, face: type) -> None:
    methods = {n for n, m in vars(sync).items() if inspect.isfunction(m) and not n.startswith("_")}
    assert methods - NEEDS_NO_WAITING == {n for n in vars(face) if not n.startswith("_")}


@pytest.mark.parametrize(("sync", "face"), PAIRS, ids=lambda c: c.__name__)
def test_what_yields_there_yields_here(sync: type, face: type) -> None:
    for name, twin in vars(face).items():
        if isinstance(twin, aio.call | aio.steps):
            yields = str(getattr(sync, name).__annotations__["return"]).startswith("Iterator")
            assert isinstance(twin, aio.steps) == yields, name
            assert twin.__doc__ == getattr(sync, name).__doc__


async def a_whole_tuning(platform: AsyncPlatform, training_file: Path) -> None:
    file = await platform.files.upload(training_file)
    assert (await platform.files.get(file.id)).id == file.id
    assert file.id in [f.id async for f in platform.files.list()]
    assert await platform.files.resolve(file.id) == file.id
    assert len([line async for line in platform.files.lines(file.id)]) == 40

    job = await platform.jobs.create(file.id, "linear", suffix="aio")
    events = [event async for event in platform.jobs.watch(job.id)]
    done = await platform.jobs.wait(job.id)
    assert done.status == "succeeded"
    assert [e.id for e in events] == [e.id async for e in platform.jobs.events(job.id)]
    assert (await platform.jobs.get(job.id)).fine_tuned_model == done.fine_tuned_model
    assert (await platform.jobs.look(job.id)).id == job.id
    assert job.id in [j.id async for j in platform.jobs.list()]
    assert job.id not in [j.id async for j in platform.jobs.active()]
    assert [c async for c in platform.jobs.checkpoints(job.id)]
    assert await platform.jobs.wait_all([job.id]) == (await platform.jobs.get(job.id),)
    assert [j.id for j in await platform.jobs.follow([job.id])] == [job.id]
    assert [u async for u in platform.jobs.watch_all([job.id])]

    model = str(done.fine_tuned_model)
    reply = await platform.chat.complete(model, SAY_UP, max_tokens=5)
    assert reply.text == "".join([piece async for piece in platform.chat.stream(model, SAY_UP, max_tokens=5)])
    assert model in [m.id for m in await platform.models.list()]
    assert (await platform.models.get(model)).id == model
    await platform.models.delete(model)


async def batches(platform: AsyncPlatform, folder: Path) -> None:
    requests = [chat_request(f"r{i}", "linear", SAY_UP) for i in range(5)]
    batch = await platform.batches.submit(requests)
    assert [b.status async for b in platform.batches.watch(batch.id)][-1] == "completed"
    assert (await platform.batches.wait(batch.id)).ended
    assert {a.custom_id async for a in platform.batches.results(batch.id)} == {f"r{i}" for i in range(5)}
    assert (await platform.batches.save_results(batch.id, folder / "a.jsonl")).answers == 5
    assert batch.id in [b.id async for b in platform.batches.list()]
    assert (await platform.batches.get(batch.id)).total == 5
    other = await platform.batches.submit([chat_request("x", "linear", SAY_UP)])
    await platform.batches.end(other.id)
    for via in ("batch", "realtime"):
        out = folder / f"{via}.jsonl"
        await platform.batches.run(requests, out, via=via, pace=Pace(concurrency=2))
        assert len(out.read_text().splitlines()) == 5


def test_a_whole_tuning(local_settings: Settings, training_file: Path) -> None:
    async def main() -> None:
        async with connect_async("local", settings=local_settings) as platform:
            assert (platform.name, platform.provider.local) == ("local", True)
            assert platform.base_url in repr(platform)
            await a_whole_tuning(platform, training_file)

    asyncio.run(main())


def test_batches(local_settings: Settings, tmp_path: Path) -> None:
    async def main() -> None:
        async with connect_async("local", settings=local_settings) as platform:
            await batches(platform, tmp_path)

    asyncio.run(main())


def test_files_go_and_come(local_settings: Settings, training_file: Path, tmp_path: Path) -> None:
    async def main() -> None:
        platform = await ftkit.connect_async("local", settings=local_settings)
        file = await platform.files.upload(training_file, again=True)
        pieces = [piece async for piece in platform.files.content(file.id)]
        copy = await platform.files.download(file.id, tmp_path / "copy.jsonl")
        assert b"".join(pieces) == copy.read_bytes() == training_file.read_bytes()
        await platform.files.delete(file.id)
        with pytest.raises(NotOnPlatform):
            await platform.files.get(file.id)
        await platform.close()

    asyncio.run(main())


def test_errors_are_the_same(canned: Canned, to_canned: Connect) -> None:
    canned.answer("GET", "/fine_tuning/jobs", (500, {"error": {"message": "ill"}}))

    async def main() -> None:
        async with AsyncPlatform(to_canned()) as platform:
            with pytest.raises(NotOnPlatform):
                await platform.jobs.get("job-1")
            with pytest.raises(PlatformError, match="ill"):
                _ = [job async for job in platform.jobs.list()]

    asyncio.run(main())


def no_threads(seconds: float = 10.0) -> bool:
    """True as soon as no thread of an asynchronous platform is left."""
    deadline = time.monotonic() + seconds
    while any(thread.name == "ftkit-async" for thread in threading.enumerate()):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def running_job(asked: Asked) -> dict[str, Any]:
    """A job that never ends, whatever its id."""
    return {"id": asked.path.rpartition("/")[2], "status": "running"}


def prepare_jobs(canned: Canned, count: int) -> list[str]:
    """So many jobs that never end."""
    names = [f"job-{i}" for i in range(count)]
    for name in names:
        canned.answer("GET", f"/fine_tuning/jobs/{name}", running_job)
        canned.answer("GET", f"/fine_tuning/jobs/{name}/events", {"data": []})
    return names


def test_many_watches_leave_room_for_others(canned: Canned, to_canned: Connect) -> None:
    names = prepare_jobs(canned, 100)
    canned.answer("GET", "/models", {"data": [{"id": "m"}]})
    patient = to_canned(settings={"poll_seconds": 30.0})

    async def main() -> None:
        async with AsyncPlatform(patient) as platform:
            waits = [asyncio.ensure_future(platform.jobs.wait(name)) for name in names]
            await asyncio.sleep(0.3)
            began = time.monotonic()
            assert [m.id for m in await platform.models.list()] == ["m"]
            assert await asyncio.to_thread(lambda: 7) == 7, "the loop's own executor is free"
            assert time.monotonic() - began < 5
            for wait in waits:
                wait.cancel()
            ends = await asyncio.gather(*waits, return_exceptions=True)
            assert {type(end) for end in ends} == {asyncio.CancelledError}

    asyncio.run(main())
    assert no_threads(), "no thread goes on waiting"


def test_a_cancelled_wait_ends_at_once_and_harms_no_other(canned: Canned, to_canned: Connect) -> None:
    prepare_jobs(canned, 2)
    canned.answer("GET", "/fine_tuning/jobs/done", {"id": "done", "status": "succeeded"})
    canned.answer("GET", "/fine_tuning/jobs/done/events", {"data": []})

    async def main() -> None:
        async with AsyncPlatform(to_canned(settings={"poll_seconds": 30.0})) as platform:
            other = asyncio.ensure_future(platform.jobs.wait("job-1"))
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await platform.jobs.wait("job-0")
            assert time.monotonic() - began < 2
            assert not platform.sync._wire.stop.is_set()
            assert (await platform.jobs.wait("done")).status == "succeeded"
            assert not other.done()
            other.cancel()

    asyncio.run(main())


def test_an_iterator_that_is_left_ends_its_thread(canned: Canned, to_canned: Connect) -> None:
    events = [{"id": f"e{i}", "message": str(i), "created_at": i + 1} for i in range(3)]
    canned.answer("GET", "/fine_tuning/jobs/j", {"id": "j", "status": "running"})
    canned.answer("GET", "/fine_tuning/jobs/j/events", {"data": events})
    got: list[str] = []

    async def main() -> None:
        async with AsyncPlatform(to_canned(settings={"poll_seconds": 30.0})) as platform:
            watch = platform.jobs.watch("j")
            async for event in watch:
                got.append(event.message)
                if len(got) == 2:
                    break
            await watch.aclose()

    asyncio.run(main())
    assert got == ["0", "1"]
    assert no_threads()


def test_a_reader_is_not_far_behind_its_thread(canned: Canned, to_canned: Connect) -> None:
    """A list of a thousand pages is not read where only its beginning is wanted."""

    def page(asked: Asked) -> dict[str, Any]:
        start = int(asked.query.get("after", "f-0").partition("-")[2])
        return {"data": [{"id": f"f-{start + i}"} for i in range(1, 51)], "has_more": True}

    canned.answer("GET", "/files", page)

    async def main() -> list[str]:
        async with AsyncPlatform(to_canned()) as platform:
            files = platform.files.list()
            first = [(await anext(files)).id for _ in range(10)]
            await asyncio.sleep(0.3)
            await files.aclose()
            return first

    assert asyncio.run(main()) == [f"f-{i}" for i in range(1, 11)]
    assert len(canned.asked) <= 5


def test_all_of_many_pages_come_in_order(canned: Canned, to_canned: Connect) -> None:
    def page(asked: Asked) -> dict[str, Any]:
        start = int(asked.query.get("after", "f-0").partition("-")[2])
        return {"data": [{"id": f"f-{start + i}"} for i in range(1, 51)], "has_more": start < 450}

    canned.answer("GET", "/files", page)

    async def main() -> list[str]:
        async with AsyncPlatform(to_canned()) as platform:
            return [file.id async for file in platform.files.list()]

    assert asyncio.run(main()) == [f"f-{i}" for i in range(1, 501)]


def test_closing_ends_what_waits(canned: Canned, to_canned: Connect) -> None:
    prepare_jobs(canned, 1)

    async def main() -> None:
        platform = AsyncPlatform(to_canned(settings={"poll_seconds": 30.0}))
        wait = asyncio.ensure_future(platform.jobs.wait("job-0"))
        await asyncio.sleep(0.2)
        await platform.close()
        with pytest.raises(ftkit.FtkitError, match="stopped"):
            await asyncio.wait_for(wait, 3)

    asyncio.run(main())


def test_real_time_stops_with_its_task(canned: Canned, to_canned: Connect, tmp_path: Path) -> None:
    def slow(asked: Asked) -> dict[str, Any]:
        time.sleep(0.1)
        return {"choices": [{"message": {"content": "x"}}]}

    canned.answer("POST", "/chat/completions", slow)
    requests = [chat_request(f"r{i}", "m", SAY_UP) for i in range(1000)]

    async def main() -> None:
        async with AsyncPlatform(to_canned(settings={"state_dir": tmp_path / "state"})) as platform:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    await platform.batches.run(
                        requests, tmp_path / "out.jsonl", via="realtime", pace=Pace(concurrency=2)
                    )
            await asyncio.sleep(0.5)
            asked = len(canned.asked)
            await asyncio.sleep(0.4)
            assert 1 <= len(canned.asked) == asked < 100

    asyncio.run(main())
