"""What /openapi.json says is what the server does: schemathesis asks every operation by the document.

It makes requests that the document allows and ones that it forbids. No answer may be a 5xx, every answer
must have a status, a content type and a shape that the document names, what is forbidden must be refused,
and methods that are not there must say so. Only "allowed is always accepted" is not asked: a well-formed id
of nothing, or a job in the wrong state, are refused in every world.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from protocol_platform import Platform

from ftkit.local.openapi import document
from ftkit.local.routes import asking, batches, files, jobs, model_files, models, status, uploads

schemathesis = pytest.importorskip("schemathesis", reason="not in the environment of the lowest versions")
from schemathesis.specs.openapi.checks import positive_data_acceptance  # noqa: E402 - what was just found

EVERY_ROUTE = [
    route
    for module in (files, uploads, jobs, batches, asking, model_files, models, status)
    for route in module.ROUTES
]


@pytest.fixture(scope="module")
def described(platform: Platform) -> Any:
    """The server's own document, read by schemathesis."""
    platform.tuned()
    platform.batch()
    platform.work()
    return schemathesis.openapi.from_url(f"{platform.url}/openapi.json")


OPERATIONS = {
    (method, path): told
    for path, operations in document(EVERY_ROUTE)["paths"].items()
    for method, told in operations.items()
}


def ask_by(strategy: Any) -> None:
    @settings(max_examples=7, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=strategy)
    def check(case: Any) -> None:
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    check()


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_is_allowed_is_answered_as_described(described: Any, method: str, path: str) -> None:
    ask_by(described[path][method].as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))


FORBIDDING = [place for place, told in OPERATIONS.items() if told.get("requestBody")]


@pytest.mark.parametrize(("method", "path"), FORBIDDING)
def test_what_is_forbidden_is_refused(described: Any, method: str, path: str) -> None:
    ask_by(described[path][method].as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("methods", "left_out"),
    [
        (("POST",), "positive_data_acceptance"),
        # An empty query parameter is as good as none, and on the wire every value of one is a text.
        (("GET", "DELETE"), "positive_data_acceptance,negative_data_rejection"),
    ],
)
def test_the_command_finds_nothing_in_all_its_phases(
    platform: Platform, tmp_path: Path, methods: tuple[str, ...], left_out: str
) -> None:
    platform.tuned()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{platform.url}/openapi.json"),
            *(f"--include-method={method}" for method in methods),
            *("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "50", "--no-color"),
            *("--exclude-checks", left_out, "--generation-database", "none"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "Selected: " in done.stdout
