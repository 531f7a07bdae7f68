"""Run the platform: one server for a state directory, from taking its lock to a clean end."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import uvicorn

from ftkit import __version__
from ftkit.errors import ConfigurationError, storage_error
from ftkit.local.app import build_app
from ftkit.local.config import ServeOptions
from ftkit.local.configured import configured
from ftkit.local.context import Context
from ftkit.local.guard import logs
from ftkit.local.guard.connections import guarded_protocol
from ftkit.local.guard.keys import accepted_keys
from ftkit.local.jsonio import dump, load
from ftkit.local.lock import hold_lock
from ftkit.local.memory import keep_freed_memory
from ftkit.local.store.blobs import make_folder, sync_directory
from ftkit.local.store.retention import DAY, Policy

_log = logging.getLogger("ftkit.local.server")
_IDLE_CHECKS = 20
_CLEAN_SECONDS = 3600.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(options: ServeOptions) -> None:
    """Serve until a signal or the idle time ends it.

    Raises ``ConfigurationError`` when the port is in use, a key is needed, a model is not configured
    right, or another server has this state; ``StorageError`` when the state directory cannot be used.
    """
    options = configured(options)
    logs.configure(options.log, verbose=options.verbose)
    os.umask(0o077)  # data and models are nobody else's on this machine
    keep_freed_memory()
    with _one_server(options.state), _listen(options) as listener:
        keys, key_file = accepted_keys(options)
        context = Context.open(options, keys)
        url = _url(options.host, listener)
        server = _Server(http_config(context))
        with _announced(options.state, url, key_file):
            key = f", key in {key_file}" if key_file is not None else ""
            sys.stdout.write(f"ftkit local platform at {url}/v1 (state in {options.state}{key})\n")
            sys.stdout.flush()
            asyncio.run(_run(server, listener, context))


def http_config(context: Context, lifespan: Literal["on", "off"] = "on") -> uvicorn.Config:
    """How HTTP is spoken; ``lifespan`` off leaves out the supervisor, so that no worker starts."""
    return uvicorn.Config(
        build_app(context),
        http=guarded_protocol(context.options.limits),
        proxy_headers=False,  # what a client says of itself is no address
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=30,
        lifespan=lifespan,
        ws="none",
    )


class _Server(uvicorn.Server):
    """Uvicorn's server, which ends cleanly on SIGTERM and SIGINT instead of dying of them afterwards."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ask for a graceful end at the first signal, for an immediate one at the second."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


async def _run(server: uvicorn.Server, listener: socket.socket, context: Context) -> None:
    beside = [
        asyncio.create_task(_end_when_idle(server, context)),
        asyncio.create_task(_keep_clean(context)),
    ]
    try:
        await server.serve(sockets=[listener])
    finally:
        for task in beside:
            task.cancel()


async def _keep_clean(context: Context) -> None:
    """Remove what is older than the days that it is kept for, at the start and every hour."""
    days = context.options.keep_days
    while days is not None:
        try:
            gone = await asyncio.to_thread(context.state.retention.clean, Policy(days * DAY))
            _log.info("removed %d things older than %g days", len(gone), days)
        except (OSError, sqlite3.Error) as error:
            _log.error("nothing could be removed, trying again in an hour: %s", error)
        await asyncio.sleep(_CLEAN_SECONDS)


async def _end_when_idle(server: uvicorn.Server, context: Context) -> None:
    """Ask the server to end once no request came for the idle time and nothing is queued or running."""
    allowed = context.options.idle_exit
    if allowed is None:
        return
    while True:
        await asyncio.sleep(max(0.05, min(allowed / _IDLE_CHECKS, 5.0)))
        if context.activity.quiet_for() < allowed:
            continue
        if await asyncio.to_thread(context.state.leases.open_count) == 0:
            server.should_exit = True
            return


@contextmanager
def _one_server(root: Path) -> Iterator[None]:
    """Hold the state directory's lock."""
    try:
        make_folder(root)
    except OSError as error:
        raise storage_error(error, root) from error
    with hold_lock(root) as held:
        if not held:
            raise ConfigurationError(
                f"another local platform runs on this state{_other(root)}",
                where=str(root),
                hint="Use that one, end it, or give another --state.",
            )
        yield


def _other(root: Path) -> str:
    """What server.json says about the server that runs."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found = load((root / "server.json").read_bytes())
        return f" (process {found['pid']}, {found['url']})"
    return ""


@contextmanager
def _listen(options: ServeOptions) -> Iterator[socket.socket]:
    """A socket that listens at the asked address."""
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off for every connection: without it,
    # each answer waits some 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((options.host, options.port))
            listener.listen(2048)
        except (OSError, OverflowError) as error:
            raise _bind_error(error, options) from error
        yield listener
    finally:
        listener.close()


def _bind_error(error: OSError | OverflowError, options: ServeOptions) -> ConfigurationError:
    place = f"{options.host}:{options.port}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return ConfigurationError(
            f"{place} is in use by another program",
            hint="Choose another --port (0 takes any free one), or end that program.",
        )
    reason = getattr(error, "strerror", None) or str(error)
    return ConfigurationError(f"cannot listen at {place}: {reason}", hint="Check --host and --port.")


def _url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


@contextmanager
def _announced(root: Path, url: str, key_file: Path | None) -> Iterator[None]:
    """``server.json`` for as long as the server runs; of its keys it says only where they are."""
    key_place = None if key_file is None else str(key_file.absolute())
    told = {"pid": os.getpid(), "url": url, "version": __version__, "api_key_file": key_place}
    path = root / "server.json"
    temporary = root / f".server.json.{os.getpid()}"
    try:
        with temporary.open("wb") as file:
            file.write(dump(told))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(root)
    except OSError as error:
        raise storage_error(error, path) from error
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
