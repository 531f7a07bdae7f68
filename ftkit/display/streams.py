"""Output streams that bear every text, whatever the terminal's encoding."""

from __future__ import annotations

import codecs
import io
from typing import TextIO

_HANDLER = "ftkit.escape"


def bear_any_text(*streams: TextIO) -> None:
    """Make ``streams`` write what their encoding lacks as ``\\uXXXX``, so that JSON stays JSON.

    Half a surrogate pair (a file's name that is no UTF-8) is written so on UTF-8 streams too.
    """
    codecs.register_error(_HANDLER, _escaped)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def can_say(stream: TextIO, text: str) -> bool:
    """Whether the encoding of ``stream`` has every character of ``text``."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = zip(units[::2], units[1::2], strict=True)
    return "".join(f"\\u{high:02x}{low:02x}" for high, low in pairs), error.end
