"""The engine as one caller may see and use it: an Engine around an Engine.

Everybody but an administrator sees and touches only downloads of their own name, and what they add carries their
policy. What is somebody else's does not exist for them: the answer is the one for an unknown id.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from tui_downloads.core.errors import Code, Conflict, Forbidden, NotFound, TuiDownloadsError
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DetailView, DownloadView, Event, Limits, Page, Query, Snapshot
from tui_downloads.core.spec import AddRequest, Change

from .base import Engine, HostView, Outcome
from .caller import ADMIN, CONTROL, Caller
from .owners import Owners
from .permits import Permits, unknown
from .totals import count


class OwnedEngine(Engine):
    """An engine for one caller."""

    def __init__(self, inner: Engine, caller: Caller, owners: Owners | None = None) -> None:
        self.inner = inner
        self.caller = caller
        self._owners = owners or Owners(inner)
        self._permits = Permits(inner, caller, self._owners)
        self._seen: Snapshot | None = None
        self._mine: Snapshot = Snapshot()
        self._adding = asyncio.Lock()

    def snapshot(self) -> Snapshot:
        whole = self.inner.snapshot()
        if self.caller.admin:
            return whole
        if whole is not self._seen:
            mine = {id: view for id, view in whole.downloads.items() if view.owner == self.caller.name}
            info = replace(whole.info, free=None, endpoint="", read_only=not self.caller.may(CONTROL))
            self._mine = replace(whole, downloads=mine, totals=count(mine), info=info)
            self._seen = whole
        return self._mine

    async def start(self) -> None:
        """Do nothing: the engine belongs to everybody."""

    async def close(self) -> None:
        """Do nothing: the engine belongs to everybody."""

    # -- adding

    async def add(self, requests: Sequence[AddRequest]) -> list[Outcome]:
        self._need(CONTROL)
        limited = self.caller.quota_bytes or self.caller.quota_queued
        if not limited:
            return await self._add(requests)
        async with self._adding:
            # Two adds at once would both fit in the room that is left for one.
            room = await self._permits.room()
            outcomes = await self._add(requests[:room])
        full = Forbidden("Your quota is used up.", code=Code.QUOTA_EXCEEDED)
        return outcomes + [Outcome("", full) for _ in requests[room:]]

    async def _add(self, requests: Sequence[AddRequest]) -> list[Outcome]:
        outcomes: list[Outcome | None] = []
        ready: list[AddRequest] = []
        for request in requests:
            try:
                ready.append(await self._permits.allow(request))
                outcomes.append(None)
            except TuiDownloadsError as error:
                outcomes.append(Outcome("", error))
        made = iter(await self._add_own(ready)) if ready else iter(())
        return [outcome or next(made) for outcome in outcomes]

    async def _add_own(self, requests: Sequence[AddRequest]) -> list[Outcome]:
        """Add, and never answer with a download of somebody else that has the same link."""
        if self.caller.admin or all(request.duplicate == "allow" for request in requests):
            outcomes = await self.inner.add(requests)
            self._learn(outcomes)
            return outcomes
        known = set(self.snapshot().downloads)
        outcomes = await self.inner.add(
            [r if r.duplicate == "allow" else r.with_(duplicate="existing") for r in requests]
        )
        for n, (request, outcome) in enumerate(zip(requests, outcomes, strict=True)):
            view = outcome.download
            if view is not None and view.owner != self.caller.name:
                outcomes[n] = (await self.inner.add([request.with_(duplicate="allow")]))[0]
            elif view is not None and request.duplicate == "refuse" and view.id in known:
                outcomes[n] = Outcome("", Conflict("This link is there already.", code=Code.DUPLICATE))
        self._learn(outcomes)
        return outcomes

    def _learn(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.download is not None:
                self._owners.learn(outcome.id, outcome.download.owner)

    async def used(self) -> int:
        """Add up the bytes of everything the caller has here, taking unfinished ones at their full size."""
        return await self._permits.used()

    # -- looking

    async def get(self, id: str) -> DetailView:
        if self.caller.admin:
            return await self.inner.get(id)
        try:
            detail = await self.inner.get(id)
        except NotFound:
            raise unknown(id) from None
        if detail.download.owner != self.caller.name:
            raise unknown(id)
        self._owners.learn(detail.download.id, detail.download.owner)
        return detail

    async def page(self, query: Query) -> Page:
        if self.caller.admin:
            return await self.inner.page(query)
        if query.owner and query.owner != self.caller.name:
            return Page((), None, 0)
        return await self.inner.page(replace(query, owner=self.caller.name))

    async def hosts(self) -> list[HostView]:
        hosts = await self.inner.hosts()
        if self.caller.admin:
            return hosts
        mine = {view.host for view in self.snapshot().downloads.values()}
        return [host for host in hosts if host.host in mine]

    def sees(self, event: Event) -> bool:
        """Say whether an event is the caller's to know."""
        if self.caller.admin or event.type == "gap":
            return True
        return bool(event.id) and self._owners.of_event(event) == self.caller.name

    async def events(self, after: int | None = None) -> AsyncIterator[Event]:
        stream = self.inner.events(after)
        try:
            async for event in stream:
                if not self.caller.admin and event.id:
                    await self._owners.resolve(event)
                if self.sees(event):
                    yield event
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    async def describe(self) -> Mapping[str, Any]:
        facts = await self.inner.describe()
        if self.caller.admin:
            return facts
        return {name: facts[name] for name in ("name", "version") if name in facts}

    # -- acting

    async def pause(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._each(ids, self.inner.pause)

    async def resume(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._each(ids, self.inner.resume)

    async def cancel(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._each(ids, self.inner.cancel)

    async def retry(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._each(ids, self.inner.retry)

    async def remove(self, ids: Sequence[str], *, files: bool = False) -> list[Outcome]:
        return await self._each(ids, lambda own: self.inner.remove(own, files=files))

    async def restore(self, ids: Sequence[str]) -> list[Outcome]:
        self._need(CONTROL)
        if self.caller.admin:
            return await self.inner.restore(ids)
        own = [id for id in ids if self._owners.of(id) == self.caller.name]
        done = iter(await self.inner.restore(own)) if own else iter(())
        mine = set(own)
        return [next(done) if id in mine else Outcome(id, unknown(id)) for id in ids]

    async def move(self, ids: Sequence[str], where: str | int) -> list[Outcome]:
        return await self._each(ids, lambda own: self.inner.move(own, where))

    async def change(self, id: str, change: Change) -> DownloadView:
        self._need(CONTROL)
        if not self.caller.admin:
            await self.get(id)
        if change.folder is not None and self.caller.folders:
            change = replace(change, folder=await self._permits.folder(change.folder))
        return await self.inner.change(id, change)

    async def set_limits(self, limits: Limits) -> None:
        self._need(ADMIN)
        await self.inner.set_limits(limits)

    async def forget(self, *, before: float | None = None, states: Sequence[str] = ()) -> int:
        self._need(CONTROL)
        if self.caller.admin:
            return await self.inner.forget(before=before, states=states)
        ended = frozenset(State(state) for state in states) & ENDED if states else ENDED
        gone, cursor = [], None
        while True:
            page = await self.page(Query(states=ended, limit=1000, cursor=cursor))
            gone += [v.id for v in page.items if before is None or (v.finished_at or 0.0) < before]
            cursor = page.cursor
            if cursor is None:
                break
        return sum(1 for outcome in await self.inner.remove(gone) if outcome.ok) if gone else 0

    async def _each(self, ids: Sequence[str], command: Any) -> list[Outcome]:
        """Run a command on what is the caller's and answer for the rest as for unknown ids."""
        self._need(CONTROL)
        owned = await self._permits.own(ids)
        own = [id for id, mine in zip(ids, owned, strict=True) if mine]
        done = iter(await command(own)) if own else iter(())
        return [next(done) if mine else Outcome(id, unknown(id)) for id, mine in zip(ids, owned, strict=True)]

    def _need(self, scope: str) -> None:
        if not self.caller.may(scope):
            raise Forbidden(f"This needs the scope {scope}.")
