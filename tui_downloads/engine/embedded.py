"""The engine of this process: the promise, kept by a loop in a thread of its own.

Whatever the caller's loop does, bytes go on. `snapshot` reads one attribute; everything else is sent across to the
engine's loop and awaited.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import selectors
import threading
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, field

from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.snapshots import DetailView, DownloadView, Event, Limits, Page, Query, Snapshot
from tui_downloads.core.spec import AddRequest, Change

from .base import Engine, HostView, Outcome
from .desk import Desk
from .services import Defaults

if TYPE_CHECKING:
    from .rules import Rules

T = TypeVar("T")
GC_THRESHOLDS = (50_000, 20, 50)
END_TIME = 5.0
"""Seconds that calls under way have to end when the engine is closed."""
CLOSE_TIME = 20.0
"""Seconds a close may take; what is not safe by then is fetched again."""


class Setup(Struct, frozen=True):
    """What an embedded engine is made of."""

    folder: str
    """The default download folder, absolute."""
    database: str | None = None
    """Path of the list; None keeps it in memory."""
    spool: str | None = None
    """Folder through which foreground downloads hand their history over; None does without."""
    foreground: bool = False
    """A `get`: short-lived, without a list of its own; finished downloads go to the spool."""
    limits: Limits = field(default_factory=Limits)
    defaults: Defaults = field(default_factory=Defaults)
    forbidden: tuple[str, ...] = ()
    """Our own config, state and code folders; never a target."""
    history: bool = True
    """Hand finished foreground downloads over, and take them in."""
    rules: Rules | None = None
    """Hooks, categories, names, the schedule and how much is remembered; None does without."""
    idle: bool = False
    """Takes commands and starts nothing: for a command line that finds no service."""
    name: str = "embedded"
    extras: Mapping[str, Any] = field(default_factory=dict)
    """Settings of sources and bundles, by name."""


class EmbeddedEngine(Engine):
    """Runs downloads in this process."""

    # Mutable state: the thread, its loop, and the desk that does the work there.
    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._desk: Desk | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._last = Snapshot(limits=setup.limits)
        self._closing = False

    # Life ...........................................................................................................

    async def start(self) -> None:
        if self._thread is not None:
            return
        ready = threading.Event()
        self._thread = threading.Thread(target=self._main, args=(ready,), name="tui-downloads-engine", daemon=True)
        self._thread.start()
        await asyncio.to_thread(ready.wait)
        try:
            await self._call(self._open())
        except BaseException:
            await self._end()
            raise

    def _main(self, ready: threading.Event) -> None:
        # Records live long and hold no cycles. With the usual thresholds the collector walks all of them again
        # and again while a long list runs: a quarter of the time for 10,000 small files.
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        # Chosen explicitly: the transport watches sockets with add_reader, which a selector loop has everywhere.
        loop = asyncio.SelectorEventLoop(selectors.DefaultSelector())
        asyncio.set_event_loop(loop)
        self._loop = loop
        loop.call_soon(ready.set)
        try:
            loop.run_forever()
        finally:
            with contextlib.suppress(Exception):
                loop.run_until_complete(_end_tasks(loop))
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    async def _open(self) -> None:
        self._desk = Desk(self._setup)
        await self._desk.open()

    async def close(self) -> None:
        thread, desk = self._thread, self._desk
        if thread is None or desk is None:
            return
        if self._closing:
            await asyncio.to_thread(thread.join, CLOSE_TIME)  # somebody else closes it
            return
        self._closing = True
        try:
            await self._call(asyncio.wait_for(desk.close(), CLOSE_TIME))
        except TimeoutError:
            pass  # bounded: the journals say what is safe
        finally:
            self._last = desk.views.snapshot()
            await self._end()
            self._closing = False

    async def _end(self) -> None:
        loop, thread = self._loop, self._thread
        self._desk = self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            await asyncio.to_thread(thread.join, CLOSE_TIME)

    async def _call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the engine's loop and await it here."""
        loop = self._loop
        if loop is None or loop.is_closed():
            work.close()
            raise RequestError(Code.NO_SERVICE, "The engine is closed.")
        # A caller that leaves does not stop a command half way: a download would be left pausing, a row unwritten.
        future = asyncio.run_coroutine_threadsafe(work, loop)
        try:
            return await asyncio.shield(asyncio.wrap_future(future))
        except asyncio.CancelledError:
            if future.cancelled() and self._loop is not loop:
                raise RequestError(Code.NO_SERVICE, "The engine was closed meanwhile.") from None
            raise

    @property
    def _at(self) -> Desk:
        if self._desk is None:
            raise RequestError(Code.NO_SERVICE, "The engine is closed.")
        return self._desk

    # The promise ....................................................................................................

    def snapshot(self) -> Snapshot:
        desk = self._desk
        return desk.views.snapshot() if desk is not None else self._last

    async def add(self, requests: Sequence[AddRequest]) -> list[Outcome]:
        return await self._call(self._at.intake.add(requests))

    async def get(self, id: str) -> DetailView:
        return await self._call(self._at.listing.get(id))

    async def page(self, query: Query) -> Page:
        return await self._call(self._at.listing.page(query))

    async def pause(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._call(self._at.pause(ids))

    async def resume(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._call(self._at.resume(ids))

    async def cancel(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._call(self._at.cancel(ids))

    async def retry(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._call(self._at.retry(ids))

    async def remove(self, ids: Sequence[str], *, files: bool = False) -> list[Outcome]:
        return await self._call(self._at.remove(ids, files=files))

    async def restore(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._call(self._at.restore(ids))

    async def move(self, ids: Sequence[str], where: str | int) -> list[Outcome]:
        return await self._call(self._at.move(ids, where))

    async def change(self, id: str, change: Change) -> DownloadView:
        return await self._call(self._at.change(id, change))

    async def set_limits(self, limits: Limits) -> None:
        await self._call(self._at.set_limits(limits))

    async def set_defaults(self, defaults: Defaults) -> None:
        """Change what a download gets that says nothing itself; it holds for every run that begins from here on."""
        await self._call(self._at.set_defaults(defaults))

    async def tell(self, **facts: str) -> None:
        """Change what the view says of the engine: `endpoint`, where HTTP listens; `banner`, a sentence for people."""
        await self._call(self._at.tell(facts))

    async def set_rules(self, rules: Rules) -> None:
        """Change hooks, categories, names, the schedule and how much is remembered.

        Raises:
            RequestError: INVALID_OPTION; nothing was changed.
        """
        await self._call(self._at.set_rules(rules))

    async def hosts(self) -> list[HostView]:
        return await self._call(self._at.listing.hosts())

    async def forget(self, *, before: float | None = None, states: Sequence[str] = ()) -> int:
        return await self._call(self._at.forget(before=before, states=states))

    def events(self, after: int | None = None) -> AsyncIterator[Event]:
        return self._at.services.hub.follow(after)

    def news(self, after: int) -> list[Event]:
        """List the events after a number that are in the ring, without waiting; for callers that look now and then."""
        return self._at.services.hub.since(after)

    async def describe(self) -> Mapping[str, Any]:
        return await self._call(self._at.listing.describe())


async def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel what is still under way when the loop ends, so that nobody waits for it forever."""
    tasks = [task for task in asyncio.all_tasks(loop) if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=END_TIME)
