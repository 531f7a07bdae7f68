"""The platform for asyncio users: the same operations under the same names, none of them written twice.

Each is the synchronous one, run in a thread (:mod:`ftkit.gateway.threads`); what yields there is an
asynchronous iterator here. A task that is cancelled stops at once. Callbacks and the display are
called from those threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from ftkit.gateway.batches import Batches
from ftkit.gateway.chat import Chat
from ftkit.gateway.completions import Completions
from ftkit.gateway.connection import connect
from ftkit.gateway.embeddings import Embeddings
from ftkit.gateway.files import Files
from ftkit.gateway.jobs import Jobs
from ftkit.gateway.models import Models
from ftkit.gateway.threads import Threads, in_thread

if TYPE_CHECKING:
    from ftkit.catalog import Provider
    from ftkit.display import Display
    from ftkit.gateway.orders import JobOrder
    from ftkit.gateway.platform import Platform
    from ftkit.gateway.results import Job
    from ftkit.settings import Settings

R = TypeVar("R")
P = ParamSpec("P")
T = TypeVar("T")


class _Face(Generic[R]):
    """The asynchronous side of one resource: ``pick`` finds it on a platform."""

    def __init__(self, threads: Threads, pick: Callable[[Platform], R]) -> None:
        self._threads = threads
        self._pick = pick


class call(Generic[R, P, T]):
    """A method that gives one result; ``waits`` where that may take as long as the platform likes."""

    def __init__(self, method: Callable[Concatenate[R, P], T], *, waits: bool = False) -> None:
        self._method = method
        self._waits = waits
        self.__doc__ = method.__doc__
        self.__wrapped__ = method

    @overload
    def __get__(self, face: None, owner: type) -> call[R, P, T]: ...

    @overload
    def __get__(self, face: _Face[R], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, face: _Face[R] | None, owner: type) -> Any:
        if face is None:
            return self
        threads, pick = face._threads, face._pick

        def bound(*args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, T]:
            return threads.call(lambda p: self._method(pick(p), *args, **kwargs), waits=self._waits)

        return bound


class steps(Generic[R, P, T]):
    """A method that yields: an asynchronous generator, whose ``aclose`` ends the work."""

    def __init__(self, method: Callable[Concatenate[R, P], Iterator[T]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__
        self.__wrapped__ = method

    @overload
    def __get__(self, face: None, owner: type) -> steps[R, P, T]: ...

    @overload
    def __get__(self, face: _Face[R], owner: type) -> Callable[P, AsyncGenerator[T, None]]: ...

    def __get__(self, face: _Face[R] | None, owner: type) -> Any:
        if face is None:
            return self
        threads, pick = face._threads, face._pick

        def bound(*args: P.args, **kwargs: P.kwargs) -> AsyncGenerator[T, None]:
            return threads.steps(lambda p: self._method(pick(p), *args, **kwargs))

        return bound


class AsyncFiles(_Face[Files]):
    """``platform.files``; see :class:`ftkit.gateway.files.Files`."""

    upload = call(Files.upload)
    resolve = call(Files.resolve)
    list = steps(Files.list)
    get = call(Files.get)
    delete = call(Files.delete)
    content = steps(Files.content)
    download = call(Files.download)
    lines = steps(Files.lines)


class AsyncJobs(_Face[Jobs]):
    """``platform.jobs``; see :class:`ftkit.gateway.jobs.Jobs`."""

    @overload
    def create(
        self, training_file: JobOrder, *, again: bool = ..., facts: Mapping[str, Any] | None = ...
    ) -> Coroutine[Any, Any, Job]: ...

    @overload
    def create(
        self,
        training_file: str,
        model: str,
        validation_file: str | None = ...,
        suffix: str | None = ...,
        seed: int | None = ...,
        hyperparameters: Mapping[str, Any] | None = ...,
        metadata: Mapping[str, str] | None = ...,
        *,
        again: bool = ...,
        facts: Mapping[str, Any] | None = ...,
    ) -> Coroutine[Any, Any, Job]: ...

    def create(self, *args: Any, **kwargs: Any) -> Coroutine[Any, Any, Job]:
        """As :meth:`ftkit.gateway.jobs.Jobs.create`, whose two forms no type variable can carry over."""
        return self._threads.call(lambda p: p.jobs.create(*args, **kwargs))

    list = steps(Jobs.list)
    get = call(Jobs.get)
    look = call(Jobs.look)
    active = steps(Jobs.active)
    cancel = call(Jobs.cancel)
    pause = call(Jobs.pause)
    resume = call(Jobs.resume)
    events = steps(Jobs.events)
    checkpoints = steps(Jobs.checkpoints)
    watch = steps(Jobs.watch)
    watch_all = steps(Jobs.watch_all)
    wait = call(Jobs.wait, waits=True)
    wait_all = call(Jobs.wait_all, waits=True)
    follow = call(Jobs.follow, waits=True)


class AsyncBatches(_Face[Batches]):
    """``platform.batches``; see :class:`ftkit.gateway.batches.Batches`."""

    submit = call(Batches.submit)
    run = call(Batches.run, waits=True)
    resume = call(Batches.resume, waits=True)
    cancel_run = call(Batches.cancel_run)
    list = steps(Batches.list)
    get = call(Batches.get)
    cancel = call(Batches.cancel)
    end = call(Batches.end)
    watch = steps(Batches.watch)
    wait = call(Batches.wait, waits=True)
    results = steps(Batches.results)
    save_results = call(Batches.save_results)


class AsyncChat(_Face[Chat]):
    """``platform.chat``; see :class:`ftkit.gateway.chat.Chat`."""

    complete = call(Chat.complete)
    stream = steps(Chat.stream)
    pieces = steps(Chat.pieces)


class AsyncCompletions(_Face[Completions]):
    """``platform.completions``; see :class:`ftkit.gateway.completions.Completions`."""

    complete = call(Completions.complete)
    stream = steps(Completions.stream)
    pieces = steps(Completions.pieces)


class AsyncEmbeddings(_Face[Embeddings]):
    """``platform.embeddings``; see :class:`ftkit.gateway.embeddings.Embeddings`."""

    create = call(Embeddings.create)


class AsyncModels(_Face[Models]):
    """``platform.models``; see :class:`ftkit.gateway.models.Models`."""

    list = call(Models.list)
    get = call(Models.get)
    delete = call(Models.delete)
    files = call(Models.files)
    download = call(Models.download)


class AsyncPlatform:
    """What :func:`ftkit.connect_async` gives; use it in an ``async with`` block, in one event loop.

    ``sync`` is the platform itself, for what needs no waiting.
    """

    def __init__(self, platform: Platform) -> None:
        self.sync = platform
        self._threads = threads = Threads(platform)
        self.files = AsyncFiles(threads, lambda p: p.files)
        self.jobs = AsyncJobs(threads, lambda p: p.jobs)
        self.batches = AsyncBatches(threads, lambda p: p.batches)
        self.chat = AsyncChat(threads, lambda p: p.chat)
        self.completions = AsyncCompletions(threads, lambda p: p.completions)
        self.embeddings = AsyncEmbeddings(threads, lambda p: p.embeddings)
        self.models = AsyncModels(threads, lambda p: p.models)

    @property
    def name(self) -> str:
        """The platform's name in the catalog."""
        return self.sync.name

    @property
    def provider(self) -> Provider:
        """Its entry in the catalog: limits, dialect, what it lacks."""
        return self.sync.provider

    @property
    def base_url(self) -> str:
        """The address of the API."""
        return self.sync.base_url

    async def stop_local(self) -> None:
        """End the local platform that ftkit found or started; nothing happens for any other."""
        await self._threads.call(lambda p: p.stop_local())

    async def close(self) -> None:
        """End what still waits, and close the connections."""
        self._threads.stop()
        self.sync.close()

    async def __aenter__(self) -> AsyncPlatform:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncPlatform {self.name} at {self.base_url}>"


class Connecting:
    """A connection in the making: ``await`` it, or open it by ``async with``."""

    def __init__(self, make: Callable[[], Platform]) -> None:
        self._make = make
        self._made: AsyncPlatform | None = None

    def __await__(self) -> Generator[Any, None, AsyncPlatform]:
        return self._connected().__await__()

    async def __aenter__(self) -> AsyncPlatform:
        self._made = await self._connected()
        return self._made

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._made is not None:
            await self._made.close()

    async def _connected(self) -> AsyncPlatform:
        return AsyncPlatform(await asyncio.wrap_future(in_thread(self._make)))


def connect_async(
    platform: str | None = None,
    *,
    settings: Settings | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    display: Display | None = None,
) -> Connecting:
    """As :func:`ftkit.connect`, for asyncio: ``async with connect_async("local") as platform: ...``.

    ``await connect_async(...)`` gives the platform too; call its ``close`` then.
    """
    return Connecting(
        lambda: connect(platform, settings=settings, base_url=base_url, api_key=api_key, display=display)
    )
