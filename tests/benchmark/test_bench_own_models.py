"""A benchmark of a hook's model beside a platform's: asked, priced, kept, and never asked twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ftkit.benchmarking import benchmark
from ftkit.data import open_jsonl_writer
from ftkit.errors import PlatformRefused
from ftkit.gateway import Platform, connect
from ftkit.settings import load_settings

TOML = """
[models."house/updown"]
hook = "bench_house_models:UpDown"
price = { input = 2.0, output = 10.0 }
rates = { concurrent_requests = 4 }

[models."house/locked"]
hook = "bench_house_models:locked"
"""
HOOK = """
from pathlib import Path


class Locked(Exception):
    status_code = 401


class UpDown:
    version = "1"

    async def call(self, prompt, temperature=None):
        with Path(__file__).with_name("calls.txt").open("a") as log:
            log.write(f"{temperature} {prompt}\\\\n")
        return ("up" if "rose" in prompt else "down"), 10, 1


async def locked(prompt):
    raise Locked("no such key")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "ftkit.toml").write_text(TOML)
    (folder / "bench_house_models.py").write_text(HOOK.replace("\\\\n", "\\n"))
    with open_jsonl_writer(folder / "test.jsonl") as writer:
        for number in range(30):
            news, label = ("Profit rose", "up") if number % 3 else ("Sales fell", "down")
            user = f"Answer with one word: up or down. {news} in region {number}"
            turns = [{"role": "user", "content": user}, {"role": "assistant", "content": label}]
            writer.write({"messages": turns})
    return folder


@pytest.fixture
def platform(project: Path) -> Iterator[Platform]:
    with connect("local", settings=load_settings(project / "ftkit.toml")) as platform:
        yield platform
        platform.stop_local()


def test_a_hook_beside_a_platforms_model(platform: Platform, project: Path) -> None:
    report = benchmark(
        ["house/updown", "linear"], project / "test.jsonl", platform=platform, workdir=project / "scores"
    )
    hook, linear = report.models
    assert (hook.model, hook.accuracy, hook.n) == ("house/updown", 1.0, 30)
    assert hook.cost == pytest.approx(30 * (10 * 2.0 + 1 * 10.0) / 1e6)
    assert linear.n == 30 and linear.failures == 0
    calls = (project / "calls.txt").read_text().splitlines()
    assert len(calls) == len(set(calls)) == 30 and calls[0].startswith("0 Answer")

    benchmark(["house/updown"], project / "test.jsonl", platform=platform, workdir=project / "again")
    assert len((project / "calls.txt").read_text().splitlines()) == 30


def test_a_hook_that_nobody_may_ask_ends_the_benchmark(platform: Platform, project: Path) -> None:
    with pytest.raises(PlatformRefused, match="house/locked: no such key"):
        benchmark(["house/locked"], project / "test.jsonl", platform=platform, workdir=project / "scores")
