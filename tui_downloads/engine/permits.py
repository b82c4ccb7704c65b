"""What a caller may ask for: kinds, folders, options, sources and how much."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any

from tui_downloads.core.errors import Code, Forbidden, NotFound, RequestError
from tui_downloads.core.lifecycle import ENDED
from tui_downloads.core.snapshots import Kind, Query
from tui_downloads.core.spec import AddRequest, Options

from .base import Engine
from .caller import Caller, contains
from .owners import Owners

LOCAL_OPTIONS = ("cacert", "cert", "key", "netrc", "known_hosts", "interface")
"""Options that name files or devices of the service's machine; only who may do everything there may set them."""


class Permits:
    """Judges what one caller asks of an engine."""

    # Mutable state: none of its own.
    def __init__(self, inner: Engine, caller: Caller, owners: Owners) -> None:
        self.inner = inner
        self.caller = caller
        self._owners = owners

    async def allow(self, request: AddRequest) -> AddRequest:
        """Give the request as it may be made.

        Raises:
            Forbidden: kind, folder or option are not the caller's to choose.
        """
        caller = self.caller
        owner = request.owner if caller.admin and request.owner not in ("", "local") else caller.name
        request = request.with_(owner=owner, policy=caller.policy(request.policy), kind=self._kind(request.kind))
        self._check_options(request.options)
        if caller.folders:
            request = request.with_(folder=await self.folder(request.folder))
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

    async def folder(self, folder: str | None) -> str:
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
        for id, owned in zip(ids, await self.own([str(id) for id in ids]), strict=True):
            if not owned:
                raise unknown(str(id))

    async def own(self, ids: Sequence[str]) -> list[bool]:
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

    async def room(self) -> int:
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


def unknown(id: str) -> NotFound:
    return NotFound(f"There is no download {id[:64]}.")
