"""One platform, connected: its files, jobs, batches, chat and models."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

from ftkit.gateway.batches import Batches
from ftkit.gateway.chat import Chat
from ftkit.gateway.completions import Completions
from ftkit.gateway.embeddings import Embeddings
from ftkit.gateway.files import Files
from ftkit.gateway.jobs import Jobs
from ftkit.gateway.models import Models

if TYPE_CHECKING:
    from ftkit.catalog import Catalog, Provider
    from ftkit.display import Display
    from ftkit.gateway.autostart import LocalServer
    from ftkit.gateway.wire import Wire
    from ftkit.ledger import Ledger
    from ftkit.settings import Settings


class Platform:
    """What :func:`ftkit.connect` gives; use it in a ``with`` block or call :meth:`close`."""

    def __init__(self, wire: Wire, server: LocalServer | None = None) -> None:
        self._wire = wire
        self._server = server
        self.files = Files(wire)
        self.jobs = Jobs(wire)
        self.batches = Batches(wire, self.files)
        self.chat = Chat(wire)
        self.completions = Completions(wire)
        self.embeddings = Embeddings(wire)
        self.models = Models(wire)

    @property
    def name(self) -> str:
        """The platform's name in the catalog."""
        return self.provider.name

    @property
    def provider(self) -> Provider:
        """Its entry in the catalog: limits, dialect, what it lacks."""
        return self._wire.provider

    @property
    def catalog(self) -> Catalog:
        """The catalog of the settings in force."""
        return self.settings.catalog

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._wire.settings

    @property
    def ledger(self) -> Ledger:
        """The memory of what was done on platforms, this one and others."""
        return self._wire.ledger

    @property
    def display(self) -> Display:
        """Where progress is shown."""
        return self._wire.display

    @property
    def base_url(self) -> str:
        """The address of the API."""
        return self._wire.target.address

    @property
    def identity(self) -> str:
        """What names this platform for good: its address, or the state directory of a local one.

        The local platform takes another port at each start, but its files and jobs stay.
        """
        return self._wire.identity

    @property
    def local_server(self) -> LocalServer | None:
        """The local platform that ftkit found or started; None for any other address."""
        return self._server

    @property
    def started_local(self) -> bool:
        """True where this connection started the local platform."""
        return self._server is not None and self._server.started

    def stop_local(self) -> None:
        """End the local platform that ftkit found or started; nothing happens for any other."""
        if self._server is not None:
            from ftkit.gateway.autostart import stop_local

            stop_local(self._server)

    def close(self) -> None:
        """Close the connections. A local platform stays, and stops by itself when it is idle."""
        self._wire.close()

    def __enter__(self) -> Platform:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Platform {self.name} at {self.base_url}>"
