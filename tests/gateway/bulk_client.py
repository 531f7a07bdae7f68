"""What the processes do that tests kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftkit.gateway import Platform, chat_request, connect
from ftkit.settings import Settings


def connected(url: str, folder: Path) -> Platform:
    """The platform at ``url``, as every process of a test sees it."""
    limits = {"batch_requests": 3, "concurrent_requests": 1}
    settings = Settings(
        providers={"odd": {"title": "odd", "base_url": url, "limits": limits}},
        poll_seconds=0.01,
        max_retries=0,
        timeout=5,
        state_dir=folder / "state",
    )
    return connect("odd", settings=settings, api_key="not-a-key")


def run_in(url: str, folder: Path, via: Any) -> None:
    """A run of the requests in a folder."""
    with connected(url, folder) as platform:
        platform.batches.run(
            folder / "requests.jsonl", folder / "out.jsonl", workdir=folder / "work", via=via
        )


def prepare_endlessly(url: str, folder: Path) -> None:
    """A run that never gets beyond its preparation; it says when there are many requests."""

    def endless() -> Iterator[dict[str, Any]]:
        number = 0
        while True:
            yield chat_request(f"r{number}", "m", [])
            number += 1
            if number == 2000:
                (folder / "many").touch()

    with connected(url, folder) as platform:
        platform.batches.run(endless(), folder / "out.jsonl", workdir=folder / "work", via="batch")
