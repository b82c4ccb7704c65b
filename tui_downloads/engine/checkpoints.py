"""When what a part holds is made safe: often at first, then once in a while, and one at a time."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from tui_downloads.core.errors import Code, DownloadError

from .services import CHECKPOINT

if TYPE_CHECKING:
    from .transfer import Transfer

FIRST_CHECKPOINT = 0.25


class Checkpoints:
    """The checkpoints of a running part, made in a thread."""

    # Mutable state: the checkpoint under way, when the last one began, and the time to the next.
    def __init__(self, transfer: Transfer) -> None:
        self._transfer = transfer
        self._checkpoint: asyncio.Task[None] | None = None
        self._checkpoint_at = time.monotonic()
        self._interval = FIRST_CHECKPOINT

    def look(self, now: float) -> None:
        """Begin a checkpoint when its time has come.

        Raises:
            DownloadError: the last one failed, or the part is gone.
        """
        if self._checkpoint is not None:
            if not self._checkpoint.done():
                return
            task, self._checkpoint = self._checkpoint, None
            task.result()
        if now - self._checkpoint_at < self._interval:
            return
        self._checkpoint_at = now
        self._interval = min(CHECKPOINT, self._interval * 2)
        part, plan = self._transfer.part, self._transfer.plan
        assert part is not None and plan is not None
        if part.gone:
            raise DownloadError(Code.PART_LOST, f"{part.file} was deleted while it was written.")
        self._checkpoint = asyncio.get_running_loop().create_task(asyncio.to_thread(part.checkpoint, plan.done))

    async def amend(self, **extra: object) -> None:
        """Write more of what the part holds into its journal; never beside a checkpoint, which writes there too.

        Raises:
            DownloadError: what the disk says, of this or of the last checkpoint.
        """
        part = self._transfer.part
        assert part is not None
        while (before := self._checkpoint) is not None:
            await asyncio.wait([before])
            self._collect(before)
        origin = replace(part.origin, extra={**part.origin.extra, **extra})
        task = self._checkpoint = asyncio.get_running_loop().create_task(asyncio.to_thread(part.amend, origin))
        await asyncio.wait([task])
        self._collect(task)

    def _collect(self, task: asyncio.Task[None]) -> None:
        if self._checkpoint is task:
            self._checkpoint = None
            task.result()

    async def settled(self) -> None:
        """Wait for a checkpoint under way: its thread can't be stopped, and nobody else may flush or close the part."""
        if self._checkpoint is None:
            return
        await asyncio.wait([self._checkpoint])
        checkpoint, self._checkpoint = self._checkpoint, None
        if not checkpoint.cancelled():
            checkpoint.exception()
