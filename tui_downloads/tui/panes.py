"""The five panes, and what each of them shows."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DownloadView, Query

from . import columns

KEYS = ("active", "queue", "history", "errors", "log")
TWO_LINES = frozenset({"errors"})
"""Panes whose rows always have a second line: cause and next step."""
TITLES = {"active": "Active", "queue": "Queue", "history": "History", "errors": "Errors", "log": "Log"}


class PaneKind(Struct, frozen=True):
    """What is particular to a pane with a table."""

    key: str
    columns: tuple[str, ...]
    sort: str
    reverse: bool
    sorts: tuple[str, ...]
    empty: tuple[str, ...]


KINDS: dict[str, PaneKind] = {
    kind.key: kind
    for kind in (
        PaneKind(
            "active",
            columns.ACTIVE,
            "",
            False,
            ("", "name", "size", "done", "speed", "eta", "host", "created", "state"),
            (
                "Nothing is being downloaded.",
                "Press a to add links, or paste them anywhere.",
                "Press ? for every key, : for every command by name.",
                "Quit with q: what is unfinished goes on next time.",
            ),
        ),
        PaneKind(
            "queue",
            columns.QUEUE,
            "position",
            False,
            ("position", "name", "size", "host", "priority", "created"),
            ("The queue is empty.", "What has no seat waits here. J and K move, + and - change the priority."),
        ),
        PaneKind(
            "history",
            columns.HISTORY,
            "finished",
            True,
            ("finished", "created", "name", "size", "host", "state"),
            ("No history yet.", "What has ended is listed here; / searches it, n downloads again."),
        ),
        PaneKind(
            "errors",
            columns.ERRORS,
            "finished",
            True,
            ("finished", "name", "size", "host", "created"),
            ("Nothing has failed.", "Failures come with their cause and the next step; R retries all."),
        ),
    )
}

SORT_NAMES = {
    "": "What moves first", "position": "Place in the queue", "name": "Name", "size": "Size", "done": "Part done",
    "speed": "Speed", "eta": "Time left", "host": "Host", "created": "When added", "finished": "When ended",
    "state": "State", "priority": "Priority",
}  # fmt: skip

STORE_QUERIES: dict[str, Query] = {
    "history": Query(states=ENDED, sort="finished", reverse=True),
    "errors": Query(states=frozenset({State.FAILED}), sort="finished", reverse=True),
}


def in_queue(view: DownloadView) -> bool:
    return view.state is State.QUEUED


def in_active(opened_at: float, cleared: set[str]) -> Callable[[DownloadView], bool]:
    """Say what belongs to Active: what has begun, and what has ended since the screen was opened."""

    def belongs(view: DownloadView) -> bool:
        if view.state is State.QUEUED:
            return False
        if view.state not in ENDED:
            return True
        return (view.finished_at or 0.0) >= opened_at and view.id not in cleared

    return belongs
