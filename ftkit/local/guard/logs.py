"""The platform's log: lines for people or JSON for programs, never with a key or anything that was sent.

An exception's text may quote what it stumbled over, a row of training data for one; so only the errors of
the system itself (files, database, imports) keep their text, of the others the log has kind and place; a
record with ``extra=TELLING`` keeps it too, where nothing that was sent can be in it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sqlite3
import sys
import time
import traceback
from types import TracebackType
from typing import Any, Final, Literal

Form = Literal["text", "json"]
_VARIABLE: Final = "FTKIT_LOCAL_LOG"
"""How a server's processes know which form its log has."""
TELLING: Final = {"telling": True}
_SYSTEM: Final = (OSError, sqlite3.Error, ImportError)
_OWN_ID: Final = re.compile(r"(?:file-|ftjob-|batch_|upload_)[A-Za-z0-9]{24}")
_Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


def configure(form: Form | None = None, *, verbose: bool = False) -> None:
    """Log to stderr, this process and the ones that it starts; without ``form``, as the one that began."""
    if form == "json":
        os.environ[_VARIABLE] = form
    elif form == "text":
        os.environ.pop(_VARIABLE, None)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if os.environ.get(_VARIABLE) == "json" else Lines())
    logging.basicConfig(handlers=[handler], level=logging.INFO if verbose else logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # it warns of every line that is no HTTP


def own_id(values: dict[str, Any]) -> str | None:
    """The id of an object of this platform among a path's values: only what has the form of one."""
    return next((v for v in values.values() if isinstance(v, str) and _OWN_ID.fullmatch(v)), None)


def story(error: BaseException, *, telling: bool = False) -> list[str]:
    """An error's kind and places, innermost last, and of what it came from; ``telling``: its text, too."""
    said = []
    seen: BaseException | None = error
    while seen is not None:
        frames = traceback.extract_tb(seen.__traceback__)
        said += [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
        text = f": {seen}" if telling or isinstance(seen, _SYSTEM) else ""
        said.append(f"{type(seen).__name__}{text}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return said


class Lines(logging.Formatter):
    """A line for a person."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the places of an error below it. No control character of a message gets through."""
        place = record.exc_info[1] if record.exc_info else None
        record.exc_info, record.exc_text = None, None
        text = "".join(c if c.isprintable() else " " for c in super().format(record))
        return "\n  ".join([text, *(story(place, telling=hasattr(record, "telling")) if place else [])])


class JsonLines(logging.Formatter):
    """A line for a program: ``time`` (UTC), ``level``, ``logger``, and what the record tells."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object on one line."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        told: dict[str, Any] = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        fields = getattr(record, "fields", None)
        told |= fields if fields is not None else {"message": record.getMessage()}
        if record.exc_info and record.exc_info[1] is not None:
            told["error"] = story(record.exc_info[1], telling=hasattr(record, "telling"))
        return json.dumps(told, default=str)
