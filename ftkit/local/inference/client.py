"""A model in another process, as a ``Responder``: what the server and the workers hold in its stead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NoReturn, cast

from ftkit.local.engines.asking import Ability, Answer, Ask, Delta, Embedded, Refusal, Refused
from ftkit.local.engines.base import ModelSpec
from ftkit.local.envelope import ApiError
from ftkit.local.inference.places import HostFailed, Place
from ftkit.local.inference.protocol import Call, Channel, Kind, Outcome, Result

_TRIES = 2
"""How often a question is asked whose host dies over it."""


class HostedResponder:
    """Asks the model's host, each question over a connection of its own: many threads may ask at once.

    Raises ``ApiError`` (503) where the model cannot be loaded or its process died; the next question starts
    it anew.
    """

    def __init__(self, root: Path, spec: ModelSpec, folder: Path | None = None) -> None:
        self._spec = spec
        self._folder = folder
        self.place = Place(root, spec, folder)

    @property
    def abilities(self) -> frozenset[Ability]:
        """What it can; asked once, which loads it."""
        return self._abilities

    @cached_property
    def _abilities(self) -> frozenset[Ability]:
        return frozenset(cast("list[Ability]", self._ask(self._call("abilities")).abilities))

    def answer(self, asks: Sequence[Ask]) -> list[Answer | Refusal]:
        """An answer to each, made together with whatever else the host is asked meanwhile."""
        outcomes = self._ask(self._call("answer", asks=list(asks))).outcomes
        return [_found(outcome) for outcome in outcomes]

    def stream(self, ask: Ask) -> Iterator[Delta]:
        """The answer in pieces. Whoever closes the iterator ends the work for it."""
        for result in self._results(self._call("stream", asks=[ask])):
            if result.delta is not None:
                yield result.delta

    def embed(self, texts: Sequence[str], dimensions: int | None) -> Embedded:
        """A vector for each text."""
        found = self._ask(self._call("embed", texts=list(texts), dimensions=dimensions)).embedded
        assert found is not None
        return found

    def _call(
        self,
        kind: Kind,
        asks: list[Ask] | None = None,
        texts: list[str] | None = None,
        dimensions: int | None = None,
    ) -> Call:
        folder = None if self._folder is None else str(self._folder)
        return Call(kind, self._spec, folder, asks or [], texts or [], dimensions)

    def _ask(self, call: Call) -> Result:
        """The one result of a call. A host that dies over it is started again once."""
        for tries in range(1, _TRIES + 1):
            try:
                [result] = self._results(call, says=tries == _TRIES)
            except ConnectionError:
                continue
            return result
        raise AssertionError

    def _results(self, call: Call, says: bool = True) -> Iterator[Result]:
        """A call's results. ``says``: a host that dies is an ``ApiError``, else a ``ConnectionError``."""
        channel = self._connect()
        try:
            channel.send(call)
            for result in channel.results():
                if result.refusal is not None:
                    raise Refused(result.refusal)
                if result.fault:
                    self._unavailable(result.fault)
                yield result
        except ConnectionError:
            if not says:
                raise
            self._unavailable("its process ended over this; the next request starts it again")
        finally:
            channel.close()

    def _connect(self) -> Channel:
        try:
            return Channel(self.place.connect())
        except (HostFailed, OSError) as error:
            self._unavailable(f"its process could not be started: {error}")

    def _unavailable(self, why: str) -> NoReturn:
        raise ApiError(
            503,
            f"The model '{self._spec.name}' cannot answer: {why}.",
            type="server_error",
            code="model_unavailable",
        )


def _found(outcome: Outcome) -> Answer | Refusal:
    found = outcome.answer or outcome.refusal
    assert found is not None
    return found
