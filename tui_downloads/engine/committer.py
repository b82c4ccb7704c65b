"""Completions in groups: data safe, intents stored, files linked, folders safe, one commit, then told.

A crash leaves one of four things, each of which the next start understands: a part with its journal (go on), a part and
an intent (go on, the bytes are whole), a target that matches an intent (adopt it), or a stored completion.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.errors import Code, DownloadError, RequestError
from tui_downloads.files.base import Landing, Published
from tui_downloads.files.publish import Ready, abandon, land, prepare
from tui_downloads.files.taken import Known
from tui_downloads.store.base import Intent, Store

log = logging.getLogger("tui_downloads.engine")
GATHER = 0.05
"""Seconds a lone completion waits for company."""
AGAIN = 0.5
"""Seconds between two tries of a list that can't be written."""
BATCH = 256
MOST = 1024
"""Completions that may wait before runners are held back."""
HEAVY = 32 * 1024 * 1024
"""Bytes of bodies in memory that make a batch, and that hold runners back while they wait."""


class Handed(Protocol):
    """Who brought a finished file."""

    def release(self) -> None:
        """Let go of what could not be published; it stays, and a later run takes it up."""

    def drop_superseded(self) -> None:
        """Delete what the published file replaces."""


class Finished(Struct):
    """A file whose bytes are whole and proven, on its way to its name."""

    download: Download
    file: FileRecord
    ready: Ready
    transfer: Handed
    settled: asyncio.Future[Published] | None = None
    """Set for whoever waits for it; otherwise `on_done` is told."""


Told = Callable[[Finished, Published | DownloadError], None]


class Committer:
    """Lands finished files in batches; one batch is under way at a time."""

    # Mutable state: the files waiting, the bytes that they hold in memory, the ids of the batch under way, and the task
    # that works.
    def __init__(
        self,
        store: Store,
        on_done: Told,
        after: Callable[[list[Finished]], Awaitable[None]],
        *,
        unsaved: Callable[[list[Finished]], None],
        alone: Callable[[], bool],
    ) -> None:
        self._unsaved = unsaved
        self._alone = alone
        self._store = store
        self.closing = False
        """The engine stops: nothing is waited for that may not come."""
        self._known = Known()
        self._on_done = on_done
        self._after = after
        self._waiting: list[Finished] = []
        self._weight = 0
        self._under_way: set[str] = set()
        self._work: asyncio.Task[None] | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._room = asyncio.Event()
        self._room.set()
        self._full = asyncio.Event()
        self._turn = asyncio.Event()

    def submit(self, finished: Finished) -> None:
        """Hand over a file; the outcome is told later."""
        self._waiting.append(finished)
        self._weight += _weight(finished)
        self._idle.clear()
        if len(self._waiting) >= MOST or self._weight >= HEAVY:
            self._room.clear()
        if self._is_much():
            self._full.set()
        if self._work is None:
            self._work = asyncio.get_running_loop().create_task(self._run())

    async def room(self) -> None:
        """Wait until another completion may be handed over."""
        if not self._room.is_set():
            await self._room.wait()

    def holds(self, id: str) -> bool:
        """Say whether a download has a file on its way."""
        return id in self._under_way or any(item.download.id == id for item in self._waiting)

    async def settled(self, id: str) -> None:
        """Wait until nothing of a download is on its way; others may be."""
        while self.holds(id):
            self._full.set()
            await self._turn.wait()

    async def drain(self) -> None:
        """Wait until nothing is on its way."""
        self._full.set()
        await self._idle.wait()

    async def _run(self) -> None:
        try:
            while self._waiting:
                if not (self._is_much() or self._full.is_set() or self._alone()):
                    try:
                        await asyncio.wait_for(self._full.wait(), GATHER)
                    except TimeoutError:
                        pass
                self._full.clear()
                batch = self._take()
                self._under_way = {item.download.id for item in batch}
                if len(self._waiting) < MOST and self._weight < HEAVY:
                    self._room.set()
                await self._commit(batch)
                self._under_way = set()
                del batch  # its bodies shall not wait with the next one
                turn, self._turn = self._turn, asyncio.Event()
                turn.set()
        finally:
            self._under_way = set()
            self._turn.set()
            self._turn = asyncio.Event()
            self._work = None
            self._room.set()
            self._idle.set()

    def _is_much(self) -> bool:
        """Say whether what waits makes a batch by itself."""
        return len(self._waiting) >= BATCH or self._weight >= HEAVY

    def _take(self) -> list[Finished]:
        """Take as many as are committed at once, by number and by what they hold in memory."""
        count = weight = 0
        for item in self._waiting[:BATCH]:
            count += 1
            weight += _weight(item)
            if weight >= HEAVY:
                break
        batch, self._waiting = self._waiting[:count], self._waiting[count:]
        self._weight -= weight
        return batch

    async def _commit(self, batch: list[Finished]) -> None:
        outcomes: list[Published | DownloadError]
        try:
            outcomes = await self._land(batch)
        except Exception as error:
            # One fault of ours must not leave downloads that nobody will ever tell of.
            known = (
                error
                if isinstance(error, DownloadError)
                else DownloadError(Code.INTERNAL, f"Publishing failed: {error}")
            )
            outcomes = [known] * len(batch)
        for item, outcome in zip(batch, outcomes, strict=True):
            self._on_done(item, outcome)
        try:
            await self._store.finish(list({item.download.id: item.download for item in batch}.values()))
        except Exception as error:
            # The files are there under their names; only the list does not know yet. The next save says it again.
            log.warning("Completions could not be stored: %s", error)
            self._unsaved(batch)
        try:
            await self._after(batch)
        finally:
            for item, outcome in zip(batch, outcomes, strict=True):
                if item.settled is not None and not item.settled.done():
                    if isinstance(outcome, Published):
                        item.settled.set_result(outcome)
                    else:
                        item.settled.set_exception(outcome)

    async def _land(self, batch: list[Finished]) -> list[Published | DownloadError]:
        items = [item.ready for item in batch]
        landings = await asyncio.to_thread(prepare, items)
        intents = [
            _intent(item, landing)
            for item, landing in zip(batch, landings, strict=True)
            if not isinstance(landing, DownloadError)
        ]
        try:
            await self._intend(intents)
        except Exception:
            await asyncio.to_thread(abandon, items, landings)
            raise
        outcomes: list[Published | DownloadError] = list(landings)  # type: ignore[arg-type]
        sound = [index for index, landing in enumerate(landings) if not isinstance(landing, DownloadError)]
        landed = await asyncio.to_thread(land, [items[i] for i in sound], [landings[i] for i in sound], self._known)
        for index, outcome in zip(sound, landed, strict=True):
            outcomes[index] = outcome
        return outcomes

    async def _intend(self, intents: list[Intent]) -> None:
        """Store what is about to be done; whole files wait while the list can't be written.

        Raises:
            DownloadError: INTERRUPTED, the engine stops meanwhile.
        """
        told = False
        while True:
            try:
                await self._store.intend(intents)
                return
            except RequestError as error:
                if self.closing:
                    raise DownloadError(Code.INTERRUPTED, "The list could not be written.") from error
                if not told:
                    log.warning("Finished files wait: the list can't be written: %s", error.message)
                told = True
                await asyncio.sleep(AGAIN)


def _weight(item: Finished) -> int:
    return len(item.ready.body) if item.ready.body is not None else 0


def _intent(item: Finished, landing: Landing) -> Intent:
    return Intent(
        item.download.id,
        item.file.id,
        landing.folder,
        landing.part,
        landing.target,
        landing.device,
        landing.inode,
        landing.size,
    )
