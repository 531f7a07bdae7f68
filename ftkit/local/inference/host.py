"""A model's own process: ``python -m ftkit.local.inference.host STATE SOCKET SPEC``.

Loads its model with the first question, answers any number of questions at once (the engine's responder
makes batches of them), and ends when nobody asked for a while, or when the server is gone.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path

from ftkit.local.engines.asking import Answer, Refusal, Refused
from ftkit.local.engines.base import ModelSpec, Responder
from ftkit.local.engines.registry import Engines
from ftkit.local.guard import logs
from ftkit.local.inference.places import GREETING
from ftkit.local.inference.protocol import Call, Channel, Outcome, Result
from ftkit.local.jsonio import load

_log = logging.getLogger("ftkit.local.inference")
IDLE_SECONDS = 300.0
"""How long a model without questions stays loaded, where its option ``idle_seconds`` says nothing."""
ORPHAN_SECONDS = 10.0
"""How long it stays when there is no server any more."""
KEPT = 8
"""Adapters that stay loaded beside their base."""


class LoadFailed(Exception):
    """The model cannot be loaded; the message may be shown to a client."""


class Models:
    """The responders of this process: the base and the ``KEPT`` most recently used tuned ones."""

    def __init__(self, spec: ModelSpec) -> None:
        self._spec = spec
        self._kept: OrderedDict[str | None, Responder] = OrderedDict()
        self._guard = threading.Lock()

    def get(self, folder: str | None) -> Responder:
        """The loaded model. Raises ``LoadFailed``."""
        with self._guard:
            found = self._kept.get(folder)
            if found is None:
                found = self._kept[folder] = self._load(folder)
                while len(self._kept) > KEPT:
                    _release(self._kept.popitem(last=False)[1])
            self._kept.move_to_end(folder)
        return found

    def _load(self, folder: str | None) -> Responder:
        engine = Engines().get(self._spec.engine)
        if engine is None:
            raise LoadFailed(f"the engine '{self._spec.engine}' cannot be used here; the host's log says why")
        try:
            return engine.base(self._spec) if folder is None else engine.load(Path(folder), self._spec)
        except ValueError as error:
            _log.exception("cannot load %s", folder or self._spec.name, extra=logs.TELLING)
            raise LoadFailed(str(error)) from error
        except Exception as error:
            _log.exception("cannot load %s", folder or self._spec.name, extra=logs.TELLING)
            raise LoadFailed(
                f"it cannot be loaded ({type(error).__name__}); the host's log says why"
            ) from error


def _release(responder: Responder) -> None:
    """Let go of an adapter; a responder that has nothing to let go of has no ``close``."""
    close = getattr(responder, "close", None)
    if close is not None:
        close()


class Host:
    """The socket, the models behind it, and when to end."""

    def __init__(self, root: Path, path: Path, spec: ModelSpec) -> None:
        self._root = root
        self._path = path
        self._idle = float(spec.options.get("idle_seconds", IDLE_SECONDS))
        self._models = Models(spec)
        self._guard = threading.Lock()
        self._open = 0
        self._last = time.monotonic()

    def serve(self) -> None:
        """Answer until there is no need."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(self._path))
            listener.listen(1024)
            listener.settimeout(0.5)
            while not self._unneeded():
                with suppress(TimeoutError):
                    connection, _ = listener.accept()
                    connection.setblocking(True)
                    with self._guard:
                        self._open += 1
                    threading.Thread(target=self._attend, args=(connection,), daemon=True).start()
            self._path.unlink()

    def _unneeded(self) -> bool:
        with self._guard:
            if self._open:
                return False
            quiet = time.monotonic() - self._last
        return quiet > self._idle or (quiet > ORPHAN_SECONDS and not _server_lives(self._root))

    def _attend(self, connection: socket.socket) -> None:
        """Answer one connection's calls."""
        channel = Channel(connection)
        try:
            connection.sendall(GREETING)
            for call in channel.calls():
                with closing(self._results(call)) as results:
                    for result in results:
                        channel.send(result)
        except (BrokenPipeError, ConnectionResetError):
            _log.info("a client went away")
        except (OSError, ValueError):
            _log.exception("a connection failed")
        finally:
            channel.close()
            with self._guard:
                self._open -= 1
                self._last = time.monotonic()

    def _results(self, call: Call) -> Generator[Result, None, None]:
        """What goes back; a fault is a result too."""
        try:
            yield from answered(call, self._models.get(call.folder))
        except LoadFailed as error:
            yield Result(fault=str(error), end=True)
        except Refused as error:
            yield Result(refusal=error.refusal, end=True)
        except Exception as error:  # noqa: BLE001 - an engine may fail in any way: told and logged, the process lives on
            _log.exception("a question failed")
            why = f"it failed on this ({type(error).__name__}); the host's log says why"
            yield Result(fault=why, end=True)


def answered(call: Call, responder: Responder) -> Generator[Result, None, None]:
    """A call's results from a loaded model; pieces of a stream end when the iterator is closed."""
    if call.kind == "abilities":
        yield Result(abilities=sorted(responder.abilities), end=True)
    elif call.kind == "answer":
        yield Result(outcomes=[_outcome(answer) for answer in responder.answer(call.asks)], end=True)
    elif call.kind == "embed":
        yield Result(embedded=responder.embed(call.texts, call.dimensions), end=True)
    else:
        pieces = responder.stream(call.asks[0])
        try:
            for delta in pieces:
                yield Result(delta=delta)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        yield Result(end=True)


def _outcome(answer: Answer | Refusal) -> Outcome:
    return Outcome(answer=answer) if isinstance(answer, Answer) else Outcome(refusal=answer)


def _server_lives(root: Path) -> bool:
    """Whether the server of this state directory runs, by what ``server.json`` says."""
    try:
        os.kill(int(load((root / "server.json").read_bytes())["pid"]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return True


def main() -> None:
    """Serve; the socket's directory goes with the process, unless it is killed."""
    logs.configure(verbose=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    root, path = Path(sys.argv[1]), Path(sys.argv[2])
    spec = ModelSpec(**load(sys.argv[3].encode()))
    try:
        Host(root, path, spec).serve()
    finally:
        shutil.rmtree(path.parent, ignore_errors=True)
    logging.shutdown()
    os._exit(0)  # threads of a model's library must not hold the process


if __name__ == "__main__":
    main()
