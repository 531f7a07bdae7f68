"""Runs the tests of the exports where the real MLflow and Weights & Biases are: in their own environment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.clients
@pytest.mark.timeout(400)
@pytest.mark.parametrize("environment", ["trackers"])
def test_the_exports_in_the_environment_of_the_trackers(environment: str) -> None:
    home = ROOT / ".clients" / environment
    assert (home / "ready").exists(), "make it with tools/client_environments.py"
    tests = ROOT / "tests" / "registry" / "test_registry_trackers.py"
    done = subprocess.run(
        [str(home / "bin" / "python"), "-m", "pytest", str(tests), "-q", "-rs", "-p", "no:cacheprovider"],
        capture_output=True,
        text=True,
        timeout=380,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "passed" in done.stdout and "skipped" not in done.stdout
