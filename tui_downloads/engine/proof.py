"""Proving bytes: digests of whole files, and overlaps where no validator vouches for a join."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from tui_downloads.core import admission
from tui_downloads.core.digests import strongest
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.resource import Head
from tui_downloads.core.snapshots import Proof
from tui_downloads.files.hashing import digest_file
from tui_downloads.files.publish import Ready, set_aside
from tui_downloads.transport.base import Flow, Take

from .detours import StartOver

if TYPE_CHECKING:
    from .mirror import Mirror
    from .transfer import Transfer

OVERLAP = 64 * 1024
"""Bytes fetched again at a boundary and compared."""
SAMPLE = 16 * 1024
"""Bytes fetched from two links and compared where nothing is here yet."""
BOUNDARIES = 4
"""Boundaries that are checked at the most."""


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


class Prover:
    """Proves what a transfer brought."""

    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer

    async def overlap_if_needed(self, mirror: Mirror) -> None:
        """Before bytes are joined to an earlier session's: is there a strong validator, a digest, or an overlap?

        Raises:
            StartOver: the bytes differ, or nothing can prove the join.
        """
        transfer = self._transfer
        if mirror.proven or mirror.validator.strong or transfer.has_digest:
            mirror.proven = True
            return
        await self._compare(mirror)
        mirror.proven = True
        transfer.proof = Proof.UNPROVEN

    async def mirror(self, mirror: Mirror) -> None:
        """Before another link's bytes are mixed in: its size agrees, and a digest decides or samples agree.

        Raises:
            DownloadError: this mirror has another file.
        """
        transfer = self._transfer
        plan = transfer.plan
        assert plan is not None
        if transfer.has_digest:
            mirror.proven = True
            return
        if not plan.written_total:
            # Nothing is here and nobody else is at work: from here on this link is what the others are held against.
            for other in transfer.mirrors:
                other.proven = other is mirror
            return
        try:
            await self._compare(mirror)
            await self._compare_ahead(mirror)
        except StartOver as differs:
            mirror.lied = True
            raise DownloadError(
                Code.REMOTE_CHANGED, f"A mirror has another file: {differs.reason}", retry=False
            ) from None
        mirror.proven = True
        transfer.proof = Proof.UNPROVEN
        transfer.joined = True

    async def _compare(self, mirror: Mirror) -> None:
        """Hold what a link serves against what is here."""
        transfer = self._transfer
        part, plan = transfer.part, transfer.plan
        assert part is not None and plan is not None
        for span in [span for span in plan.done if span.length > 0][-BOUNDARIES:]:
            start = max(span.start, span.end - OVERLAP)
            here = await asyncio.to_thread(part.read, start, span.end - start)
            await self._agrees(mirror, start, here)

    async def _compare_ahead(self, mirror: Mirror) -> None:
        """Hold what a link serves against what a proven one does where nothing is here yet.

        Files of one family begin alike: what has come so far says little about the rest.
        """
        transfer = self._transfer
        plan, seats = transfer.plan, transfer.services.seats
        assert plan is not None
        trusted = next((other for other in transfer.mirrors if other.proven and other.dead is None), None)
        if trusted is None or plan.size is None:
            return
        done = plan.done
        for start in (plan.size // 2, max(0, plan.size - SAMPLE)):
            end = min(plan.size, start + SAMPLE)
            if done.covers(start, end) or not seats.take(trusted.host):
                continue
            try:
                there = await Window(transfer, trusted, start, end).fetch()
            except DownloadError:
                continue  # its own workers find out what is wrong with it
            finally:
                seats.give(trusted.host)
            await self._agrees(mirror, start, there)

    async def _agrees(self, mirror: Mirror, start: int, known: bytes) -> None:
        try:
            there = await Window(self._transfer, mirror, start, start + len(known)).fetch()
        except DownloadError as error:
            if error.code is Code.REMOTE_CHANGED:
                raise StartOver(error.message) from None
            raise
        if known != there:
            raise StartOver("The bytes on the server differ from the ones here.")

    async def ready(self, closed_by_server: bool) -> Ready:
        """Hold the whole file against every digest there is.

        Raises:
            DownloadError: CHECKSUM_MISMATCH; the file is kept aside.
            StartOver: joined bytes were wrong; one more try from the beginning.
        """
        transfer = self._transfer
        wanted = self._wanted()
        for algorithm, expected, proof in wanted:
            found = await self._digest(algorithm)
            if found.lower() == expected.lower():
                transfer.proof = proof
                transfer.file.checksum = f"{algorithm}:{expected}"
                continue
            if transfer.joined:
                transfer.joined = False
                raise StartOver(f"The joined file's {algorithm} digest is wrong.")
            kept = await asyncio.to_thread(self._keep_aside)
            raise DownloadError(
                Code.CHECKSUM_MISMATCH,
                f"{algorithm} is {found}, expected {expected}" + (f"; the file is kept as {kept}" if kept else ""),
            )
        if not wanted and closed_by_server:
            transfer.proof = Proof.LENGTH_UNVERIFIED
        return self._make_ready()

    def _wanted(self) -> list[tuple[str, str, Proof]]:
        transfer = self._transfer
        wanted: list[tuple[str, str, Proof]] = []
        if transfer.settings.checksum:
            wanted.append((*transfer.settings.checksum, Proof.CHECKSUM))
        if transfer.services.defaults.verify_digests:
            resource = transfer.resource
            told = [*transfer.file.digests, *(resource.digests if resource else ())]
            best = strongest(told)
            if best is not None and not (wanted and wanted[0][0] == best.algorithm):
                wanted.insert(0, (best.algorithm, best.hex, Proof.DIGEST))
        return wanted

    async def _digest(self, algorithm: str) -> str:
        body, part = self._transfer.body, self._transfer.part
        if body is not None:
            return hashlib.new(algorithm, body, usedforsecurity=False).hexdigest()
        assert part is not None
        return await asyncio.to_thread(digest_file, part.path, algorithm)

    def _make_ready(self) -> Ready:
        transfer = self._transfer
        return Ready(
            folder=transfer.settings.folder,
            name=transfer.part.name if transfer.part else transfer.name,
            conflict=transfer.settings.on_conflict,
            part=transfer.part,
            body=transfer.body,
            mtime=None,
        )

    def _keep_aside(self) -> str:
        """Put a part with a wrong digest beside its place, under a name that says so."""
        part = self._transfer.part
        self._transfer.file.part = None
        if part is None:
            return ""
        path = set_aside(part)
        self._transfer.hand_over()
        return path
