"""What can be asked of the list: one download, a page, the hosts; live figures laid over what is stored."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tui_downloads import __version__
from tui_downloads.core.download import Download
from tui_downloads.core.errors import NotFound
from tui_downloads.core.lifecycle import ENDED
from tui_downloads.core.snapshots import DetailView, DownloadView, FileView, Page, Query
from tui_downloads.store.matching import finder

from .base import HostView
from .ticker import connections_of

if TYPE_CHECKING:
    from .embedded import Setup
    from .manager import Manager


class Listing:
    """Looks downloads up, in memory and in the store."""

    # Mutable state: none.
    def __init__(self, manager: Manager, setup: Setup) -> None:
        self.manager = manager
        self.services = manager.services
        self.setup = setup

    async def find(self, id: str) -> Download:
        """Give a record by id or gid, from memory or from the store.

        Raises:
            NotFound: there is none.
        """
        download = self.manager.register.find(id)
        if download is None:
            download = await self.services.store.get(id)
            # Somebody else may have looked it up meanwhile, and one download has one record.
            download = self.manager.register.find(id) or download
        if download is None:
            raise NotFound(f"There is no download {id}.")
        return download

    async def get(self, id: str) -> DetailView:
        download = await self.find(id)
        runner = self.manager.runners.get(download.id)
        notes = (*await self.services.store.notes(download.id), *self.manager.notes(download.id))
        return DetailView(
            download=download.view(),
            files=_files(download, running=runner is not None),
            connections=connections_of(runner) if runner else (),
            spans=runner.spans() if runner else (),
            speeds=tuple(self.manager.ticker.samples.get(download.id, ())),
            log=notes,
            options=_shown(download),
        )

    async def page(self, query: Query) -> Page:
        await self.manager.flush()
        page = await self.services.store.page(query)
        items = self._alive(page.items, query)
        # A running download is stored as what a restart finds, so a page may hold some that are not asked for.
        while len(items) < len(page.items) and page.cursor is not None and len(items) < query.limit:
            following = await self.services.store.page(
                replace(query, cursor=page.cursor, limit=query.limit - len(items))
            )
            items += self._alive(following.items, query)
            page = replace(page, items=page.items + following.items, cursor=following.cursor)
        total = None if page.total is None else page.total - self._others(query)
        return Page(tuple(items), page.cursor, total)

    def _alive(self, found: Sequence[DownloadView], query: Query) -> list[DownloadView]:
        """Lay the live figures over stored rows, and leave out what is in another state than asked for."""
        live = self.manager.downloads
        items = [live[item.id].view() if item.id in live else item for item in found]
        return [item for item in items if not query.states or item.state in query.states]

    def _others(self, query: Query) -> int:
        """Count the unfinished downloads that the store finds for a query although their state is another."""
        if not query.states:
            return 0
        found = finder(query)
        live = self.manager.downloads.values()
        return sum(1 for item in live if item.state not in query.states and item.state not in ENDED and found(item))

    async def hosts(self) -> list[HostView]:
        seats, now = self.services.seats, time.time()
        known = {ceiling.host: ceiling for ceiling in seats.book}
        names = dict.fromkeys([*known, *seats.by_host])
        return [
            HostView(
                host=host,
                ceiling=known[host].connections if host in known else None,
                learned_at=known[host].learned_at if host in known else None,
                why=seats.book.explain(host, now),
                connections=seats.by_host[host],
                speed=sum(run.download.speed for run in self.manager.runners.values() if run.host == host),
                retry_at=seats.book.retry_at(host, now),
            )
            for host in names
        ]

    async def describe(self) -> Mapping[str, Any]:
        features = self.services.transport.features
        return {
            "version": __version__,
            "transport": features.version,
            "schemes": sorted(features.schemes),
            "folder": self.setup.folder,
            "database": self.setup.database,
            "downloads": len(self.manager.downloads),
            "running": len(self.manager.runners),
            "queued": len(self.manager.queue),
        }


def _shown(download: Download) -> dict[str, Any]:
    """List the options that differ from the usual; secrets are only named."""
    options = download.request.options
    usual = type(options)()
    shown: dict[str, Any] = {
        name: getattr(options, name)
        for name in options.__struct_fields__
        if getattr(options, name) != getattr(usual, name)
    }
    secrets = download.request.credentials
    if secrets.headers:
        shown["headers"] = [name for name, _ in secrets.headers]
    if secrets.user:
        shown["login"] = True
    return shown


def _files(download: Download, *, running: bool) -> tuple[FileView, ...]:
    """Describe the files; a lone file that is on its way is as far as its download."""
    files = tuple(file.view() for file in download.files)
    if running and len(files) == 1 and files[0].state == "queued":
        files = (replace(files[0], state="transferring", done=download.done, size=download.size),)
    return files
