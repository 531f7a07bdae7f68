"""A local platform that asks for a key is found with its key by its own user."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ftkit import connect
from ftkit.errors import FtkitError
from ftkit.gateway.autostart import find_local
from ftkit.settings import load_settings


@pytest.mark.parametrize("given", [None, "a key of one's own\nand a second one\n"])
def test_the_platform_of_this_machine_opens_with_its_key_file(tmp_path: Path, given: str | None) -> None:
    state = load_settings().local_state
    command = [sys.executable, "-m", "ftkit.local", "--state", str(state), "--port", "0", "--host", "0.0.0.0"]
    if given is not None:
        (tmp_path / "keys").write_text(given)
        command += ["--api-key-file", str(tmp_path / "keys")]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(400):
            if find_local(state) is not None:
                break
            time.sleep(0.05)
        with connect("local") as platform:
            assert not platform.started_local
            assert "linear" in {model.id for model in platform.models.list()}
        with connect("local", api_key="another") as platform, pytest.raises(FtkitError):
            list(platform.models.list())
        found = find_local(state)
        assert found is not None and found.pid == server.pid and found.key is not None
        if os.getuid() != 0:
            (tmp_path / "keys" if given else state / "api-key").chmod(0)
            unreadable = find_local(state)
            assert unreadable is not None and unreadable.key is None
    finally:
        server.terminate()
        server.wait()
