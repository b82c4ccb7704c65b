"""Rate limits at the sink: a connection that has used its share is paused until it may go on."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tui_downloads.core.pace import Share
from tui_downloads.core.snapshots import Limits

if TYPE_CHECKING:
    from .transfer import Transfer
    from .worker import Worker


class Gate:
    """One download's place in the shares; shared by all its connections."""

    __slots__ = ("_key", "_share")

    def __init__(self, share: Share, key: str) -> None:
        self._share = share
        self._key = key

    def pass_(self, worker: Worker, size: int) -> bool:
        """Let a chunk through, or pause its connection until it may come again."""
        now = time.monotonic()
        wait = self._share.wait(now, self._key)
        if wait <= 0:
            self._share.spend(now, self._key, size)
            return True
        if worker.flow is not None:
            if worker.segment is not None:
                worker.segment.moved_at = now + wait  # a pause of ours is no silence of the server's
            asyncio.get_running_loop().call_later(wait, worker.flow.resume)
        return False


class Gates:
    """Opens and closes the gates of running transfers as limits change."""

    # Mutable state: the share, who takes part with which limit of its own, and how many of each download.
    def __init__(self, limits: Limits) -> None:
        self._share = Share()
        self._guests: dict[Transfer, int] = {}
        self._present: dict[str, int] = {}
        self._limits = limits
        self.change(limits)

    def change(self, limits: Limits) -> None:
        """Set the limits; they hold at once."""
        self._limits = limits
        self._share.change(limits.rate, limits.rate_per_host, limits.rate_per_download)
        for transfer, own in self._guests.items():
            self._set(transfer, own)

    def enter(self, transfer: Transfer, host: str, own: int) -> None:
        """Let a transfer take part; `own` is its download's limit."""
        id = transfer.download.id
        if transfer not in self._guests:
            self._present[id] = self._present.get(id, 0) + 1
        self._guests[transfer] = own
        self._share.enter(id, host, own)
        self._set(transfer, own)

    def limit(self, transfer: Transfer, own: int) -> None:
        """Change a download's own limit."""
        if transfer in self._guests:
            self._guests[transfer] = own
            self._share.limit(transfer.download.id, own)
            self._set(transfer, own)

    def leave(self, transfer: Transfer) -> None:
        """Take a transfer out."""
        id = transfer.download.id
        transfer.gate = None
        if self._guests.pop(transfer, None) is None:
            return
        left = self._present.pop(id) - 1
        if left:
            self._present[id] = left
        else:
            self._share.leave(id)

    def _set(self, transfer: Transfer, own: int) -> None:
        limits = self._limits
        limited = own or limits.rate or limits.rate_per_host or limits.rate_per_download
        transfer.gate = Gate(self._share, transfer.download.id) if limited else None
