"""What answers in the name of a model: hooks and LiteLLM from ftkit.toml, else the platform."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from ftkit.errors import ConfigurationError, UsageError
from ftkit.gateway import Platform, connect
from ftkit.gateway.realtime import Pace
from ftkit.inference import HookBackend, PlatformBackend, backend_for, entry_for, needs_platform
from ftkit.inference.backends.pacing import pace_of
from ftkit.settings import Settings, load_settings

TOML = """
[models."house/writer"]
hook = "house_writer:Writer"
key_env = "HOUSE_KEY"
limits = { inference_context = 16385 }
price = { input = 0.5, output = 1.5 }
rates = { burst = [300, 10], input_tokens_per_minute = 100_000, concurrent_requests = 8 }
options = { endpoint = "https://house.example/v2" }

[models."house/claude"]
litellm = "anthropic/claude-sonnet-4-5"

[models.linear]
provider = "local"
rates = { requests_per_minute = 90 }
"""
HOOK = """
class Writer:
    version = "3"

    async def call(self, prompt):
        return prompt[::-1], 1, 1
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    project = tmp_path / "project"
    project.mkdir()
    (project / "ftkit.toml").write_text(TOML)
    (project / "house_writer.py").write_text(HOOK)
    return load_settings(project / "ftkit.toml")


@pytest.fixture
def platform(settings: Settings) -> Iterator[Platform]:
    # nothing listens there: no test here sends anything
    with connect("local", settings=settings, base_url="http://127.0.0.1:9/v1") as platform:
        yield platform


def test_a_hook_of_the_project(settings: Settings) -> None:
    backend = backend_for("house/writer", settings)
    assert isinstance(backend, HookBackend) and backend.name == "hook"
    assert backend.identity("house/writer") == (
        'hook house/writer house_writer:Writer version 3 {"endpoint": "https://house.example/v2"}'
    )
    entry = entry_for("house/writer", settings)
    assert entry is not None and entry.price.output == 1.5 and entry.limits.inference_context == 16385
    assert entry.price.batch_rates(tuned=False).dollars(10**6, 10**6) == 2.0  # no batch, no discount
    pace = pace_of(entry, Pace())
    assert pace == Pace(8, input_tokens_per_minute=100_000, burst=(300, 10.0))


def test_names_without_an_entry(settings: Settings) -> None:
    assert not needs_platform("hook:house_writer:Writer", settings)
    assert not needs_platform("litellm:ollama/llama3", settings)
    assert not needs_platform("house/claude", settings)
    assert needs_platform("linear", settings) and needs_platform("gpt-4.1-mini", settings)
    backend = backend_for("hook:house_writer:Writer", settings)
    assert backend.identity("any") == "hook hook:house_writer:Writer house_writer:Writer version 3 {}"


def test_litellm_is_a_backend_of_its_own(settings: Settings) -> None:
    backend = backend_for("house/claude", settings)
    assert backend.name == "litellm"
    assert backend.identity("house/claude") == (
        "litellm house/claude litellm:anthropic/claude-sonnet-4-5 version 1 {}"
    )


def test_a_platform_with_the_rates_of_its_model(settings: Settings, platform: Platform) -> None:
    backend = backend_for("linear", settings, platform, via="realtime", attempts=2)
    assert isinstance(backend, PlatformBackend) and (backend.via, backend.attempts) == ("realtime", 2)
    assert backend.pace == Pace(requests_per_minute=90)
    chosen = backend_for("linear", settings, platform, pace=Pace(concurrency=3))
    assert isinstance(chosen, PlatformBackend) and chosen.pace == Pace(3)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("linear", "no platform is connected"),
        ("hook:nothing", "names no hook"),
        ("hook:no_such_module:call", "there is no module 'no_such_module'"),
        ("hook:house_writer:Reader", "is not there"),
        ("hook:json:dumps", "asks for 'obj'"),
    ],
)
def test_what_cannot_be_asked(settings: Settings, model: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        backend_for(model, settings)


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ('hook = "nonsense"', "a hook is named as module:attribute"),
        ('hook = "a:b"\nlitellm = "c"', "not by both"),
        ("rates = { burst = [0, 1] }", "greater than 0"),
        ('key_env = "sk-not a name"', "name of an environment variable"),
        ("rates = { rpm = 3 }", "unknown key"),
    ],
)
def test_faults_of_an_entry_are_told_with_their_lines(tmp_path: Path, toml: str, why: str) -> None:
    file = tmp_path / "ftkit.toml"
    file.write_text(f'[models."house/writer"]\n{toml}\n')
    with pytest.raises(ConfigurationError) as caught:
        load_settings(file)
    assert why in str(caught.value) and f"{file}:" in str(caught.value)


@pytest.mark.skipif(find_spec("litellm") is not None, reason="LiteLLM is installed")
def test_without_litellm_its_extra_is_named(settings: Settings) -> None:
    backend = backend_for("litellm:ollama/llama3", settings)
    assert isinstance(backend, HookBackend)
    with pytest.raises(ConfigurationError, match="not installed") as caught:
        backend.complete([{"role": "user", "content": "Hello"}])
    assert "ftkit[litellm]" in str(caught.value.hint)
