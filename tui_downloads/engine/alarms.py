"""Who is woken when: waits with a time, and waits for free space."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tui_downloads.core.download import Download
from tui_downloads.files.space import free

SPACE_EVERY = 2.0
"""Seconds between two looks at a full disk."""
SPACE_MARGIN = 16 * 1024 * 1024
"""Bytes that must be free beyond what is missing before a download goes on."""


class Alarms:
    """Timers by id; a later call for the same id replaces the earlier one."""

    # Mutable state: the timers, and the downloads that wait for space.
    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._full: dict[str, Download] = {}
        self._watch: asyncio.Task[None] | None = None

    def at(self, id: str, when: float) -> None:
        """Wake an id at epoch seconds."""
        self.drop(id)
        delay = max(0.0, when - time.time())
        # A clock that jumps must not make anybody wait for days: look again after a minute at the latest.
        self._timers[id] = asyncio.get_running_loop().call_later(min(delay, 60.0), self._ring, id, when)

    def _ring(self, id: str, when: float) -> None:
        self._timers.pop(id, None)
        if time.time() + 0.01 < when:
            self.at(id, when)
        else:
            self._wake(id)

    def drop(self, id: str) -> None:
        """Forget an id."""
        timer = self._timers.pop(id, None)
        if timer is not None:
            timer.cancel()
        self._full.pop(id, None)

    def watch_space(self, download: Download) -> None:
        """Wake a download when its folder's device has room for what is missing."""
        self._full[download.id] = download
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while self._full:
            await asyncio.sleep(SPACE_EVERY)
            for id, download in list(self._full.items()):
                missing = max(0, (download.size or 0) - download.done)
                room = await asyncio.to_thread(free, download.folder)
                if room is not None and room > missing + SPACE_MARGIN:
                    self._full.pop(id, None)
                    self._wake(id)

    def close(self) -> None:
        """Forget everybody."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._full.clear()
        if self._watch is not None:
            self._watch.cancel()
