"""Changing a download: judged whole first; what concerns its bytes is applied while its run is stopped."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tui_downloads.core import policy
from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, Conflict, DownloadError
from tui_downloads.core.lifecycle import RUNNING, Move, State, can
from tui_downloads.core.links import parse_link
from tui_downloads.core.names import safe_name
from tui_downloads.core.spec import AddRequest, Change
from tui_downloads.files.part import PartFile

if TYPE_CHECKING:
    from .adding import Adding
    from .manager import Manager


class Changing:
    """Applies changes; a running download is paused for those that concern its bytes, and goes on after."""

    def __init__(self, manager: Manager, adding: Adding) -> None:
        self._manager = manager
        self._adding = adding

    async def change(self, download: Download, change: Change) -> None:
        """Make a change, or raise and leave everything as it was.

        Raises:
            RequestError, DownloadError: what is asked for makes no sense or is not allowed.
        """
        ended = download.state in (State.COMPLETE, State.CANCELLED)
        if ended and (change.meta is None or self._touches_bytes(change)):
            raise Conflict(f"A {download.state.value} download can't be changed.")
        request, folder = self._judged(download, change)
        if download.id not in self._manager.downloads:
            self._manager.adopt(download)
            self._manager.views.ended(download)
        resume = False
        if self._touches_bytes(change) and self._at_work(download):
            resume = download.state not in (State.PAUSING, State.PAUSED)
            await self._stop(download)
        try:
            await self._move_part(download, change, request, folder)
            self._apply(download, change, request, folder)
            self._manager.register.moved(download)
        finally:
            if resume and download.state is State.PAUSED:
                self._manager.move(download, Move.RESUME)
        self._manager.save_soon(download)
        self._manager.touch(download)
        self._manager.services.hub.emit("state", download.id, download.state.value, {"changed": True})

    @staticmethod
    def _touches_bytes(change: Change) -> bool:
        return any(
            value is not None
            for value in (
                change.name, change.folder, change.url, change.mirrors, change.headers, change.user,
                change.password, change.connections, change.checksum, change.selected,
            )
        )  # fmt: skip

    async def _stop(self, download: Download) -> None:
        manager = self._manager
        if can(download.state, Move.PAUSE):
            manager.alarms.drop(download.id)
            manager.move(download, Move.PAUSE)
        await manager.drained(download)
        await manager.halt([download])

    def _at_work(self, download: Download) -> bool:
        """Say whether somebody writes to a download's part; one that waits may still make its bytes safe."""
        return download.state in (*RUNNING, State.PAUSING) or download.id in self._manager.runners

    def _judged(self, download: Download, change: Change) -> tuple[AddRequest, str]:
        """Merge a change into the request; nothing is touched."""
        request = download.request
        self._adding.check_change(change)
        options, secrets = request.options, request.credentials
        if change.connections is not None:
            options = replace(options, connections=change.connections)
        if change.checksum is not None:
            options = replace(options, checksum=change.checksum or None)
        if change.max_time is not None:
            options = replace(options, max_time=change.max_time)
        if change.limit is not None:
            options = replace(options, limit=change.limit)
        if change.headers is not None:
            secrets = replace(secrets, headers=change.headers)
        if change.user is not None:
            secrets = replace(secrets, user=change.user)
        if change.password is not None:
            secrets = replace(secrets, password=change.password)
        request = replace(request, options=options, credentials=secrets)
        if change.url is not None:
            link = parse_link(change.url)
            policy.check_domain(link.host, request.policy)
            if link.user or link.password:
                request = replace(
                    request, credentials=replace(request.credentials, user=link.user, password=link.password)
                )
            request = replace(request, url=link.url_without_userinfo)
        if change.mirrors is not None:
            for mirror in change.mirrors:
                policy.check_domain(parse_link(mirror).host, request.policy)
            request = replace(request, mirrors=change.mirrors)
        if change.name is not None:
            if not change.name.strip():
                raise DownloadError(Code.INVALID_OPTION, "A name can't be empty.")
            request = replace(request, name=safe_name(change.name))
        if change.selected is not None:
            request = _selecting(download, request, change.selected)
        folder = download.folder
        if change.folder is not None:
            folder = self._adding.target(change.folder, request.policy.folders)
            request = replace(request, folder=folder)
        return request, folder

    async def _move_part(self, download: Download, change: Change, request: AddRequest, folder: str) -> None:
        """Move the part to its new place before the record says so."""
        if change.name is None and change.folder is None:
            return
        if len(download.files) != 1:
            raise Conflict("A package keeps its name and folder while it is unfinished.")
        file = download.files[0]
        if file.part is None:
            return
        name = request.name or download.name
        file.part = await asyncio.to_thread(_moved, file.part, folder, name)

    def _apply(self, download: Download, change: Change, request: AddRequest, folder: str) -> None:
        download.request = request
        download.folder = folder
        if change.name is not None:
            download.name = request.name or download.name
            download.files[0].path = download.name
        if change.url is not None:
            link = parse_link(request.url)
            download.url, download.host = request.url, f"{link.host}:{link.port}"
            for file in download.files:
                file.urls = ()
            self._at_new_host(download)
        if change.mirrors is not None and len(download.files) == 1:
            download.files[0].urls = ()
        if change.max_time is not None:
            self._manager.deadlines.changed(download)
        if change.checksum is not None:
            download.checksum = change.checksum or None
        if change.limit is not None:
            download.limit = change.limit
            runner = self._manager.runners.get(download.id)
            for transfer in runner.transfers if runner else ():
                self._manager.services.gates.limit(transfer, change.limit)
        if change.selected is not None:
            for file in download.files:
                file.selected = file.id in change.selected
        if change.meta is not None:
            download.meta = {**download.meta, **change.meta}
        if change.priority is not None and change.priority != download.priority:
            download.priority = change.priority
            if download.id in self._manager.queue:
                download.position = self._manager.queue.bottom(change.priority)
                self._manager.enqueue(download)

    def _at_new_host(self, download: Download) -> None:
        """A download with another link waits for its new host's seat, and no more for what its old one asked."""
        manager = self._manager
        if download.state is State.WAITING:
            manager.alarms.drop(download.id)
            manager.move(download, Move.WAKE)
        elif download.id in manager.queue:
            manager.enqueue(download)


def _selecting(download: Download, request: AddRequest, selected: frozenset[str]) -> AddRequest:
    """Judge a choice of files; one made before they are known is kept for when they are.

    Raises:
        DownloadError: it leaves nothing.
    """
    if download.files and not any(file.id in selected for file in download.files):
        raise DownloadError(Code.INVALID_OPTION, "Choose at least one of the files, or cancel the download.")
    if download.files:
        return request
    return replace(request, source={**request.source, "select": sorted(selected)})


def _moved(path: str, folder: str, name: str) -> str:
    part = PartFile.open(path)
    try:
        part.move(folder, name)
        return part.path
    finally:
        part.close()
