"""The cleaner of Alfresco's dialect: old zips that were made for a download go, what they were made of stays."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import Kind, Query
from tui_downloads.engine.base import Engine

log = logging.getLogger(__name__)

EVERY = 3600.0


class Cleaner:
    """Removes download nodes older than `age` seconds, first after `every` seconds and then each `every` seconds.

    Only zips that this dialect made are removed, and none that is still being made.
    """

    # Mutable state: the timer, and the cleaning under way.
    def __init__(
        self, engine: Engine, dialect: str, *, age: float, now: Callable[[], float], every: float = EVERY
    ) -> None:
        self._engine = engine
        self._dialect = dialect
        self._age = age
        self._now = now
        self._every = every
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[int] | None = None

    def start(self) -> None:
        """Begin on the running loop; again is harmless. A negative age means: never clean."""
        if self._timer is None and self._age >= 0:
            self._timer = asyncio.get_running_loop().call_later(self._every, self._due)

    def _due(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._every, self._due)
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._run(), name="alfresco-cleaner")

    async def _run(self) -> int:
        try:
            return await self.clean()
        except Exception:
            log.exception("old zips could not be removed")
            return 0

    async def clean(self) -> int:
        """Remove what is old, with its file; give the number."""
        limit = self._now() - self._age
        old: list[str] = []
        cursor = None
        while True:
            page = await self._engine.page(
                Query(kinds=frozenset({Kind.BUNDLE}), states=ENDED | {State.PAUSED}, limit=1000, cursor=cursor)
            )
            old += [view.id for view in page.items if view.dialect == self._dialect and view.created_at <= limit]
            cursor = page.cursor
            if cursor is None:
                break
        if not old:
            return 0
        outcomes = await self._engine.remove(old, files=True)
        return sum(1 for outcome in outcomes if outcome.ok)
