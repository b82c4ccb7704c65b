"""The local copy of a remote engine's view: loaded whole, kept up by events, and marked stale when news stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import fields, replace

from tui_downloads import wire
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DownloadView, EngineInfo, Limits, Snapshot, Totals
from tui_downloads.engine.totals import counted_as

LATELY = 300
"""Ended downloads that are kept beyond what the service listed."""
_NAMES = frozenset(field.name for field in fields(Totals)) - {"speed", "connections"}


class LocalCopy:
    """What was last heard of a service. Written on one thread, read on any."""

    def __init__(self, label: str, *, read_only: bool = False) -> None:
        self._lock = threading.Lock()
        # The views by id, running totals over them, and the snapshot made of them when somebody asks.
        self._views: dict[str, DownloadView] = {}
        self._counts = dict.fromkeys(_NAMES, 0)
        self._beyond = dict.fromkeys(_NAMES, 0)
        self._speed = 0.0
        self._connections = 0
        self._revision = 0
        self._limits = Limits()
        self._info = EngineInfo(name="remote", endpoint=label, stale=True, read_only=read_only)
        self._read_only = read_only
        self._label = label
        self._made: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """Give the newest view; the same object until something changed."""
        with self._lock:
            if self._made is None:
                self._revision += 1
                counts = {name: max(0, count + self._beyond[name]) for name, count in self._counts.items()}
                totals = Totals(speed=max(0.0, self._speed), connections=self._connections, **counts)
                views = dict(self._views)
                self._made = Snapshot(self._revision, time.time(), views, totals, self._limits, self._info)
            return self._made

    def load(self, found: Any) -> str:
        """Take a whole snapshot as the service sent it, and give the id of the event it was taken at.

        Raises:
            RequestError: INVALID_OPTION; it is no snapshot.
        """
        if not isinstance(found, Mapping) or not isinstance(found.get("downloads"), list):
            raise wire_error()
        views = [wire.load(DownloadView, item, strict=False) for item in found["downloads"]]
        with self._lock:
            self._views = {view.id: view for view in views}
            self._count()
        self.figures(found)
        return str(found.get("event", ""))

    def figures(self, found: Any) -> None:
        """Take totals, limits and what the engine says of itself."""
        totals = wire.load(Totals, found.get("totals", {}), strict=False)
        limits = wire.load(Limits, found.get("limits", {}), strict=False)
        info = wire.load(EngineInfo, found.get("info", {}), strict=False)
        with self._lock:
            # The service counts its whole history, of which only the newest are here.
            self._beyond = {name: getattr(totals, name) - count for name, count in self._counts.items()}
            self._limits = limits
            self._info = replace(
                info, name="remote", endpoint=self._label, read_only=info.read_only or self._read_only,
                stale=self._info.stale, banner=self._info.banner,
            )  # fmt: skip
            self._made = None

    def _count(self) -> None:
        self._counts = dict.fromkeys(_NAMES, 0)
        self._speed, self._connections = 0.0, 0
        for view in self._views.values():
            self._add(view, 1)

    def _add(self, view: DownloadView, sign: int) -> None:
        self._counts[counted_as(view.state)] += sign
        self._speed += sign * view.speed
        self._connections += sign * view.connections

    def put(self, views: Iterable[DownloadView]) -> None:
        """Take newer views of downloads."""
        with self._lock:
            for view in views:
                old = self._views.pop(view.id, None)
                if old is not None:
                    self._add(old, -1)
                self._views[view.id] = view
                self._add(view, 1)
            self._made = None
            if len(self._views) > 2 * LATELY:
                self._prune()

    def places(self, views: Iterable[DownloadView]) -> None:
        """Take the places of queued downloads; an answer may be older than the news that one is queued no more."""
        with self._lock:
            known = self._views
            queued = [view for view in views if view.id in known and known[view.id].state is State.QUEUED]
        self.put(replace(known[view.id], position=view.position) for view in queued)

    def _prune(self) -> None:
        """Forget the ended downloads that ended first."""
        ended = [view for view in self._views.values() if view.state in ENDED]
        if len(ended) <= 2 * LATELY:
            return
        for view in sorted(ended, key=lambda view: view.finished_at or 0.0)[:-LATELY]:
            del self._views[view.id]
            self._add(view, -1)
            self._beyond[counted_as(view.state)] += 1

    def drop(self, ids: Iterable[str]) -> None:
        """Forget downloads."""
        with self._lock:
            for id in ids:
                old = self._views.pop(id, None)
                if old is not None:
                    self._add(old, -1)
                    self._made = None

    def event(self, type: str, id: str, state: str, view: DownloadView | None) -> None:
        """Take an event."""
        if type == "removed":
            self.drop([id])
        elif view is not None:
            self.put([view])
        elif type == "state" and state and id in self._views:
            try:
                self.put([replace(self._views[id], state=State(state), speed=0.0, connections=0)])
            except ValueError:
                return

    def limits(self, limits: Limits) -> None:
        """Take newer limits."""
        with self._lock:
            self._limits = limits
            self._made = None

    def told(self, *, stale: bool, banner: str) -> None:
        """Say how the connection is."""
        with self._lock:
            if (self._info.stale, self._info.banner) != (stale, banner):
                self._info = replace(self._info, stale=stale, banner=banner)
                self._made = None


def wire_error() -> RequestError:
    """Say that what came is nothing we know."""
    return RequestError(Code.NO_SERVICE, "What answers there speaks another version of this API.")
