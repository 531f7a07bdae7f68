"""The status page: plain HTML, CSS and JavaScript files, read from the package and served as they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

MEDIA_TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
"""Only files of this server, no inline code, no form that goes anywhere, in nobody's frame."""


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file of the page: its bytes, its media type, and the entity tag of these bytes."""

    data: bytes
    media_type: str
    tag: str


@cache
def page_files() -> dict[str, PageFile]:
    """The page's files by name. A client's path is looked up here and never reaches the file system."""
    found = {}
    for entry in files(__name__).iterdir():
        ending = entry.name.rpartition(".")[2]
        if ending in MEDIA_TYPES:
            data = entry.read_bytes()
            tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
            found[entry.name] = PageFile(data, MEDIA_TYPES[ending], tag)
    return found
