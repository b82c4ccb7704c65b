"""Once in a while: figures of running downloads, progress events, and speeds for the details."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from tui_downloads.core.pace import Meter, eta
from tui_downloads.core.snapshots import ConnectionView

if TYPE_CHECKING:
    from .manager import Manager
    from .runner import Runner

EVERY = 0.25
"""Seconds between two looks at running downloads."""
PROGRESS = 1.0
"""Seconds between two progress events of one download."""
SAMPLES = 300
"""Speeds that are kept of one download."""
GRAPHS = 500
"""Downloads whose speeds are kept; those that run have theirs in any case."""


class Ticker:
    """Measures running downloads; sleeps when nothing runs."""

    # Mutable state: a meter and speed samples for each running download, and when progress was told last.
    def __init__(self, manager: Manager) -> None:
        self._manager = manager
        self._meters: dict[str, Meter] = {}
        self.samples: dict[str, deque[float]] = {}
        self._total = Meter(3.0)
        self._moved = 0
        self._last: dict[str, int] = {}
        self._told_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Something runs: measure it."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY, self._tick)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def forget(self, id: str) -> None:
        """A download is gone for good."""
        self._meters.pop(id, None)
        self._last.pop(id, None)
        self.samples.pop(id, None)

    def _tick(self) -> None:
        self._timer = None
        manager = self._manager
        now = time.monotonic()
        tell = now - self._told_at >= PROGRESS
        if tell:
            self._told_at = now
        connections = 0
        for runner in manager.runners.values():
            connections += self._measure(runner, now, tell)
        self._total.note(now, self._moved)
        running = bool(manager.runners)
        speed = self._total.speed(now) if running else 0.0
        manager.views.figures(speed, connections)
        for id in [id for id in self._meters if id not in manager.runners]:
            self._meters.pop(id)
            self._last.pop(id, None)
        if running:
            self.wake()

    def _measure(self, runner: Runner, now: float, tell: bool) -> int:
        """Take a running download's figures; give the number of its connections."""
        download = runner.download
        done = runner.done
        before = self._last.get(download.id)
        self._last[download.id] = done
        if before is not None and done > before:
            self._moved += done - before
        meter = self._meters.setdefault(download.id, Meter())
        meter.note(now, done)
        download.done = done
        download.speed = meter.speed(now)
        download.connections = runner.connections
        download.checked = runner.checked
        left = None if download.size is None else download.size - done
        download.eta = eta(left, download.speed)
        self._manager.views.touch(download)
        if tell:
            self._samples_of(download.id).append(download.speed)
            self._manager.services.hub.emit(
                "progress",
                download.id,
                download.state.value,
                {
                    "done": done,
                    "size": download.size,
                    "speed": round(download.speed),
                    "eta": download.eta,
                    "checked": download.checked,
                },
            )
        return download.connections

    def _samples_of(self, id: str) -> deque[float]:
        """Give a download's speeds; those of the longest ended make room."""
        found = self.samples.get(id)
        if found is None:
            if len(self.samples) >= GRAPHS:
                ended = next((other for other in self.samples if other not in self._manager.runners), None)
                if ended is not None:
                    del self.samples[ended]
            found = self.samples[id] = deque(maxlen=SAMPLES)
        return found


def connections_of(runner: Runner) -> tuple[ConnectionView, ...]:
    """Describe the connections of a running download."""
    now = time.monotonic()
    found = []
    for transfer in runner.transfers:
        for worker in transfer.workers():
            segment = worker.segment
            if segment is None:
                continue
            end = None if segment.open else segment.end
            found.append(
                ConnectionView(segment.start, segment.position, end, worker.speed(now), worker.mirror.url, worker.peer)
            )
    return tuple(found)
