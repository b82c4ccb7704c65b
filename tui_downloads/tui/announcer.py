"""What the terminal is told besides the picture: title, bell, desktop notification, progress on its tab."""

from __future__ import annotations

from collections.abc import Callable

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Snapshot

from . import figures
from .columns import shown_name
from .options import ScreenSettings
from .rows import Changes
from .safe_text import elide

TITLE_EVERY = 2.0
"""Seconds between two titles; some terminals redraw their whole frame for one."""


class Announcer:
    """Compares snapshots and writes control sequences; everything in them is ours or cleaned."""

    def __init__(self, write: Callable[[str], None], settings: ScreenSettings) -> None:
        self._write = write
        self.settings = settings
        self._before: Snapshot | None = None
        self._title = ""
        self._title_at = float("-inf")
        self._progress = ""

    def take(self, snapshot: Snapshot, changes: Changes, now: float) -> list[str]:
        """Announce what changed; give the names of downloads that failed since the last time."""
        before, self._before = self._before, snapshot
        if self.settings.title:
            self._show_title(snapshot, now)
        if self.settings.progress:
            self._show_progress(snapshot)
        if before is None or before is snapshot:
            return []
        done, failed = [], []
        for view in changes.changed:
            old = before.downloads.get(view.id)
            if old is None or old.state is view.state:
                continue
            if view.state is State.COMPLETE:
                done.append(shown_name(view))
            elif view.state is State.FAILED:
                failed.append(shown_name(view))
        if done or failed:
            self._ring(done, failed)
        return failed

    def _ring(self, done: list[str], failed: list[str]) -> None:
        if self.settings.bell:
            self._write("\x07")
        if self.settings.notify:
            parts = [f"complete: {_some(done)}" if done else "", f"failed: {_some(failed)}" if failed else ""]
            text = ", ".join(part for part in parts if part)
            self._write(f"\x1b]9;{text}\x07")

    def _show_title(self, snapshot: Snapshot, now: float) -> None:
        totals = snapshot.totals
        title = "tui-downloads"
        if totals.active:
            title = f"{totals.active} active, {figures.speed(totals.speed) or '0 B/s'} - tui-downloads"
        if title != self._title and now >= self._title_at + TITLE_EVERY:
            self._title, self._title_at = title, now
            self._write(f"\x1b]2;{title}\x07")

    def _show_progress(self, snapshot: Snapshot) -> None:
        going = [v for v in snapshot.downloads.values() if v.state is State.TRANSFERRING and v.size]
        total = sum(view.size or 0 for view in going)
        done = sum(view.done for view in going)
        said = f"\x1b]9;4;1;{done * 100 // total}\x07" if total else "\x1b]9;4;0;\x07"
        if said != self._progress:
            self._progress = said
            self._write(said)


def _some(names: list[str]) -> str:
    shown = ", ".join(elide(name, 40) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
