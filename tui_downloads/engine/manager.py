"""The engine's loop side: records, their moves and their rows, and who is admitted next.

Everything here runs on the engine's own loop, so nothing is locked. A decision comes from `core`, its chores are done
here, and what outsiders may see is published by `Views`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tui_downloads.core.download import Download
from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.lifecycle import RUNNING, Chore, Move, State, can
from tui_downloads.core.queue import Queue
from tui_downloads.core.snapshots import EMPTY, Proof

from .alarms import Alarms
from .committer import Committer, Finished
from .deadlines import Deadlines
from .endings import Endings
from .mounts import Mounts
from .reach import Reaches
from .register import Register
from .runner import Runner
from .services import Services
from .shelter import finish
from .views import Views

if TYPE_CHECKING:
    from .naming import Naming
    from .resolver import Resolver
    from .ticker import Ticker

log = logging.getLogger("tui_downloads.engine")
# The value of a member is a slow property, and three events are told of each of many small files.
WORDS = {state: state.value for state in State}
PROOF_WORDS = {proof: proof.value for proof in Proof}
Listener = Callable[[str, Download], None]


class Manager:
    """Keeps the unfinished downloads, runs those that have a seat, and ends them."""

    # Mutable state: the records by id, the runners of admitted ones, the queue, alarms, and rows to be saved.
    def __init__(self, services: Services, views: Views, resolver: Resolver) -> None:
        self.services = services
        self.views = views
        self.resolver = resolver
        self.reaches = Reaches(services.defaults)
        self.mounts = Mounts(services.store)
        self.naming: Naming | None = None
        self.downloads: dict[str, Download] = views.downloads
        self.register = Register(views.downloads)
        self.runners: dict[str, Runner] = {}
        self.queue = Queue()
        self.alarms = Alarms(self.wake)
        self.closing = False
        self.idle = False
        """Nothing is admitted, whatever the limits say."""
        self.listeners: list[Listener] = []
        self._dirty: dict[str, Download] = {}
        self._saving: asyncio.Task[None] | None = None
        self._flushing = asyncio.Lock()
        self._pumping = False
        services.seats.freed = self.pump_soon
        self._notes: dict[str, list[tuple[float, str]]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._early: set[str] = set()
        """Queued downloads whose last run has not ended."""
        self.ticker: Ticker
        self.deadlines = Deadlines(self)
        self.endings = Endings(self)
        services.committer = Committer(
            services.store, self.endings.landed, self.endings.told, unsaved=self._unsaved, alone=self._nobody_runs
        )

    # Records ........................................................................................................

    def adopt(self, download: Download) -> None:
        """Keep a record: it can be found by id, gid and target from here on."""
        self.register.enter(download)

    def forget(self, download: Download) -> None:
        """Let go of a record."""
        self.alarms.drop(download.id)
        self.deadlines.stop(download)
        self.queue.discard(download.id)
        self.register.drop(download)
        self._dirty.pop(download.id, None)
        self.views.drop(download.id)

    def evicted(self, id: str) -> None:
        """An ended record is about to be left to the store."""
        self.ticker.forget(id)
        download = self.downloads.get(id)
        if download is not None:
            self.register.drop(download)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something without waiting for it; its failure is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._done_in_background)

    def _done_in_background(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("Background work failed", exc_info=task.exception())

    # Moves ..........................................................................................................

    def move(self, download: Download, move: Move) -> None:
        """Make a move and do its chores; starting and stopping runners is left to the caller.

        Raises:
            Conflict: the state does not allow it.
        """
        chores = download.handle(move, time.time())
        if Chore.ENQUEUE in chores:
            self.enqueue(download)
        if Chore.DEQUEUE in chores:
            self.queue.discard(download.id)
        if Chore.SAVE in chores:
            self.save_soon(download)
        if Chore.TELL in chores:
            self.tell(download)

    def tell(self, download: Download) -> None:
        """Publish a download's state."""
        self.deadlines.follow(download)
        self.views.touch(download)
        data: Mapping[str, object] = EMPTY
        if download.state is State.COMPLETE:
            path = f"{download.folder}/{download.name}"
            proof = PROOF_WORDS[download.proof]
            data = done = {"path": path, "size": download.size, "proof": proof, "checksum": download.checksum}
            if download.meta.get("skipped"):
                done["skipped"] = True
        elif download.state is State.FAILED and download.error is not None:
            error = download.error
            data = {"code": error.code, "message": error.message, "next_step": error.next_step, "exit": error.exit}
        elif download.waiting is not None:
            data = {"reason": download.waiting.reason, "until": download.waiting.until}
        self.services.hub.emit("state", download.id, WORDS[download.state], data)
        for listener in self.listeners:
            listener("state", download)

    def touch(self, download: Download) -> None:
        self.views.touch(download)

    def enqueue(self, download: Download) -> None:
        """Give a queued download its place and look for a seat."""
        self.queue.push(
            download.id,
            priority=download.priority,
            order=download.position,
            host=download.host,
            owner=download.request.owner,
            start_at=download.request.start_at,
        )
        self.pump_soon()

    def _unsaved(self, items: Iterable[Finished]) -> None:
        for item in items:
            self.save_soon(item.download)

    def _nobody_runs(self) -> bool:
        """Whether no other completion is to be expected soon."""
        return not self.runners and not len(self.queue)

    # Saving .........................................................................................................

    def save_soon(self, download: Download) -> None:
        """Write a download's row with the next batch."""
        self._dirty[download.id] = download
        if self._saving is None and not self.closing:
            self._saving = asyncio.get_running_loop().create_task(self._save())

    async def _save(self) -> None:
        try:
            await asyncio.sleep(0.02)
            await self.flush()
        finally:
            self._saving = None

    async def flush(self) -> None:
        """Write every row that waits; when this returns they are on disk."""
        async with self._flushing:  # rows that somebody else is writing are not on disk yet
            tried = False
            while self._dirty:
                batch, self._dirty = list(self._dirty.values()), {}
                try:
                    await finish(self.services.store.save(batch))
                except TuiDownloadsError as error:
                    log.warning("The list can't be written: %s", error.message)
                    self._dirty = {item.id: item for item in batch} | self._dirty
                    if self.closing and tried:
                        return
                    tried = True
                    await asyncio.sleep(0.2 if self.closing else 1.0)
            await self._write_notes()

    # Admission ......................................................................................................

    def pump_soon(self) -> None:
        if not self._pumping:
            self._pumping = True
            asyncio.get_running_loop().call_soon(self.pump)

    def pump(self) -> None:
        """Admit downloads while there are seats."""
        self._pumping = False
        if self.closing or self.idle:
            return
        seats = self.services.seats
        now = time.time()
        while len(self.runners) < seats.limits.downloads:
            id = self.queue.pop(now, lambda host: seats.free(host) > 0)
            if id is None:
                break
            download = self.downloads.get(id)
            if download is None or download.state is not State.QUEUED:
                continue
            if id in self.runners:
                self._early.add(id)  # its last run is still making its bytes safe
                continue
            seats.admit(download.host)
            self._start(download)
        places = seats.limits.downloads - len(self.runners)
        seats.waiting = self.queue.blocked(now, places) if places > 0 and len(self.queue) else {}
        self._schedule_pump(now)

    def _schedule_pump(self, now: float) -> None:
        due = self.queue.next_due(now)
        if due is not None:
            self.alarms.at("", due)

    def _start(self, download: Download) -> None:
        download.handle(Move.ADMIT, time.time())
        self.tell(download)
        runner = Runner(self, download)
        self.runners[download.id] = runner
        runner.start()
        self.ticker.wake()

    def trim(self) -> None:
        """Fewer may run at once: those that have no seat by the limits go back to the queue, the last in line first.

        One that could not go on from where it is keeps its seat, for nothing that is here shall be fetched again.
        """
        limits, kept = self.services.seats.limits, 0
        hosts: Counter[str] = Counter()
        running = sorted(self.runners.values(), key=lambda run: (-run.download.priority, run.download.position))
        for runner in running:
            download, host = runner.download, runner.host
            seated = kept < min(limits.downloads, limits.connections) and hosts[host] < limits.per_host
            if not seated and can(download.state, Move.YIELD) and runner.resumable:
                self.keep_note(download, "Went back to the queue: fewer downloads may run at once.")
                self.endings.figures(runner)
                self.move(download, Move.YIELD)
                self.background(runner.stop())
            else:
                kept += 1
                hosts[host] += 1

    def left(self, runner: Runner) -> None:
        """A runner has ended: its seat is free."""
        download = runner.download
        if self.runners.get(download.id) is not runner:
            return
        del self.runners[download.id]
        self.services.seats.leave(runner.host)
        if download.id in self._early:
            self._early.discard(download.id)
            if download.state is State.QUEUED and self.downloads.get(download.id) is download:
                self.enqueue(download)
        self.pump_soon()

    def wake(self, id: str) -> None:
        """The time has come for a waiting download, or for somebody in the queue (empty id)."""
        download = self.downloads.get(id)
        if download is not None and download.state is State.WAITING:
            if id in self.runners:  # its last run is still making its bytes safe
                self.alarms.after(id, 0.2)
                return
            self.queue.hold(download.host, 0.0)
            self.move(download, Move.WAKE)
        self.pump_soon()

    # The log of a download ..........................................................................................

    def note(self, download: Download, sentence: str) -> None:
        """Add a sentence to a download's log, and tell of it."""
        self.keep_note(download, sentence)
        self.save_soon(download)
        self.services.hub.emit("log", download.id, download.state.value, {"message": sentence})

    def keep_note(self, download: Download, sentence: str) -> None:
        """Add a sentence to a download's log; it is written with its row."""
        self._notes.setdefault(download.id, []).append((time.time(), sentence))

    def notes(self, id: str) -> list[tuple[float, str]]:
        """List what was noted and not yet stored."""
        return self._notes.get(id, [])

    async def _write_notes(self) -> None:
        while self._notes:
            id, entries = self._notes.popitem()
            await self.services.store.note(id, entries)

    # Stopping .......................................................................................................

    async def halt(self, downloads: Iterable[Download]) -> None:
        """Stop the runners of these downloads; what they have is safe when this returns."""
        runners = [self.runners[item.id] for item in downloads if item.id in self.runners]
        for runner in runners:
            runner.cancel()  # before anything else gets a turn: a run must not hand its file over meanwhile
        await asyncio.gather(*(runner.stop() for runner in runners))

    async def drained(self, download: Download) -> None:
        """Wait until a pausing download is paused; for any other there is nothing to wait for."""
        if download.state is not State.PAUSING:
            return
        await self.halt([download])
        if can(download.state, Move.DRAINED):
            self.move(download, Move.DRAINED)

    async def close(self) -> None:
        """Stop everything with a checkpoint and write the list."""
        self.closing = self.services.committer.closing = True
        self.alarms.close()
        await asyncio.gather(*(runner.stop() for runner in list(self.runners.values())))
        await self.services.committer.drain()
        self.deadlines.close()
        for download in list(self.downloads.values()):
            if download.state in RUNNING or download.state in (State.WAITING, State.PAUSING):
                download.handle(Move.STORE, time.time())
                self._dirty[download.id] = download
        if self._saving is not None:
            await asyncio.gather(self._saving, return_exceptions=True)
        await self.flush()
