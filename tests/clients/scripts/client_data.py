"""Data and waiting that the clients' scripts share; only the standard library, for any environment."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SYSTEM = "Say whether the fruit is a citrus fruit. Answer with one word: yes or no."
CITRUS = ("lemon", "orange", "lime", "grapefruit", "mandarin", "pomelo", "yuzu", "kumquat")
OTHER = ("apple", "pear", "plum", "cherry", "banana", "mango", "grape", "fig")


def messages(text: str) -> list[dict[str, str]]:
    """A conversation that asks about one fruit."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]


def training(count: int = 48, yes: str = "yes", no: str = "no") -> str:
    """Chat examples as JSON Lines."""
    lines = []
    for number in range(count):
        fruits, label = (CITRUS, yes) if number % 2 else (OTHER, no)
        fruit = fruits[number // 2 % len(fruits)]
        example = [*messages(f"fruit {number}: a {fruit}"), {"role": "assistant", "content": label}]
        lines.append(json.dumps({"messages": example}) + "\n")
    return "".join(lines)


def written(name: str, text: str) -> Path:
    """A file of this text in the working directory."""
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def request_line(custom_id: str, model: str, text: str, **more: Any) -> str:
    """One line of a batch's input."""
    body = {"model": model, "messages": messages(text), **more}
    line = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(line) + "\n"


def wait_for(look: Callable[[], Any], done: Callable[[Any], bool], seconds: float = 90) -> Any:
    """Look until it is done."""
    end = time.monotonic() + seconds
    while not done(found := look()):
        if time.monotonic() > end:
            raise SystemExit(f"it did not end: {found}")
        time.sleep(0.1)
    return found


def say(result: dict[str, Any]) -> None:
    """Tell the test what was found, on the last line."""
    print("\n" + json.dumps(result))
