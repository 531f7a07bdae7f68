"""A minute of everything at once on a real server: no fault, nothing lost, nothing that grows."""

from __future__ import annotations

import json
import os
import random
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlparse

import pytest
from local_platform import (
    LocalServer,
    batch_bytes,
    chat_example,
    finished_batch,
    raw,
    training_bytes,
    wait_for,
)

SECONDS = float(os.environ.get("FTKIT_SOAK_SECONDS", "60"))
WARM = 0.4
"""Share of the time after which memory and open files are read for the first time."""


class Soak:
    """Threads that each ask in their own way until the time is over; what they saw, and what was wrong."""

    def __init__(self, server: LocalServer) -> None:
        self.server = server
        self.seen: Counter[str] = Counter()
        self.faults: list[str] = []
        self._end = time.monotonic() + SECONDS
        self._guard = threading.Lock()

    def run(self, *tasks: Callable[[random.Random], str]) -> list[threading.Thread]:
        """Start two threads of each."""
        threads = [
            threading.Thread(target=self._loop, args=(task, seed)) for seed in range(2) for task in tasks
        ]
        for thread in threads:
            thread.start()
        return threads

    def _loop(self, task: Callable[[random.Random], str], seed: int) -> None:
        chance = random.Random(seed)
        while time.monotonic() < self._end:
            try:
                said = task(chance)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what this test looks for
                said = f"fault: {task.__name__}: {error!r}"
            with self._guard:
                self.seen[said.partition(":")[0]] += 1
                if said.startswith("fault"):
                    self.faults.append(said)

    def chat(self, chance: random.Random) -> str:
        """A stream that is read to its end, or left in the middle."""
        text = f"number {chance.randrange(1000)}"
        stream = self.server.client().chat.completions.create(
            model="linear", messages=[{"role": "user", "content": text}], stream=True
        )
        with stream:
            for _ in stream:
                if chance.random() < 0.1:
                    return "chat left"
        return "chat"

    def files(self, chance: random.Random) -> str:
        """A file that comes back as it went, and goes."""
        client = self.server.client()
        data = chance.randbytes(chance.randrange(1, 300_000))
        file = client.files.create(file=("f", data), purpose="batch")
        same = client.files.content(file.id).read() == data
        client.files.delete(file.id)
        return "file" if same else "fault: a file came back otherwise"

    def batches(self, chance: random.Random) -> str:
        """A batch that is done, each line once and in order."""
        client = self.server.client()
        texts = [f"Is {n} a or b?" for n in range(chance.randrange(1, 200))]
        file = client.files.create(file=("b", batch_bytes("linear", texts)), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="1h"
        )
        done = finished_batch(client, batch.id)
        lines = client.files.content(done.output_file_id).text.splitlines()
        ids = [json.loads(line)["custom_id"] for line in lines]
        return "batch" if ids == [f"r{n}" for n in range(len(texts))] else "fault: a batch has other lines"

    def jobs(self, chance: random.Random) -> str:
        """A job that is cancelled at some time, or not."""
        client = self.server.client()
        extra = training_bytes(20) + json.dumps(chat_example(str(chance.random()), "yes")).encode() + b"\n"
        file = client.files.create(file=("t", extra), purpose="fine-tune")
        job = client.fine_tuning.jobs.create(
            model="linear", training_file=file.id, hyperparameters={"n_epochs": 2}
        )
        if chance.random() < 0.5:
            time.sleep(chance.random())
            raw(self.server, "POST", f"/v1/fine_tuning/jobs/{job.id}/cancel")
        over = ("succeeded", "cancelled")
        wait_for(lambda: client.fine_tuning.jobs.retrieve(job.id).status in over, seconds=60)
        return "job"

    def rubbish(self, chance: random.Random) -> str:
        """Bytes that are no request, or half of one."""
        address = urlparse(self.server.url)
        start = chance.choice([b"", b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\n", b"GET / HTTP/1.1\r\n"])
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as line:
            line.sendall(start + chance.randbytes(chance.randrange(1, 2000)))
        time.sleep(0.03)
        return "rubbish"

    def status(self, chance: random.Random) -> str:
        """What an open page asks."""
        status, found = raw(self.server, "GET", "/status")
        return "status" if status == 200 and found["jobs"]["total"] >= 0 else f"fault: status {status}"


def size_of(pid: int) -> tuple[int, int]:
    """(resident bytes, open files) of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(list(Path(f"/proc/{pid}/fd").iterdir()))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="reads a process's size from /proc")
def test_a_minute_of_everything_at_once(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "state").start()
    assert server.process is not None
    soak = Soak(server)
    threads = soak.run(soak.chat, soak.files, soak.batches, soak.jobs, soak.rubbish, soak.status)
    time.sleep(SECONDS * WARM)
    before, files_before = size_of(server.process.pid)
    for thread in threads:
        thread.join()
    after, files_after = size_of(server.process.pid)
    print(
        dict(soak.seen),
        f"{before / 1e6:.0f} MB -> {after / 1e6:.0f} MB, {files_before} -> {files_after} files",
    )
    assert soak.faults == []
    assert all(soak.seen[name] for name in ("chat", "chat left", "file", "batch", "job", "rubbish", "status"))
    assert after < before + 30_000_000, "memory grows"
    assert files_after < files_before + 20, "open files grow"
    code, _, err = server.stop()
    assert code == 0 and "Error" not in err and "ERROR" not in err
