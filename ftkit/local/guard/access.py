"""Who may ask: refusals of other machines' pages, of ambiguous headers, and of requests without a key."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from ftkit.local.envelope import ApiError, bad_value
from ftkit.local.guard.keys import Keys

_OPEN_PATHS: Final = frozenset(("/healthz", "/"))
_OPEN_FOLDER: Final = "/page/"
_LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))
_ONCE: Final = frozenset((b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key"))
"""Headers that mean something here; two of one could be read as either."""
_MOST_HEADERS: Final = 200


def check_head(scope: Scope, most_bytes: int) -> None:
    """Raise ``ApiError`` (400, 415, 431, 505) for a head that is too long or that can be read in two ways.

    The connection ends with the refusal: what follows could be the rest of a body to one reader and a
    request to another.
    """
    try:
        if scope["http_version"] not in ("1.0", "1.1"):
            raise ApiError(505, "This platform speaks HTTP/1.1.", code="http_version")
        _check_size(scope, most_bytes)
        _check_meaning(scope)
    except ApiError as refusal:
        refusal.headers["connection"] = "close"
        raise


def _check_size(scope: Scope, most_bytes: int) -> None:
    headers = scope["headers"]
    size = len(scope.get("raw_path", b"")) + len(scope.get("query_string", b""))
    for name, value in headers:
        size += len(name) + len(value)
    if size > most_bytes or len(headers) > _MOST_HEADERS:
        raise ApiError(431, "The request's head is too long.", code="headers_too_large")


def _check_meaning(scope: Scope) -> None:
    seen = set[bytes]()
    for name, value in scope["headers"]:
        if name in _ONCE:
            if name in seen:
                shown = name.decode()
                raise bad_value(shown, f"The header '{shown}' is there twice.", "invalid_header")
            seen.add(name)
        elif name == b"transfer-encoding":
            seen.add(name)
        elif name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
            raise ApiError(
                415,
                "This platform takes bodies as they are, without compression.",
                code="unsupported_encoding",
            )
    if b"transfer-encoding" in seen and b"content-length" in seen:
        raise bad_value(
            "transfer-encoding", "A body has either a length or a transfer encoding.", "invalid_header"
        )


def check_source(scope: Scope, own_host: str) -> None:
    """Raise ``ApiError`` (403) where a web page in a browser on this machine could be the one that asks.

    For a platform without a key: only its address protects it, and a page can reach that, under a name of
    its own that leads here (DNS rebinding), or across origins. Programs send no ``Origin``.
    """
    headers = Headers(scope=scope)
    for url in (f"//{headers.get('host', '')}", headers.get("origin")):
        if url is not None and (host := _host_of(url)) not in _LOOPBACK and host != own_host:
            raise ApiError(
                403,
                "Without a key, this platform only answers programs on its own machine.",
                code="wrong_origin",
            )


def has_body(scope: Scope) -> bool:
    """Whether a request's head announces a body."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


def is_open(path: str) -> bool:
    """Whether a path is answered without a key: it says nothing of what the platform holds."""
    return path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER)


def check_key(scope: Scope, keys: Keys) -> int:
    """Which key the request has, from 1. Raises ``ApiError`` (401) when it is none of ``keys``."""
    header = Headers(scope=scope).get("authorization", "")
    found = keys.find(header)
    if found is None:
        given = header.partition(" ")[2]
        said = "Incorrect API key provided." if given else "You didn't provide an API key."
        raise ApiError(401, f"{said} Send it as 'Authorization: Bearer KEY'.", code="invalid_api_key")
    return found


@lru_cache(maxsize=256)
def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
