"""FT509: texts that were read in the wrong encoding somewhere on their way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ftkit.validation import Context, Found, RowView, rule
from ftkit_validators.quality.rows import EachRow
from ftkit_validators.quality.samples import row
from ftkit_validators.quality.texts import EVERY_KIND, places, texts

# The characters that bytes 80 to BF become when read as Windows-1252 or as Latin-1.
_HIGH = "€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ"
_REST = f"[{_HIGH}\x80-\xbf]"
# Of these, some may well follow an accented letter in good text: a quote that closes, a dash.
_SURE = "[€‚ƒ„†‡ˆ‰Š‹ŒŽ•˜šœžŸ\x80-\xba\xbc-\xbf]"
# Each begins with one of a few signs, which is what makes the search quick; what must follow depends on it.
_BROKEN = re.compile(
    "[ÂÃÄÅâðÎÏÐÑ×ØÙÚàã-í\ufffd](?:"
    + "|".join(
        (
            rf"(?<=[ÂÃ])(?:{_SURE}|{_REST}(?=[a-zß-ÿ]))",  # Latin letters: é as Ã©
            rf"(?<=[ÄÅ]){_REST}(?=[a-zß-ÿÄÅ])",  # Polish, Czech, Turkish and others
            rf"(?<=â)[€‚„†ˆ‰Œœ\x80\x82\x84\x86\x88\x89]{_REST}",  # dashes, curly quotes: ’ as â€™
            rf"(?<=ð)[Ÿ\x9f]{_REST}{_REST}",  # emoji
            rf"(?<=[ÎÏÐÑ]){_REST}[ÎÏÐÑ]{_REST}",  # Greek, Cyrillic: two letters in a row at least
            rf"(?<=[×ØÙÚ]){_REST}(?:[×ØÙÚ]{_REST}){{2}}",  # Hebrew, Arabic
            rf"(?<=[àã-í]){_REST}{_REST}[àã-í]{_REST}{_REST}",  # Indic scripts, Chinese, Japanese, Korean
            "(?<=\ufffd)",
        )
    )
    + ")"
)
_WHOLE = re.compile(f"[{_HIGH}\x80-\xff]+")


@rule(
    "FT509",
    "encoding-damage",
    scope="dataset",
    severity="warning",
    kinds=EVERY_KIND,
    bad=row("OÃ¹ est le cafÃ© ?", "Au coin de la rue."),
    good=row("Où est le café ?", "Au coin de la rue."),
)
class EncodingDamage(EachRow):
    """The text was written as UTF-8 and read as Latin-1 or Windows-1252 (é has become Ã©, ’ has become â€™),
    or has the sign that stands for a character that could not be read at all. A model learns to write what it
    is shown, damage too. Only sequences count that a person would hardly write."""

    def __init__(self, context: Context) -> None:
        """Nothing is kept."""

    def row(self, row: RowView) -> Iterator[Found]:
        """Search texts that are not plain ASCII, one finding for each."""
        everything = texts(row).everything
        if everything.isascii() or not _BROKEN.search(everything):
            return
        for keys, text in places(row.value):
            spots = list(_BROKEN.finditer(text))
            if not spots:
                continue
            more = f", and {len(spots) - 1:,} more" if len(spots) > 1 else ""
            yield Found(f"{_words(text, spots[0])}{more}", _HINT, keys)


_HINT = "Read the source again as UTF-8; what has become \ufffd is lost and must be taken from the source."


def _words(text: str, spot: re.Match[str]) -> str:
    """What is wrong at a place, and what stood there before, where that can be told."""
    if spot.group() == "\ufffd":
        return "a character that could not be read (U+FFFD)"
    whole = next((m.group() for m in _WHOLE.finditer(text) if m.end() > spot.start()), spot.group())
    for piece in (whole, spot.group()):
        if mended := _mended(piece):
            return f"{piece[:20]!r} is probably {mended[:20]!r}, UTF-8 that was read as Windows-1252"
    return f"{spot.group()!r} looks like UTF-8 that was read as Windows-1252"


def _mended(piece: str) -> str | None:
    """The text whose UTF-8 bytes the characters are; None where they are no UTF-8."""
    data = bytearray()
    for char in piece:
        code = ord(char)
        data += bytes([code]) if code < 256 else char.encode("cp1252", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


RULES = (EncodingDamage,)
