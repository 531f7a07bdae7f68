"""What pictures and other media in a message cost, where that is published and can be told."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

from ftkit.catalog.schema import PictureTokens

_HEAD = 1 << 18
"""Characters of base 64 that are read for a picture's size; a JPEG's stands behind its metadata."""


class Uncountable(NamedTuple):
    """Why the tokens of something cannot be told."""

    reason: str


def media_cost(message: Mapping[str, Any], pictures: PictureTokens | None) -> int | Uncountable:
    """Return the tokens of the pictures in a message; `Uncountable` for what has no known cost."""
    content = message.get("content")
    total = 0
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, Mapping):
            continue
        kind = part.get("type")
        cost: int | Uncountable = 0
        if kind == "image_url":
            cost = picture_cost(part.get("image_url"), pictures)
        elif kind in ("input_audio", "file", "video_url"):
            cost = Uncountable(f"what a part of type {kind} costs is not published")
        if isinstance(cost, Uncountable):
            return cost
        total += cost
    return total


def picture_cost(given: Any, pictures: PictureTokens | None) -> int | Uncountable:
    """Return the tokens of the value of an ``image_url`` part.

    At ``low`` detail a picture has a fixed cost; at ``high`` it follows from its size, which is known of
    data: URLs only. At ``auto``, which is the default, the platform chooses, by no published rule.
    """
    if pictures is None:
        return Uncountable("what a picture costs this model is not known")
    table = given if isinstance(given, Mapping) else {"url": given}
    detail = table.get("detail") or "auto"
    if detail == "low":
        return pictures.base
    if detail != "high":
        return Uncountable("the platform chooses how a picture without detail (low or high) is read")
    size = picture_size(table.get("url"))
    if size is None:
        return Uncountable(
            "the size of a picture is not known: it is no data: URL of a PNG, JPEG, GIF or WebP"
        )
    return pictures.base + pictures.tile * tiles(*size)


def tiles(width: int, height: int) -> int:
    """Return how many squares of 512 pixels a picture is read in.

    It is fitted into 2048 x 2048 pixels, then its shorter side into 768. Source: OpenAI, "Images and
    vision", calculating costs (published: 1024 x 1024 in 4 squares, 2048 x 4096 in 6). Sides are rounded to
    whole pixels in between, as 2049 x 513 (8 squares) and 2050 x 513 (4) are billed:
    https://community.openai.com/t/1281361, 2025.
    """
    width, height = _shrunk(width, height, 2048 / max(width, height))
    width, height = _shrunk(width, height, 768 / min(width, height))
    return math.ceil(width / 512) * math.ceil(height / 512)


def _shrunk(width: int, height: int, scale: float) -> tuple[int, int]:
    if scale >= 1:
        return width, height
    return max(1, round(width * scale)), max(1, round(height * scale))


def picture_size(url: Any) -> tuple[int, int] | None:
    """Return the width and height in pixels of the picture in a data: URL, None where they are not told."""
    if not isinstance(url, str) or url[:5].lower() != "data:":
        return None
    header, _, data = url.partition(",")
    if not header.lower().endswith(";base64"):
        return None
    try:
        head = base64.b64decode(data[:_HEAD])
        size = _png(head) or _gif(head) or _webp(head) or _jpeg(head)
    except (binascii.Error, ValueError, struct.error, IndexError):
        return None
    return size if size and min(size) > 0 else None


def _png(head: bytes) -> tuple[int, int] | None:
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", head, 16)
    return width, height


def _gif(head: bytes) -> tuple[int, int] | None:
    if head[:6] not in (b"GIF87a", b"GIF89a"):
        return None
    width, height = struct.unpack_from("<HH", head, 6)
    return width, height


def _webp(head: bytes) -> tuple[int, int] | None:
    """The three kinds of WebP: extended, lossless, lossy (RFC 9649)."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    kind = head[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if kind == b"VP8L" and head[20] == 0x2F:
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", head, 26)
        return width & 0x3FFF, height & 0x3FFF
    return None


def _jpeg(head: bytes) -> tuple[int, int] | None:
    """Walk the segments to the start of the frame, which has the size (ITU-T T.81)."""
    if head[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 4 <= len(head):
        if head[at] != 0xFF:
            return None
        marker = head[at + 1]
        if marker == 0xFF:  # fill
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD7:  # stand alone
            at += 2
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", head, at + 5)
            return width, height
        else:
            at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None
