"""The files of a package, several at once, each with a state of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from tui_downloads.core.download import FileRecord
from tui_downloads.core.errors import DownloadError
from tui_downloads.core.lifecycle import Move, State
from tui_downloads.core.retries import Backoff, Retry, decide
from tui_downloads.core.snapshots import ErrorView
from tui_downloads.files.base import Published

from .committer import Finished
from .detours import Skipped
from .failures import view_of

if TYPE_CHECKING:
    from .runner import Runner

LANES = 16
"""Files of one package that move at once, at the most."""


class PackageRunner:
    """Runs the files of one download in lanes; done files are kept whatever happens to the others."""

    # Mutable state: the files that wait for a lane, and the first error that stays.
    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._download = runner.download
        self._waiting = deque(
            file for file in runner.download.files if file.selected and file.state not in ("complete", "skipped")
        )
        self._errors: list[DownloadError] = []

    async def run(self) -> None:
        """Fetch every chosen file that is not here.

        Raises:
            DownloadError: the first error of a file that stays failed, when all others are done.
        """
        download, manager = self._download, self._runner.manager
        if download.state is State.RESOLVING:
            manager.move(download, Move.BEGIN)
        self._count()
        lanes = min(LANES, self._runner.services.seats.limits.per_host, max(1, len(self._waiting)))
        tasks = [asyncio.create_task(self._lane()) for _ in range(lanes)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._count()
        if self._errors:
            raise self._errors[0]
        manager.completed_package(self._runner)

    async def _lane(self) -> None:
        while self._waiting:
            file = self._waiting.popleft()
            await self._file(file)

    async def _file(self, file: FileRecord) -> None:
        services = self._runner.services
        backoff = Backoff(base=services.defaults.retry_base)
        tries = 0
        while True:
            file.state, file.error = "transferring", None
            try:
                await self._once(file)
            except Skipped as skipped:
                file.state, file.path = "skipped", self._with_name(file, skipped.name)
            except DownloadError as error:
                decision = decide(error, tries, services.rng(), retries=services.defaults.retries, backoff=backoff)
                tries = decision.tries
                if isinstance(decision, Retry):
                    await asyncio.sleep(decision.wait)
                    continue
                file.state = "failed"
                file.error = self._view(error)
                self._errors.append(error)
            break
        self._tell(file)

    async def _once(self, file: FileRecord) -> None:
        runner = self._runner
        await runner.services.committer.room()
        transfer = runner.make_transfer(file)
        try:
            ready = await transfer.run()
            runner.absorb(transfer)
            settled: asyncio.Future[Published] = asyncio.get_running_loop().create_future()
            finished = Finished(self._download, file, ready, transfer=transfer, settled=settled)
            runner.services.committer.submit(finished)
        finally:
            runner.services.gates.leave(transfer)
            runner.transfers.remove(transfer)
        published = await settled
        file.path = self._with_name(file, published.name)
        file.state = "complete"

    @staticmethod
    def _with_name(file: FileRecord, name: str) -> str:
        folder = file.path.rpartition("/")[0]
        return f"{folder}/{name}" if folder else name

    @staticmethod
    def _view(error: DownloadError) -> ErrorView:
        return view_of(error)

    def _count(self) -> None:
        chosen = [file for file in self._download.files if file.selected]
        sizes = [file.size for file in chosen]
        self._download.size = None if any(size is None for size in sizes) else sum(size or 0 for size in sizes)
        self._download.done = sum(file.done for file in chosen)

    def _tell(self, file: FileRecord) -> None:
        download = self._download
        self._runner.services.hub.emit(
            "file", download.id, download.state.value, {"file": file.id, "name": file.path, "state": file.state}
        )
        self._runner.manager.touch(download)
