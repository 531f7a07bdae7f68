"""``ftkit generate``, killed in the midst of its requests and called again: nothing is asked twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import canned_platform
import pytest
from canned_platform import Asked, Canned

canned_server, canned = canned_platform.canned_server, canned_platform.canned
ROWS, KILL_AT = 30, 10


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of POSIX")
def test_a_killed_call_goes_on_and_asks_nothing_twice(canned: Canned, tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    enough = threading.Event()

    def say(asked: Asked) -> dict[str, Any]:
        text = asked.json["messages"][-1]["content"]
        seen[text] += 1
        if len(seen) >= KILL_AT:
            enough.set()
        time.sleep(0.03)
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text[::-1]},
            "finish_reason": "stop",
        }
        return {
            "id": "c",
            "model": "m",
            "choices": [choice],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1},
        }

    canned.answer("POST", "/chat/completions", say)
    Path("rows.jsonl").write_text("".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(ROWS)))
    command = [sys.executable, "-m", "ftkit", "generate", "rows.jsonl", "--model", "m", "--prompt", "{text}"]
    command += ["--via", "realtime", "--concurrency", "1", "--base-url", canned.address, "--out", "out.jsonl"]
    environment = {**os.environ, "FTKIT_API_KEY": "k"}
    first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert enough.wait(60)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert KILL_AT <= len(seen) < ROWS and not Path("out.jsonl").exists()
    done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["request_stats"]["succeeded"] == ROWS
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [line["response"] for line in lines] == [f"text {n}"[::-1] for n in range(ROWS)]
    assert len(seen) == ROWS
    assert seen.total() <= ROWS + 1, "only the one that was under way may be asked a second time"
