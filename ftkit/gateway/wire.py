"""The way to one platform: sends through the openai client, reads plain JSON, pages by cursor."""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ftkit.catalog import Provider
from ftkit.display import Display
from ftkit.errors import Interrupted, NotOnPlatform, PlatformError, PlatformRefused, UsageError
from ftkit.gateway.dialect import Translator
from ftkit.gateway.failures import Target, not_json, request_id_of, surely_not_done, translated
from ftkit.gateway.paging import PAGE_SIZE, cursor_of, items_of
from ftkit.gateway.pauses import retry_after
from ftkit.gateway.problems import refusal_in
from ftkit.settings import Settings

if TYPE_CHECKING:
    from openai import OpenAI

    from ftkit.ledger import Ledger

PAGE = PAGE_SIZE
_MAX_WAIT = 20.0


class Reply(NamedTuple):
    """A platform's JSON answer and the id of the request."""

    data: Any
    request_id: str | None

    @property
    def object(self) -> dict[str, Any]:
        """The answer as an object; PlatformError where it is something else."""
        if isinstance(self.data, dict):
            return self.data
        raise PlatformError(
            "the platform answered with JSON of an unexpected form", request_id=self.request_id
        )


class Wire:
    """Everything that the resources share.

    ``once_client`` is the same client without retries. ``identity`` names the platform for good: its
    address, or the state directory of a local one, which takes another port at each start. ``stop``,
    once set, ends every wait here.
    """

    def __init__(
        self,
        client: OpenAI,
        target: Target,
        provider: Provider,
        settings: Settings,
        display: Display,
        identity: str | None = None,
    ) -> None:
        self.client = client
        self.once_client = without_ambient_account(client.with_options(max_retries=0))
        self.target = target
        self.provider = provider
        self.settings = settings
        self.display = display
        self.translator = Translator(provider, display)
        self.identity = identity or target.address
        self.stop = threading.Event()

    @cached_property
    def ledger(self) -> Ledger:
        """The memory of what was done on platforms, in the state directory."""
        from ftkit.ledger import open_ledger

        return open_ledger(self.settings, display=self.display, stop=self.stop)

    def close(self) -> None:
        """Close the connections, and the ledger where it was opened."""
        self.client.close()
        if "ledger" in vars(self):
            self.ledger.close()

    def require(self, feature: str) -> None:
        """NotOnPlatform where the catalog says that the platform lacks ``feature`` (``batches``, ...)."""
        if feature in self.provider.lacks:
            raise NotOnPlatform(f"{self.provider.title} has no {feature}", hint="Use another platform.")

    def call(self, doing: str, method: Callable[..., Any], *args: Any, **given: Any) -> Reply:
        """Send a request that may be repeated. ``method`` is one of the client's raw-response methods."""
        target = replace(self.target, timeout=given["timeout"]) if "timeout" in given else self.target
        with translated(target, doing):
            return self._read(doing, method(*args, **given))

    def call_once(self, doing: str, method: Callable[..., Any], **given: Any) -> Reply:
        """Send a request that has an effect: repeated only where it surely was not carried out.

        ``method`` must come from :attr:`once_client`. A job must not start twice because an
        answer got lost on its way.
        """
        with translated(self.target, doing):
            for attempt in range(self.settings.max_retries):
                try:
                    return self._read(doing, method(**given))
                except Exception as error:
                    if not surely_not_done(error):
                        raise
                    self.rest(_pause(attempt, error))
            return self._read(doing, method(**given))

    def rest(self, seconds: float) -> None:
        """Wait; Interrupted where :attr:`stop` is set before the time is over."""
        if self.stop.wait(seconds):
            raise Interrupted("stopped while waiting for the platform")

    def pages(self, doing: str, method: Callable[..., Any], *args: Any, **given: Any) -> Iterator[list[Any]]:
        """Yield the pages of a list, each a list of objects, following the cursor.

        Each object comes once, also where pages overlap because something new came between two
        requests. A platform that ignores the cursor sends the same page again: that ends the list.
        """
        seen: set[str] = set()
        given_out: set[str] = set()
        while True:
            data = self.call(doing, method, *args, **given).data
            items = items_of(data)
            if fresh := [i for i in items if (key := str(i.get("id") or "")) == "" or key not in given_out]:
                yield fresh
            given_out.update(str(i["id"]) for i in items if i.get("id"))
            cursor = cursor_of(data, items)
            if cursor is None or cursor in seen:
                return
            seen.add(cursor)
            given["after"] = cursor

    def _read(self, doing: str, raw: Any) -> Reply:
        return self.parsed(doing, raw.text, raw.status_code, request_id_of(raw.headers))

    def parsed(self, doing: str, text: str, status: int, request_id: str | None) -> Reply:
        """An answer's JSON; PlatformError where it is none, PlatformRefused where it is but an error."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise not_json(self.target, doing, text, request_id) from None
        if (problem := refusal_in(data)) is not None:
            raise PlatformRefused(
                f"cannot {doing}: {self.target.title} says: {self.target.clean(str(problem))}",
                status=status,
                code=problem.code,
                param=problem.param,
                request_id=request_id,
            )
        return Reply(data, request_id)


def checked_id(kind: str, value: str) -> str:
    """``value``, unless it cannot be an id: then UsageError, before a wrong address is asked."""
    parts = value.split("/") if kind == "model" else [value]
    if not value or re.search(r"[\s\x00-\x1f]", value) or any(p in ("", ".", "..") for p in parts):
        raise UsageError(f"{value!r} is not the id of a {kind}")
    return value


def without_ambient_account(client: OpenAI) -> OpenAI:
    """The client without OPENAI_ORG_ID and OPENAI_PROJECT_ID, which belong to one platform only."""
    if client.base_url.host != "api.openai.com":
        client.organization = None
        client.project = None
    return client


def _pause(attempt: int, error: BaseException) -> float:
    """Seconds before the next try: what the platform asks for, else doubling from 0.5 with jitter."""
    response = getattr(error, "response", None)
    asked = retry_after(response.headers) if response is not None else None
    if asked:
        return min(asked, 120.0)
    return float(min(0.5 * 2**attempt, _MAX_WAIT)) * random.uniform(0.75, 1.25)
