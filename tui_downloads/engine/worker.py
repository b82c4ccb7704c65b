"""One connection of one file: asks for a span, has the answer judged, and writes what is wanted where it belongs.

The hot path is `write`: libcurl's callback ends here, and nothing else stands between the socket and the file.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.plan import OPEN, Segment
from tui_downloads.core.resource import Head
from tui_downloads.transport.base import Answer, Flow, Request, Take

from .detours import StartOver

if TYPE_CHECKING:
    from .mirror import Mirror
    from .transfer import Transfer

FLUSH = 256 * 1024
"""Bytes that are collected before one positional write."""
SEAM = 4096
"""Bytes that are asked for once more, where only they can tell that a server goes on where it should."""
HELD = 0.5
"""Seconds for which bytes of a slow connection are held at the most."""


class Worker:
    """A sink bound to a segment; made for one connection after another of the same mirror."""

    __slots__ = (
        "answer_end",
        "began",
        "chunks",
        "dismissed",
        "flow",
        "flushed_at",
        "held",
        "left",
        "mirror",
        "peer",
        "request",
        "segment",
        "skip",
        "started_at",
        "transfer",
    )

    # Mutable state: the segment under lease, the chunks held for the next write, and the figures the supervisor reads.
    def __init__(self, transfer: Transfer, mirror: Mirror, segment: Segment | None = None) -> None:
        self.transfer = transfer
        self.mirror = mirror
        self.segment = segment
        self.request: Request | None = None
        """What the answer under way is an answer to; what is known of the link may have changed since."""
        self.flow: Flow | None = None
        self.chunks: list[bytes] = []
        self.held = 0
        self.left = 0
        self.skip = 0
        self.answer_end = OPEN
        self.peer = ""
        self.started_at = self.flushed_at = time.monotonic()
        self.began = False
        """The answer was accepted."""
        self.dismissed = False
        """Its seat is wanted for another download: it takes no further segment."""

    async def stream(self, request: Request) -> Answer:
        """Send one request and write its body; returns when the segment, the answer or the will to go on has ended."""
        self.request = request
        self.began = False
        self.skip = 0
        self.held = 0
        self.chunks = []
        self.answer_end = OPEN
        self.started_at = self.flushed_at = time.monotonic()
        try:
            answer = await self.transfer.services.transport.fetch(request, self)
        except BaseException:
            # Why the request ended is what counts; a disk that refuses these bytes will say so again.
            with contextlib.suppress(DownloadError):
                self._rest()
            raise
        finally:
            self.flow = None
        self._rest()
        return answer

    def _rest(self) -> None:
        if self.chunks and self.began:
            self.flush()

    def head(self, head: Head, flow: Flow) -> None:
        self.flow = flow
        self.peer = head.address
        self.transfer.judge(self, head)
        self.began = True
        self.left = self._wanted()

    def _wanted(self) -> int:
        return OPEN if self.segment is None else self.segment.room

    def write(self, chunk: bytes) -> Take:
        size = len(chunk)
        gate = self.transfer.gate
        if gate is not None and not gate.pass_(self, size):
            return Take.PAUSE
        if self.skip:
            chunk = self._skipped(chunk)
            size = len(chunk)
        self.chunks.append(chunk)
        self.held += size
        if self.held < FLUSH and self.held < self.left:
            return Take.MORE
        return self.flush()

    def seam(self, start: int) -> int:
        """Say from where to ask: from before the start where bytes that are here must vouch for what nothing else does.

        A server of files may say that it goes on from there and begin anew, and one that names no version may have
        another file by now.
        """
        before = max(0, start - SEAM)
        if self.mirror.validator.strong or self.mirror.plain or not self._is_here(before, start):
            return start
        return before

    def _is_here(self, start: int, end: int) -> bool:
        """Say whether bytes are here that another answer of the only link can be held against."""
        transfer = self.transfer
        if transfer.plan is None or start >= end or len(transfer.mirrors) > 1 or transfer.has_digest:
            return False
        return transfer.plan.done.covers(start, end)

    def _skipped(self, chunk: bytes) -> bytes:
        """Drop the bytes before the wanted start of an answer that began earlier, and hold them against what is here.

        Raises:
            StartOver: they differ.
        """
        cut = min(self.skip, len(chunk))
        if self.segment is not None:
            start = self.segment.position - self.skip
            if self._is_here(start, start + cut) and not self.transfer.same(start, chunk[:cut]):
                raise StartOver("The server sends other bytes than before.", single=True)
        self.skip -= cut
        return chunk[cut:]

    def flush(self) -> Take:
        """Write what is held, never past the segment's end, and say whether the answer holds more that is wanted."""
        segment = self.segment
        if segment is None:  # a body that stays in memory
            return self.transfer.keep(self)
        chunks, held = self.chunks, self.held
        self.chunks, self.held = [], 0
        wanted = min(held, segment.room)
        rest: list[bytes] = []
        if wanted < held:
            chunks, rest = _cut(chunks, wanted)
        if wanted > 0:
            if self.transfer.file.pieces is not None:
                self.transfer.credit(self.mirror, segment.position, segment.position + wanted)
            self.transfer.write(segment, chunks, wanted)
        self.flushed_at = time.monotonic()
        if segment.room <= 0 and self._goes_on(segment):
            self.chunks, self.held = rest, held - wanted
            self.left = segment.room
            return self.flush() if rest else Take.MORE
        self.left = segment.room
        if self.left > 0:
            return Take.MORE
        if rest:
            self.answer_end = segment.end  # what comes next from this answer does not belong to the cursor
        # The rest of an answer that ends here is its framing; hearing it out keeps the connection for the next request.
        return Take.MORE if not rest and self.answer_end <= segment.end else Take.ENOUGH

    def _goes_on(self, segment: Segment) -> bool:
        """Take up what lies behind the segment and nobody has brought a byte of, as far as this answer reaches."""
        plan = self.transfer.plan
        return self.answer_end < OPEN and plan is not None and plan.go_on(segment, self.answer_end)

    def room(self) -> int:
        """Give how many of the next bytes may go straight to the part; none while a limit or a skip looks at them."""
        segment = self.segment
        if segment is None or self.skip or self.transfer.gate is not None:
            return 0
        if self.held and self.flush() is not Take.MORE:
            return 0
        return segment.room

    def pour(self, pipe: int, count: int) -> Take:
        """Write bytes out of a pipe at the segment's position."""
        segment = self.segment
        assert segment is not None
        if self.transfer.file.pieces is not None:
            self.transfer.credit(self.mirror, segment.position, segment.position + count)
        self.transfer.pour(segment, pipe, count)
        self.flushed_at = time.monotonic()
        if segment.room <= 0:
            self._goes_on(segment)
        self.left = segment.room
        return Take.MORE if self.left > 0 else Take.ENOUGH

    def settle(self, now: float) -> None:
        """Write what a slow connection holds, so that it counts, can be checkpointed, and is not taken for silence."""
        if self.held and self.segment is not None and self.began and now - self.flushed_at >= HELD:
            self.flush()

    def speed(self, now: float) -> float:
        """Give bytes a second, as the plan measured them."""
        return self.segment.speed(now) if self.segment is not None else 0.0


def _cut(chunks: list[bytes], wanted: int) -> tuple[list[bytes], list[bytes]]:
    """Cut chunks in two: so many bytes, and the rest."""
    for index, chunk in enumerate(chunks):
        if wanted < len(chunk):
            return [*chunks[:index], chunk[:wanted]], [chunk[wanted:], *chunks[index + 1 :]]
        wanted -= len(chunk)
    return chunks, []
