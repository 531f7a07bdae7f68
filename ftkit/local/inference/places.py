"""Find the host of a model, or start it: one for each model and state directory, whoever asks.

``STATE/inference/KEY.json`` says which process it is and where it listens, ``KEY.lock`` makes sure that two
askers do not start two, ``KEY.log`` is what it writes. The socket lies in a private temporary directory: the
path of a socket may have about 100 bytes only, and a state directory may lie deeper.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from ftkit.local.engines.base import ModelSpec
from ftkit.local.jsonio import dump, dump_text, load

ADAPTER = "adapter_config.json"
"""A tuned model's folder with this file (PEFT's) is an adapter, served together with its base."""
GREETING = b"+"
"""What a host sends first: it lives."""
_GREETING_SECONDS = 30.0
_START_SECONDS = 60.0
_MOST_LOG_BYTES = 4 * 1024 * 1024


class HostFailed(Exception):
    """No host process could be started."""


class Place:
    """Where the host of a model is found."""

    def __init__(self, root: Path, spec: ModelSpec, folder: Path | None) -> None:
        own = folder is not None and not (folder / ADAPTER).exists()
        named = dump([asdict(spec), folder.name if own and folder else None])
        self._root = root
        self._spec = spec
        self._folder = root / "inference"
        self._key = hashlib.sha256(named).hexdigest()[:16]

    @property
    def log(self) -> Path:
        """What the host wrote."""
        return self._folder / f"{self._key}.log"

    @property
    def pid(self) -> int | None:
        """The host's process, if one was started; it may have ended since."""
        found = self._announced()
        return None if found is None else found[0]

    def connect(self) -> socket.socket:
        """A connection to the host, started if need be. Raises ``HostFailed``."""
        connection = self._try()
        if connection is not None:
            return connection
        with self._alone():
            return self._try() or self._start()

    def _try(self) -> socket.socket | None:
        found = self._announced()
        if found is None:
            return None
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(_GREETING_SECONDS)
            connection.connect(found[1])
            greeted = connection.recv(1) == GREETING  # the socket of a dying process still takes connections
            connection.settimeout(None)
        except OSError:
            greeted = False
        if not greeted:
            connection.close()
            return None
        return connection

    def _announced(self) -> tuple[int, str] | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            found = load((self._folder / f"{self._key}.json").read_bytes())
            return int(found["pid"]), str(found["socket"])
        return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{self._key}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _start(self) -> socket.socket:
        before = self._announced()
        if before is not None:  # it was killed, and could not tidy up
            shutil.rmtree(Path(before[1]).parent, ignore_errors=True)
        home = Path(tempfile.mkdtemp(prefix="ftkit-model-"))
        process = self._launch(home / "host")
        announced = self._folder / f"{self._key}.json"
        temporary = announced.with_suffix(".new")
        temporary.write_bytes(dump({"pid": process.pid, "socket": str(home / "host")}))
        temporary.replace(announced)
        try:
            return self._wait(process)
        except HostFailed:
            shutil.rmtree(home, ignore_errors=True)
            raise

    def _launch(self, path: Path) -> subprocess.Popen[bytes]:
        """Start the process, in a session of its own: Ctrl-C is for the server, whose end it notices."""
        hidden = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # a worker has one of each; a model needs all
        environment = {name: value for name, value in os.environ.items() if name not in hidden}
        if self.log.exists() and self.log.stat().st_size > _MOST_LOG_BYTES:
            self.log.unlink()
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "ftkit.local.inference.host"),
                    *(str(self._root), str(path), dump_text(asdict(self._spec))),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def _wait(self, process: subprocess.Popen[bytes]) -> socket.socket:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            connection = self._try()
            if connection is not None:
                return connection
            if process.poll() is not None:
                raise HostFailed(f"it ended with code {process.returncode}")
            time.sleep(0.01)
        process.kill()
        process.wait()
        raise HostFailed(f"it did not listen within {_START_SECONDS:.0f} s")
