"""Comparing bytes where no validator vouches for them: what is here, what is to come, and where two links meet.

Files of one family begin alike, so what has come says little of the rest: before a further link is used, places that
have not come yet are fetched from it and from one that is trusted. When the file is whole, both links of every place
where their bytes meet are asked for a little of what the other one brought.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tui_downloads.core import admission
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import bare
from tui_downloads.core.resource import Head
from tui_downloads.transport.base import Flow, Take

from .detours import StartOver

if TYPE_CHECKING:
    from .mirror import Mirror
    from .transfer import Transfer

OVERLAP = 64 * 1024
"""Bytes fetched again at a boundary and compared."""
SAMPLE = 16 * 1024
"""Bytes fetched from two links and compared where nothing is here yet, and where bytes of two links meet."""
BOUNDARIES = 4
"""Boundaries that are checked at the most."""
JUNCTIONS = 64
"""Meetings of two links that are checked at the most, spread over the file."""
REFUSALS = frozenset({403, 429, 503})
"""Statuses that mean "too many connections" while other connections of the same file are served."""
YIELDS = 10.0
"""Seconds that an interrupted connection gets to end."""


class Window:
    """A sink for a small span of a file; refuses what is not that span."""

    def __init__(self, transfer: Transfer, mirror: Mirror, start: int, end: int) -> None:
        self._transfer = transfer
        self._mirror = mirror
        self._start = start
        self._end = end
        self._skip = 0
        self.data = b""

    def head(self, head: Head, flow: Flow) -> None:
        asked = admission.Asked(
            start=self._start,
            end=self._end,
            resource=self._mirror.resource,
            joining=1 if self._mirror.resource is not None else 0,
            proven=True,
            url=self._mirror.url,
        )
        verdict = admission.judge(asked, head, 0.0)
        if isinstance(verdict, admission.Accept) and (not verdict.whole or self._start == 0):
            known = self._transfer.resource
            if known is not None and verdict.total is not None and known.size not in (None, verdict.total):
                raise DownloadError(Code.REMOTE_CHANGED, f"its size is {verdict.total}, not {known.size}")
            self._skip = verdict.skip
            if self._mirror.resource is None:
                self._mirror.resource = verdict.resource
                self._mirror.validator = verdict.resource.validator
            return
        if isinstance(verdict, admission.Again | admission.Refuse):
            raise verdict.error
        raise DownloadError(Code.REMOTE_CHANGED, "The server does not serve a part of the file.")

    def write(self, chunk: bytes) -> Take:
        if self._skip:
            cut = min(self._skip, len(chunk))
            self._skip -= cut
            chunk = chunk[cut:]
        self.data += chunk
        return Take.ENOUGH if len(self.data) >= self._end - self._start else Take.MORE

    async def fetch(self) -> bytes:
        request = self._mirror.request(self._start, self._end)
        await self._transfer.services.transport.fetch(request, self)
        return self.data[: self._end - self._start]


class Comparing:
    """Holds what links serve against each other and against what is here."""

    # Mutable state: whether a link that was asked had no connection to spare.
    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._busy = False

    async def here(self, mirror: Mirror) -> None:
        """Hold what a link serves against what is here.

        Raises:
            StartOver: it differs.
        """
        transfer = self._transfer
        plan = transfer.plan
        assert plan is not None
        for span in [span for span in plan.done if span.length > 0][-BOUNDARIES:]:
            start = max(span.start, span.end - OVERLAP)
            await self._agrees(mirror, start, await self._read(start, span.end))

    async def ahead(self, mirror: Mirror) -> bool:
        """Hold what a link serves against what a proven one does where nothing is here yet.

        False says that the proven one is at work but had no connection for it; one that is not can't be asked.

        Raises:
            StartOver: it differs.
        """
        transfer = self._transfer
        plan = transfer.plan
        assert plan is not None
        trusted = next((other for other in transfer.mirrors if other.proven and other.dead is None), None)
        if trusted is None or plan.size is None:
            return True
        at_work = any(worker.mirror is trusted for worker in transfer.workers())
        places = [(start, min(plan.size, start + SAMPLE)) for start in (plan.size // 2, max(0, plan.size - SAMPLE))]
        done = plan.done
        places = [place for place in places if not done.covers(*place)]
        found = await self._samples(trusted, places, interrupt=at_work and not transfer.has_digest)
        if found is None:
            # One that brought something and is only busy, or about to come back, can be asked in a while.
            return transfer.has_digest or not (at_work or (self._busy and trusted.wrote))
        for (start, _), there in zip(places, found, strict=True):
            await self._agrees(mirror, start, there)
        return True

    async def junctions(self) -> None:
        """Where bytes of two links meet, ask each for a little of what the other one brought.

        Raises:
            StartOver: they differ.
        """
        transfer = self._transfer
        plan = transfer.plan
        if transfer.has_digest or transfer.part is None or plan is None or plan.size is None:
            return
        if sum(1 for mirror in transfer.mirrors if mirror.wrote) < 2:
            return
        places: list[tuple[int, int, Mirror]] = []
        for mirror in transfer.mirrors:
            for span in mirror.wrote if mirror.dead is None else ():
                if span.start > 0:
                    places.append((max(0, span.start - SAMPLE), span.start, mirror))
                if span.end < plan.size:
                    places.append((span.end, min(plan.size, span.end + SAMPLE), mirror))
        places.sort(key=lambda place: place[0])
        for start, end, mirror in places[:: -(-len(places) // JUNCTIONS) or 1]:
            try:
                await self._agrees(mirror, start, await self._read(start, end))
            except StartOver:
                drop_others(transfer, "its bytes do not fit those of another link")
                raise
            except DownloadError as error:
                transfer.note(f"A junction could not be compared: {error.message}")

    async def _read(self, start: int, end: int) -> bytes:
        part = self._transfer.part
        assert part is not None
        return await asyncio.to_thread(part.read, start, end - start)

    async def _agrees(self, mirror: Mirror, start: int, known: bytes) -> None:
        try:
            there = await Window(self._transfer, mirror, start, start + len(known)).fetch()
        except DownloadError as error:
            if error.code is Code.REMOTE_CHANGED:
                raise StartOver(error.message) from None
            raise
        if known != there:
            raise StartOver("The bytes on the server differ from the ones here.")

    async def _samples(self, mirror: Mirror, places: list[tuple[int, int]], *, interrupt: bool) -> list[bytes] | None:
        """Fetch a little from a link beside what it brings; None where it has no connection for it."""
        if not places:
            return []
        seats = self._transfer.services.seats
        self._busy = True
        if seats.take(mirror.host):
            try:
                return await self._fetch(mirror, places)
            except DownloadError as error:
                self._busy = error.status in REFUSALS  # it may serve one at a time
            finally:
                seats.give(mirror.host)
        return await self._instead(mirror, places) if interrupt else None

    async def _fetch(self, mirror: Mirror, places: list[tuple[int, int]]) -> list[bytes]:
        return [await Window(self._transfer, mirror, start, end).fetch() for start, end in places]

    async def _instead(self, mirror: Mirror, places: list[tuple[int, int]]) -> list[bytes] | None:
        """Fetch a little from a link in place of one of its connections, which is opened again after."""
        crew, seats = self._transfer.crew, self._transfer.services.seats
        if crew is None:
            return None
        theirs = [worker for worker in crew.workers() if worker.mirror is mirror and not worker.dismissed]
        worker = next((worker for worker in reversed(theirs) if worker.flow is not None), None)
        if worker is None:
            return None
        now = time.monotonic()
        held, mirror.retry_at = mirror.retry_at, now + 3 * YIELDS  # nobody takes its place meanwhile
        seated = crew.dismiss(worker)
        try:
            while worker in crew.workers():
                if time.monotonic() > now + YIELDS:
                    return None
                await asyncio.sleep(0.01)
            if seated and not seats.take(mirror.host):
                return None
            try:
                return await self._fetch(mirror, places)
            except DownloadError:
                return None
            finally:
                if seated:
                    seats.give(mirror.host)
        finally:
            mirror.retry_at = held


def drop_others(transfer: Transfer, why: str) -> None:
    """Go on with the first link that works alone: nobody knows which of them was wrong."""
    alive = [mirror for mirror in transfer.mirrors if mirror.dead is None]
    for mirror in alive[1:]:
        mirror.dead = DownloadError(Code.REMOTE_CHANGED, f"A link is no longer used: {why}.", retry=False)
        transfer.note(f"{bare(mirror.url)} is no longer used: {why}.")
