"""The backend of a hook: a service that is not OpenAI-compatible, asked by a person's own Python code."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftkit.catalog import Model, Provider
from ftkit.display import Display, SilentDisplay
from ftkit.errors import FtkitError
from ftkit.inference.backends.base import Round
from ftkit.inference.backends.checking import context_check
from ftkit.inference.backends.hook import Hook, HookedModel
from ftkit.inference.backends.patience import Limits
from ftkit.settings import Settings, load_settings, named_key

if TYPE_CHECKING:
    from ftkit.gateway import ChatReply, Pace
    from ftkit.inference.backends.calling import Caller
    from ftkit.inference.backends.journal import Journal
    from ftkit.inference.backends.live import Asker


@dataclass(frozen=True)
class HookBackend:
    """Answers by ``target``: a ``module:attribute``, or anything that :meth:`Hook.of` takes.

    ``entry`` is the model's in the catalog, with its context window, prices, rates and options; ``pace``
    replaces its rates, and ``limits`` how long a service that is away is waited for. Answers are written
    down as they come: a killed run asks none twice.
    """

    target: Any
    entry: Model = field(default_factory=lambda: Model(id="hook", provider="custom"))
    settings: Settings = field(default_factory=load_settings)
    pace: Pace | None = None
    display: Display = field(default_factory=SilentDisplay)
    name: str = "hook"
    limits: Limits = field(default_factory=Limits)

    @cached_property
    def hook(self) -> Hook:
        """The hook itself. Raises UsageError where there is none, or where its code cannot be imported."""
        if not isinstance(self.target, str):
            return Hook.of(self.target)
        from ftkit.settings.objects import named_object

        return Hook.of(named_object(self.target, self.settings, what="hook"), self.target)

    @cached_property
    def takes_response_format(self) -> bool:
        """Whether the service keeps to a ``response_format``, as the hook says."""
        said = self.hook.takes_response_format
        return said() if callable(said) else said

    def identity(self, model: str) -> str:
        """The model's own name, the hook's, its version or its code, and the model's options."""
        options = json.dumps(self.entry.options, sort_keys=True, default=str)
        return f"{self.name} {self.entry.id} {self.hook.title} {self.hook.fingerprint()} {options}"

    def answer(self, requests: Path, out: Path, workdir: Path, *, wait: bool = True) -> Round:
        """Ask the hook, and write ``out`` when all is answered. Nothing is begun without ``wait``.

        Raises what :class:`~ftkit.inference.backends.live.Asker` raises, and MissingKey.
        """
        if not wait:
            return Round(ended=False, via=self.name)
        from ftkit.gateway.realtime.loops import run_to_end
        from ftkit.inference.backends.journal import Journal

        began = time.monotonic()
        journal = Journal(workdir, requests)
        try:
            with self.display.work(self.entry.id, journal.requests, "requests") as progress:
                asker = self._asker(journal)
                run_to_end(lambda: asker.run(journal.unanswered(), self.entry.id, journal.known, progress))
        finally:
            journal.close()
        journal.write(out)
        return Round(ended=True, via=self.name, seconds=time.monotonic() - began)

    def complete(self, messages: Sequence[Mapping[str, Any]], **params: Any) -> ChatReply:
        """One reply, which is kept nowhere: to try a hook. Raises PlatformRefused for what it raises."""
        from ftkit.gateway.reading import read_reply
        from ftkit.gateway.realtime.loops import run_to_end
        from ftkit.inference.backends.calling import CHAT
        from ftkit.inference.backends.verdicts import failure_of

        caller = self._caller(1)
        body = {"model": self.entry.id, "messages": [dict(m) for m in messages], **params}

        async def once() -> dict[str, Any]:
            await caller.open()
            try:
                return await caller.answer("1", CHAT, body)
            finally:
                await caller.close()

        try:
            return read_reply(run_to_end(once), None)
        except FtkitError:
            raise
        except Exception as error:  # a hook may raise anything
            raise failure_of(error).as_error(self.entry.id) from error

    def _caller(self, threads: int) -> Caller:
        from ftkit.inference.backends.calling import Caller

        key = named_key(self.entry.key_env) if self.entry.key_env is not None else None
        model = HookedModel(self.entry.id, self.entry, self.settings, key, dict(self.entry.options))
        return Caller(self.hook, model, self.settings.timeout, threads)

    def _asker(self, journal: Journal) -> Asker:
        from ftkit.gateway.dialect import Translator
        from ftkit.gateway.realtime import Pace
        from ftkit.gateway.realtime.orders import Orders
        from ftkit.inference.backends.live import Asker
        from ftkit.inference.backends.pacing import pace_of
        from ftkit.inference.backends.patience import Patience

        pace = self.pace or pace_of(self.entry, Pace())
        return Asker(
            self._caller(int(pace.concurrency)),
            Orders(Translator(Provider(name="hook", title=self.entry.id), self.display), pace.counts_tokens),
            pace,
            self.settings.max_retries,
            context_check(self.entry),
            journal.keep,
            Patience(self.entry.id, self.display, self.limits),
        )
