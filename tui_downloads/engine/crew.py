"""The connections of one large file: how many, where each works, and what becomes of one that fails."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from tui_downloads.core.errors import Code, DownloadError, Fault
from tui_downloads.core.plan import CRUMB, Segment
from tui_downloads.core.ramp import QUICK, Ramp
from tui_downloads.transport.base import Answer, Ended

from . import doubts
from .checkpoints import Checkpoints
from .comparing import OVERLAP, REFUSALS
from .detours import StartOver
from .watch import Watch
from .worker import Worker

if TYPE_CHECKING:
    from .mirror import Mirror
    from .transfer import Transfer

TICK = 0.1
ASK_AGAIN = 5.0
"""Seconds until a link is looked at again that nothing could be held against."""
CRUMBS = 32
"""Answers below `CRUMB` bytes in a row after which the file is asked for as a whole."""


class Crew:
    """Staffs, watches and dismisses the workers of a transfer until its plan is complete."""

    # Mutable state: the running workers by task, those with a seat of their own, the ramp, and the last error.
    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        services, settings = transfer.services, transfer.settings
        self._seats = services.seats
        self._running: dict[asyncio.Future[Any], Worker] = {}
        self._seated: set[Worker] = set()
        self._ramp = Ramp(settings.connections)
        if settings.connections_chosen:
            self._ramp.start_at(settings.connections)
        self._watch = Watch(transfer)
        self._checkpoints = Checkpoints(transfer)
        self._error: DownloadError | None = None
        self._hold_until = 0.0
        self._failures = 0
        self._crowded = False
        """A connection was refused while others were served."""
        self._progress = 0

    def workers(self) -> list[Worker]:
        return list(self._running.values())

    async def run(self, opening: tuple[Worker, asyncio.Future[Answer]] | None) -> None:
        """Work until every byte is here.

        Raises:
            DownloadError: no connection is left and none may be opened.
        """
        plan = self._transfer.plan
        assert plan is not None
        if opening is not None:
            worker, future = opening
            self._running[future] = worker
        try:
            while not plan.complete:
                self._staff(time.monotonic())
                if not self._running:
                    await self._nobody()
                    continue
                pause = QUICK if self._ramp.climbing else TICK
                done, _ = await asyncio.wait(self._running, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                for future in done:
                    self._ended(future)
                self._tick(time.monotonic())
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Dismiss everybody; what they hold is written."""
        tasks = [task for task in self._running if isinstance(task, asyncio.Task)]
        for task in tasks:
            task.cancel()
        for future, worker in self._running.items():
            if not isinstance(future, asyncio.Task) and worker.flow is not None:
                worker.flow.abort(None)  # the opening connection runs in the runner's own task
        if tasks:
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    task.exception()  # looked at; whatever it is, the transfer ends for another reason
        for worker in self._running.values():
            self._leave(worker)
        self._running.clear()
        await self._checkpoints.settled()

    # Staffing .......................................................................................................

    def _may_split(self) -> bool:
        """Several connections need proof that they speak of one version (F12)."""
        resource = self._transfer.resource
        if resource is None or resource.size is None or self._transfer.mirrors[0].plain or self._transfer.alone:
            return False
        return resource.ranges and (resource.validator.strong or self._transfer.has_digest)

    def _staff(self, now: float) -> None:
        plan = self._transfer.plan
        assert plan is not None
        self._make_room()
        if now < self._hold_until and self._running:
            return
        want = 1
        if self._may_split():
            first, *more = self._transfer.mirrors
            hosts = {first.host, *(mirror.host for mirror in more if mirror.dead is None)}
            self._ramp.cap = min(self._most(), sum(map(self._seats.most, hosts)))
            delivering = sum(1 for worker in self._running.values() if worker.began)
            want = self._ramp.want(now, total=plan.written_total, connections=delivering, remaining=plan.left)
            want = min(want, sum(map(self._seats.fair, hosts)))
            if not self._any_link():
                # Connections that the further links will have are not given to the first one meanwhile.
                want = max(1, want - sum(1 for mirror in more if not mirror.proven and mirror.usable(now)))
        while len(self._running) < want:
            mirror = self._pick(now)
            if mirror is None or not self._hire(mirror, now):
                return

    def _most(self) -> int:
        """Say how many connections this download may have: its own number, or that of the limits at this moment."""
        settings = self._transfer.settings
        return settings.connections if settings.connections_chosen else self._seats.limits.per_download

    def _make_room(self) -> None:
        """Give up a connection while more are open than allowed, or than a fair share: others wait for its seat."""
        staying = [worker.mirror.host for worker in self._running.values() if not worker.dismissed]
        if len(staying) <= 1:
            return
        for worker in reversed(self._running.values()):
            if worker not in self._seated or worker.dismissed or worker.flow is None:
                continue
            host, most = worker.mirror.host, self._most()
            if len(staying) > most or staying.count(host) > self._seats.fair(host) or self._seats.over(host) > 0:
                self.dismiss(worker)
                return

    def dismiss(self, worker: Worker) -> bool:
        """End a connection that has begun, keeping what it brought; say whether it gives a seat back."""
        assert worker.flow is not None
        worker.dismissed = True
        seated = worker in self._seated
        if seated:
            self._seats.dismiss(worker.mirror.host)
        worker.flow.abort(None)
        return seated

    async def write_down(self, **extra: object) -> None:
        """Write more of what the part holds into its journal; see `Checkpoints.amend`."""
        await self._checkpoints.amend(**extra)

    def _pick(self, now: float) -> Mirror | None:
        """Choose the usable mirror with the fewest workers for its worth."""
        any_link = self._any_link()
        usable = [
            mirror
            for mirror in self._transfer.mirrors
            if mirror.usable(now) and (mirror.proven or any_link) and self._may_seat(mirror)
        ]
        if not usable:
            return None
        busy = [worker.mirror for worker in self._running.values()]
        return min(usable, key=lambda mirror: (busy.count(mirror), mirror.failures))

    def _any_link(self) -> bool:
        """Say whether a further link may begin: it waits until there is something to hold it against."""
        plan = self._transfer.plan
        assert plan is not None
        return not self._running or self._transfer.has_digest or plan.written_total >= OVERLAP

    def _may_seat(self, mirror: Mirror) -> bool:
        return self._own_seat(mirror) or self._seats.free(mirror.host) > 0

    def _own_seat(self, mirror: Mirror) -> bool:
        """Say whether the download's own seat is free: it carries the first connection, and later ones to its host."""
        if not self._running:
            return True
        here = mirror.host == self._transfer.download.host
        return here and all(worker in self._seated for worker in self._running.values())

    def _hire(self, mirror: Mirror, now: float) -> bool:
        # Every connection but the one on the download's own seat needs a seat of its own.
        own = self._own_seat(mirror)
        seated = not (own and mirror.host == self._transfer.download.host) and self._seats.take(mirror.host)
        if not (seated or own):
            return False
        segment = self._next_segment(now)
        if segment is None:
            if seated:
                self._seats.give(mirror.host)
            return False
        worker = Worker(self._transfer, mirror, segment)
        if seated:
            self._seated.add(worker)
        task = asyncio.get_running_loop().create_task(self._work(worker))
        self._running[task] = worker
        return True

    def _next_segment(self, now: float) -> Segment | None:
        plan = self._transfer.plan
        assert plan is not None
        segment = plan.lease(now)
        if segment is None and self._may_split():
            segment = plan.steal(now)
            if segment is None and self._running:
                segment = plan.race(now)
        return segment

    # One worker .....................................................................................................

    async def _work(self, worker: Worker) -> None:
        """Serve one segment after another on one mirror until there is nothing left to take."""
        plan = self._transfer.plan
        assert plan is not None
        while True:
            segment = worker.segment
            assert segment is not None
            before = segment.position
            try:
                answer = await self._serve(worker, segment)
                starved = segment.room > 0 and segment.position == before
            finally:
                plan.release(segment, time.monotonic())
                self._credit(worker.mirror, before, segment.position)
            if answer and answer.ended is not Ended.ENOUGH and starved and not plan.complete:
                raise DownloadError(Code.PROTOCOL_ERROR, "The server answered a range with nothing.")
            if plan.complete or worker.dismissed or not worker.mirror.proven:
                return
            following = self._next_segment(time.monotonic())
            if following is None:
                return
            worker.segment = following

    async def _serve(self, worker: Worker, segment: Segment) -> Answer | None:
        """Fetch one segment; None when nothing of it is wanted any more, or nothing can vouch for its link yet."""
        mirror = worker.mirror
        if not mirror.proven and not await self._transfer.prove(mirror):
            mirror.retry_at = time.monotonic() + ASK_AGAIN
            return None
        if segment.finished:  # a twin was quicker
            return None
        start = worker.seam(segment.position)
        answer = await worker.stream(mirror.request(start, segment.bound, if_range=mirror.if_range))
        self._settle_length(segment, answer)
        short = worker.answer_end < segment.end and worker.answer_end - start < CRUMB
        mirror.crumbs = mirror.crumbs + 1 if short else 0
        if mirror.crumbs >= CRUMBS:
            raise StartOver("The server gives the file in crumbs only, if it is asked for parts.", single=True)
        return answer

    def _credit(self, mirror: Mirror, start: int, end: int) -> None:
        """Keep in mind which of several links brought what; with pieces the worker does so."""
        if end > start and len(self._transfer.mirrors) > 1 and self._transfer.file.pieces is None:
            self._transfer.credit(mirror, start, end)

    def _settle_length(self, segment: Segment, answer: Answer) -> None:
        """A body without a length ends where its stream did."""
        plan = self._transfer.plan
        assert plan is not None
        if answer.head.status == 206 and answer.head.scheme in ("http", "https"):
            return  # a part: the server says how large the file is, or that there is no more of it
        if plan.size is None and answer.ended is not Ended.ENOUGH:
            plan.settle(segment.position)
            self._transfer.size_settled(segment.position, closed=answer.ended is Ended.CLOSED)

    def _leave(self, worker: Worker) -> None:
        if worker in self._seated:
            self._seated.discard(worker)
            if worker.dismissed:
                self._seats.dismissed(worker.mirror.host)
            self._seats.give(worker.mirror.host)

    def _ended(self, future: asyncio.Future[Any]) -> None:
        worker = self._running.pop(future)
        self._leave(worker)
        plan = self._transfer.plan
        assert plan is not None
        opening = not isinstance(future, asyncio.Task)
        if opening and worker.segment is not None:
            plan.release(worker.segment)
            self._credit(worker.mirror, worker.segment.start, worker.segment.position)
        error = None if future.cancelled() else future.exception()
        if error is None:
            if opening and worker.segment is not None and not future.cancelled():
                self._settle_length(worker.segment, future.result())
            return
        if not isinstance(error, DownloadError):
            raise error
        if not plan.complete:  # what one meets that nothing is wanted from is no harm
            self._failed(worker, error)

    # Failures .......................................................................................................

    def _failed(self, worker: Worker, error: DownloadError) -> None:
        now = time.monotonic()
        mirror, plan = worker.mirror, self._transfer.plan
        assert plan is not None
        others = bool(self._running)
        if plan.written_total > self._progress:
            self._progress, self._failures = plan.written_total, 0
        self._failures += 1
        self._error = error
        if error.fault in (Fault.DISK, Fault.OURS) and not (error.retry and others):
            raise error  # another link would meet the same disk
        mirror.failures += 1
        if others and error.fault is Fault.DISK:
            # Too many open files, or too little memory: go on with those that have what they need.
            self._ramp.refused(now, len(self._running) + 1)
            self._hold_until = now + 5.0
            return
        if error.status in REFUSALS and (others or (self._crowded and self._failures <= 3)):
            self._refused(mirror, error, now, others=others)
            return
        if not error.retry:
            mirror.dead = error
            if all(other.dead is not None for other in self._transfer.mirrors):
                if not any(other.began and other.mirror is mirror for other in self._running.values()):
                    doubts.refused(self._transfer, mirror, error)
                    raise error
                # A link may be good for one request only: those that it serves bring what they can.
                mirror.dead = None
                self._ramp.refused(now, len(self._running) + 1)
                self._hold_until = now + 5.0
                return
            self._transfer.note(f"A link is no longer used: {error.message}")
            return
        if len(self._transfer.mirrors) > 1:
            mirror.retry_at = now + min(60.0, 2.0 ** min(mirror.failures, 6))
        if others:
            self._hold_until = now + min(5.0, 0.25 * self._failures)
            return
        if self._failures > 3 or error.retry_after is not None or self._fresh():
            raise error

    def _fresh(self) -> bool:
        """Say whether nothing is here and nothing would vouch for what comes: then the next try is a new beginning."""
        plan, resource = self._transfer.plan, self._transfer.resource
        assert plan is not None and resource is not None
        return not (plan.written_total or resource.validator.strong or self._transfer.has_digest)

    def _refused(self, mirror: Mirror, error: DownloadError, now: float, *, others: bool) -> None:
        """Use fewer connections; the last one may meet a server that still counts one that was closed."""
        self._crowded = True
        self._hold_until = now + min(30.0, error.retry_after or 1.0)
        if others:
            self._ramp.refused(now, len(self._running) + 1)
            self._seats.refused(mirror.host, len(self._running) + 1, error, mirror.url.partition("?")[0])
        else:
            mirror.retry_at = self._hold_until

    async def _nobody(self) -> None:
        """Nobody works and nobody may be hired yet: wait for a mirror, or give up."""
        now = time.monotonic()
        alive = [mirror for mirror in self._transfer.mirrors if mirror.dead is None]
        if not alive:
            raise self._error or DownloadError(Code.NETWORK_ERROR, "No link of this file works.")
        wait = min(mirror.retry_at for mirror in alive) - now
        if wait > 10:
            raise self._error or DownloadError(Code.NETWORK_ERROR, "No link of this file answers.")
        await asyncio.sleep(max(0.05, wait, 0.5 * self._failures if self._error else 0))

    # The tick .......................................................................................................

    def _tick(self, now: float) -> None:
        plan = self._transfer.plan
        assert plan is not None
        workers = self.workers()
        for worker in workers:
            worker.settle(now)
        plan.note(now)
        self._watch.look(workers, now)
        self._checkpoints.look(now)
