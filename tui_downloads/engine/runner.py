"""Drives one admitted download: what the link means, its files one after another or together, and how each ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.errors import DownloadError
from tui_downloads.core.lifecycle import Move, State
from tui_downloads.core.snapshots import Kind

from .committer import Finished
from .detours import Skipped, Unfold
from .package import PackageRunner
from .transfer import Transfer
from .transfers import file_settings, mirrors_of

if TYPE_CHECKING:
    from tui_downloads.core.resource import Head, Resource

    from .manager import Manager
    from .mirror import Mirror


class Work(Protocol):
    """What a download does that is no transfer."""

    @property
    def done(self) -> int:
        """Bytes that are here."""

    async def run(self) -> None:
        """Do it, and tell the manager how it ended.

        Raises:
            DownloadError: it can't go on.
        """


class Runner:
    """One download while it holds a seat; made anew each time it is admitted."""

    # Mutable state: the transfers under way, the task, and the timer that ends it.
    def __init__(self, manager: Manager, download: Download) -> None:
        self.manager = manager
        self.services = manager.services
        self.download = download
        self.transfers: list[Transfer] = []
        self.task: asyncio.Task[None] | None = None
        self.work: Work | None = None
        """What is done in place of a transfer: a bundle, an export, a media page."""
        self.file_headers: dict[str, tuple[tuple[str, str], ...]] = {}
        """Fields that the source of a file wants sent, by the file's id."""
        self.described = False
        """A metalink that the server named was asked for, whatever came of it."""
        self.host = download.host
        self._done_before = download.done
        self._cancelled = False
        self._timer: asyncio.Timeout | None = None

    def start(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self._run())
        # A task that is cancelled before its first step never comes to its end by itself.
        self.task.add_done_callback(self._ended)

    def _ended(self, _: asyncio.Task[None]) -> None:
        self.manager.left(self)
        # Runner and transfer know each other: together they would wait for the collector, and bodies with them.
        self.transfers.clear()

    def cancel(self) -> None:
        """Ask the work to end; once, for a second time would cut short what makes its bytes safe."""
        if self.task is not None and not self._cancelled:
            self._cancelled = True
            self.task.cancel()

    async def stop(self) -> None:
        """End the work; what is here is safe when this returns."""
        self.cancel()
        if self.task is not None and not self.task.done():
            await asyncio.wait([self.task])

    def limit(self, left: float | None) -> None:
        """Let the work end when so many seconds have passed, or None for no limit."""
        if self._timer is not None and not self._timer.expired() and self.task is not None and not self.task.done():
            self._timer.reschedule(None if left is None else asyncio.get_running_loop().time() + left)

    @property
    def resumable(self) -> bool:
        """Whether a later run would go on from every byte that is here."""
        known = [transfer.resource for transfer in self.transfers if transfer.part is not None]
        return self.work is None and all(found and found.ranges and found.size is not None for found in known)

    @property
    def done(self) -> int:
        """Bytes that are here, of all files."""
        if self.work is not None:
            return self.work.done
        if len(self.download.files) == 1:
            return self.transfers[-1].done if self.transfers else self.download.done
        finished = sum(file.done for file in self.download.files if file.state != "transferring")
        return finished + sum(transfer.done for transfer in self.transfers)

    @property
    def connections(self) -> int:
        return sum(max(1, len(transfer.workers())) for transfer in self.transfers)

    @property
    def checked(self) -> int:
        """Bytes of the file that is being proven that were read again so far."""
        if self.download.state is not State.VERIFYING or not self.transfers:
            return 0
        return self.transfers[-1].checked

    @property
    def progressed(self) -> bool:
        """Whether this run brought bytes that are kept."""
        return self.done > self._done_before

    def spans(self) -> tuple[tuple[int, int], ...]:
        """List the written spans of a download of one file."""
        if len(self.transfers) != 1 or self.transfers[0].plan is None:
            return ()
        return tuple((span.start, span.end) for span in self.transfers[0].plan.done)

    # The work .......................................................................................................

    async def _run(self) -> None:
        download, deadlines = self.download, self.manager.deadlines
        self._timer = asyncio.timeout(deadlines.left(download))
        try:
            async with self._timer:
                await self._work()
        except TimeoutError as error:
            if self._timer.expired():
                self.manager.endings.failed(self, deadlines.error(download))
            else:
                self.manager.endings.crashed(self, error)
        except DownloadError as error:
            self.manager.endings.failed(self, error)
        except Skipped as skipped:
            self.manager.endings.skipped(self, skipped.name)
        except Exception as error:
            self.manager.endings.crashed(self, error)
        finally:
            for transfer in self.transfers:
                self.services.gates.leave(transfer)
            if download.state in (State.PAUSING, State.WAITING, State.QUEUED) and self.transfers:
                self.absorb(self.transfers[-1])  # what its connections held is written by now
            self.manager.left(self)

    async def _work(self) -> None:
        download, resolver = self.download, self.manager.resolver
        self.manager.mounts.check(download.folder)
        self.work = await resolver.resolve(self)
        if self.work is not None:
            await self.work.run()
            return
        if download.kind in (Kind.LINK, Kind.MEDIA) and len(download.files) == 1:
            try:
                await self._single(download.files[0])
                return
            except Unfold as list_:
                self._leave_transfers()
                await resolver.unfold(self, list_)
            if len(download.files) == 1 and download.kind is Kind.LINK:
                await self._single(download.files[0])
                return
        await PackageRunner(self).run()

    def _leave_transfers(self) -> None:
        for transfer in self.transfers:
            self.services.gates.leave(transfer)
        self.transfers.clear()

    async def _single(self, file: FileRecord) -> None:
        transfer = self.make_transfer(file)
        await self.services.committer.room()
        ready = await transfer.run()
        self.absorb(transfer)
        if self.download.state is not State.VERIFYING:
            self.whole(transfer)
        try:
            await self.manager.resolver.keep_beside(self, ready)
        except BaseException:
            transfer.release()  # nobody else has it yet
            raise
        self.services.committer.submit(Finished(self.download, file, ready, transfer=transfer))

    def make_transfer(self, file: FileRecord) -> Transfer:
        """Make the transfer of a file and let it take part in the limits."""
        mirrors = mirrors_of(self.download, file, self.manager.reaches, self.file_headers.get(file.id, ()))
        settings = file_settings(self.download, file, self.services, self.services.seats.limits)
        transfer = Transfer(self.services, self.download, file, mirrors, settings, self)
        self.transfers.append(transfer)
        self.services.gates.enter(transfer, mirrors[0].host, self.download.limit)
        return transfer

    def absorb(self, transfer: Transfer) -> None:
        """Take a transfer's figures and proof into the records."""
        file = transfer.file
        if transfer.plan is not None or transfer.body is not None or file.part is None:
            file.done = transfer.done
        file.proof = transfer.proof
        if len(self.download.files) == 1:
            self.download.done = file.done
            self.download.size = file.size
            self.download.proof = transfer.proof
            self.download.checksum = file.checksum or self.download.checksum

    # Told by transfers ..............................................................................................

    def met(self, transfer: Transfer, mirror: Mirror, head: Head, resource: Resource) -> None:
        """The first answer of a file is about to be accepted."""
        self.manager.resolver.met(self, transfer, mirror, head, resource)
        if self.manager.naming is not None:
            self.manager.naming.settle(transfer, resource)

    def began(self, transfer: Transfer) -> None:
        """The first answer of a file was accepted."""
        download, resource = self.download, transfer.resource
        assert resource is not None
        single = len(download.files) == 1 and download.kind is not Kind.PACKAGE
        transfer.file.original = transfer.file.original or resource.original
        if single:
            download.size = resource.size
            download.name = transfer.part.name if transfer.part else transfer.name
            download.title = download.title or resource.original
            download.final_url = resource.url
            download.validator = str(resource.validator) or None
            download.content_type = resource.content_type
        # A body that stays in memory is there in a moment: one move less for each of many small files.
        if download.state is State.RESOLVING and transfer.part is not None:
            self.manager.move(download, Move.BEGIN)
            self.manager.save_soon(download)

    def whole(self, transfer: Transfer) -> None:
        """Every byte of a file is here and about to be proven."""
        if len(self.download.files) == 1 and self.download.state in (State.RESOLVING, State.TRANSFERRING):
            self.manager.move(self.download, Move.VERIFY)

    def note(self, sentence: str) -> None:
        """Add a sentence to the download's log."""
        self.manager.note(self.download, sentence)
