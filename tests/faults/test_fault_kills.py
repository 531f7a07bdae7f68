"""`kill -9` of a whole `ftkit run` where it hurts; benchmarks/kill_points.py tries hundreds of places."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from rig import Boundaries, Slot, fingerprint, write_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SIZES = ("--train", "24", "--validation", "9", "--test", "9", "--epochs", "3", "--seed", "1")
DONE = {"files": 4, "jobs": 1, "batches": 2, "requests": 18}


@pytest.fixture(scope="module")
def slot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slot]:
    """A platform that stays, and a proxy before it."""
    with Slot.open(tmp_path_factory.mktemp("slot")) as slot:
        yield slot


@pytest.fixture(scope="module")
def arguments(slot: Slot) -> tuple[str, ...]:
    """A small run's arguments."""
    return ("--data", str(write_rows(slot.folder / "rows.jsonl", 48)), *SIZES)


@pytest.fixture(scope="module")
def unhurt(slot: Slot, arguments: tuple[str, ...]) -> Any:
    """The result of a run that was left alone."""
    client = slot.client(*arguments)
    client.start()
    assert client.wait() == 0, client.complaint()
    assert (slot.count().counts, slot.count().duplicates) == (DONE, {})
    return fingerprint(client.result())


@pytest.mark.parametrize("moment", ["before", "carried out", "answered"])
@pytest.mark.parametrize(
    "request_", [("POST /files", 1), ("POST /fine_tuning/jobs", 1), ("POST /batches", 2)]
)
def test_killed_around_a_request_that_costs(
    slot: Slot, arguments: tuple[str, ...], unhurt: Any, moment: str, request_: tuple[str, int]
) -> None:
    client = slot.client(*arguments)
    slot.proxy.moment = Boundaries((moment, *request_), client.kill)
    client.start()
    assert client.wait() < 0, "it was to be killed"
    slot.proxy.moment = None
    client.start()
    assert client.wait() == 0, client.complaint()
    assert (slot.count().counts, slot.count().duplicates) == (DONE, {})
    assert fingerprint(client.result()) == unhurt


def test_killed_again_and_again(slot: Slot, arguments: tuple[str, ...], unhurt: Any) -> None:
    """Each call gets one request further than the one before it."""
    client = slot.client(*arguments)
    for path in ("/files", "/files", "/fine_tuning/jobs", "/files", "/batches"):
        slot.proxy.moment = Boundaries(("carried out", f"POST {path}", 1), client.kill)
        client.start()
        assert client.wait() < 0, "it was to be killed"
    slot.proxy.moment = None
    client.start()
    assert client.wait() == 0, client.complaint()
    assert (slot.count().counts, slot.count().duplicates) == (DONE, {})
    assert fingerprint(client.result()) == unhurt
