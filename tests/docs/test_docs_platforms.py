"""The guides to a hosted platform and to an own GPU, run against ``ftkit serve`` in the place of both."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from doc_pages import LONGEST, PROJECT, blocks, end_server, run_script, write_files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LONGEST)]
SPLIT = (
    "ftkit split news/headlines.csv --stratify reply --train 0.5 --test 0.1 --seed 7 --out parts --quiet "
    "--system 'Answer with one word: positive, negative or neutral.' --user '{text}' --assistant '{label}'"
)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A working directory with the recipe ``news`` and its parts; its local platform ends with the test."""
    made = run_script("ftkit recipes copy sentiment news --quiet", tmp_path)
    rows = tmp_path / "news" / "headlines.csv"
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:161]))  # training takes long here
    done = run_script(f"{SPLIT}\ncp parts/train.jsonl .", tmp_path)
    assert (made.returncode, done.returncode) == (0, 0), made.stderr + done.stderr
    yield tmp_path
    end_server(tmp_path / "state")


def shell_of(page: str) -> list[str]:
    """The page's shell blocks, also those that need a key."""
    return [block.code for block in blocks(page) if block.language in ("sh", "bash")]


@contextmanager
def served(command: str, folder: Path, **variables: str) -> Iterator[str]:
    """The address of an ``ftkit serve ...`` that runs as the page says, on a port of its own."""
    state = folder / "served"
    words = [*command.split()[1:], "--port", "0", "--state", str(state)]  # the last of two ports counts
    process = subprocess.Popen(
        [sys.executable, "-m", "ftkit", *words],
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (state / "server.json").exists():
        assert process.poll() is None and time.monotonic() < deadline, "the server did not come up"
        time.sleep(0.1)
    yield json.loads((state / "server.json").read_text())["url"]
    process.terminate()
    process.wait(timeout=60)


def test_the_page_on_hosted_platforms(folder: Path) -> None:
    """OpenAI's name, prices, limits and dialect; its address is that of a platform of our own."""
    page = "howto/hosted-platform.md"
    [settings] = write_files(page, folder)
    with served("ftkit serve", folder) as url:
        settings.write_text(f'{settings.read_text()}\n[providers.openai]\nbase_url = "{url}/v1"\n')
        script = "\n".join(shell_of(page)).replace("OPENAI_API_KEY=...", "OPENAI_API_KEY=sk-of-nobody")
        script = script.replace(
            "JOB_ID", "$(ftkit jobs list --platform openai --json | grep -o 'ftjob-[^\"]*')"
        )
        done = run_script(script, folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "sk-of-nobody" not in done.stdout + done.stderr
    assert "gpt-4.1-nano" in done.stdout, "the candidates"
    [record] = (folder / "runs").glob("*/run.json")
    assert json.loads(record.read_text())["platform"] == "local", "the rehearsal"


def test_a_platform_that_ftkit_does_not_know(folder: Path) -> None:
    page = "howto/hosted-platform.md"
    [ours] = [block.code for block in blocks(page) if "[providers.ours]" in block.code]
    with served("ftkit serve --stand-in our-model-8b", folder) as url:
        ours = ours.replace("https://llm.example.com", url).replace('"llama3"', '"words"')
        (folder / "ftkit.toml").write_text(ours)
        known = run_script(
            "ftkit chat our-model-8b 'up or down?' --platform ours --json", folder, OUR_API_KEY="ours"
        )
        typed = run_script(f"ftkit models list --base-url {url}/v1 --json", folder)
    assert known.returncode == 0, known.stderr
    assert json.loads(known.stdout)["model"] == "our-model-8b"
    assert "our-model-8b" in {model["id"] for model in json.loads(typed.stdout)}, typed.stderr


def test_the_page_on_an_own_gpu(folder: Path) -> None:
    """With a tiny model of random weights, on the processor."""
    pytest.importorskip("torch", reason="needs the extra ftkit[train]")
    make_model = runpy.run_path(str(PROJECT / "tests" / "local" / "tiny_model.py"))["make_model"]
    model = make_model(folder / "llama-3.2-1b", width=64)
    page = "howto/own-gpu.md"
    [models] = write_files(page, folder)
    models.write_text(models.read_text().replace("meta-llama/Llama-3.2-1B-Instruct", str(model)))
    (folder / "keys.txt").write_text("a-key-of-the-team\n")
    [serve] = [line for block in shell_of(page) for line in block.splitlines() if "0.0.0.0" in line]
    [tune] = [block for block in shell_of(page) if "jobs create" in block]
    [elsewhere] = [block for block in shell_of(page) if "FTKIT_BASE_URL" in block]
    tuned = "$(ftkit models list --json | grep -o 'ft:llama:[^\"]*' | head -n 1)"
    with served(f"{serve} --models {models}", folder, OMP_NUM_THREADS="1") as url:
        elsewhere = elsewhere.replace("http://gpu.example.com:8080", url.replace("0.0.0.0", "127.0.0.1"))
        keys, _, run = elsewhere.replace("FTKIT_API_KEY=...", "FTKIT_API_KEY=a-key-of-the-team").partition(
            "\n"
        )
        done = run_script(f"{keys}\n{tune.replace('ft:llama:...', tuned)}\n{run}", folder)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        stand_in = run_script(f"{keys}\nftkit chat gpt-4.1-mini Hello --json", folder)
    assert (folder / "news-adapter" / "adapter_config.json").is_file()
    assert (folder / "news-model" / "config.json").is_file()
    assert stand_in.returncode == 0, stand_in.stderr
