"""Whose download an id is."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.snapshots import Event

from .base import Engine

REMEMBERED = 20_000
"""Ids whose owner is remembered."""
SETTLE = 0.02
"""Seconds in which a snapshot catches up with the news."""


class Owners:
    """Whose download an id is, remembered past its removal; shared by all callers of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        # Ids that left the snapshot: removed ones that may be restored, and ended ones that were looked up.
        self._known: OrderedDict[str, str] = OrderedDict()
        self._settled = 0.0

    def learn(self, id: str, owner: str) -> None:
        """Remember an owner, and forget the oldest when there are too many."""
        self._known[id] = owner
        self._known.move_to_end(id)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def of(self, id: str) -> str | None:
        """Give the owner if it is known without asking the store."""
        view = self._engine.snapshot().downloads.get(id)
        if view is not None:
            if id not in self._known:
                self.learn(id, view.owner)
            return view.owner
        return self._known.get(id)

    def of_event(self, event: Event) -> str | None:
        """Give whose news an event is."""
        owner = event.data.get("owner")
        if isinstance(owner, str):
            return owner
        return self.of(event.id)

    async def resolve(self, event: Event) -> str | None:
        """Give whose news an event is, and ask the engine when the snapshot does not know yet."""
        owner = self.of_event(event)
        if owner is not None or not event.id or event.type == "removed":
            return owner
        # News are quicker than the snapshot; after a moment it has whole batches of new downloads. One moment does for
        # everything that comes right after it, so that thousands of short-lived downloads do not wait one by one.
        now = asyncio.get_running_loop().time
        if now() - self._settled > SETTLE:
            await asyncio.sleep(SETTLE)
            self._settled = now()
        owner = self.of_event(event)
        if owner is None:
            try:
                owner = (await self._engine.get(event.id)).download.owner
                self.learn(event.id, owner)
            except TuiDownloadsError:
                return None
        return owner
