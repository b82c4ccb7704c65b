"""How much of the history is kept; files are never touched by it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tui_downloads.config.settings import HistorySettings
from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.lifecycle import ENDED
from tui_downloads.core.snapshots import Query

if TYPE_CHECKING:
    from .desk import Desk

log = logging.getLogger("tui_downloads.engine")
LOOK = 600.0
"""Seconds between two looks."""
DAY = 86400.0
AT_ONCE = 500


class Retention:
    """Drops ended downloads that are too old or too many."""

    # Mutable state: the settings, and the task that looks.
    def __init__(self, desk: Desk, settings: HistorySettings, clock: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._desk = desk
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Look at once, and again from time to time."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while True:
            await self._quietly(self.prune)
            await asyncio.sleep(LOOK)

    @staticmethod
    async def _quietly(work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except TuiDownloadsError as error:
            log.warning("The history could not be shortened: %s", error.message)

    async def prune(self) -> None:
        """Drop what is older than the days to keep, then the oldest beyond the rows to keep."""
        settings = self.settings
        if settings.keep_days > 0:
            await self._desk.forget(before=self._clock() - settings.keep_days * DAY)
        if settings.keep_rows > 0:
            await self._drop_oldest(settings.keep_rows)

    async def _drop_oldest(self, keep: int) -> None:
        store = self._desk.services.store
        await self._desk.manager.flush()
        counts = await store.counts()
        excess = sum(counts.get(state, 0) for state in ENDED) - keep
        while excess > 0:
            query = Query(states=ENDED, sort="finished", limit=min(AT_ONCE, excess))
            ids = [item.id for item in (await store.page(query)).items]
            if not ids:
                return
            await self._desk.drop_rows(ids)
            excess -= len(ids)

    async def close(self) -> None:
        """Stop looking; without a history everything that has ended is dropped."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if not self.settings.enabled:
            await self._quietly(self._drop_all)

    async def _drop_all(self) -> None:
        await self._desk.forget()
