"""An engine that is somewhere else: the promise, kept over the native API.

A local copy of the view is loaded once and kept up by server-sent events, so `snapshot` costs nothing and asks nobody.
When the connection breaks the copy stays and is marked stale, with one sentence for the screen; the engine comes back
by itself, asks for the news it missed, and loads everything again only when the service says that some are lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from msgspec.structs import replace

from tui_downloads import wire
from tui_downloads.core.errors import Code, Forbidden, RequestError, TuiDownloadsError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DetailView, DownloadView, Event, Limits, Page, Query, Snapshot
from tui_downloads.core.spec import AddRequest, Change
from tui_downloads.engine.base import Engine, HostView, Outcome
from tui_downloads.engine.hub import Hub

from .address import Address
from .client import Client
from .copy import LocalCopy
from .sse import Message, Reader
from .thread import LoopThread

T = TypeVar("T")

BATCH = 2_000
"""Ids or downloads in one request."""
SILENCE = 50.0
"""Seconds without a sign of life (the service sends one every 15) after which the stream is given up."""
LONGEST_WAIT = 30.0
POLL = 10.0
"""Seconds between two looks at what no event tells: limits, free space, totals of the history."""
QUEUE_WAIT = 1.5
QUEUE_SHOWN = 200
"""Places in the queue move without an event of their own; this many are asked for again when the queue has moved."""


class RemoteEngine(Engine):
    """A service's engine. `patient` starts even when nobody answers, and goes on trying.

    Without `follow` the snapshot has figures but no downloads, and there are no events: for one short command.
    """

    def __init__(
        self,
        address: Address,
        *,
        patient: bool = False,
        follow: bool = True,
        transport: httpx.AsyncBaseTransport | None = None,
        first_wait: float = 0.5,
    ) -> None:
        self.address = address
        self._patient = patient
        self._following = follow
        self._first_wait = first_wait
        self._thread = LoopThread("remote engine")
        self._client = Client(address, transport)
        self._copy = LocalCopy(address.label, read_only=address.read_only)
        # What the stream needs to go on where it broke off.
        self._hub = Hub()
        self._last = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._queue_moved: asyncio.Event | None = None
        self._hurry: asyncio.Event | None = None

    def snapshot(self) -> Snapshot:
        return self._copy.snapshot()

    # -- connection

    async def start(self) -> None:
        """Connect and load.

        Raises:
            RequestError: NO_SERVICE or UNAUTHORIZED, unless patient.
        """
        self._thread.start()
        try:
            await self._thread.call(self._begin())
        except TuiDownloadsError:
            await self.close()
            raise

    async def _begin(self) -> None:
        self._hurry = asyncio.Event()
        try:
            await self._load()
        except TuiDownloadsError as error:
            if not self._patient:
                raise
            self._copy.told(stale=True, banner=_banner(error))
        self._queue_moved = asyncio.Event()
        if not self._following:
            return
        self._tasks = [asyncio.create_task(work) for work in (self._keep_up(), self._poll(), self._follow_queue())]

    async def _load(self) -> None:
        info = await self._client.ask("GET", "/v1/info")
        if not isinstance(info, Mapping) or info.get("api") != wire.VERSION:
            raise RequestError(
                Code.NO_SERVICE,
                "The service speaks another version of this API.",
                next_step="Use the same version of tui-downloads on both sides.",
            )
        if not self._following:
            self._copy.figures(await self._client.ask("GET", "/v1/stats"))
        else:
            self._last = self._copy.load(await self._client.ask("GET", "/v1/snapshot"))
        self._copy.told(stale=False, banner="")

    async def close(self) -> None:
        """Leave the service; its work goes on."""
        if self._thread.running:
            with contextlib.suppress(RuntimeError):
                await self._thread.call(self._end())
            self._hub.close()
            await self._thread.stop()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._client.close()

    async def reconnect(self) -> None:
        """Try again at once instead of when the time has come."""
        if self._hurry is not None:
            await self._thread.call(self._wake())

    async def _wake(self) -> None:
        if self._hurry is not None:
            self._hurry.set()

    async def _keep_up(self) -> None:
        """Follow the news for ever."""
        wait = self._first_wait
        while True:
            try:
                if not self._last:
                    await self._load()
                    self._hub.emit("gap")
                await self._follow()
                # The service ended the stream in good order: it is closing, or the session has ended.
                error: TuiDownloadsError = RequestError(Code.NO_SERVICE, "The service closed the connection")
                wait = self._first_wait
            except TuiDownloadsError as exc:
                error = exc
            except Exception as exc:
                # A hostile or broken service must not end the screen; what it sent is not repeated.
                error = RequestError(Code.NO_SERVICE, f"The service sent nonsense ({type(exc).__name__})")
                self._last = ""
            self._copy.told(stale=True, banner=_banner(error))
            await self._pause(wait * random.uniform(0.8, 1.2))
            wait = min(LONGEST_WAIT, wait * 2)

    async def _poll(self) -> None:
        """Look now and then at what no event tells."""
        while True:
            await asyncio.sleep(POLL)
            # When nobody answers the stream notices it as well, and says so.
            with contextlib.suppress(TuiDownloadsError, TypeError, AttributeError):
                self._copy.figures(await self._client.ask("GET", "/v1/stats"))

    async def _follow_queue(self) -> None:
        """Ask for the places in the queue again some time after it moved."""
        assert self._queue_moved is not None
        query = Query(states=frozenset({State.QUEUED}), sort="position", limit=QUEUE_SHOWN)
        while True:
            await self._queue_moved.wait()
            self._queue_moved.clear()
            with contextlib.suppress(TuiDownloadsError, TypeError):
                found = await self._client.ask("POST", "/v1/query", body=wire.dump(query))
                self._copy.places(wire.load(Page, found, strict=False).items)
            await asyncio.sleep(QUEUE_WAIT)

    async def _pause(self, seconds: float) -> None:
        assert self._hurry is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        self._hurry.clear()

    async def _follow(self) -> None:
        headers = {"accept": "text/event-stream", "last-event-id": self._last}
        timeout = httpx.Timeout(10.0, read=SILENCE)
        reader = Reader()
        async with self._client.stream("GET", "/v1/events", headers=headers, timeout=timeout) as answer:
            self._copy.told(stale=False, banner="")
            async for piece in answer.aiter_raw():
                for message in reader.feed(piece):
                    await self._take(message)

    async def _take(self, message: Message) -> None:
        found = wire.parse(message.data.encode())
        event = wire.load(Event, {**found, "id": str(found.get("id", ""))}, strict=False)
        if event.type == "gap":
            await self._load()
            self._hub.emit("gap")
            return
        view = wire.load(DownloadView, found["download"], strict=False) if found.get("download") else None
        self._copy.event(event.type, event.id, event.state, view)
        self._last = message.id or self._last
        if event.type != "progress" and "queued" in (event.state, event.data.get("from")) and self._queue_moved:
            self._queue_moved.set()
        self._hub.emit(event.type, event.id, event.state, event.data)

    async def _call(self, work: Coroutine[Any, Any, T]) -> T:
        if not self._thread.running:
            work.close()
            raise RequestError(Code.NO_SERVICE, "The connection to the service is closed.")
        return await self._thread.call(work)

    async def ask(self, method: str, path: str, *, params: Sequence[tuple[str, str]] = (), body: Any = None) -> Any:
        """Send a request of one's own to the native API and give the JSON of its answer.

        Raises:
            TuiDownloadsError: what the service said, NO_SERVICE or UNAUTHORIZED.
        """
        return await self._call(self._client.ask(method, path, params=params, body=body))

    # -- the promise

    async def add(self, requests: Sequence[AddRequest]) -> list[Outcome]:
        self._may_write()
        found: list[Outcome] = []
        for at in range(0, len(requests), BATCH):
            body = {"downloads": [wire.dump_request(request) for request in requests[at : at + BATCH]]}
            found += await self._call(self._add(body))
        return found

    async def _add(self, body: Any) -> list[Outcome]:
        key = {"idempotency-key": uuid.uuid4().hex}
        for attempt in (1, 2):
            try:
                return self._outcomes(await self._client.ask("POST", "/v1/downloads", body=body, headers=key))
            except RequestError as error:
                # The answer may have been lost on its way; the key makes the second time harmless.
                if error.code is not Code.NO_SERVICE or attempt == 2:
                    raise
        raise AssertionError

    async def get(self, id: str) -> DetailView:
        return wire.load(DetailView, await self.ask("GET", f"/v1/downloads/{quote(id, safe='')}"), strict=False)

    async def page(self, query: Query) -> Page:
        found = await self.ask("POST", "/v1/query", body=wire.dump(query))
        return wire.load(Page, found, strict=False)

    async def pause(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._act("pause", ids)

    async def resume(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._act("resume", ids)

    async def cancel(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._act("cancel", ids)

    async def retry(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._act("retry", ids)

    async def remove(self, ids: Sequence[str], *, files: bool = False) -> list[Outcome]:
        found = await self._act("remove", ids, files=files)
        self._copy.drop(outcome.id for outcome in found if outcome.ok)
        return found

    async def restore(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._act("restore", ids)

    async def move(self, ids: Sequence[str], where: str | int) -> list[Outcome]:
        found = await self._act("move", ids, where=where)
        shown = await self.page(Query(states=frozenset({State.QUEUED}), sort="position", limit=QUEUE_SHOWN))
        self._copy.put(shown.items)
        return found

    async def change(self, id: str, change: Change) -> DownloadView:
        self._may_write()
        path = f"/v1/downloads/{quote(id, safe='')}"
        view = wire.load(DownloadView, await self.ask("PATCH", path, body=wire.dump_change(change)), strict=False)
        self._copy.put([view])
        return view

    async def set_limits(self, limits: Limits) -> None:
        self._may_write()
        await self.ask("PUT", "/v1/limits", body=wire.dump(limits))
        self._copy.limits(limits)

    async def hosts(self) -> list[HostView]:
        found = await self.ask("GET", "/v1/hosts")
        return [wire.load(HostView, item, strict=False) for item in found]

    async def forget(self, *, before: float | None = None, states: Sequence[str] = ()) -> int:
        self._may_write()
        params = [("state", state) for state in states]
        if before is not None:
            params.append(("before", repr(before)))
        found = await self.ask("DELETE", "/v1/history", params=params)
        return int(found["forgotten"])

    def events(self, after: int | None = None) -> AsyncIterator[Event]:
        return self._hub.follow(after)

    async def describe(self) -> Mapping[str, Any]:
        found = await self.ask("GET", "/v1/info")
        return {**found.get("engine", {}), "remote": self.address.label, "service": found.get("version")}

    # -- parts of it

    async def _act(self, action: str, ids: Sequence[str], **more: Any) -> list[Outcome]:
        self._may_write()
        found: list[Outcome] = []
        for at in range(0, len(ids), BATCH):
            body = {"action": action, "ids": list(ids[at : at + BATCH]), **more}
            found += self._outcomes(await self.ask("POST", "/v1/actions", body=body))
        return found

    def _outcomes(self, found: Any) -> list[Outcome]:
        out = []
        for item in found["outcomes"]:
            view = wire.load(DownloadView, item["download"], strict=False) if item.get("download") else None
            error = wire.load_error(item["error"]) if item.get("error") else None
            out.append(Outcome(str(item["id"]), error, view))
        # What is told here is as new as it gets; the screen need not wait for the event.
        self._copy.put(outcome.download for outcome in out if outcome.download is not None)
        return out

    def _may_write(self) -> None:
        if self.address.read_only:
            raise Forbidden("This screen is attached read-only.")


def _banner(error: TuiDownloadsError) -> str:
    """Give one sentence for the status line."""
    if error.code is Code.UNAUTHORIZED:
        return f"Not let in: {error.message}"
    return f"{error.message.rstrip('.')}; what is shown may be old. Trying again."


def with_token(address: Address, token: str) -> Address:
    """Give the same place with another token."""
    return replace(address, token=token)
