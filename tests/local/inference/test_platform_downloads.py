"""Tuned models are taken elsewhere: by HTTP, by the library, by the command; plain PEFT loads them."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from local_platform import LocalServer, raw, tune
from test_platform_adapters import make_adapter, merged_reply

import ftkit
from ftkit.errors import FtkitError, NotOnPlatform, PlatformError, PlatformRefused
from ftkit.gateway.model_files import _read
from ftkit.local.state import State
from ftkit.local.store.models import add_model

TUNED = "ft:tiny:ftkit::abc"


@pytest.fixture(scope="module")
def server(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A platform with a tuned linear model, and an adapter of the tiny one."""
    state = tmp_path_factory.mktemp("downloads")
    (state / "models.toml").write_text(
        f'[models.tiny]\nengine = "transformers"\nsource = "{tiny_folder}"\nserving = {{ device = "cpu" }}\n'
    )
    running = LocalServer(state).start()
    job = tune(running.client(), suffix="fruit")
    folder = make_adapter(tiny_folder, state / "models" / "m-tuned", 3)
    (folder / "resume.json").write_text("{}")
    (folder / "link").symlink_to("/etc/passwd")
    opened = State(state)
    with opened.db.write() as connection:
        add_model(
            connection, identifier=TUNED, base="tiny", engine="transformers", folder="m-tuned", job_id=job.id
        )
    opened.db.close()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def linear(server: LocalServer) -> str:
    """The linear model's name."""
    return next(m.id for m in server.client().models.list() if m.id.startswith("ft:linear"))


@pytest.fixture
def platform(server: LocalServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """The library, connected."""
    monkeypatch.chdir(tmp_path)
    with ftkit.connect("local", base_url=f"{server.url}/v1") as connected:
        yield connected


def listed(server: LocalServer, model: str) -> dict[str, dict[str, Any]]:
    """Files by name, as HTTP tells them."""
    status, found = raw(server, "GET", f"/v1/models/{model}/files")
    assert status == 200, found
    return {item["name"]: item for item in found["data"]}


def test_files_are_listed_with_their_hashes(server: LocalServer) -> None:
    files = listed(server, TUNED)
    assert {"README.md", "adapter_config.json", "adapter_model.safetensors", "tokenizer.json"} <= set(files)
    assert not {"resume.json", "link", "merged"} & set(files)
    for name, file in files.items():
        path = server.state / "models" / "m-tuned" / name
        if name != "README.md":
            assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
            assert file["bytes"] == path.stat().st_size


def test_a_range_of_a_file(server: LocalServer) -> None:
    whole = (server.state / "models" / "m-tuned" / "adapter_config.json").read_bytes()
    address = f"{server.url}/v1/models/{TUNED}/files/adapter_config.json"
    with urlopen(Request(address, headers={"range": "bytes=3-9"})) as answer:
        assert (answer.status, answer.read()) == (206, whole[3:10])
        assert answer.headers["repr-digest"].startswith("sha-256=:")


@pytest.mark.parametrize(
    "name", ["nothing", "resume.json", "link", "..%2F..%2Fplatform.db", "%2e%2e", "merged"]
)
def test_only_what_is_listed_is_given_out(server: LocalServer, name: str) -> None:
    status, answer = raw(server, "GET", f"/v1/models/{TUNED}/files/{name}")
    assert status == 404, answer


@pytest.mark.parametrize(("model", "status"), [("linear", 400), ("nothing", 404), ("tiny", 400)])
def test_models_without_files(server: LocalServer, model: str, status: int) -> None:
    assert raw(server, "GET", f"/v1/models/{model}/files")[0] == status


def test_a_wrong_query_is_refused(server: LocalServer) -> None:
    status, answer = raw(server, "GET", f"/v1/models/{TUNED}/files?merged=perhaps")
    assert (status, answer["error"]["param"]) == (400, "merged")


def test_the_library_brings_a_linear_model(platform: Any, linear: str, tmp_path: Path) -> None:
    found = platform.models.download(linear, tmp_path / "model")
    assert {file.name for file in found.files} == {path.name for path in (tmp_path / "model").iterdir()}
    card = (tmp_path / "model" / "README.md").read_text()
    assert f"# {linear}" in card
    assert "| seed |" in card
    assert "ftjob-" in card
    from ftkit.local.engines.base import ModelSpec
    from ftkit.local.engines.linear import LinearEngine

    LinearEngine().load(tmp_path / "model", ModelSpec("linear", "linear"))


def test_what_is_there_is_not_sent_again_and_what_is_damaged_is(
    platform: Any, linear: str, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    first = platform.models.download(linear, folder)
    times = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    damaged = next(file.name for file in first.files if file.name != "README.md")
    size = (folder / damaged).stat().st_size
    (folder / damaged).write_bytes(b"x" * size)
    platform.models.download(linear, folder)
    for file in first.files:
        path = folder / file.name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
        assert (path.stat().st_mtime_ns == times[file.name]) == (file.name != damaged)


def test_plain_peft_loads_an_adapter(
    platform: Any, tiny_folder: Path, tmp_path: Path, server: LocalServer
) -> None:
    platform.models.download(TUNED, tmp_path / "adapter")
    expected = merged_reply(tiny_folder, server.state / "models" / "m-tuned", "Aspo says")
    assert merged_reply(tiny_folder, tmp_path / "adapter", "Aspo says") == expected
    card = (tmp_path / "adapter" / "README.md").read_text()
    assert "library_name: peft" in card
    assert "--enable-lora --max-lora-rank 4" in card


@pytest.mark.slow  # a process loads all of torch
def test_a_merged_model_is_whole(
    platform: Any, tiny_folder: Path, tmp_path: Path, server: LocalServer
) -> None:
    found = platform.models.download(TUNED, tmp_path / "whole", merged=True)
    assert "model.safetensors" in {file.name for file in found.files}
    assert "adapter_config.json" not in {file.name for file in found.files}
    expected = merged_reply(tiny_folder, server.state / "models" / "m-tuned", "Aspo says")
    assert merged_reply(tmp_path / "whole", None, "Aspo says") == expected
    again = platform.models.files(TUNED, merged=True)  # it is made once
    assert {file.sha256 for file in again} == {file.sha256 for file in found.files}
    assert "library_name: transformers" in (tmp_path / "whole" / "README.md").read_text()


def test_models_that_are_not_there(platform: Any, tmp_path: Path) -> None:
    with pytest.raises(NotOnPlatform):
        platform.models.download("ft:linear:ftkit::nothing", tmp_path / "x")
    with pytest.raises(PlatformRefused, match="not tuned here"):
        platform.models.files("linear")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a\\b", "x" * 300, "a\nb"])
def test_a_platform_cannot_name_a_place(name: str) -> None:
    with pytest.raises(PlatformError, match="cannot be one here"):
        _read({"name": name, "bytes": 1, "sha256": "0" * 64})


@pytest.mark.parametrize("item", [None, {}, {"name": "a", "bytes": "many", "sha256": "0"}])
def test_an_entry_that_is_none(item: Any) -> None:
    with pytest.raises(FtkitError):
        _read(item)


def test_the_command(server: LocalServer, linear: str, tmp_path: Path) -> None:
    environment = {**os.environ, "FTKIT_BASE_URL": f"{server.url}/v1"}
    command = [sys.executable, "-m", "ftkit", "models", "download", linear, "--platform", "local", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
    found = json.loads(done.stdout)
    folder = tmp_path / found["folder"]
    assert found["model"] == linear
    assert {file["name"] for file in found["files"]} == {path.name for path in folder.iterdir()}
