"""Bundles do not stay for ever: those that were to be kept for a while go when it is over."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tui_downloads.core.lifecycle import ENDED
from tui_downloads.core.snapshots import Kind, Query

if TYPE_CHECKING:
    from .desk import Desk

CLEAN_EVERY = 600.0


class Cleaner:
    """Removes bundles, their zips included, when they are older than they were to be kept."""

    def __init__(self, desk: Desk, keep: float) -> None:
        self._desk = desk
        self._keep = keep
        """Seconds for bundles that say nothing themselves; 0 keeps them."""

    async def run(self) -> None:
        """Look every ten minutes, at once first."""
        while True:
            await self.clean(time.time())
            await asyncio.sleep(CLEAN_EVERY)

    async def clean(self, now: float) -> list[str]:
        """Remove what is too old, and give its ids; what runs is left alone."""
        query = Query(kinds=frozenset({Kind.BUNDLE}), states=frozenset(ENDED), limit=1000)
        old = []
        for view in (await self._desk.listing.page(query)).items:
            download = await self._desk.listing.find(view.id)
            keep = download.request.source.get("keep", self._keep)
            if isinstance(keep, int | float) and keep > 0 and view.created_at + keep < now:
                old.append(view.id)
        if old:
            await self._desk.remove(old, files=True)
        return old
