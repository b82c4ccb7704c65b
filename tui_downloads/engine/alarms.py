"""Who is woken when: waits with a time, waits for free space, and waits for a network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tui_downloads.core.download import Download
from tui_downloads.files.space import device, free

SPACE_EVERY = 2.0
"""Seconds between two looks at a full disk."""
SPACE_MARGIN = 2 * 1024 * 1024
"""Bytes that must be free beyond what is missing before a download goes on."""
NETWORK_EVERY = 1.0
"""Seconds between two looks for a network."""


class Alarms:
    """Timers by id; a later call for the same id replaces the earlier one."""

    # Mutable state: the timers, the downloads that wait for space or, with what tells it, for a network.
    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._full: dict[str, Download] = {}
        self._watch: asyncio.Task[None] | None = None
        self._offline: dict[str, Callable[[], bool]] = {}
        self._listening: asyncio.Task[None] | None = None

    def at(self, id: str, when: float) -> None:
        """Wake an id at epoch seconds."""
        self.drop(id)
        delay = max(0.0, when - time.time())
        # A clock that jumps must not make anybody wait for days: look again after a minute at the latest.
        self._timers[id] = asyncio.get_running_loop().call_later(min(delay, 60.0), self._ring, id, when)

    def after(self, id: str, seconds: float) -> None:
        """Wake an id after some seconds, whatever becomes of the clock on the wall."""
        self.drop(id)
        self._timers[id] = asyncio.get_running_loop().call_later(max(0.0, seconds), self._over, id)

    def _over(self, id: str) -> None:
        self.drop(id)
        self._wake(id)

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
        self._offline.pop(id, None)

    def watch_network(self, id: str, up: Callable[[], bool]) -> None:
        """Wake a download when there is a network again."""
        self._offline[id] = up
        if self._listening is None or self._listening.done():
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        while self._offline:
            await asyncio.sleep(NETWORK_EVERY)
            for id, up in list(self._offline.items()):
                if up():
                    self.drop(id)
                    self._wake(id)

    @property
    def full(self) -> list[Download]:
        """List the downloads that wait for space."""
        return list(self._full.values())

    def watch_space(self, download: Download) -> None:
        """Wake a download when its folder's device has room for what is missing."""
        self._full[download.id] = download
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while self._full:
            await asyncio.sleep(SPACE_EVERY)
            rooms: dict[int | None, int] = {}
            for id, download in list(self._full.items()):
                disk, room = await asyncio.to_thread(_disk, download.folder)
                room = rooms.setdefault(disk, room)
                missing = max(0, (download.size or 0) - download.done)
                # What one takes is no longer there for the next: all of them would meet a full disk again.
                if room > missing + SPACE_MARGIN and self._full.pop(id, None) is not None:
                    rooms[disk] = room - missing
                    self._wake(id)

    def close(self) -> None:
        """Forget everybody."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._full.clear()
        self._offline.clear()
        for task in (self._watch, self._listening):
            if task is not None:
                task.cancel()


def _disk(folder: str) -> tuple[int | None, int]:
    """Give the disk of a folder and its room; one that does not say is taken to have room."""
    room = free(folder)
    return device(folder), 1 << 62 if room is None else room
