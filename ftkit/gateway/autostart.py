"""Finds the local platform of a state directory, or starts it as a process of its own.

The platform writes ``server.json`` (pid, url, version) when it listens. What stands there is
believed only when the process lives and the address answers as ftkit's platform, so a file that
a crash has left behind, or a port that another program has taken, does no harm. A lock keeps
two clients that start at the same instant from starting two platforms.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ftkit.display import Display
from ftkit.errors import PlatformError, PlatformUnreachable, storage_error

IDLE_SECONDS = 300
START_SECONDS = 60.0
STOP_SECONDS = 15.0
_POLL = 0.05
_SECOND_TRY = 1.0
_TAIL_LINES = 15

_children: dict[int, subprocess.Popen[bytes]] = {}  # kept so that each can be reaped when it has ended


class LocalServer(NamedTuple):
    """A running local platform: its process, its address (ends in /v1), its state directory, a key for it."""

    pid: int
    url: str
    state: Path
    started: bool
    key: str | None = None


def ensure_local(state_dir: Path, display: Display) -> LocalServer:
    """The local platform of ``state_dir``, started where none runs.

    Raises PlatformUnreachable with the end of its log where it does not come up, and
    StorageError where the directory cannot be written to.
    """
    state = state_dir.resolve()
    if (running := find_local(state)) is not None:
        return running
    try:
        state.mkdir(parents=True, exist_ok=True)
        with _locked(state / "start.lock"):
            if (running := find_local(state)) is not None:
                return running
            server = _start_patiently(state, display)
    except OSError as error:
        raise storage_error(error, state) from error
    display.note(
        f"local platform at {server.url}, state in {state}; "
        f"it stops by itself {IDLE_SECONDS // 60} minutes after its last use"
    )
    return server


def find_local(state: Path) -> LocalServer | None:
    """The platform that ``server.json`` names, if it really is there."""
    try:
        record = json.loads((state / "server.json").read_text("utf-8"))
        pid, url, key_file = int(record["pid"]), str(record["url"]), record.get("api_key_file")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not _alive(pid) or not _healthy(url):
        return None
    return LocalServer(pid, api_address(url), state, started=False, key=_first_key(key_file))


def _first_key(path: object) -> str | None:
    """A key of the platform's file, where this user may read it: it is this machine's own platform."""
    if path is None:
        return None
    try:
        lines = Path(str(path)).read_text("utf-8").splitlines()
    except (OSError, ValueError):
        return None
    return next((line.strip() for line in lines if line.strip()), None)


def api_address(url: str) -> str:
    """The address of the API: the server's own address and ``/v1``."""
    plain = url.rstrip("/")
    return plain if plain.endswith("/v1") else f"{plain}/v1"


def stop_local(server: LocalServer) -> None:
    """Ask the platform to end and wait until it has; PlatformError where it does not."""
    if not _alive(server.pid):
        return
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if not _alive(server.pid):
            return
        time.sleep(_POLL)
    raise PlatformError(
        f"the local platform (process {server.pid}) does not stop", hint=f"End it: kill -9 {server.pid}"
    )


def _start_patiently(state: Path, display: Display) -> LocalServer:
    """Start, and once more after a moment: a platform that is just ending still holds its state."""
    try:
        return _start(state, display)
    except PlatformUnreachable:
        time.sleep(_SECOND_TRY)
        return find_local(state) or _start(state, display)


def _start(state: Path, display: Display) -> LocalServer:
    log = state / "server.log"
    # -P and the state directory as working directory: no file of the person's own folder can
    # stand before a module of the platform. Keys for hosted platforms are not its business.
    command = [sys.executable, "-P", "-m", "ftkit.local", "--state", str(state)]
    command += ["--port", "0", "--idle-exit", str(IDLE_SECONDS)]
    environment = {k: v for k, v in os.environ.items() if not k.endswith("_API_KEY")}
    with log.open("ab") as out:
        begin = out.tell()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=state,
            env=environment,
            start_new_session=True,
        )
    _children[process.pid] = process
    with display.work("Start the local platform"):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            ended = process.poll()
            if (found := find_local(state)) is not None:
                return found._replace(started=found.pid == process.pid)
            if ended is not None:
                raise _start_failure(f"it ended with code {ended}", log, begin)
            time.sleep(_POLL)
    process.terminate()
    raise _start_failure(f"it did not answer within {START_SECONDS:g} seconds", log, begin)


def _start_failure(reason: str, log: Path, begin: int) -> PlatformUnreachable:
    with log.open("rb") as file:
        file.seek(begin)
        lines = file.read().decode("utf-8", "replace").strip().splitlines()[-_TAIL_LINES:]
    shown = "".join(f"\n  | {line}" for line in lines)
    return PlatformUnreachable(
        f"the local platform did not start: {reason}{shown}", hint=f"Its whole log is in {log}"
    )


def _alive(pid: int) -> bool:
    child = _children.get(pid)
    if child is not None:
        if child.poll() is None:
            return True
        del _children[pid]
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, under another user
        return True
    return pid > 0


def _healthy(url: str) -> bool:
    """True where ftkit's platform answers at ``url``; no proxy is asked, it is this machine."""
    root = url.rstrip("/").removesuffix("/v1")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{root}/healthz", timeout=5) as answer:
            health = json.loads(answer.read(65536))
    except (OSError, ValueError):  # URLError and timeouts are OSErrors, bad JSON is a ValueError
        return False
    return isinstance(health, dict) and health.get("status") == "ok" and "version" in health


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the file's lock; the system lets go of it when this process ends in any way."""
    with path.open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
