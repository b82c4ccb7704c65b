"""From wishes to the list: judged one by one, stored in one transaction, then told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, Conflict, TuiDownloadsError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.links import redact
from tui_downloads.core.spec import AddRequest

from .base import Outcome

if TYPE_CHECKING:
    from .adding import Adding
    from .manager import Manager

BREATH = 250
"""Downloads that are added before whatever runs gets a turn: some ten milliseconds."""


class Intake:
    """Takes wishes into the list."""

    # Mutable state: none of its own; the manager knows what is about to be stored.
    def __init__(self, manager: Manager, adding: Adding) -> None:
        self.manager = manager
        self._adding = adding

    async def add(self, requests: Sequence[AddRequest]) -> list[Outcome]:
        """Add downloads; what is wrong with one says its outcome, and keeps none of the others out."""
        outcomes: dict[int, Outcome] = {}
        fresh: dict[int, Download] = {}
        try:
            return await self._add(requests, outcomes, fresh)
        finally:
            for download in fresh.values():
                self.manager.register.arrived(download)

    async def _add(
        self, requests: Sequence[AddRequest], outcomes: dict[int, Outcome], fresh: dict[int, Download]
    ) -> list[Outcome]:
        position = self.manager.register.reserve(len(requests))
        now = time.time()
        for index, request in enumerate(requests):
            if index % BREATH == BREATH - 1:
                await asyncio.sleep(0)
            try:
                download = self._record(request, position + index, now)
            except TuiDownloadsError as error:
                outcomes[index] = Outcome("", error)
                continue
            if download.id in self.manager.downloads or self.manager.register.expects(download):
                outcomes[index] = Outcome(download.id, None, download.view())
            else:
                fresh[index] = download
                self.manager.register.expect(download)
        await self._refuse_taken(fresh, outcomes)
        if fresh:
            await self.manager.mounts.note(download.folder for download in fresh.values())
            await self.manager.services.store.insert(list(fresh.values()))
        for number, (index, download) in enumerate(fresh.items(), 1):
            if number % BREATH == 0:
                await asyncio.sleep(0)
            self._begin(download)
            outcomes[index] = Outcome(download.id, None, self.manager.views.view(download))
        self.manager.views.publish()
        return [outcomes[index] for index in range(len(requests))]

    def _record(self, request: AddRequest, position: float, now: float) -> Download:
        """Make the record of a wish, or give the one that is there already and will do."""
        if request.top:
            position = self.manager.queue.top(request.priority) - 1
        download = self._adding.record(request, position=position, now=now)
        if self.manager.naming is not None:
            self.manager.naming.at_add(request, download)
        twin = self.manager.register.twin(download)
        if twin is None:
            return download
        if request.duplicate == "existing":
            return twin
        if request.duplicate == "refuse":
            raise Conflict(f"{download.url} is in the list already, as {twin.id}.", code=Code.DUPLICATE)
        download.duplicate_of = twin.id
        return download

    async def _refuse_taken(self, fresh: dict[int, Download], outcomes: dict[int, Outcome]) -> None:
        """A gid that somebody chose may be taken."""
        chosen = [(index, download) for index, download in fresh.items() if download.request.gid]
        if not chosen:
            return
        taken = await self.manager.services.store.known([download.gid for _, download in chosen])
        for index, download in chosen:
            if download.gid in taken:
                outcomes[index] = Outcome("", Conflict(f"GID {download.gid} is in use.", code=Code.INVALID_OPTION))
                del fresh[index]
                self.manager.register.arrived(download)
            taken.add(download.gid)

    def _begin(self, download: Download) -> None:
        manager = self.manager
        self.manager.views.add(download)
        url = download.url
        told = {"url": redact(url) if "?" in url or "#" in url else url, "name": download.name}
        self.manager.services.hub.emit("added", download.id, download.state.value, told)
        manager.adopt(download)
        for listener in manager.listeners:
            listener("added", download)
        if download.state is State.QUEUED:
            manager.enqueue(download)
