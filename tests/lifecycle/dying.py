"""Runs the ftkit command in this process, and kills it without warning at one exact place.

``python dying.py PLACE ARGUMENT...``, where PLACE is ``before`` or ``after``, a blank and a function as
``module:name``; for a step of the ledger, the kind of the operation follows in brackets.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any


def die_at(place: str) -> None:
    """From now on, the call of that function is the last thing (or nearly) that this process does."""
    when, _, named = place.partition(" ")
    function, _, kind = named.rstrip("]").partition("[")
    module, _, path = function.partition(":")
    owner: Any = import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real = getattr(owner, name)

    def last(*given: Any, **named: Any) -> Any:
        if kind and given[0].kind != kind:
            return real(*given, **named)
        if when == "after":
            real(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody comes back from there")

    setattr(owner, name, last)


if __name__ == "__main__":
    die_at(sys.argv.pop(1))
    sys.argv[0] = "ftkit"
    from ftkit.cli import main

    main()
