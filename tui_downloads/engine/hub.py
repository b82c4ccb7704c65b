"""The news of an engine: a ring of events that any number of readers follow at their own pace.

Progress may replace progress: a reader that is too slow loses old news and is told so by one `gap` event. Nobody who
reads can hold up who writes.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from itertools import islice
from typing import Any

from tui_downloads.core.snapshots import EMPTY, Event

RING = 10_000


class Hub:
    """A ring of events. `emit` belongs to the engine's thread; `follow` may run on any loop."""

    # Mutable state: the ring, the number of the newest event, and the readers' wake-ups.
    def __init__(self, size: int = RING) -> None:
        self._ring: deque[Event] = deque(maxlen=size)
        self.seq = 0
        self._readers: dict[object, tuple[asyncio.AbstractEventLoop, asyncio.Event]] = {}
        self._closed = False

    def emit(self, type: str, id: str = "", state: str = "", data: Mapping[str, Any] = EMPTY) -> None:
        """Add an event and wake the readers."""
        self.seq += 1
        self._ring.append(Event(self.seq, time.time(), type, id, state, data))
        if self._readers:
            self._wake()

    def close(self) -> None:
        """End every reader after what is in the ring."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        for loop, flag in list(self._readers.values()):
            if flag.is_set():
                continue
            try:
                loop.call_soon_threadsafe(flag.set)
            except RuntimeError:  # the reader's loop is closed; it will never ask again
                continue

    def since(self, after: int) -> list[Event]:
        """List what came after a number; begins with a `gap` when some of it is lost."""
        missing = self.seq - after
        if missing <= 0:
            return []
        ring = self._ring
        # The engine's thread may append meanwhile; a copy of the tail is taken until it holds still.
        while True:
            try:
                news = list(islice(reversed(ring), min(missing, len(ring))))
                break
            except RuntimeError:
                continue
        news = [event for event in reversed(news) if event.seq > after]
        if news and news[0].seq > after + 1:
            news.insert(0, Event(news[0].seq - 1, news[0].at, "gap"))
        return news

    async def follow(self, after: int | None = None) -> AsyncIterator[Event]:
        """Yield events as they come, from a number on (None: from now).

        A number from the future (another life of the engine) is answered by a `gap`.
        """
        at = self.seq if after is None else after
        if at > self.seq:
            at = self.seq
            yield Event(self.seq, time.time(), "gap")
        key = object()
        flag = asyncio.Event()
        self._readers[key] = (asyncio.get_running_loop(), flag)
        try:
            while True:
                flag.clear()
                news = self.since(at)
                for event in news:
                    at = event.seq
                    yield event
                if not news:
                    if self._closed:
                        return
                    await flag.wait()
        finally:
            del self._readers[key]
