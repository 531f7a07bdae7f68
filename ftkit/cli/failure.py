"""Says an error in a person's words (or as JSON) and answers with its exit code."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from ftkit.errors import FtkitError, storage_error
from ftkit.settings import redact

EXIT_BUG = 70


def explain(error: Exception) -> int:
    """Print ``error`` to stderr and return the exit code of the command."""
    if isinstance(error, OSError) and not isinstance(error, FtkitError) and error.errno is not None:
        error = storage_error(error, str(error.filename or "output"))
    if os.environ.get("FTKIT_DEBUG"):
        traceback.print_exception(error)
    if "--json" in sys.argv[1:]:
        _say(json.dumps({"error": _as_json(error)}, ensure_ascii=False))
    elif isinstance(error, FtkitError):
        _say(_as_text(error))
    else:
        _say(
            f"error: ftkit has a bug: {type(error).__name__}: {error}\n"
            "Set FTKIT_DEBUG=1 to see where, and please report it."
        )
    return error.exit_code if isinstance(error, FtkitError) else EXIT_BUG


def _say(text: str) -> None:
    print(redact(text), file=sys.stderr, flush=True)  # noqa: T201


def _as_text(error: FtkitError) -> str:
    head = error.message if error.where is None else f"{error.where}: {error.message}"
    lines = [head if error.exit_code == 130 else f"error: {head}"]
    if error.request_id:
        lines.append(f"  request id: {error.request_id}")
    if error.hint:
        lines.append(error.hint)
    return "\n".join(lines)


def _as_json(error: Exception) -> dict[str, Any]:
    if not isinstance(error, FtkitError):
        return {"type": type(error).__name__, "message": str(error), "exit_code": EXIT_BUG}
    fields = {
        "type": type(error).__name__,
        "message": error.message,
        "where": None if error.where is None else str(error.where),
        "hint": error.hint,
        "request_id": error.request_id,
        "exit_code": error.exit_code,
    }
    return {key: value for key, value in fields.items() if value is not None}
