"""Run the real third-party clients, each in its own environment, against a real ``ftkit serve``."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent.parent / ".clients"
KEY = "sk-local-0123456789"
STAND_INS = ("deepseek-ai/DeepSeek-V3-0324", "gpt-5.4-mini")
"""Hosted names that the clients use beside those that the platform answers for by itself."""
_KEPT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "SYSTEMROOT")


class Serve:
    """A running ``ftkit serve`` with a key."""

    def __init__(self, root: Path) -> None:
        self.state = root / "state"
        self._key_file = root / "keys.txt"
        self._key_file.write_text(f"{KEY}\n")
        self._log = (root / "server.log").open("wb")
        names = [word for name in STAND_INS for word in ("--stand-in", name)]
        command = [sys.executable, "-m", "ftkit", "serve", "--port", "0", "--state", str(self.state), *names]
        command += ["--api-key-file", str(self._key_file)]
        self._process = subprocess.Popen(
            command,
            stdout=self._log,
            stderr=self._log,
            cwd=root,
        )
        self.url = self._announced() + "/v1"

    def _announced(self) -> str:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                url: str = json.loads((self.state / "server.json").read_text())["url"]
            except FileNotFoundError:
                time.sleep(0.02)
            else:
                return url
        raise AssertionError(f"the server did not come up; see {self._log.name}")

    def stop(self) -> int:
        """End it as a person would: its exit code."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=20)
        self._log.close()
        return code


class Client:
    """One third-party client: its environment, and the platform that it is pointed at."""

    def __init__(self, name: str, server: Serve, folder: Path) -> None:
        self.name = name
        self._server = server
        self._folder = folder
        self._bin = ENVIRONMENTS / name / "bin"
        assert (ENVIRONMENTS / name / "ready").exists(), "make it with tools/client_environments.py"

    def package(self) -> str:
        """The client's package and version, as they are installed."""
        table = tomllib.loads((HERE / "environments.toml").read_text("utf-8"))
        wanted = re.split(r"[^a-z0-9-]", table[self.name]["packages"][0])[0]
        libraries = [str(path) for path in (ENVIRONMENTS / self.name / "lib").glob("python*/site-packages")]
        [found] = distributions(name=wanted, path=libraries)
        return f"{wanted} {found.version}"

    def environment(self) -> dict[str, str]:
        """What the client's process sees: the platform, and no way to anything else."""
        nowhere = "http://127.0.0.1:9"
        return {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": self._server.url,
            "HTTP_PROXY": nowhere,
            "HTTPS_PROXY": nowhere,
            "NO_PROXY": "127.0.0.1,localhost",
            "NO_COLOR": "1",
            "COLUMNS": "250",
        }

    def run(self, script: str, *arguments: str, timeout: float = 150, **env: str) -> Any:
        """Run one of ``scripts/``: what its last line says, as JSON."""
        command = [str(self._bin / "python"), str(HERE / "scripts" / script), *arguments]
        return self.said(self._finished(command, timeout, env).stdout)

    @staticmethod
    def said(output: str) -> Any:
        """What a script said with ``client_data.say``."""
        return json.loads(output.strip().split("\n")[-1])

    def command(self, *arguments: str, timeout: float = 150, **env: str) -> str:
        """Run a command that the client's package brings: its output."""
        return self._finished([str(self._bin / arguments[0]), *arguments[1:]], timeout, env).stdout

    def watching(self, *arguments: str, until: str, seconds: float = 60) -> str:
        """Run a command that never ends by itself, in a terminal, until it says ``until``: its output."""
        screen, terminal = pty.openpty()
        process = subprocess.Popen(
            [str(self._bin / arguments[0]), *arguments[1:]],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            cwd=self._folder,
            env={**self.environment(), "TERM": "xterm"},
        )
        os.close(terminal)
        output = b""
        deadline = time.monotonic() + seconds
        try:
            while until.encode() not in output and process.poll() is None and time.monotonic() < deadline:
                if select.select([screen], [], [], 0.2)[0]:
                    with suppress(OSError):  # Linux says so when the command has ended
                        output += os.read(screen, 65536)
        finally:
            process.kill()  # a terminal that is closed: such a command has no other end
            process.wait()
            os.close(screen)
        assert until.encode() in output, output.decode("utf-8", "replace")
        return output.decode("utf-8", "replace")

    def until(self, word: str, *arguments: str, seconds: float = 60) -> str:
        """Run a command again and again until it says a word: its last output."""
        deadline = time.monotonic() + seconds
        while word not in (output := self.command(*arguments)):
            assert time.monotonic() < deadline, output
        return output

    def _finished(
        self, command: list[str], timeout: float, env: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=self._folder,
            env={**self.environment(), **env},
        )
        assert done.returncode == 0, f"{command[1:]}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done
