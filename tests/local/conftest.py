"""Real local platforms in processes of their own, and the real ``openai`` client for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import letters_engine
import openai
import pytest
from local_platform import LocalServer
from protocol_platform import Platform

from ftkit.local.engines.base import ModelSpec
from ftkit.local.engines.registry import engine_names


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """One server for a module's tests."""
    running = LocalServer(tmp_path_factory.mktemp("platform")).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def client(server: LocalServer) -> openai.OpenAI:
    """The real client, on the module's server; answers that are not of OpenAI's types are errors."""
    return server.client(_strict_response_validation=True)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Callable[..., LocalServer]]:
    """Start servers of a test's own; all of them are ended after it."""
    started: list[LocalServer] = []

    def start(*arguments: str, state: Path | None = None, **env: str) -> LocalServer:
        running = LocalServer(state or tmp_path / "state", *arguments, env=env)
        started.append(running)
        return running.start()

    yield start
    for running in started:
        if running.process is not None and running.process.poll() is None:
            running.stop()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform in this process that does no work until it is told to."""
    with Platform(tmp_path_factory.mktemp("protocol")) as running:
        yield running


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform in this process that has the plug-in engine ``letters``, which can everything.

    The model ``letters`` has all its abilities, ``mute`` only chat.
    """
    with pytest.MonkeyPatch.context() as patch:
        for path in letters_engine.install(tmp_path_factory.mktemp("plugin")):
            patch.syspath_prepend(path)
        engine_names.cache_clear()
        mute = ModelSpec("mute", "letters", options={"abilities": ["chat"]})
        with Platform(tmp_path_factory.mktemp("letters"), models=(mute,)) as running:
            yield running
    engine_names.cache_clear()
