"""Who holds a lock, as processes tell each other and as people read it."""

from __future__ import annotations

import os
import platform as machine

_LONGEST = 60
"""Of a mark, in characters: PostgreSQL cuts the name of a session at 63 bytes."""


def mark() -> str:
    """This process, as others read it: ``ftkit 4711 build-7``."""
    return f"ftkit {os.getpid()} {_host()}"[:_LONGEST]


def in_words(found: str) -> str | None:
    """``process 4711 on build-7``; None where ``found`` is (or begins with) no mark."""
    ours, _, rest = found.partition(" ")
    pid, _, more = rest.partition(" ")
    host = more.partition(" ")[0]
    return f"process {pid} on {host}" if ours == "ftkit" and pid.isdigit() and host else None


def process(pid: int) -> str:
    """A process of this machine in words."""
    return f"process {pid} on {_host()}"


def this_process() -> str:
    """This very process, in which another thread is at it."""
    return f"another thread of {process(os.getpid())}"


def _host() -> str:
    """The machine's name, without what a session's name cannot hold."""
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-._") else "-" for c in machine.node())
    return plain or "this machine"
