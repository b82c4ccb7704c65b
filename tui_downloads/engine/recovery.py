"""What an engine finds when it starts: its list, files about to be published, what foreground runs hand over."""

from __future__ import annotations

import asyncio
import logging
import os
import time
import uuid
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.lifecycle import State
from tui_downloads.core.links import redact
from tui_downloads.core.snapshots import ErrorView, Kind, Proof
from tui_downloads.core.spec import AddRequest, Options
from tui_downloads.files import recovery as parts
from tui_downloads.files import spool
from tui_downloads.files.base import Landing
from tui_downloads.files.publish import adopt
from tui_downloads.store.base import Intent

from .making import drop_made

if TYPE_CHECKING:
    from .embedded import Setup
    from .manager import Manager

log = logging.getLogger("tui_downloads.engine")
AT_ONCE = 1000
"""Downloads in one spool file."""
TOLD = 20
"""Parts without a row that are told of one by one."""


class Recovery:
    """Takes up what was left, and leaves what others will take up."""

    def __init__(self, manager: Manager, setup: Setup) -> None:
        self._manager = manager
        self._setup = setup
        self.offered: list[parts.Found] = []
        """Parts with a journal but without a row: offered, never deleted."""

    async def take_up(self, *, damaged: bool) -> None:
        """Bring the list back and put everything unfinished in the queue."""
        store = self._manager.services.store
        downloads = await store.load()
        await self._manager.mounts.load(download.folder for download in downloads)
        await self._manager.mounts.note(download.folder for download in downloads)
        await self._adopt_published(downloads)
        for download in downloads:
            if download.state in (State.COMPLETE, State.FAILED, State.CANCELLED):
                continue
            self._manager.adopt(download)
            self._manager.views.add(download)
            if download.state is State.QUEUED:
                self._manager.enqueue(download)
        if self._setup.foreground:
            return
        await self._take_in_spool()
        await self._look_for_parts(rebuild=damaged)

    async def _adopt_published(self, downloads: list[Download]) -> None:
        """A file that was linked before a crash could say so is complete."""
        store = self._manager.services.store
        by_id = {download.id: download for download in downloads}
        touched = []
        for intent in await store.intents():
            download = by_id.get(intent.download)
            if download is None:
                continue
            published = await asyncio.to_thread(adopt, _landing(intent))
            touched.append(download)
            if published is None:
                continue
            file = next((file for file in download.files if file.id == intent.file), None)
            if file is None:
                continue
            file.state, file.part, file.size, file.done = "complete", None, intent.size, intent.size
            if len(download.files) == 1:
                file.path = download.name = published.name
                download.size = download.done = intent.size
                download.state, download.finished_at = State.COMPLETE, time.time()
        if touched:
            await store.finish(touched)

    async def _take_in_spool(self) -> None:
        """Enter what foreground downloads finished into the history."""
        folder = self._setup.spool
        if folder is None or not os.path.isdir(folder):
            return
        store = self._manager.services.store
        for path, record in await asyncio.to_thread(lambda: list(spool.take_in(folder))):
            finished = [_from_spool(item) for item in record.get("downloads", [])]
            fresh = [item for item in finished if item is not None]
            if fresh and self._setup.history:
                known = await store.known([item.id for item in fresh])
                await store.insert([item for item in fresh if item.id not in known])
            await asyncio.to_thread(spool.drop, path)

    async def _look_for_parts(self, *, rebuild: bool) -> None:
        """Find journals without a row; when the list was lost they become its rows again."""
        known = {file.part for item in self._manager.downloads.values() for file in item.files if file.part}
        folders = {self._setup.folder, *(item.folder for item in self._manager.downloads.values())}
        found = await asyncio.to_thread(_tidied, sorted(folders))
        orphans = [item for item in found if not item.locked and item.path not in known]
        self.offered = [item for item in orphans if item.origin.url]
        for item in orphans:
            if not item.origin.url:  # what was made here is made again from its beginning
                await asyncio.to_thread(drop_made, item.path)
        if not (rebuild and self.offered):
            self._tell_of_offered()
            return
        taken = await self._manager.services.store.known([item.origin.id for item in self.offered])
        rows = [_from_part(item) for item in self.offered if item.origin.id not in taken]
        await self._manager.services.store.insert(rows)
        for download in rows:
            self._manager.adopt(download)
            self._manager.views.add(download)
        self.offered = []

    def _tell_of_offered(self) -> None:
        """Say which parts nobody in the list goes on with; adding their link again does."""
        hub = self._manager.services.hub
        for found in self.offered[:TOLD]:
            link = redact(found.origin.url.partition("#")[0])
            told = f"{found.path} is a partial file that is in no list: add its link, {link}, and it goes on."
            log.info("%s", told)
            hub.emit("log", "", "", {"message": told})
        if len(self.offered) > TOLD:
            more = len(self.offered) - TOLD
            hub.emit("log", "", "", {"message": f"{more} more partial files are in no list."})

    async def hand_in(self) -> None:
        """Leave finished foreground downloads for the next engine's history."""
        folder = self._setup.spool
        if not (self._setup.foreground and folder and self._setup.history):
            return
        ended = [
            item
            for item in self._manager.downloads.values()
            if item.state in (State.COMPLETE, State.FAILED) and not item.meta.get("skipped")
        ]
        for start in range(0, len(ended), AT_ONCE):
            record = {"downloads": [_to_spool(item) for item in ended[start : start + AT_ONCE]]}
            await asyncio.to_thread(spool.hand_in, folder, record)


def _landing(intent: Intent) -> Landing:
    return Landing(
        intent.download,
        intent.file,
        intent.folder,
        intent.part,
        intent.target,
        intent.device,
        intent.inode,
        intent.size,
    )


def _to_spool(download: Download) -> dict[str, Any]:
    """Write down what the history needs; links without secrets."""
    file = download.files[0] if download.files else FileRecord()
    return {
        "id": download.id,
        "gid": download.gid,
        "url": redact(download.url),
        "folder": download.folder,
        "name": download.name,
        "state": download.state.value,
        "created_at": download.created_at,
        "started_at": download.started_at,
        "finished_at": download.finished_at,
        "size": download.size,
        "done": download.done,
        "host": download.host,
        "checksum": download.checksum,
        "proof": download.proof.value,
        "content_type": download.content_type,
        "error": asdict(download.error) if download.error else None,
        "part": file.part,
    }


def _from_spool(item: Any) -> Download | None:
    """Read one entry; what is not one is passed over."""
    try:
        error = item.get("error")
        state = State(item["state"])
        return Download(
            id=str(uuid.UUID(item["id"])),
            gid=str(item["gid"]),
            kind=Kind.LINK,
            request=AddRequest(url=str(item["url"]), options=Options(checksum=item.get("checksum"))),
            url=str(item["url"]),
            folder=str(item["folder"]),
            name=str(item["name"]),
            state=state,
            created_at=float(item["created_at"]),
            started_at=item.get("started_at"),
            finished_at=item.get("finished_at"),
            size=item.get("size"),
            done=int(item.get("done") or 0),
            host=str(item.get("host") or ""),
            checksum=item.get("checksum"),
            proof=Proof(item.get("proof") or "none"),
            content_type=str(item.get("content_type") or ""),
            error=ErrorView(**error) if error else None,
            files=[
                FileRecord(
                    path=str(item["name"]),
                    size=item.get("size"),
                    done=int(item.get("done") or 0),
                    state="complete" if state is State.COMPLETE else "failed",
                    part=item.get("part"),
                )
            ],
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _tidied(folders: list[str]) -> list[parts.Found]:
    """Give the parts in folders, which are rid of what a crash left half named."""
    for folder in folders:
        parts.sweep(folder)
    return list(parts.scan(folders))


def _from_part(found: parts.Found) -> Download:
    """Make a paused row of a part whose list was lost."""
    origin = found.origin
    try:
        id = str(uuid.UUID(origin.id))
    except ValueError:
        id = str(uuid.uuid4())
    folder = os.path.dirname(found.path)
    url = origin.url.partition("#")[0]
    done = found.durable.total
    return Download(
        id=id,
        gid=id.replace("-", "")[:16],
        kind=Kind.LINK,
        request=AddRequest(url=url, folder=folder, name=origin.name, options=Options(checksum=origin.checksum)),
        url=url,
        folder=folder,
        name=origin.name,
        state=State.PAUSED,
        created_at=origin.created_at or time.time(),
        size=origin.size,
        done=done,
        checksum=origin.checksum,
        content_type=origin.content_type,
        files=[FileRecord(path=origin.name, size=origin.size, done=done, part=found.path)],
    )
