"""Pieces: a bad one is fetched again alone, from another mirror, and whoever lied about it is named and left alone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from msgspec import Struct

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import bare
from tui_downloads.core.snapshots import Proof
from tui_downloads.core.spans import Span
from tui_downloads.files.hashing import digest_span, piece_digests

from .digesting import digest

if TYPE_CHECKING:
    from .mirror import Mirror
    from .transfer import Transfer

ROUNDS = 8
"""Times that bad pieces are fetched again; a mirror that lied is not asked a second time."""


class Trace(Struct):
    """Bytes of a bad piece as one mirror brought them, by their digest."""

    mirror: Mirror
    span: Span
    digest: str


class Pieces:
    """Holds a whole file against the digests of its pieces."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        assert transfer.file.pieces is not None
        self._algorithm, self._length, self._digests = transfer.file.pieces

    async def verify(self) -> None:
        """Prove every piece, fetching bad ones again while there is somebody to ask.

        Raises:
            DownloadError: CHECKSUM_MISMATCH, with the mirrors that were asked, or what the network says.
        """
        transfer = self._transfer
        plan, part = transfer.plan, transfer.part
        if plan is None or part is None:
            return
        if plan.size is None or -(-plan.size // self._length) != len(self._digests):
            transfer.note("The digests of pieces do not fit the file's size; they are not used.")
            return
        found = await digest(transfer, piece_digests, part.fileno(), self._algorithm, self._length)
        bad = [index for index, digest in enumerate(found) if digest != self._digests[index]]
        for _ in range(ROUNDS):
            if not bad:
                transfer.proof = Proof.DIGEST
                return
            bad = await self._again(bad)
        raise self._hopeless(bad)

    async def _again(self, bad: list[int]) -> list[int]:
        """Fetch bad pieces once more; give those that are still bad."""
        transfer, plan = self._transfer, self._transfer.plan
        assert plan is not None
        traces = {index: await self._traces(index) for index in bad}
        suspects = {trace.mirror for found in traces.values() for trace in found}
        others = [mirror for mirror in transfer.mirrors if mirror.dead is None and mirror not in suspects]
        if not others and any(mirror.doubted for mirror in suspects):
            raise self._hopeless(bad)
        for mirror in suspects:
            mirror.doubted = True
            if others:
                # Left alone until it is known which of several brought the bad bytes.
                mirror.retry_at = time.monotonic() + 3600
        for index in bad:
            span = self._span(index)
            plan.forget(span.start, span.end)
            for mirror in transfer.mirrors:
                mirror.wrote.remove(span.start, span.end)
        names = ", ".join(str(index + 1) for index in bad[:10])
        transfer.note(f"{len(bad)} of {len(self._digests)} pieces are wrong ({names}); they are fetched again.")
        transfer.discarded(sum(self._span(index).length for index in bad))
        await transfer.fetch_missing()
        still = [index for index in bad if await self._digest(self._span(index)) != self._digests[index]]
        for index in bad:
            if index not in still:
                await self._judge(index, traces[index])
        for mirror in suspects:
            if mirror.dead is None and not still:
                mirror.retry_at, mirror.doubted = 0.0, False
        return still

    async def _traces(self, index: int) -> list[Trace]:
        """Remember who brought which bytes of a piece, and what they were."""
        piece, found = self._span(index), []
        for mirror in self._transfer.mirrors:
            for span in mirror.wrote:
                start, end = max(span.start, piece.start), min(span.end, piece.end)
                if start < end:
                    found.append(Trace(mirror, Span(start, end), await self._digest(Span(start, end))))
        return found

    async def _judge(self, index: int, traces: list[Trace]) -> None:
        """A piece is right: whose bytes differ from it lied."""
        transfer = self._transfer
        for trace in traces:
            if await self._digest(trace.span) == trace.digest or trace.mirror.lied:
                continue
            mirror = trace.mirror
            mirror.lied = True
            where = bare(mirror.url)
            mirror.dead = DownloadError(Code.CHECKSUM_MISMATCH, f"{where} sent wrong bytes.", retry=False)
            transfer.note(
                f"{where} sent wrong bytes: piece {index + 1} ({trace.span.start}-{trace.span.end}) was fetched again "
                "from another place, and this one is not asked any more."
            )

    async def _digest(self, span: Span) -> str:
        part = self._transfer.part
        assert part is not None
        return await digest(self._transfer, digest_span, part.fileno(), self._algorithm, span.start, span.end)

    def _span(self, index: int) -> Span:
        plan = self._transfer.plan
        assert plan is not None and plan.size is not None
        return Span(index * self._length, min(plan.size, (index + 1) * self._length))

    def _hopeless(self, bad: list[int]) -> DownloadError:
        """Nobody is left who could have the right bytes."""
        places = ", ".join(sorted({bare(mirror.url) for mirror in self._transfer.mirrors}))
        return DownloadError(
            Code.CHECKSUM_MISMATCH,
            f"{len(bad)} of {len(self._digests)} pieces are wrong everywhere ({places[:300]}).",
            next_step="Check the metalink; its digests and the file disagree.",
        )
