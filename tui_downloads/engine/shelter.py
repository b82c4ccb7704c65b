"""Work that must not be left half done: whoever waits for it is cancelled only when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def finish(work: Awaitable[T], undo: Callable[[T], object] | None = None) -> T:
    """Await work to its end, however often the caller is cancelled meanwhile; that is raised after it.

    A thread can't be stopped: a part that it opens, moves or flushes must not be touched by anybody before it is done.
    `undo` takes back a result that a cancelled caller will not take.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return task.result()
    if not task.cancelled() and task.exception() is None and undo is not None:
        undo(task.result())
    raise cancelled
