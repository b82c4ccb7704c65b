"""What outsiders see: frozen views, rebuilt for what changed, and published as one snapshot.

Records change on the engine's thread only. Views are made there too, a few times a second while somebody looks, so a
reader on any thread gets a whole and frozen picture for the price of one attribute.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from types import MappingProxyType

from msgspec.structs import replace

from tui_downloads.core.download import Download
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DownloadView, EngineInfo, Limits, Snapshot, Totals

RECENT = 500
"""Ended downloads that stay in the snapshot."""
EVERY = 0.05
"""Seconds between two publications while somebody looks."""
REST = 10
"""Times as long as a publication took there is none: a list of a hundred thousand must not cost the transfers much."""
WATCHED = 10.0
"""Seconds after which a reader that did not ask again is taken for gone."""


class Views:
    """Keeps the records, the views of them, and the newest snapshot."""

    # Mutable state: the records by id, their views, which views are old, the ended ones in order, and the snapshot.
    def __init__(self, info: EngineInfo, limits: Limits) -> None:
        self.downloads: dict[str, Download] = {}
        self.info = info
        self.limits = limits
        self.speed = 0.0
        self.connections = 0
        self.forgotten: Callable[[str], None] = lambda _: None
        self._views: dict[str, DownloadView] = {}
        self._counts = dict.fromkeys(State, 0)
        self._rest = 0.0
        self._old: set[str] = set()
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._snapshot = Snapshot(info=info, limits=limits)
        self._asked_at = 0.0
        self._changed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Publish on the running loop from here on."""
        self._loop = asyncio.get_running_loop()

    # Read from any thread ...........................................................................................

    def snapshot(self) -> Snapshot:
        """Give the newest snapshot; asking keeps it fresh."""
        now = time.monotonic()
        asleep = now - self._asked_at > WATCHED
        self._asked_at = now
        if asleep and self._loop is not None and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._arm)
            except RuntimeError:
                pass  # closed between the question and the call: the last snapshot stays
        return self._snapshot

    @property
    def watched(self) -> bool:
        return time.monotonic() - self._asked_at <= WATCHED

    # The engine's thread ............................................................................................

    def touch(self, download: Download) -> None:
        """A record has changed: its view is old."""
        self._old.add(download.id)
        self._changed = True
        if self._timer is None and self.watched:
            self._arm()

    def view(self, download: Download) -> DownloadView:
        """Give the view of a record as it is."""
        if download.id not in self._old and download.id in self._views:
            return self._views[download.id]
        view = download.view()
        if download.id in self.downloads:
            self._keep(view)
            self._old.discard(download.id)
            self._changed = True
        return view

    def figures(self, speed: float, connections: int) -> None:
        """Set the total speed and the number of connections."""
        if (speed, connections) != (self.speed, self.connections):
            self.speed, self.connections = speed, connections
            self._changed = True
            if self._timer is None and self.watched:
                self._arm()

    def add(self, download: Download) -> None:
        self.downloads[download.id] = download
        self._recent.pop(download.id, None)
        self.touch(download)

    def drop(self, id: str) -> None:
        """Forget a record and its view."""
        self.downloads.pop(id, None)
        view = self._views.pop(id, None)
        if view is not None:
            self._counts[view.state] -= 1
        self._old.discard(id)
        self._recent.pop(id, None)
        self._changed = True

    def ended(self, download: Download) -> None:
        """Keep an ended download for a while, then leave it to the store."""
        if download.state not in ENDED or download.id not in self.downloads:
            return  # begun again, or removed, while its end was being told
        self._recent[download.id] = None
        while len(self._recent) > RECENT:
            oldest = next(iter(self._recent))
            self.forgotten(oldest)
            self.drop(oldest)

    def describe(self, **changes: object) -> None:
        """Change what is told about the engine."""
        self.info = replace(self.info, **changes)
        self._changed = True

    def _arm(self) -> None:
        if self._timer is None and self._loop is not None and not self._loop.is_closed():
            self._timer = self._loop.call_later(max(EVERY, self._rest), self._tick)

    def _tick(self) -> None:
        self._timer = None
        began = time.monotonic()
        self.publish()
        self._rest = REST * (time.monotonic() - began)

    def _keep(self, view: DownloadView) -> None:
        """Put a view in place of the one before."""
        before = self._views.get(view.id)
        if before is not None:
            self._counts[before.state] -= 1
        self._counts[view.state] += 1
        self._views[view.id] = view

    def publish(self) -> Snapshot:
        """Make the views that are old and put a new snapshot in place."""
        if not (self._old or self._changed):
            return self._snapshot
        old, self._old, self._changed = self._old, set(), False
        for id in old:
            download = self.downloads.get(id)
            if download is not None:
                self._keep(download.view())
        self._snapshot = Snapshot(
            revision=self._snapshot.revision + 1,
            at=time.time(),
            downloads=MappingProxyType(self._views.copy()),
            totals=self._totals(),
            limits=self.limits,
            info=self.info,
        )
        return self._snapshot

    def _totals(self) -> Totals:
        counts = self._counts
        waiting, paused = counts[State.WAITING], counts[State.PAUSED] + counts[State.PAUSING]
        queued = counts[State.QUEUED]
        ended = sum(counts[state] for state in ENDED)
        return Totals(
            speed=self.speed,
            active=len(self._views) - waiting - paused - queued - ended,
            queued=queued,
            waiting=waiting,
            paused=paused,
            failed=counts[State.FAILED],
            complete=counts[State.COMPLETE],
            cancelled=counts[State.CANCELLED],
            connections=self.connections,
        )

    def close(self) -> None:
        """Publish for the last time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.publish()
        self._loop = None
