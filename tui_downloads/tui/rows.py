"""Rows of a live table: the downloads of a snapshot that belong to a pane, in an order that moves only when it must."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from msgspec import Struct, field

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView

Keep = Callable[[DownloadView], bool]


class RowSource(Protocol):
    """What a table draws from."""

    def __len__(self) -> int: ...

    def view(self, index: int) -> DownloadView | None:
        """Give the row at a place, or None while it is being loaded."""
        ...

    def index(self, id: str) -> int | None:
        """Say where a download stands, or None when it is not here."""
        ...

    def between(self, first: int, last: int) -> Iterable[DownloadView]:
        """Give the rows between two places that are loaded, without a look at those that are not."""
        ...


class Changes(Struct, frozen=True):
    """What differs between two snapshots."""

    changed: list[DownloadView] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.changed or self.removed)


def difference(old: Mapping[str, DownloadView], new: Mapping[str, DownloadView]) -> Changes:
    """Compare two snapshots' downloads; views are shared between them, so identity tells what changed."""
    if old is new:
        return Changes()
    known = old.get
    changed = [view for id, view in new.items() if known(id) is not view]
    fresh = sum(1 for view in changed if view.id not in old)
    removed = [id for id in old if id not in new] if len(old) + fresh != len(new) else []
    return Changes(changed, removed)


_RANKS = {
    State.TRANSFERRING: 0, State.VERIFYING: 0, State.RESOLVING: 0, State.PAUSING: 1, State.WAITING: 1,
    State.PAUSED: 2, State.QUEUED: 3, State.FAILED: 4, State.CANCELLED: 5, State.COMPLETE: 5,
}  # fmt: skip

SORTS: dict[str, Callable[[DownloadView], Any]] = {
    "": lambda v: (_RANKS[v.state], v.started_at or v.created_at, v.id),
    "position": lambda v: (-v.priority, 1 << 60 if v.position is None else v.position, v.id),
    "state": lambda v: (_RANKS[v.state], v.state.value, v.id),
    "name": lambda v: ((v.name or v.url).casefold(), v.id),
    "size": lambda v: (-1 if v.size is None else v.size, v.id),
    "done": lambda v: (v.fraction or 0.0, v.id),
    "speed": lambda v: (v.speed, v.id),
    "eta": lambda v: (float("inf") if v.eta is None else v.eta, v.id),
    "host": lambda v: (v.host, v.id),
    "priority": lambda v: (v.priority, v.id),
    "created": lambda v: (v.created_at, v.id),
    "finished": lambda v: (v.finished_at or 0.0, v.id),
}
"""Sort orders of live tables by name; the empty one puts what moves on top."""


class LiveRows:
    """The rows of one pane, kept current by differences between snapshots."""

    def __init__(self, belongs: Keep, *, sort: str = "") -> None:
        self._belongs = belongs
        self._keep: Keep | None = None
        self.sort = sort
        self.reverse = False
        self._views: dict[str, DownloadView] = {}
        self._order: list[str] = []
        self._places: dict[str, int] | None = {}
        self._keys: dict[str, Any] = {}
        self.hidden = 0
        """How many the filter leaves out."""

    def __len__(self) -> int:
        return len(self._order)

    def view(self, index: int) -> DownloadView | None:
        return self._views[self._order[index]] if 0 <= index < len(self._order) else None

    def index(self, id: str) -> int | None:
        if self._places is None:
            self._places = {id: place for place, id in enumerate(self._order)}
        return self._places.get(id)

    def get(self, id: str) -> DownloadView | None:
        return self._views.get(id)

    def between(self, first: int, last: int) -> Iterable[DownloadView]:
        return [self._views[id] for id in self._order[max(0, first) : last]]

    def apply(self, changes: Changes) -> bool:
        """Take in what changed and say whether rows came, went or moved."""
        moved = False
        key = SORTS[self.sort]
        for view in changes.changed:
            here = view.id in self._views
            if self._belongs(view) and (self._keep is None or self._keep(view)):
                self._views[view.id] = view
                fresh = key(view)
                if not here or self._keys.get(view.id) != fresh:
                    self._keys[view.id] = fresh
                    moved = True
            elif here:
                self._drop(view.id)
                moved = True
        for id in changes.removed:
            if id in self._views:
                self._drop(id)
                moved = True
        if moved:
            self._arrange()
        return moved

    def reload(self, downloads: Mapping[str, DownloadView], keep: Keep | None = None) -> None:
        """Choose the rows anew, after a change of filter or order."""
        self._keep = keep
        mine = [view for view in downloads.values() if self._belongs(view)]
        kept = [view for view in mine if keep is None or keep(view)]
        self.hidden = len(mine) - len(kept)
        key = SORTS[self.sort]
        self._views = {view.id: view for view in kept}
        self._keys = {view.id: key(view) for view in kept}
        self._arrange()

    def _drop(self, id: str) -> None:
        del self._views[id]
        self._keys.pop(id, None)

    def _arrange(self) -> None:
        self._order = sorted(self._views, key=self._keys.__getitem__, reverse=self.reverse)
        self._places = None
