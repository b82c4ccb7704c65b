"""What outlives a session: tab, filter, orders and columns; written a moment after they changed, off the loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from .panes import KEYS, KINDS, TWO_LINES
from .rows import LiveRows

if TYPE_CHECKING:
    from textual.timer import Timer

    from .pane_screen import PaneScreen

WRITE_AFTER = 0.4
"""Seconds without another change before it is written: a filter is typed letter by letter."""


class Remembering:
    """Keeps the memory of a screen current, so that a kill loses nothing."""

    # Mutable state: the timer that waits for quiet, the write under way, and what was written last.
    def __init__(self, screen: PaneScreen) -> None:
        self._screen = screen
        self._timer: Timer | None = None
        self._writing: asyncio.Task[None] | None = None
        self._written = screen.session.remembered

    def soon(self) -> None:
        """Write in a moment, if anything differs by then."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._screen.set_timer(WRITE_AFTER, self._write)

    def _write(self) -> None:
        if self._writing is not None and not self._writing.done():
            # A slow disk: what is written next is what is current then.
            self.soon()
            return
        found = values(self._screen)
        if found != self._written:
            self._written = found
            self._writing = asyncio.get_running_loop().create_task(self._save(found))

    async def _save(self, found: Mapping[str, str]) -> None:
        await asyncio.to_thread(self._screen.session.memory.save, found)

    def last(self) -> None:
        """Write what has not been written, at the end."""
        found = values(self._screen)
        if found != self._written or (self._writing is not None and not self._writing.done()):
            self._screen.session.memory.save(found)


def values(screen: PaneScreen) -> Mapping[str, str]:
    """Give what is to be remembered of a screen."""
    orders = {}
    for key, rows in screen.rows.items():
        orders[key] = [rows.sort, rows.reverse] if isinstance(rows, LiveRows) else [rows.query.sort, rows.query.reverse]
    return {
        "pane": screen.pane,
        "filter": screen.filter.text,
        "orders": json.dumps(orders),
        "columns": json.dumps({key: list(table.keys) for key, table in screen.tables.items()}),
        "comfortable": "yes" if screen.tables["active"].comfortable else "",
        "preview": screen.preview.remembered,
    }


def recall(screen: PaneScreen, found: Mapping[str, str]) -> str:
    """Give a screen the tab, orders, columns and density it had; the filter to set is the result."""
    pane = found.get("pane", "active")
    screen.pane = pane if pane in KEYS else "active"
    screen.preview.recall(found.get("preview", ""))
    settings = screen.session.settings
    comfortable = bool(found["comfortable"]) if "comfortable" in found else settings.density != "compact"
    orders, chosen = _object(found.get("orders")), _object(found.get("columns"))
    for key, table in screen.tables.items():
        table.comfortable = comfortable or key in TWO_LINES
        keys = chosen.get(key) or (settings.columns if key == "active" else ())
        if isinstance(keys, Sequence) and not isinstance(keys, str) and keys:
            table.show_columns([name for name in keys if isinstance(name, str)])
        order = orders.get(key)
        if isinstance(order, list) and len(order) == 2 and order[0] in KINDS[key].sorts:
            rows = screen.rows[key]
            if isinstance(rows, LiveRows):
                rows.sort, rows.reverse = str(order[0]), bool(order[1])
            else:
                rows.query = replace(rows.query, sort=str(order[0]), reverse=bool(order[1]))
    return found.get("filter", "")


def _object(text: str | None) -> dict[str, object]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
