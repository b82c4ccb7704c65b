"""The engine as one caller may see and use it: an Engine around an Engine.

Everybody but an administrator sees and touches only downloads of their own name, and what they add carries their
policy. What is somebody else's does not exist for them: the answer is the one for an unknown id.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tui_downloads.core.errors import Code, Conflict, Forbidden, NotFound, RequestError, TuiDownloadsError
from tui_downloads.core.lifecycle import ENDED, RUNNING, State
from tui_downloads.core.snapshots import (
    DetailView,
    DownloadView,
    Event,
    Kind,
    Limits,
    Page,
    Query,
    Snapshot,
    Totals,
)
from tui_downloads.core.spec import AddRequest, Change, Options, Policy

from .base import Engine, HostView, Outcome

READ, CONTROL, ADMIN = "read", "control", "admin"
SCOPES = (READ, CONTROL, ADMIN)
"""Each includes those before it."""

LOCAL_OPTIONS = ("cacert", "cert", "key", "netrc", "known_hosts", "interface")
"""Options that name files or devices of the service's machine; only who may do everything there may set them."""

_REMEMBERED = 20_000
SETTLE = 0.02
"""Seconds in which a snapshot catches up with the news."""


class Caller(Struct, frozen=True):
    """Who asks, and what they may do."""

    name: str = "local"
    scope: str = ADMIN
    """read, control or admin."""
    kinds: frozenset[Kind] = frozenset()
    """Kinds of download that may be added; empty is all."""
    folders: tuple[str, ...] = ()
    """Absolute folders downloads may go into; empty is all. The first is where relative ones start."""
    allowed: tuple[str, ...] = ()
    """Domains; empty is all."""
    blocked: tuple[str, ...] = ()
    private: bool = True
    """Private, loopback and link-local addresses may be reached."""
    may_choose_proxy: bool = True
    quota_bytes: int = 0
    """Bytes of all of the caller's downloads; 0 is no limit."""
    quota_queued: int = 0
    """Unfinished downloads; 0 is no limit."""

    def may(self, scope: str) -> bool:
        """Say whether the caller has a scope."""
        return SCOPES.index(scope) <= SCOPES.index(self.scope)

    @property
    def admin(self) -> bool:
        return self.scope == ADMIN

    @property
    def unrestricted(self) -> bool:
        """An administrator without any limit on what is reached, and so trusted with the machine's own files."""
        return self.admin and self.private and not (self.folders or self.allowed or self.kinds)

    def policy(self, wish: Policy) -> Policy:
        """Narrow a wished policy by what the caller may reach; never widens."""
        return Policy(
            private=self.private and wish.private,
            allowed=_narrow(self.allowed, wish.allowed),
            blocked=tuple(dict.fromkeys((*self.blocked, *wish.blocked))),
            folders=tuple(f for f in wish.folders if contains(self.folders, f)) if wish.folders else self.folders,
            may_choose_proxy=self.may_choose_proxy and wish.may_choose_proxy,
        )


def _narrow(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    if not ours or not theirs:
        return ours or theirs
    kept = tuple(domain for domain in theirs if any(_covers(pattern, domain) for pattern in ours))
    # An empty list would allow everything, so what has nothing in common is said with a domain that can't exist.
    return kept or ("nothing.invalid",)


def _covers(pattern: str, domain: str) -> bool:
    return domain == pattern or (pattern.startswith("*.") and domain.removeprefix("*").endswith(pattern[1:]))


def contains(folders: Sequence[str], path: str) -> bool:
    """Say whether a path lies in one of the folders by its real path; an empty list holds everything."""
    if not folders:
        return True
    real = os.path.realpath(path)
    for folder in folders:
        root = os.path.realpath(folder)
        try:
            if os.path.commonpath((root, real)) == root:
                return True
        except ValueError:  # different drives
            continue
    return False


class Owners:
    """Whose download an id is, remembered past its removal; shared by all callers of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Ids that left the snapshot: removed ones that may be restored, and ended ones that were looked up.
        self._known: OrderedDict[str, str] = OrderedDict()
        self._settled = 0.0

    def learn(self, id: str, owner: str) -> None:
        """Remember an owner, and forget the oldest when there are too many."""
        self._known[id] = owner
        self._known.move_to_end(id)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)

    def of(self, id: str) -> str | None:
        """Give the owner if it is known without asking the store."""
        view = self._engine.snapshot().downloads.get(id)
        if view is not None:
            if id not in self._known:
                self.learn(id, view.owner)
            return view.owner
        return self._known.get(id)

    def of_event(self, event: Event) -> str | None:
        """Give whose news an event is."""
        owner = event.data.get("owner")
        if isinstance(owner, str):
            return owner
        return self.of(event.id)

    async def resolve(self, event: Event) -> str | None:
        """Give whose news an event is, and ask the engine when the snapshot does not know yet."""
        owner = self.of_event(event)
        if owner is not None or not event.id or event.type == "removed":
            return owner
        # News are quicker than the snapshot; after a moment it has whole batches of new downloads. One moment does for
        # everything that comes right after it, so that thousands of short-lived downloads do not wait one by one.
        now = asyncio.get_running_loop().time
        if now() - self._settled > SETTLE:
            await asyncio.sleep(SETTLE)
            self._settled = now()
        owner = self.of_event(event)
        if owner is None:
            try:
                owner = (await self._engine.get(event.id)).download.owner
                self.learn(event.id, owner)
            except TuiDownloadsError:
                return None
        return owner


class OwnedEngine(Engine):
    """An engine for one caller."""

    def __init__(self, inner: Engine, caller: Caller, owners: Owners | None = None) -> None:
        self.inner = inner
        self.caller = caller
        self._owners = owners or Owners(inner)
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
            room = await self._room()
            outcomes = await self._add(requests[:room])
        full = Forbidden("Your quota is used up.", code=Code.QUOTA_EXCEEDED)
        return outcomes + [Outcome("", full) for _ in requests[room:]]

    async def _add(self, requests: Sequence[AddRequest]) -> list[Outcome]:
        outcomes: list[Outcome | None] = []
        ready: list[AddRequest] = []
        for request in requests:
            try:
                ready.append(await self._allow(request))
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

    async def _allow(self, request: AddRequest) -> AddRequest:
        """Give the request as it may be made.

        Raises:
            Forbidden: kind, folder or option are not the caller's to choose.
        """
        caller = self.caller
        owner = request.owner if caller.admin and request.owner not in ("", "local") else caller.name
        request = request.with_(owner=owner, policy=caller.policy(request.policy), kind=self._kind(request.kind))
        self._check_options(request.options)
        if caller.folders:
            request = request.with_(folder=await self._folder(request.folder))
        await self._check_source(request.source)
        return request

    def _kind(self, kind: Kind | None) -> Kind | None:
        permitted = self.caller.kinds
        if not permitted:
            return kind
        if kind is None:
            by_link = permitted & {Kind.LINK, Kind.PACKAGE, Kind.MEDIA}
            if len(by_link) == 3:
                return None
            if Kind.LINK in by_link:
                return Kind.LINK
            if len(by_link) == 1:
                return next(iter(by_link))
        elif kind in permitted:
            return kind
        raise Forbidden(f"You may not add downloads of the kind {(kind or Kind.LINK).value}.")

    def _check_options(self, options: Options) -> None:
        if not self.caller.may_choose_proxy and options.proxy is not None:
            raise Forbidden("You may not choose a proxy.")
        if self.caller.unrestricted:
            return
        plain = Options()
        named = [name for name in LOCAL_OPTIONS if getattr(options, name) != getattr(plain, name)]
        if named:
            raise Forbidden(f"You may not set {', '.join(named)}.")

    async def _folder(self, folder: str | None) -> str:
        """Give the absolute folder a restricted caller means; relative ones start at the caller's first folder."""
        roots = self.caller.folders
        if folder is None:
            default = self.inner.snapshot().info.folder
            inside = bool(default) and await asyncio.to_thread(contains, roots, default)
            return default if inside else roots[0]
        wanted = os.path.join(roots[0], folder)
        if not await asyncio.to_thread(contains, roots, wanted):
            raise Forbidden("You may not download into this folder.")
        return os.path.normpath(wanted)

    async def _check_source(self, source: Mapping[str, Any]) -> None:
        """Refuse a bundle of what the caller can't see."""
        ids = source.get("ids", ())
        if self.caller.admin or not ids:
            return
        if not isinstance(ids, (list, tuple)):
            raise RequestError(Code.INVALID_OPTION, "source.ids: expected a list.")
        for id, owned in zip(ids, await self._own([str(id) for id in ids]), strict=True):
            if not owned:
                raise _unknown(str(id))

    async def _room(self) -> int:
        """Say how many downloads may still be added."""
        caller = self.caller
        mine = [view for view in self.inner.snapshot().downloads.values() if view.owner == caller.name]
        room = 1 << 30
        if caller.quota_queued:
            room = max(0, caller.quota_queued - sum(1 for view in mine if view.state not in ENDED))
        if caller.quota_bytes and await self.used() >= caller.quota_bytes:
            return 0
        return room

    async def used(self) -> int:
        """Add up the bytes of everything the caller has here, taking unfinished ones at their full size."""
        total, cursor = 0, None
        while True:
            page = await self.inner.page(Query(owner=self.caller.name, limit=1000, cursor=cursor))
            for view in page.items:
                total += max(view.done, view.size or 0) if view.state not in ENDED else view.done
            cursor = page.cursor
            if cursor is None:
                return total

    # -- looking

    async def get(self, id: str) -> DetailView:
        if self.caller.admin:
            return await self.inner.get(id)
        try:
            detail = await self.inner.get(id)
        except NotFound:
            raise _unknown(id) from None
        if detail.download.owner != self.caller.name:
            raise _unknown(id)
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
        return [next(done) if id in mine else Outcome(id, _unknown(id)) for id in ids]

    async def move(self, ids: Sequence[str], where: str | int) -> list[Outcome]:
        return await self._each(ids, lambda own: self.inner.move(own, where))

    async def change(self, id: str, change: Change) -> DownloadView:
        self._need(CONTROL)
        if not self.caller.admin:
            await self.get(id)
        if change.folder is not None and self.caller.folders:
            change = replace(change, folder=await self._folder(change.folder))
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
        owned = await self._own(ids)
        own = [id for id, mine in zip(ids, owned, strict=True) if mine]
        done = iter(await command(own)) if own else iter(())
        return [next(done) if mine else Outcome(id, _unknown(id)) for id, mine in zip(ids, owned, strict=True)]

    async def _own(self, ids: Sequence[str]) -> list[bool]:
        """Say for each id whether the caller may touch it."""
        if self.caller.admin:
            return [True] * len(ids)
        found = []
        for id in ids:
            owner = self._owners.of(id)
            if owner is None:
                try:
                    view = (await self.inner.get(id)).download
                    owner = view.owner
                    self._owners.learn(view.id, owner)
                except NotFound:
                    owner = None
            found.append(owner == self.caller.name)
        return found

    def _need(self, scope: str) -> None:
        if not self.caller.may(scope):
            raise Forbidden(f"This needs the scope {scope}.")


def counted_as(state: State) -> str:
    """Give the field of Totals that a state is counted in."""
    if state in RUNNING:
        return "active"
    return "paused" if state is State.PAUSING else state.value


def count(views: Mapping[str, DownloadView]) -> Totals:
    """Count states and add up speeds."""
    totals = dict.fromkeys(Totals.__struct_fields__, 0)
    speed = 0.0
    for view in views.values():
        name = counted_as(view.state)
        totals[name] += 1
        speed += view.speed
        totals["connections"] += view.connections
    del totals["speed"]
    return Totals(speed=speed, **totals)


def _unknown(id: str) -> NotFound:
    return NotFound(f"There is no download {id[:64]}.")
