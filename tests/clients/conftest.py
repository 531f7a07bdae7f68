"""The clients of a module's ``CLIENTS``, one platform for all; what each did goes into the JUnit report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from client_rig import Client, Serve


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test here: they need environments that ``make test`` does not make."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.clients)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with each of its module's clients."""
    if "client" in metafunc.fixturenames:
        metafunc.parametrize("client", metafunc.module.CLIENTS, indirect=True)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """One platform for all clients, as one would serve it to a team."""
    running = Serve(tmp_path_factory.mktemp("platform"))
    yield running
    assert running.stop() == 0


@pytest.fixture
def client(
    request: pytest.FixtureRequest,
    server: Serve,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> Client:
    """The client, which works in the test's own folder."""
    made = Client(request.param, server, tmp_path)
    record_property("client", made.name)
    record_property("package", made.package())
    record_property("did", (request.function.__doc__ or "").strip().splitlines()[0])
    return made
