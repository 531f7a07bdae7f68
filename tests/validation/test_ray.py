"""The engine ray: a real cluster of two nodes on this machine gives the report that one process gives."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftkit.errors import UsageError
from ftkit.validation import ValidateOptions, ValidationReport, validate

HAVE_RAY = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not HAVE_RAY, reason="needs the extra ray")
NODE_RULE = '''
from ftkit.validation import Found, rule

@rule("XX901", "node", bad="{}", good="{}", severity="info")
def node(row):
    """Where was it asked?"""
    import ray
    where = ray.get_runtime_context().get_node_id() if ray.is_initialized() else "no node"
    yield Found(f"node={where}")

RULES = [node]
'''


def free_port() -> int:
    """A port below those that Ray gives its workers."""
    for port in range(6400, 7400):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no port is free")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`ray start --head`, and a second `ray start --address`; both in front, so that they end with us."""
    address = f"127.0.0.1:{free_port()}"
    folder = tmp_path_factory.mktemp("elsewhere")  # the nodes work in a folder that is not the caller's
    common = ["--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats", "--block"]
    head = ["--head", f"--port={address.partition(':')[2]}", "--include-dashboard=false"]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for which in (head, [f"--address={address}"]):
            call = [sys.executable, "-m", "ray.scripts.scripts", "start", *which, *common]
            started.append(
                subprocess.Popen(call, cwd=folder, stdout=subprocess.DEVNULL, start_new_session=True)
            )
            wait_for_nodes(address, len(started))
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


def wait_for_nodes(address: str, wanted: int) -> None:
    code = (
        "import sys, time, ray\n"
        "for _ in range(60):\n"
        "    try:\n"
        "        ray.init(sys.argv[1], logging_level='error', log_to_driver=False)\n"
        "        break\n"
        "    except ConnectionError:\n"
        "        time.sleep(1)\n"
        "while sum(node['Alive'] for node in ray.nodes()) < int(sys.argv[2]):\n"
        "    time.sleep(0.3)\n"
    )
    subprocess.run([sys.executable, "-c", code, address, str(wanted)], check=True, timeout=100)


def nodes_of(address: str) -> list[str]:
    code = (
        "import sys, ray\n"
        "ray.init(sys.argv[1], logging_level='error')\n"
        "print(*[node['NodeID'] for node in ray.nodes()])"
    )
    call = [sys.executable, "-c", code, address]
    return subprocess.run(call, check=True, capture_output=True, text=True, timeout=60).stdout.split()


@pytest.fixture
def shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards so small that a test's file has many."""
    monkeypatch.setattr("ftkit.validation.shards.SHARD_BYTES", 60_000)
    monkeypatch.setattr("ftkit.validation.parallel.HEAD_BYTES", 20_000)


def row(user: str, reply: str, **more: Any) -> str:
    messages = [{"role": "user", "content": user}, {"role": "assistant", "content": reply}]
    return json.dumps({"messages": messages, **more})


def flawed(path: Path, rows: int = 3000) -> Path:
    """Good rows, equal and nearly equal ones, and rows that are wrong in many ways."""
    rng = random.Random(11)
    words = [
        f"{a}{b}" for a in ("ri", "sto", "gar", "win", "let") for b in ("ver", "ne", "den", "ter", "dow")
    ]
    texts = [" ".join(rng.choices(words, k=40)) for _ in range(200)]
    odd = ["", "{bad", "[1]", '{"messages": []}', '{"messages": [{"role": "sage", "content": 1}]}', "null"]
    lines = []
    for number in range(rows):
        text = rng.choice(texts)
        chance = rng.random()
        if chance < 0.1:
            lines.append(rng.choice(odd))
        elif chance < 0.3:
            lines.append(row(text.replace("ver", "er", 1), "seldom", metadata={"n": number}))
        else:
            lines.append(row(text if chance < 0.5 else f"{number} {text} {number}", rng.choice("abc")))
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def local(source: str, **options: Any) -> ValidationReport:
    return validate(source, models=["linear"], options=ValidateOptions(processes=1, **options))


def on_ray(source: str, **options: Any) -> ValidationReport:
    return validate(source, models=["linear"], options=ValidateOptions(engine="ray", **options))


@pytest.mark.skipif(HAVE_RAY, reason="ray is here")
def test_without_ray_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape("pip install 'ftkit[ray]'")):
        on_ray(str(flawed(tmp_path / "d.jsonl", 20)))


@pytest.mark.slow
@pytest.mark.timeout(300)
@needs_ray
def test_two_nodes_give_the_report_of_one_process(
    cluster: str, shards: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    path = flawed(tmp_path / "d.jsonl")
    assert path.stat().st_size > 600_000  # ten shards
    for name in (str(path), path.name, path.as_uri()):  # the nodes' own folder is another one
        alone, spread = local(name, max_findings=7), on_ray(name, max_findings=7)
        assert spread == alone
    assert {"FT501", "FT502"} <= alone.counts.keys() and len(alone.counts) > 8
    assert alone.rows > alone.accepted > 100 and alone.tokens


@pytest.mark.slow
@pytest.mark.timeout(300)
@needs_ray
def test_both_nodes_have_worked(
    cluster: str, shards: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    path = flawed(tmp_path / "d.jsonl")
    (tmp_path / "node_rule.py").write_text(NODE_RULE)
    report = on_ray(str(path), validators=(Path("node_rule.py"),), max_findings=5000, select=("XX901",))
    spoke = Counter(finding.message for finding in report.findings)
    assert len(spoke) >= 2 and min(spoke.values()) > 100, spoke  # the head of the file is read by the caller
    assert set(spoke) == {f"node={name}" for name in nodes_of(cluster)}


@pytest.mark.slow
@needs_ray
def test_a_missing_cluster_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "nonsense://127.0.0.1:1")
    with pytest.raises(UsageError, match="no Ray cluster answers at nonsense"):
        on_ray(str(flawed(tmp_path / "d.jsonl", 20)))
