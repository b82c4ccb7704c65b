"""The files of a package, several at once, each with a state of its own.

A lane does not wait for its file's name: finished files are handed to the committer, which names them in batches, and
the lane takes the next one. Whatever happens to one file, the others go on, and what is done stays.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import TYPE_CHECKING

from tui_downloads.core.download import FileRecord
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.lifecycle import Move, State
from tui_downloads.core.retries import Backoff, Retry, decide
from tui_downloads.files.base import Published

from .committer import Finished
from .detours import Skipped
from .failures import view_of
from .transfers import host_of

if TYPE_CHECKING:
    from .runner import Runner

LANES = 16
"""Files of one package that move at once, at the most."""
SEAT_WAIT = 0.05
RENEWALS = 5
"""Fresh links that are asked for one after the other while none of them brings a byte."""
EXPIRED = frozenset({401, 403, 404, 410})
"""Statuses by which servers refuse a signed link that has expired."""
HOPELESS = frozenset({Code.DISK_FULL, Code.DISK_ERROR, Code.FOLDER_UNUSABLE, Code.DOWNLOAD_FORBIDDEN})
"""What happens to one file and would happen to every other."""
DONE = ("complete", "skipped")


class PackageRunner:
    """Runs the files of one download in lanes; done files are kept whatever happens to the others."""

    # Mutable state: the files that wait for a lane, those on their way to their names, and the errors that stay.
    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._download = runner.download
        self._waiting = deque(file for file in runner.download.files if file.selected and file.state not in DONE)
        self._landing: set[asyncio.Future[Published]] = set()
        self._errors: list[DownloadError] = []
        self._hopeless: DownloadError | None = None
        self._own_seat_free = True
        self.lanes = LANES

    async def run(self) -> None:
        """Fetch every chosen file that is not here.

        Raises:
            DownloadError: the first error of a file that stays failed, when all others are done.
        """
        download, manager = self._download, self._runner.manager
        if download.state is State.RESOLVING:
            manager.move(download, Move.BEGIN)
        self._count()
        lanes = max(1, min(self.lanes, self._runner.services.seats.limits.per_host, len(self._waiting)))
        tasks = [asyncio.create_task(self._lane()) for _ in range(lanes)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._landing:
                # A file that is about to have its name is not fetched again by a run that follows at once.
                await asyncio.wait(self._landing)
            self._settle()
        if self._hopeless is not None or self._errors:
            raise self._hopeless or self._errors[0]
        if (left := self._runner.services.leftovers) is not None:
            left.folders.end(os.path.join(download.folder, download.name))
        manager.endings.completed_package(self._runner)

    def _settle(self) -> None:
        """Put files that were interrupted back, and count what is here."""
        for file in self._download.files:
            if file.state == "transferring":
                file.state = "queued"
            if file.renew:
                file.urls = ()  # signed links are secrets, and expire
        self._count()
        self._runner.manager.save_soon(self._download)

    async def _lane(self) -> None:
        while self._waiting and self._hopeless is None:
            await self._file(self._waiting.popleft())

    async def _file(self, file: FileRecord) -> None:
        """Fetch one file, trying again as often as its download may."""
        services = self._runner.services
        own = self._download.request.options.retries
        backoff = Backoff(base=services.defaults.retry_base)
        tries = renewals = 0
        while True:
            file.state, file.error = "transferring", None
            before = file.done
            try:
                await self._once(file)
                return
            except Skipped as skipped:
                file.state, file.path = "skipped", f"{file.path[: file.path.rfind('/') + 1]}{skipped.name}"
                break
            except DownloadError as error:
                if file.done > before:
                    tries = renewals = 0
                if file.renew and error.status in EXPIRED and file.urls and renewals < RENEWALS:
                    renewals += 1
                    file.urls = ()
                    self._note(f"The link of {_last(file.path)} was refused ({error.status}); asking for a fresh one.")
                    continue
                retries = services.defaults.retries if own is None else own
                decision = decide(error, tries, services.rng(), retries=retries, backoff=backoff)
                tries = decision.tries
                if isinstance(decision, Retry) and error.code not in HOPELESS:
                    await asyncio.sleep(decision.wait)
                    continue
                self._failed(file, error)
                break
        self._tell(file)

    async def _once(self, file: FileRecord) -> None:
        """Bring one file to where only its name is missing, and hand it over."""
        runner, services = self._runner, self._runner.services
        await services.committer.room()
        if file.renew and not file.urls:
            await runner.manager.resolver.renew(runner, file)
        host = await self._seat(file)
        try:
            transfer = runner.make_transfer(file)
            try:
                ready = await transfer.run()
            finally:
                runner.absorb(transfer)
                services.gates.leave(transfer)
                runner.transfers.remove(transfer)
        finally:
            if host:
                services.seats.give(host)
            else:
                self._own_seat_free = True
        settled: asyncio.Future[Published] = asyncio.get_running_loop().create_future()
        settled.add_done_callback(lambda future: self._landed(file, future))
        self._landing.add(settled)
        services.committer.submit(Finished(self._download, file, ready, transfer=transfer, settled=settled))

    async def _seat(self, file: FileRecord) -> str:
        """Wait for a connection of the file's host; empty for the download's own seat, which any lane may have.

        So there is always one lane that moves: a host that allows few connections may have none left for the others,
        and several packages that each held an idle seat would wait for each other.
        """
        host = host_of(file.urls[0]) if file.urls else self._download.host
        seats = self._runner.services.seats
        while not self._own_seat_free:
            if seats.take(host):
                return host
            await asyncio.sleep(SEAT_WAIT)  # seats are given back by whoever has one, without a word
        self._own_seat_free = False
        return ""

    def _landed(self, file: FileRecord, future: asyncio.Future[Published]) -> None:
        """A file has its name, or could not get it."""
        self._landing.discard(future)
        error = None if future.cancelled() else future.exception()
        if isinstance(error, DownloadError):
            self._failed(file, error)
        self._tell(file)

    def _failed(self, file: FileRecord, error: DownloadError) -> None:
        file.state, file.error = "failed", view_of(error)
        self._errors.append(error)
        if error.code in HOPELESS and self._hopeless is None:
            self._hopeless = error

    def _count(self) -> None:
        chosen = [file for file in self._download.files if file.selected]
        sizes = [file.size for file in chosen]
        self._download.size = None if any(size is None for size in sizes) else sum(size or 0 for size in sizes)
        self._download.done = sum(file.done for file in chosen)

    def _note(self, sentence: str) -> None:
        self._runner.manager.note(self._download, sentence)

    def _tell(self, file: FileRecord) -> None:
        download = self._download
        self._runner.services.hub.emit(
            "file", download.id, download.state.value, {"file": file.id, "name": file.path, "state": file.state}
        )
        self._runner.manager.touch(download)


def _last(path: str) -> str:
    return path.rpartition("/")[2]
