"""Rules on pictures: their address, format, mode, size and number.

Sources: OpenAI, "Vision fine-tuning", image data requirements: JPEG, PNG or WEBP; RGB or RGBA; at most
10 MB each; at most 50,000 examples with pictures (https://developers.openai.com/api/docs/guides/vision-fine-tuning);
Azure OpenAI says the same. How many and how large is the platform's: the catalog's limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from ftkit.validation import Case, Context, FileFacts, Found, RowView
from ftkit.validation import rule as any_rule
from ftkit_validators.chat.examples import CONVERSATIONS, REPLY, USER, chat
from ftkit_validators.chat.pixels import FORMATS, Picture, read_picture

_URL = "https://example.com/a.png"
_DETAILS = ("auto", "low", "high")
_SUFFIX = re.compile(r"[^?#]*/[^?#]*\.([A-Za-z0-9]{2,5})(?:[?#].*)?", re.DOTALL)
_OTHER_SUFFIXES = frozenset({"gif", "bmp", "tif", "tiff", "svg", "heic", "heif", "avif", "ico", "pdf"})
# One pixel each, PNG: true colour, and grey.
_COLOUR = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC"
_GREY = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR42mP4DwABAQEAHLCMmQAAAABJRU5ErkJggg=="
_LIMITED = {"key_env": "K", "limits": {"images_per_example": 1, "image_bytes": 68, "examples_with_images": 1}}

rule = partial(any_rule, scope="message", kinds=CONVERSATIONS, reads=("content",))


def _showing(*urls: str) -> str:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return chat({**USER, "content": parts}, REPLY)


def _limited(content: str) -> Case:
    return Case(content, platform="narrow", settings={"providers": {"narrow": _LIMITED}})


def _data(base64: str) -> str:
    return f"data:image/png;base64,{base64}"


_GOOD = _showing(_URL, _data(_COLOUR))


def _images(message: dict[str, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    content = message.get("content")
    for index, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, dict) and part.get("type") == "image_url":
            image = part.get("image_url")
            if isinstance(image, dict):
                yield index, image


def _pictures(message: dict[str, Any]) -> Iterator[tuple[int, Picture]]:
    """The pictures that stand in the message itself, as far as they can be read."""
    for index, image in _images(message):
        picture = read_picture(image.get("url"))
        if picture is not None:
            yield index, picture


def _at(index: int, key: str = "url") -> tuple[str | int, ...]:
    return ("content", index, "image_url", key)


@rule("FT233", "image-address", bad=_showing("/home/ann/a.png"), good=_GOOD)
def image_address(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """A picture is given by a public http(s) address, or in the message itself as a data: URL in base 64. The
    platform cannot read a path on your machine, and skips or refuses such an example."""
    hint = "Write https://..., or data:image/png;base64,... with the picture itself."
    for index, image in _images(message):
        url = image.get("url")
        if not isinstance(url, str):
            yield Found(f"content part {index} has no picture's 'url'", hint, _at(index)[:-1])
        elif url[:5].lower() == "data:":
            if read_picture(url) is None:
                yield Found(f"content part {index} is no data: URL of a picture in base 64", hint, _at(index))
        elif not url.lower().startswith(("https://", "http://")):
            yield Found(f"content part {index} has the address {url[:40]!r}", hint, _at(index))
        if image.get("detail", "auto") not in _DETAILS:
            what = f"the detail of content part {index} is {str(image['detail'])[:20]!r}"
            yield Found(what, f"It is one of: {', '.join(_DETAILS)}.", _at(index, "detail"))


@rule("FT234", "image-format", severity="warning", bad=_showing("https://example.com/a.gif"), good=_GOOD)
def image_format(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Pictures to learn from are JPEG, PNG or WEBP; others (GIF, SVG, HEIC, ...) are skipped or refused. What
    a data: URL says of itself must be true, too: platforms look at the bytes."""
    hint = "Convert it to PNG, JPEG or WEBP."
    for index, image in _images(message):
        url = image.get("url")
        picture = read_picture(url)
        if picture is None:
            suffix = _suffix(url)
            if suffix in _OTHER_SUFFIXES:
                yield Found(f"content part {index} is a {suffix.upper()} by its name", hint, _at(index))
        elif picture.format not in FORMATS:
            yield Found(f"content part {index} is no JPEG, PNG or WEBP but {picture.told}", hint, _at(index))
        elif picture.said != picture.format:
            what = f"content part {index} is {picture.told}, and says that it is image/{picture.said[:20]}"
            yield Found(what, f"Write data:image/{picture.format};base64,...", _at(index))


def _suffix(url: Any) -> str:
    found = _SUFFIX.fullmatch(url[8:500]) if isinstance(url, str) and url[:4].lower() == "http" else None
    return found[1].lower() if found else ""


@rule("FT235", "image-mode", severity="warning", bad=_showing(_data(_GREY)), good=_GOOD)
def image_mode(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """Pictures to learn from are in colour, RGB or RGBA. Grey ones, those with a palette, and CMYK from print
    are refused, or skipped without a word."""
    for index, picture in _pictures(message):
        if picture.mode not in (None, "RGB", "RGBA"):
            yield Found(f"content part {index} is {picture.mode}, not RGB", "Convert it to RGB.", _at(index))


@rule("FT236", "image-too-large", bad=_limited(_showing(_data(_COLOUR))), good=_limited(_showing(_URL)))
def image_too_large(message: dict[str, Any], row: RowView) -> Iterator[Found]:
    """A picture may have only so many bytes, by the platform's limit; larger ones are refused. A model sees
    it scaled down anyway, so nothing is lost by a smaller one."""
    limit = row.context.provider.limits.image_bytes
    for index, picture in _pictures(message) if limit is not None else ():
        if limit is not None and picture.bytes > limit:
            what = f"content part {index} has {picture.bytes:,} bytes; at most {limit:,} are taken"
            yield Found(what, "Scale it down.", _at(index))


@rule(
    "FT237",
    "too-many-images",
    scope="row",
    bad=_limited(_showing(_URL, _URL)),
    good=_limited(_showing(_URL)),
)
def too_many_images(row: RowView) -> Iterator[Found]:
    """One example may show only so many pictures, by the platform's limit; with more it is refused."""
    limit = row.context.provider.limits.images_per_example
    if limit is None:
        return
    places = [
        row.at(place, "content", index)
        for place, (_, message) in enumerate(row.messages)
        for index, _ in _images(message)
    ]
    if len(places) > limit:
        what = f"{len(places)} pictures in one example; at most {limit} are taken"
        yield Found(what, "Split the example, or leave pictures out.", places[limit])


@any_rule(
    "FT238",
    "too-many-image-examples",
    scope="dataset",
    kinds=CONVERSATIONS,
    reads=("content",),
    wanted=lambda context: context.provider.limits.examples_with_images is not None,
    bad=_limited(_showing(_URL) + _showing("https://example.com/b.png")),
    good=_limited(_showing(_URL) + chat(USER, REPLY)),
)
class TooManyImageExamples:
    """A file may hold only so many examples with pictures, by the platform's limit (examples of text alone
    do not count). The whole file is refused when it has more."""

    def __init__(self, context: Context) -> None:
        self.limit = context.provider.limits.examples_with_images
        self.title = context.provider.title
        self.count = 0

    def row(self, row: RowView) -> Iterator[Found]:
        """Count the row if it shows a picture."""
        self.count += any(next(_images(message), None) is not None for _, message in row.messages)
        return iter(())

    def merge(self, later: Any, lines: int) -> None:
        """Add the count of the rows that follow."""
        self.count += later.count

    def end(self, facts: FileFacts) -> Iterator[Found]:
        """Say how many are too many."""
        if self.limit is not None and self.count > self.limit:
            what = f"{self.count:,} examples with pictures; {self.title} takes {self.limit:,} in a file"
            yield Found(what, "Split the file.")


RULES = (
    image_address,
    image_format,
    image_mode,
    image_too_large,
    too_many_images,
    TooManyImageExamples,
)
