"""Digests of what is on the disk: computed in threads of their own, and given up at once when nobody wants them.

To read 400 GB again takes half an hour. Other downloads must not wait so long for a thread that makes them safe, and
who pauses, cancels or leaves does not wait at all.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from .shelter import finish

if TYPE_CHECKING:
    from .transfer import Transfer

T = TypeVar("T")

AT_ONCE = min(4, os.cpu_count() or 1)
"""Files that are read at the same time; more only make a disk seek."""


async def digest(transfer: Transfer, work: Callable[..., T], *arguments: object) -> T:
    """Compute a digest of a transfer's part, which tells how far it is."""

    def read(count: int) -> None:
        transfer.checked = count

    transfer.checked = 0
    return await transfer.services.digests.run(work, *arguments, progress=read)


class Digests:
    """The threads that hash."""

    # Mutable state: the pool, which starts a thread when it is first needed.
    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="digest")

    async def run(self, work: Callable[..., T], *arguments: object, progress: Callable[[int], None]) -> T:
        """Call `work(*arguments, progress=…, cancel=…)` in a thread; a cancelled caller waits for one read at most.

        Raises:
            DownloadError: what the disk says.
        """
        unwanted = threading.Event()
        call = partial(work, *arguments, progress=progress, cancel=unwanted.is_set)
        reading = asyncio.get_running_loop().run_in_executor(self._pool, call)
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            unwanted.set()
            # What it reads is closed or moved by others as soon as this returns.
            await finish(asyncio.gather(reading, return_exceptions=True))
            raise

    def close(self) -> None:
        """End the threads; nobody waits for a digest any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
