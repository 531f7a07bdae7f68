"""Reads what a picture is from the first bytes of its data: URL: format, mode, size in bytes."""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

FORMATS = ("jpeg", "png", "webp")
_HEAD = 1 << 16
"""Characters of base 64 that are decoded; a JPEG's frame stands behind its metadata, mostly within them."""

# The first bytes of what people take for pictures. Sources: each format's own specification.
_SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"BM", "bmp"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"%PDF", "pdf"),
    (b"<svg", "svg"),
    (b"<?xml", "svg"),
)
# PNG, 11.2.1: the colour types of the header.
_PNG_MODES = {0: "grey", 2: "RGB", 3: "with a palette", 4: "grey with alpha", 6: "RGBA"}
_JPEG_MODES = {1: "grey", 3: "RGB", 4: "CMYK"}


class Picture(NamedTuple):
    """``said`` is the format by the URL's media type, ``format`` that by its bytes ("" where unknown);
    ``mode`` is None where the first bytes do not tell."""

    said: str
    format: str
    mode: str | None
    bytes: int

    @property
    def told(self) -> str:
        """The format as people say it."""
        return self.format.upper() or "something else"


def read_picture(url: Any) -> Picture | None:
    """What stands in a data: URL; None where it is no data: URL of an image in base 64."""
    if not isinstance(url, str) or url[:11].lower() != "data:image/":
        return None
    header, comma, data = url.partition(",")
    said, *rest = header[11:].lower().split(";")
    if not comma or rest[-1:] != ["base64"] or not data:
        return None
    try:
        head = base64.b64decode(data[:_HEAD], validate=True)
    except (binascii.Error, ValueError):
        return None
    size = len(data) * 3 // 4 - data[-2:].count("=")
    found = _format(head)
    return Picture("jpeg" if said == "jpg" else said, found, _mode(found, head), size)


def _format(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    return next((name for sign, name in _SIGNS if head.startswith(sign)), "")


def _mode(name: str, head: bytes) -> str | None:
    if name == "png" and len(head) > 25:
        return _PNG_MODES.get(head[25])
    if name == "jpeg":
        return _JPEG_MODES.get(_components(head))
    return None


def _components(head: bytes) -> int:
    """How many colours a JPEG has: walk its segments to the start of the frame (ITU-T T.81, B.2.2); 0 where
    that does not stand in ``head``."""
    at = 2
    while at + 9 < len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return head[at + 9]
        if marker == 0xFF:
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return 0
