"""One real local platform for the session, and what came of operations under faults before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from proxy import Proxy
from scenarios import Operation, Outcome, Stage, attempt

from ftkit.gateway import connect
from ftkit.settings import Settings

AT_ONCE = 12  # most of the time of a fault is waiting
Outcomes = Callable[[Operation, bool], dict[str, Outcome]]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Of a local platform that is started where it is needed: it ends by itself between files far apart."""
    settings = Settings(state_dir=tmp_path_factory.mktemp("platform"))
    yield settings
    with connect("local", settings=settings) as platform:
        platform.stop_local()


def address_of(home: Settings) -> str:
    """The address of the platform, which runs now."""
    with connect("local", settings=home) as platform:
        return platform.base_url


@pytest.fixture
def platform_url(home: Settings) -> str:
    """The address of a local platform."""
    return address_of(home)


@pytest.fixture
def proxy(platform_url: str) -> Iterator[Proxy]:
    """A proxy before it, with no plan yet."""
    with Proxy(platform_url) as proxy:
        yield proxy


@pytest.fixture
def stage(proxy: Proxy, tmp_path: Path) -> Stage:
    """A client's surroundings behind the proxy."""
    return Stage(proxy, tmp_path)


@pytest.fixture(scope="session")
def outcomes(
    home: Settings, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Outcomes:
    """What came of an operation under each fault that this session asks for; all of them tried at once."""
    known: dict[tuple[str, bool], dict[str, Outcome]] = {}

    def asked(operation: Operation) -> list[str]:
        cases = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
        return list(dict.fromkeys(c["fault"] for c in cases if c.get("operation") is operation))

    def of(operation: Operation, lasting: bool) -> dict[str, Outcome]:
        if (key := (operation.name, lasting)) not in known:
            url = address_of(home)
            folders = {fault: tmp_path_factory.mktemp("stage") for fault in asked(operation)}
            with ThreadPoolExecutor(AT_ONCE) as pool:
                made = {
                    fault: pool.submit(attempt, url, folder, operation, fault, lasting=lasting)
                    for fault, folder in folders.items()
                }
            known[key] = {fault: outcome.result() for fault, outcome in made.items()}
        return known[key]

    return of
