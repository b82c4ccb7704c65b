"""Quotas while bytes arrive: a size that nobody announced must not get around a limit that was checked when adding."""

from __future__ import annotations

import asyncio
import logging

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.lifecycle import ENDED
from tui_downloads.engine.owned import OwnedEngine

from .auth import audit
from .dialect import Context

log = logging.getLogger(__name__)

EVERY = 2.0


class QuotaKeeper:
    """Ends the newest downloads of users who have more bytes than their token allows."""

    def __init__(self, context: Context, *, every: float = EVERY) -> None:
        self._context = context
        self._every = every

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.look()
            except TuiDownloadsError as error:
                log.warning("quotas could not be checked: %s", error.code)

    async def look(self) -> None:
        """Look once."""
        for token in self._context.auth.tokens.list():
            if token.quota_bytes:
                await self._keep(self._context.engine_for(token.caller()), token.quota_bytes)

    async def _keep(self, engine: OwnedEngine, quota: int) -> None:
        running = [
            view
            for view in engine.snapshot().downloads.values()
            if view.owner == engine.caller.name and view.state not in ENDED and view.done
        ]
        if not running:
            return
        over = await engine.used() - quota
        for view in sorted(running, key=lambda view: view.created_at, reverse=True):
            if over <= 0:
                return
            over -= max(view.done, view.size or 0)
            await engine.inner.cancel([view.id])
            audit("quota.exceeded", engine.caller.name, "", id=view.id)
