"""Proving bytes: what vouches for a join, and the digests of whole files."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tui_downloads.core.digests import hasher, strongest
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.snapshots import Proof
from tui_downloads.files.hashing import digest_file
from tui_downloads.files.publish import Ready, set_aside

from .comparing import Comparing, drop_others
from .detours import StartOver
from .digesting import digest

if TYPE_CHECKING:
    from .mirror import Mirror
    from .transfer import Transfer


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
        # A validator vouches for its own link only: where others brought some of the bytes, the bytes decide.
        if mirror.proven or transfer.has_digest or (mirror.validator.strong and not _mixed(transfer)):
            mirror.proven = True
            return
        await Comparing(transfer).here(mirror)
        mirror.proven = True
        transfer.proof = Proof.UNPROVEN

    async def mirror(self, mirror: Mirror) -> bool:
        """Before another link's bytes are mixed in: its size agrees, and pieces decide or samples agree.

        False says that the link everything is held against is at work and can't be asked at this moment.

        Raises:
            DownloadError: this mirror has another file.
        """
        transfer = self._transfer
        plan, crew = transfer.plan, transfer.crew
        assert plan is not None and crew is not None
        if transfer.file.pieces:
            mirror.proven = True
            return True
        if not plan.written_total and all(worker.mirror is mirror for worker in crew.workers()):
            # Nothing is here and nobody else is at work: from here on this link is what the others are held against.
            for other in transfer.mirrors:
                other.proven = other is mirror
            await self._will_mix()
            return True
        try:
            comparing = Comparing(transfer)
            await comparing.here(mirror)
            if not await comparing.ahead(mirror):
                return False
        except StartOver as differs:
            mirror.lied = True
            raise DownloadError(
                Code.REMOTE_CHANGED, f"A mirror has another file: {differs.reason}", retry=False
            ) from None
        await self._will_mix()
        mirror.proven = True
        return True

    async def _will_mix(self) -> None:
        """Remember, for later sessions too, that the bytes come from more than one link."""
        transfer = self._transfer
        transfer.joined = True
        if transfer.has_digest:
            return
        transfer.proof = Proof.UNPROVEN
        if transfer.crew is not None and not _mixed(transfer):
            await transfer.crew.write_down(mixed=True)

    async def ready(self, closed_by_server: bool) -> Ready:
        """Hold the whole file against every digest there is.

        Raises:
            DownloadError: CHECKSUM_MISMATCH; the file is kept aside.
            StartOver: joined bytes were wrong; one more try from the beginning.
        """
        transfer = self._transfer
        await Comparing(transfer).junctions()
        wanted = self._wanted()
        for algorithm, expected, proof in wanted:
            found = await self._digest(algorithm)
            if found.lower() == expected.lower():
                transfer.proof = proof
                transfer.file.checksum = f"{algorithm}:{expected}"
                continue
            if transfer.joined:
                transfer.joined = False
                drop_others(transfer, f"its bytes and the first link's make no file with the {algorithm} expected")
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
            found = hasher(algorithm)
            found.update(body)
            return found.hexdigest()
        assert part is not None
        return await digest(self._transfer, digest_file, part.path, algorithm)

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


def _mixed(transfer: Transfer) -> bool:
    """Say whether the journal tells that several links brought what is here."""
    return transfer.part is not None and bool(transfer.part.origin.extra.get("mixed"))
