"""The real-time path at length: memory and pace do not depend on how many requests there are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

NULL_PLATFORM = Path(__file__).resolve().parents[1] / "null_platform.py"
CLIENT = """
import json, resource, sys
from ftkit.gateway import Pace, chat_request, connect
from ftkit.gateway.realtime import answer_all
from ftkit.settings import Settings

address, count = sys.argv[1], int(sys.argv[2])
seen = bytearray(count)

def take(answer):
    assert answer["response"]["body"]["choices"][0]["message"]["content"] == "positive"
    seen[int(answer["custom_id"])] += 1

messages = [{"role": "user", "content": "profit rose in region 7 " * 20}]
with connect("custom", settings=Settings(), base_url=address, api_key="k") as platform:
    def ask(n):
        requests = (chat_request(str(i), "m", messages) for i in range(n))
        return answer_all(platform._wire, requests, Pace(200), take)
    ask(1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seen[:] = bytes(count)
    stats = ask(count)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(json.dumps({"once": sum(n == 1 for n in seen), "answered": stats.answered, "grown": grown}))
"""


@pytest.fixture
def null_platform() -> Iterator[str]:
    """The address of a platform in a process of its own that answers at once."""
    process = subprocess.Popen([sys.executable, str(NULL_PLATFORM)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    process.terminate()
    process.wait(10)


def answered_once(address: str, count: int) -> float:
    """MB by which memory grew while ``count`` requests got one answer each."""
    command = [sys.executable, "-c", CLIENT, address, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert (figures["once"], figures["answered"]) == (count, count)
    return float(figures["grown"]) / (1e6 if sys.platform == "darwin" else 1e3)


def test_memory_stays_over_thousands(null_platform: str) -> None:
    assert answered_once(null_platform, 2000) < 15


@pytest.mark.slow
def test_memory_stays_over_a_hundred_thousand(null_platform: str) -> None:
    assert answered_once(null_platform, 100_000) < 15
