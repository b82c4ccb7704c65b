"""How long each download has taken, runs and waits but not queue and pauses, and which takes longer than it may."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.lifecycle import RUNNING, State

if TYPE_CHECKING:
    from .manager import Manager

KEEP = 10.0
"""Seconds after which the time taken is written down, so that a kill gives no download its time anew."""
COUNTED = frozenset({*RUNNING, State.WAITING})


class Deadlines:
    """Measures time by a clock that nobody sets, and ends what waits beyond its time."""

    # Mutable state: since when each download's time counts, and the timers of those with a limit.
    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._since: dict[str, float] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def follow(self, download: Download) -> None:
        """A download is in another state: its time goes on, or stands."""
        if download.state not in COUNTED:
            self.stop(download)
        elif download.id not in self._since:
            self._since[download.id] = time.monotonic()
            self._look_later(download)

    def stop(self, download: Download) -> None:
        """Let a download's time stand."""
        if download.id in self._since:
            self._count(download)
            del self._since[download.id]
            self._drop(download.id)

    def changed(self, download: Download) -> None:
        """A download has another limit: it holds for the run under way."""
        self._drop(download.id)
        if download.id in self._since:
            self._look(download)
        runner = self._manager.runners.get(download.id)
        if runner is not None:
            runner.limit(self.left(download))

    def limit(self, download: Download) -> float | None:
        """Give the seconds a download may take in all, or None."""
        own = download.request.options.max_time
        return (self._manager.services.defaults.max_time if own is None else own) or None

    def left(self, download: Download) -> float | None:
        """Give the seconds that are left of a download's time, or None."""
        limit = self.limit(download)
        since = self._since.get(download.id)
        if limit is None:
            return None
        return limit - download.active_seconds - (0.0 if since is None else time.monotonic() - since)

    def error(self, download: Download) -> DownloadError:
        """Make the error of a download that took too long."""
        return DownloadError(Code.DOWNLOAD_TIMEOUT, f"Took longer than {self.limit(download) or 0:g} s.")

    def close(self) -> None:
        """Let every time stand."""
        for id in list(self._since):
            download = self._manager.downloads.get(id)
            if download is not None:
                self.stop(download)

    def _count(self, download: Download) -> None:
        now = time.monotonic()
        download.active_seconds += now - self._since[download.id]
        self._since[download.id] = now

    def _look_later(self, download: Download) -> None:
        left = self.left(download)
        if left is not None:
            # Whose time is over is ended by its run; one that is past it, and only wants its name, is left to that.
            delay = min(KEEP, left) if left > 0 else 1.0
            self._timers[download.id] = asyncio.get_running_loop().call_later(delay, self._look, download)

    def _look(self, download: Download) -> None:
        self._drop(download.id)
        self._count(download)
        manager, left = self._manager, self.left(download)
        if left is not None and left <= 0 and download.state is State.WAITING and download.id not in manager.runners:
            manager.alarms.drop(download.id)
            manager.endings.fail(download, self.error(download))
            return
        manager.save_soon(download)
        self._look_later(download)

    def _drop(self, id: str) -> None:
        timer = self._timers.pop(id, None)
        if timer is not None:
            timer.cancel()
