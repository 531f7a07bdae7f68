"""Connects to a platform: finds its address and key, starts the local one where nobody has."""

from __future__ import annotations

import ipaddress
import platform as machine
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ftkit.catalog import Provider
from ftkit.display import Display, SilentDisplay
from ftkit.errors import ConfigurationError, MissingKey
from ftkit.settings import Settings, load_settings
from ftkit.settings import api_key as find_key

if TYPE_CHECKING:
    from openai import OpenAI

    from ftkit.gateway.autostart import LocalServer
    from ftkit.gateway.platform import Platform

_NO_KEY = "not-needed"  # the openai client insists on a key


def connect(
    platform: str | None = None,
    *,
    settings: Settings | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    display: Display | None = None,
) -> Platform:
    """Connect to ``platform`` (a name in the catalog) or to any address, ``base_url``.

    With neither, the settings choose; where they choose nothing it is the local platform, which
    is started if it does not run. The key comes from the environment or the OS keyring; an
    ``api_key`` given here is used and kept nowhere. No request is sent before you send one.

    Raises UsageError for an unknown name, MissingKey, ConfigurationError for a platform without
    an address, PlatformUnreachable where the local platform does not start.
    """
    from ftkit.gateway.failures import Target
    from ftkit.gateway.platform import Platform
    from ftkit.gateway.wire import Wire

    shown = display if display is not None else SilentDisplay()
    chosen = settings if settings is not None else load_settings()
    name, address = _choice(chosen, platform, base_url)
    provider = chosen.catalog.provider(name)
    address = address or provider.base_url
    if address is None and not provider.local:
        raise ConfigurationError(
            f"no address is known for {provider.title}",
            hint=f"Set base_url under [providers.{name}] in ftkit.toml, set FTKIT_BASE_URL, "
            "or use --base-url.",
        )
    if address is not None:
        _check_address(address)
    key = api_key or (_key(provider, address) if address is not None else _NO_KEY)
    server = _local_server(chosen, shown) if address is None else None
    if server is not None and api_key is None and server.key is not None:
        key = server.key
    address = server.url if server is not None else _api_root(str(address), provider)
    if provider.name == "custom":  # "any platform" is no name to speak of one by
        provider = provider.model_copy(update={"title": urlsplit(address).netloc})
    _warn(provider, address, key, shown)
    target = Target(
        title=provider.title,
        name=name,
        address=address,
        key_env=provider.key_env,
        local=server is not None,
        notice=provider.notice if provider.closed else None,
        timeout=chosen.timeout,
        key=key,
    )
    identity = _identity(chosen, name, None if server is not None else address)
    wire = Wire(_client(address, key, chosen), target, provider, chosen, shown, identity)
    return Platform(wire, server)


def identity_of(settings: Settings, platform: str | None = None) -> str:
    """What a platform is known by in the ledger; nobody is asked, nothing is started.

    ``platform`` None is that of ``settings``. Raises UsageError for an unknown name.
    """
    name, address = _choice(settings, platform, None)
    return _identity(settings, name, address or settings.catalog.provider(name).base_url)


def local_identity(settings: Settings) -> str:
    """What the ledger knows our local platform by: its state directory, as its port changes at each start.

    In a ledger that machines share it is the machine's own: another may have a directory of the same path.
    """
    own = f"{machine.node()}:" if settings.ledger.url is not None else ""
    return f"{own}{settings.local_state.resolve()}"


def _identity(settings: Settings, name: str, address: str | None) -> str:
    """The address, without what is secret in it; the state directory of a local platform of ours."""
    if address is None:
        return local_identity(settings)
    parts = urlsplit(_api_root(address, settings.catalog.provider(name)))
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _choice(settings: Settings, platform: str | None, base_url: str | None) -> tuple[str, str | None]:
    """The platform's name and the address that was set for it.

    An address given without a name is somebody else's: no other platform's key may go there.
    An address in the settings belongs to the platform that they name, and to any where they
    name none.
    """
    if base_url is not None:
        return platform or "custom", base_url
    if platform is None or settings.platform in (None, platform):
        return platform or settings.platform_name, settings.base_url
    return platform, None


def _check_address(address: str) -> None:
    try:
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise ConfigurationError(
            f"{address!r} is not the address of a platform", hint="It looks like https://host/v1."
        )


def _api_root(address: str, provider: Provider) -> str:
    """The address as the client wants it; the local platform may be named without its /v1."""
    plain = address.rstrip("/")
    return f"{plain}/v1" if provider.local and urlsplit(plain).path == "" else plain


def _key(provider: Provider, address: str | None) -> str:
    try:
        return find_key(provider)
    except MissingKey:
        if provider.name == "custom" and address is not None and is_loopback(address):
            return _NO_KEY
        raise


def is_loopback(address: str) -> bool:
    """True where the address is on this machine."""
    host = urlsplit(address).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _local_server(settings: Settings, display: Display) -> LocalServer:
    from ftkit.gateway.autostart import ensure_local

    return ensure_local(settings.local_state, display)


def _warn(provider: Provider, address: str, key: str, display: Display) -> None:
    closed = provider.closed
    if closed is True or (closed is not None and closed <= date.today()):
        display.warn(provider.notice or f"{provider.title} has closed")
    if address.startswith("http://") and key != _NO_KEY and not is_loopback(address):
        display.warn(f"the API key travels unencrypted to {address}; use https")


def _client(address: str, key: str, settings: Settings) -> OpenAI:
    import ssl

    import openai

    from ftkit.gateway.slowness import not_too_slow
    from ftkit.gateway.wire import without_ambient_account

    given: dict[str, Any] = {"event_hooks": {"response": [not_too_slow(settings.timeout)]}}
    if is_loopback(address):
        # A proxy cannot reach this machine's own addresses.
        given["trust_env"] = False
        # In plain HTTP nothing is verified: not to load the authorities saves 40 ms of every call.
        given["verify"] = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if address.startswith("http://") else True
    # Newer clients use another HTTP library.
    make = getattr(openai, "DefaultHttpx2Client", None) or openai.DefaultHttpxClient
    client = openai.OpenAI(
        base_url=address,
        api_key=key,
        timeout=settings.timeout,
        max_retries=settings.max_retries,
        http_client=make(**given),
    )
    return without_ambient_account(client)
