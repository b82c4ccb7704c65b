"""An engine that pretends: no network, no disk, and a clock that moves only when it is told to.

It keeps the promise with the real table of states, so a face that works on it asks nothing of an engine that the real
one refuses. `put` sets a scene, `tick` lets time pass, `calls` says what was asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec.structs import replace

from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, Conflict, NotFound, RequestError, TuiDownloadsError
from tui_downloads.core.lifecycle import ENDED, Move, State, can
from tui_downloads.core.snapshots import DetailView, DownloadView, Event, Kind, Limits, Page, Query
from tui_downloads.core.spec import AddRequest, Change

from .base import Engine, HostView, Outcome
from .fake_listing import list_page
from .fake_stage import Stage

UNDO_SECONDS = 60.0
SCHEMES = ("http", "https", "ftp", "ftps", "ftpes", "sftp")


class FakeEngine(Stage, Engine):
    """Downloads that only pretend to move."""

    async def start(self) -> None:
        self.started = True

    async def close(self) -> None:
        with self._lock:
            self.calls.append(("close", ()))
            self.started = False
            for download in self._downloads.values():
                if download.state not in ENDED:
                    download.handle(Move.STORE, self.now)
                    self._touch(download.id)

    async def add(self, requests: Sequence[AddRequest]) -> list[Outcome]:
        with self._lock:
            self.calls.append(("add", tuple(requests)))
            return [self._add(request) for request in requests]

    def _add(self, request: AddRequest) -> Outcome:
        try:
            parts = urlsplit(request.url)
            usable = parts.scheme in SCHEMES and bool(parts.hostname)
        except ValueError:
            usable = False
        if not usable and request.kind not in (Kind.BUNDLE, Kind.EXPORT):
            return Outcome("", RequestError(Code.INVALID_URL, "This link can't be downloaded."))
        twin = next((d for d in self._downloads.values() if d.url == request.url and d.state not in ENDED), None)
        if twin is not None and request.duplicate == "existing":
            return Outcome(twin.id, None, replace(twin.view(), duplicate_of=twin.id))
        if twin is not None and request.duplicate == "refuse":
            return Outcome("", Conflict(f"{twin.name or twin.url} is there already.", code=Code.DUPLICATE))
        download = self._create(request)
        self._tell("added", download, {})
        return Outcome(download.id, None, download.view())

    async def get(self, id: str) -> DetailView:
        with self._lock:
            download = self._find(id)
            transfer = self._transfers[download.id]
            live = download.state is State.TRANSFERRING
            return DetailView(
                download.view(),
                tuple(file.view() for file in download.files),
                transfer.connections(download.speed, download.url) if live else (),
                transfer.spans(),
                tuple(transfer.speeds),
                tuple(transfer.log),
                {"connections": transfer.script.connections},
            )

    async def page(self, query: Query) -> Page:
        with self._lock:
            self.snapshot()
            return list_page(list(self._views.values()), query)

    async def pause(self, ids: Sequence[str]) -> list[Outcome]:
        self.calls.append(("pause", tuple(ids)))

        def act(download: Download) -> None:
            self._move(download, Move.PAUSE)
            if download.state is State.PAUSING:
                self._move(download, Move.DRAINED)

        return self._each(ids, act)

    async def resume(self, ids: Sequence[str]) -> list[Outcome]:
        self.calls.append(("resume", tuple(ids)))
        return self._each(ids, lambda download: self._move(download, Move.RESUME))

    async def cancel(self, ids: Sequence[str]) -> list[Outcome]:
        self.calls.append(("cancel", tuple(ids)))
        return self._each(ids, lambda download: self._move(download, Move.CANCEL))

    async def retry(self, ids: Sequence[str]) -> list[Outcome]:
        self.calls.append(("retry", tuple(ids)))
        return self._each(ids, lambda download: self._move(download, Move.RETRY))

    async def remove(self, ids: Sequence[str], *, files: bool = False) -> list[Outcome]:
        self.calls.append(("remove_files" if files else "remove", tuple(ids)))

        def act(download: Download) -> None:
            if can(download.state, Move.PAUSE):
                self._move(download, Move.PAUSE)
            if download.state is State.PAUSING:
                self._move(download, Move.DRAINED)
            del self._downloads[download.id]
            if not files:
                self._removed[download.id] = (self.now + UNDO_SECONDS, download)
            self._order_stale = True
            self._touch(download.id)
            self._tell("removed", download, {"files": files})

        return [Outcome(outcome.id, outcome.error) for outcome in self._each(ids, act)]

    async def restore(self, ids: Sequence[str]) -> list[Outcome]:
        self.calls.append(("restore", tuple(ids)))
        outcomes = []
        with self._lock:
            self._drop_removed()
            for id in ids:
                if id in self._downloads:
                    outcomes.append(Outcome(id, Conflict(f"{id} is in the list; there is no removal to undo.")))
                    continue
                if id not in self._removed:
                    outcomes.append(Outcome(id, NotFound("It was removed too long ago to be brought back.")))
                    continue
                _, download = self._removed.pop(id)
                self._downloads[id] = download
                self._order_stale = True
                self._touch(id)
                self._tell("added", download, {"restored": True})
                outcomes.append(Outcome(id, None, download.view()))
        return outcomes

    async def move(self, ids: Sequence[str], where: str | int) -> list[Outcome]:
        self.calls.append(("move", (tuple(ids), where)))
        ids = list(ids)
        # A block keeps its order when each member is moved by itself, so the far end goes first.
        order = ids[::-1] if where in ("down", "top") or isinstance(where, int) else ids
        done = {outcome.id: outcome for outcome in self._each(order, lambda download: self._place(download, where))}
        return [done.get(id) or next(o for o in done.values() if o.download and o.download.gid == id) for id in ids]

    def _place(self, download: Download, where: str | int) -> None:
        if download.state is not State.QUEUED:
            raise Conflict(f"A {download.state.value} download has no place in the queue.")
        peers = [d for d in self._queue() if d.priority == download.priority]
        at = peers.index(download)
        places = {"up": at - 1, "down": at + 1, "top": 0, "bottom": len(peers) - 1}
        if isinstance(where, str) and where not in places:
            raise RequestError(
                Code.INVALID_OPTION, f"A download can't be moved {where!r}; say up, down, top or bottom."
            )
        target = where if isinstance(where, int) else places[where]
        peers.remove(download)
        peers.insert(max(0, min(target, len(peers))), download)
        for position, peer in zip(sorted(peer.position for peer in peers), peers, strict=True):
            peer.position = position
            self._order_stale = True
            self._touch(peer.id)

    async def change(self, id: str, change: Change) -> DownloadView:
        with self._lock:
            self.calls.append(("change", (id, change)))
            download = self._find(id)
            if download.state is State.COMPLETE and (change.url or change.name or change.folder):
                raise Conflict("A complete download can't be changed.")
            for name in ("name", "folder", "url", "limit", "priority"):
                value = getattr(change, name)
                if value is not None:
                    setattr(download, name, value)
            if change.checksum is not None:
                download.checksum = change.checksum or None
            if change.meta is not None:
                download.meta.update(change.meta)
            self._touch(download.id)
            self._tell("state", download, {"changed": True})
            return download.view()

    async def set_limits(self, limits: Limits) -> None:
        with self._lock:
            self.calls.append(("set_limits", (limits,)))
            self._limits = limits
            self._stale = True

    async def hosts(self) -> list[HostView]:
        return list(self.hosts_known)

    async def forget(self, *, before: float | None = None, states: Sequence[str] = ()) -> int:
        with self._lock:
            self.calls.append(("forget", (before, tuple(states))))
            gone = [
                d for d in self._downloads.values()
                if d.state in ENDED and (not states or d.state.value in states)
                and (before is None or (d.finished_at or 0.0) < before)
            ]  # fmt: skip
            for download in gone:
                del self._downloads[download.id]
                self._touch(download.id)
                self._tell("removed", download, {"files": False})
            return len(gone)

    def events(self, after: int | None = None) -> AsyncIterator[Event]:
        return self._follow(self._seq if after is None else after)

    async def _follow(self, seq: int) -> AsyncIterator[Event]:
        wake = asyncio.Event()
        reader = (asyncio.get_running_loop(), wake)
        self._readers.append(reader)
        try:
            while True:
                wake.clear()
                with self._lock:
                    oldest = self._news[0].seq if self._news else self._seq + 1
                    lost = seq > self._seq or seq < oldest - 1
                    fresh = [] if lost else [event for event in self._news if event.seq > seq]
                    last = self._seq
                if lost:
                    yield Event(last, self.now, "gap")
                for event in fresh:
                    yield event
                seq = last
                await wake.wait()
        finally:
            self._readers.remove(reader)

    async def describe(self) -> Mapping[str, Any]:
        return {"name": self._info.name, "version": self._info.version, "downloads": len(self._downloads)}

    def _each(self, ids: Iterable[str], act: Callable[[Download], None]) -> list[Outcome]:
        outcomes = []
        with self._lock:
            for id in ids:
                try:
                    download = self._find(id)
                    act(download)
                    outcomes.append(Outcome(download.id, None, download.view()))
                except TuiDownloadsError as error:
                    outcomes.append(Outcome(id, error))
        return outcomes
