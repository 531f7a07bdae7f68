"""What a text file is written in: its encoding and its line ends, found by reading all of it once."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ftkit.data.stream import read_chunks
from ftkit.errors import DataError, UsageError, Where

# The longer marks first: UTF-32's begins with UTF-16's.
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8 with a byte-order mark"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_C1 = re.compile(rb"[\x80-\x9f]")
# Python's cp1252 leaves these five bytes undefined, as Unicode's table for windows-1252 does.
_UNDEFINED = frozenset(b"\x81\x8d\x8f\x90\x9d")
_LETTERS = frozenset(b"\x8a\x8c\x8e\x9a\x9c\x9e\x9f")  # Š Œ Ž š œ ž Ÿ
_OPENING = frozenset(b"\x84\x8b\x91\x93")  # „ ‹ ‘ “
_CLOSING = frozenset(b"\x92\x94\x99\x9b")  # ’ ” ™ ›
_ANYWHERE = frozenset(b"\x80\x82\x83\x85\x86\x87\x89\x95\x96\x97")  # € ‚ ƒ … † ‡ ‰ • – —


@dataclass(frozen=True, slots=True)
class TextFacts:
    """``codec`` is what Python decodes by, ``encoding`` its name for people; line ends are counted."""

    codec: str
    encoding: str
    lf: int
    crlf: int
    cr: int
    remark: str | None = None

    @property
    def line_ends(self) -> str:
        """``LF``, ``CRLF``, ``CR``, ``mixed (…)`` or ``none``."""
        found = [(name, n) for name, n in (("LF", self.lf), ("CRLF", self.crlf), ("CR", self.cr)) if n]
        if len(found) > 1:
            return f"mixed ({', '.join(f'{n:,} {name}' for name, n in found)})"
        return found[0][0] if found else "none"

    @property
    def notes(self) -> tuple[str, ...]:
        """The facts as sentences for a person."""
        notes = [f"encoding: {self.encoding}", f"line ends: {self.line_ends}"]
        return (*notes, self.remark) if self.remark else tuple(notes)


def text_facts(path: Path, encoding: str | None = None) -> TextFacts:
    """Read the whole file once, in constant memory, and say what it is written in.

    ``encoding`` is the person's word, which is checked and not guessed at. Raises `DataError` where the
    file is not in it, `UsageError` where Python knows no such encoding.
    """
    head = next(read_chunks(path, 4096), b"")
    if encoding is not None:
        codec, name, remark = _known_codec(encoding, head), encoding, None
    else:
        codec, name, remark = _detect(path, head)
    ends = _LineEnds()
    decoder = codecs.getincrementaldecoder(codec)()
    wide = codec.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))
    offset = 0
    try:
        for chunk in read_chunks(path):
            text = decoder.decode(chunk) if wide or encoding is not None else ""
            ends.add(text.encode("utf-8", "surrogatepass") if wide else chunk)
            offset += len(chunk)
        decoder.decode(b"", final=True)
    except UnicodeError as error:
        place = f" near byte {offset + error.start:,}" if isinstance(error, UnicodeDecodeError) else ""
        raise DataError(
            f"this is not {name} text: {getattr(error, 'reason', error)}{place}",
            where=Where(path),
            hint="Leave the encoding out to have it detected.",
        ) from error
    return TextFacts(codec, name, ends.lf, ends.crlf, ends.cr, remark)


def _known_codec(encoding: str, head: bytes) -> str:
    """The codec of that name for a file that begins with ``head``; UTF-8's byte-order mark is no text."""
    try:
        codec = codecs.lookup(encoding).name
        b"a".decode(codec, "ignore")  # refused by what is no encoding of texts (hex, rot13, idna)
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"there is no encoding {encoding!r}", hint="Use a name such as utf-8, latin-1 or cp1252."
        ) from error
    return "utf-8-sig" if codec == "utf-8" and head.startswith(codecs.BOM_UTF8) else codec


def _detect(path: Path, head: bytes) -> tuple[str, str, str | None]:
    """Return codec, name and remark: a byte-order mark, else valid UTF-8, else a Western 8-bit one."""
    for bom, codec, name in _BOMS:
        if head.startswith(bom):
            return codec, name, None
    wide = _unmarked_utf16(head)
    if wide:
        return wide, f"{wide.upper()} without a byte-order mark", None
    if _is_utf8(read_chunks(path)):
        return "utf-8", "UTF-8", None
    return _western(path)


def _unmarked_utf16(head: bytes) -> str | None:
    """Western text in UTF-16 has a NUL in nearly every second byte."""
    sample = head[: len(head) // 2 * 2]
    if len(sample) < 4:
        return None
    half = len(sample) / 2
    if sample[1::2].count(0) > 0.7 * half and sample[::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if sample[::2].count(0) > 0.7 * half and sample[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return None


def _is_utf8(chunks: Iterator[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chunks:
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _western(path: Path) -> tuple[str, str, str | None]:
    """Tell windows-1252 from ISO-8859-1, which differ only in the bytes 80 to 9F.

    Those are control characters in ISO-8859-1, which no text holds on purpose, and punctuation in
    windows-1252. So a file with any of them is windows-1252, unless they make no sense there: a byte
    that it leaves undefined, or marks that mostly stand where such a mark cannot (an opening quote before
    a space).
    """
    sense = total = undefined = 0
    last = b" "
    for chunk in read_chunks(path):
        block = last + chunk
        for found in _C1.finditer(block, 1):
            total += 1
            at = found.start()
            byte, before, after = block[at], block[at - 1], block[at + 1 : at + 2] or b" "
            undefined += byte in _UNDEFINED
            sense += _makes_sense(byte, before, after[0])
        last = block[-1:]
    if total == 0:
        return "iso-8859-1", "ISO-8859-1 (Latin-1)", None
    if not undefined and sense * 2 >= total:
        return "cp1252", "windows-1252", None
    remark = (
        f"{total:,} bytes from 80 to 9F are control characters in ISO-8859-1 and make no sense in "
        "windows-1252 either: the text is probably damaged there; they are kept as they are"
    )
    return "iso-8859-1", "ISO-8859-1 (Latin-1)", remark


def _makes_sense(byte: int, before: int, after: int) -> bool:
    """Whether this windows-1252 character could stand between these two bytes."""
    if byte in _ANYWHERE:
        return True
    if byte in _OPENING:
        return not _is_space(after)
    if byte in _CLOSING:
        return not _is_space(before)
    return byte in _LETTERS and (_is_letter(before) or _is_letter(after))


def _is_space(byte: int) -> bool:
    return byte in b" \t\r\n\xa0"


def _is_letter(byte: int) -> bool:
    return bytes((byte,)).isalpha() or byte >= 0xC0


class _LineEnds:
    """Counts line ends over chunks; a CR at a chunk's end waits for the next one."""

    def __init__(self) -> None:
        self.lf = self.crlf = self.cr = 0
        self._cr_open = False

    def add(self, chunk: bytes) -> None:
        pairs = chunk.count(b"\r\n")
        self.crlf += pairs
        self.lf += chunk.count(b"\n") - pairs
        self.cr += chunk.count(b"\r") - pairs
        if self._cr_open and chunk.startswith(b"\n"):
            self.crlf, self.lf, self.cr = self.crlf + 1, self.lf - 1, self.cr - 1
        if chunk:
            self._cr_open = chunk.endswith(b"\r")
