"""Removing: the row goes at once, can be brought back for a minute, and then what was unfinished goes too.

Nothing is ever deleted that was not made for the download. Without `files` a finished file always stays.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from tui_downloads.core.download import Download
from tui_downloads.core.errors import DownloadError, NotFound, TuiDownloadsError
from tui_downloads.core.lifecycle import RUNNING, Move, State
from tui_downloads.core.snapshots import Kind
from tui_downloads.files.part import PartFile
from tui_downloads.files.remove import Made, remove_files, remove_folders

from .base import Outcome
from .staging import discard as discard_staging

if TYPE_CHECKING:
    from .manager import Manager

UNDO = 60.0
"""Seconds in which a removal can be undone."""


class Removing:
    """Removes downloads, and brings them back."""

    # Mutable state: removed records with their timers, and ids whose rows go with the next commit.
    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._removed: dict[str, tuple[Download, asyncio.TimerHandle]] = {}
        self._rows: list[str] = []

    async def remove(self, download: Download) -> None:
        """Drop a download from the list; its unfinished part goes when it can't be undone any more."""
        await self._stop(download)
        self._forget(download)
        timer = asyncio.get_running_loop().call_later(UNDO, self._expire, download.id)
        self._removed[download.id] = (download, timer)

    async def remove_with_files(self, download: Download) -> None:
        """Drop a download and delete what was made for it, finished files included.

        Raises:
            DownloadError: a file could not be deleted; the row stays.
        """
        await self._stop(download)
        await asyncio.to_thread(_delete, download, True)
        self._forget(download)

    async def commit(self) -> None:
        """Delete the rows of what was removed, in one transaction."""
        rows, self._rows = self._rows, []
        if rows:
            await self._manager.services.store.delete(rows)

    async def restore(self, id: str) -> Outcome:
        """Bring a removed download back."""
        entry = self._removed.pop(id, None)
        if entry is None:
            return Outcome(id, NotFound(f"The removal of {id} can't be undone any more."))
        download, timer = entry
        timer.cancel()
        if download.state is State.WAITING:
            download.handle(Move.WAKE, time.time())  # what would have woken it is forgotten
        if id in self._rows:
            self._rows.remove(id)  # its row is still there
        else:
            try:
                await self._manager.services.store.insert([download])
            except TuiDownloadsError as error:
                # What can't be brought back at the moment can be brought back later.
                self._removed[id] = (download, asyncio.get_running_loop().call_later(UNDO, self._expire, id))
                return Outcome(id, error)
        self._manager.adopt(download)
        self._manager.views.add(download)
        self._manager.services.hub.emit("added", download.id, download.state.value, {"restored": True})
        if download.state is State.QUEUED:
            self._manager.enqueue(download)
        self._manager.views.ended(download)
        return Outcome(id, None, download.view())

    async def close(self) -> None:
        """The engine stops: what can't be undone any more goes."""
        for download, timer in self._removed.values():
            timer.cancel()
            await asyncio.to_thread(_delete, download, False)
        self._removed.clear()

    async def _stop(self, download: Download) -> None:
        manager = self._manager
        if download.state in RUNNING:
            manager.move(download, Move.PAUSE)
        await manager.drained(download)
        await manager.halt([download])  # a cancelled run may still make its bytes safe

    def _forget(self, download: Download) -> None:
        self._manager.forget(download)
        self._rows.append(download.id)
        self._manager.services.hub.emit("removed", download.id, download.state.value)

    def _expire(self, id: str) -> None:
        entry = self._removed.pop(id, None)
        if entry is not None:
            self._manager.background(asyncio.to_thread(_delete, entry[0], False))


def _discard(path: str) -> None:
    """Delete a part, and the parts of older versions that it was to replace."""
    try:
        part = PartFile.open(path)
        older = [str(other) for other in part.origin.extra.get("supersedes", ())]
        part.discard()
    except DownloadError:
        return  # gone, or somebody else's by now: not ours to delete
    for other in older:
        _discard(other)


def _delete(download: Download, finished: bool) -> None:
    """Delete the parts of a download, and with `finished` its files."""
    for file in download.files:
        if file.part is not None:
            _discard(file.part)
    if download.kind is Kind.MEDIA:
        discard_staging(download)
    if finished:
        made = {file.path: Made(size=file.size) for file in download.files if file.state == "complete" and file.path}
        # Folders inside the target folder were made for the package; the target folder itself was the user's choice.
        tops = {path.split("/", 1)[0] for path in made if "/" in path}
        remove_files(download.folder, list(made), known=made)
        for top in tops:
            parents = [os.path.dirname(os.path.join(download.folder, path)) for path in made]
            remove_folders(os.path.join(download.folder, top), parents)
