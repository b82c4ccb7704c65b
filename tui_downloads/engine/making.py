"""A file that is made here and not fetched: a part under a free name, then published as every download's."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from tui_downloads.core.download import FileRecord
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.lifecycle import Move, State
from tui_downloads.files.base import Origin
from tui_downloads.files.choice import choose
from tui_downloads.files.part import PartFile
from tui_downloads.files.publish import Ready

from .committer import Finished

if TYPE_CHECKING:
    from .runner import Runner


class PartOutput:
    """A part as zipfile's output: written from front to back, headers corrected in their place."""

    def __init__(self, part: PartFile) -> None:
        self._part = part
        self._at = 0
        self.end = 0

    def write(self, data: bytes) -> int:
        count = len(data)
        if count:
            self._part.write(self._at, [bytes(data)])
            self._at += count
            self.end = max(self.end, self._at)
        return count

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset if whence == os.SEEK_SET else offset + (self._at if whence == os.SEEK_CUR else self.end)
        return self._at

    def seekable(self) -> bool:
        return True

    def flush(self) -> None:
        """Nothing is held back."""


class Held:
    """Who made a finished part, as the committer knows it."""

    def __init__(self, part: PartFile) -> None:
        self._part = part

    def release(self) -> None:
        self._part.close()

    def drop_superseded(self) -> None:
        """A bundle replaces nothing."""


def drop_made(path: str) -> None:
    """Remove a part that was made here and that nobody writes any more: it is never gone on with."""
    try:
        part = PartFile.open(path)
    except DownloadError:
        return  # gone, not ours, or somebody is faster
    if part.origin.url:
        part.close()
    else:
        part.discard()


class Making:
    """A file that is made here: a part under a free name, then published as a download's only file."""

    # Mutable state: the part, how far it is, and whether it is to stop.
    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.download = runner.download
        self.done = 0
        self.stopped = threading.Event()

    @property
    def file(self) -> FileRecord:
        if not self.download.files:
            self.download.files = [FileRecord()]
        return self.download.files[0]

    def begin(self, name: str, content_type: str) -> PartFile:
        """Drop what an earlier session began, and make a part under a free name.

        Raises:
            DownloadError: what the disk says.
        """
        download, file = self.download, self.file
        if file.part is not None:
            drop_made(file.part)
        for _ in range(100):
            choice = choose(download.folder, name, "", beside=True)
            if choice.existing is not None:
                drop_made(choice.existing)
            origin = Origin(download.id, file.id, "", choice.name, created_at=download.created_at)
            try:
                part = PartFile.create(download.folder, choice.name, origin)
            except DownloadError as error:
                if error.code in (Code.FILE_EXISTS, Code.IN_USE):
                    continue  # somebody was faster
                raise
            file.part, file.path, file.state = part.path, choice.name, "transferring"
            download.name, download.content_type = choice.name, content_type
            return part
        raise DownloadError(Code.FOLDER_UNUSABLE, f"No free name for {name} in {download.folder}.")

    async def make(self, part: PartFile, write: Callable[[PartFile], int]) -> None:
        """Write the part in a thread and hand it over; a part that is not finished goes.

        Raises:
            DownloadError: what the disk or a source says.
        """
        runner, download, file = self.runner, self.download, self.file
        runner.manager.save_soon(download)
        if download.state is State.RESOLVING:
            runner.manager.move(download, Move.BEGIN)
        work = asyncio.get_running_loop().run_in_executor(None, write, part)
        try:
            size = await asyncio.shield(work)
        except BaseException:
            self.stopped.set()
            await asyncio.gather(work, return_exceptions=True)
            part.discard()
            file.part, file.state = None, "queued"
            raise
        file.size = file.done = download.size = download.done = self.done = size
        own = download.request.options.on_conflict or runner.services.defaults.on_conflict
        ready = Ready(download.folder, download.request.name or part.name, own, part)
        runner.services.committer.submit(Finished(download, file, ready, transfer=Held(part)))

    def check(self) -> None:
        """Stop where the download was stopped.

        Raises:
            DownloadError: INTERRUPTED.
        """
        if self.stopped.is_set():
            raise DownloadError(Code.INTERRUPTED, "Stopped before it was complete.", retry=False)
