"""The methods that look: tellStatus and its relatives."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DetailView, DownloadView, Query

from . import gids, options, shapes
from .calls import Turn
from .protocol import Params, RpcError

MOST_RESULTS = 1000
"""What numStopped counts up to; numStoppedTotal counts all."""
MOST_TOLD = 10_000
FARTHEST = 1_000_000


async def tell_status(turn: Turn, params: Params) -> dict[str, Any]:
    """Tell one download."""
    view = await gids.find(turn.engine, params.text(0))
    keys = params.keys(1)
    detail = await turn.engine.get(view.id) if shapes.needs_detail(view, keys) or view.files_total > 1 else None
    return shapes.status(view, detail, turn.user, keys)


async def _tell(turn: Turn, views: Sequence[DownloadView], keys: frozenset[str]) -> list[dict[str, Any]]:
    async def detail(view: DownloadView) -> DetailView | None:
        return await turn.engine.get(view.id) if shapes.needs_detail(view, keys) else None

    out = []
    for at in range(0, len(views), 50):
        some = views[at : at + 50]
        details = await asyncio.gather(*map(detail, some))
        out += [shapes.status(view, found, turn.user, keys) for view, found in zip(some, details, strict=True)]
    return out


async def tell_active(turn: Turn, params: Params) -> list[dict[str, Any]]:
    """Tell what is running."""
    views = [view for view in turn.engine.snapshot().downloads.values() if view.state in shapes.ACTIVE]
    return await _tell(turn, sorted(views, key=lambda view: (view.started_at or 0.0, view.id)), params.keys(0))


def waiting(turn: Turn) -> list[DownloadView]:
    """List what is queued, in its order, and then what is paused."""
    views = turn.engine.snapshot().downloads.values()
    paused = [view for view in views if view.state in (State.PAUSED, State.PAUSING)]
    return queued(turn) + sorted(paused, key=lambda view: (view.created_at, view.id))


def queued(turn: Turn) -> list[DownloadView]:
    """List what is queued, in its order."""
    found = [view for view in turn.engine.snapshot().downloads.values() if view.state is State.QUEUED]
    return sorted(found, key=lambda view: (-view.priority, view.position or 0.0, view.created_at, view.id))


def part(length: int, offset: int, count: int) -> list[int]:
    """Give the places of a part of a list; a negative offset counts from the end, and goes backwards."""
    if offset >= 0:
        return list(range(offset, min(length, offset + count)))
    first = length + offset
    if first < 0:
        return []
    return list(range(first, max(-1, first - count), -1))


async def tell_waiting(turn: Turn, params: Params) -> list[dict[str, Any]]:
    """Tell what waits and what is paused."""
    offset, count, keys = params.integer(0), params.integer(1, least=0), params.keys(2)
    views = waiting(turn)
    return await _tell(turn, [views[n] for n in part(len(views), offset, min(count, MOST_TOLD))], keys)


async def tell_stopped(turn: Turn, params: Params) -> list[dict[str, Any]]:
    """Tell what has ended, the oldest first; with a negative offset the newest first."""
    offset, count, keys = params.integer(0), params.integer(1, least=0), params.keys(2)
    skip = offset if offset >= 0 else -offset - 1
    count = min(count, MOST_TOLD)
    if skip > FARTHEST or not count:
        return []
    found: list[DownloadView] = []
    cursor = None
    while len(found) < skip + count:
        limit = min(1000, skip + count - len(found))
        page = await turn.engine.page(
            Query(states=ENDED, sort="finished", reverse=offset < 0, limit=limit, cursor=cursor)
        )
        found += page.items
        cursor = page.cursor
        if cursor is None:
            break
    return await _tell(turn, found[skip : skip + count], keys)


async def get_uris(turn: Turn, params: Params) -> list[dict[str, Any]]:
    """List the links of a download that has not ended."""
    view = await gids.find(turn.engine, params.text(0))
    if view.state in ENDED:
        raise RpcError(f"No URI data is available for GID#{view.gid}")
    return shapes.uris(view, turn.user)


async def get_files(turn: Turn, params: Params) -> list[dict[str, Any]]:
    """List the files of a download."""
    view = await gids.find(turn.engine, params.text(0))
    detail = await turn.engine.get(view.id) if view.files_total > 1 else None
    return shapes.files(view, detail, turn.user)


async def get_servers(turn: Turn, params: Params) -> list[dict[str, Any]]:
    """Say which servers a running download is connected to."""
    view = await gids.find(turn.engine, params.text(0))
    if view.state not in shapes.ACTIVE:
        raise RpcError(f"No active download for GID#{view.gid}")
    return shapes.servers(view, await turn.engine.get(view.id), turn.user)


async def get_peers(turn: Turn, params: Params) -> list[Any]:
    """List peers: there are none without BitTorrent."""
    await gids.find(turn.engine, params.text(0))
    return []


async def get_option(turn: Turn, params: Params) -> dict[str, str]:
    """Tell the options of a download."""
    view = await gids.find(turn.engine, params.text(0))
    return options.of_download(await turn.engine.get(view.id), turn.engine.snapshot().limits)


async def get_global_option(turn: Turn, params: Params) -> dict[str, str]:
    """Tell the options that hold for new downloads."""
    snapshot = turn.engine.snapshot()
    return options.of_service(snapshot.limits, snapshot.info.folder, turn.desk.chosen(turn.user))


async def get_global_stat(turn: Turn, params: Params) -> dict[str, str]:
    """Tell the speed and how many there are of each."""
    snapshot = turn.engine.snapshot()
    states = [view.state for view in snapshot.downloads.values()]
    stopped = (await turn.engine.page(Query(states=ENDED, limit=1))).total or 0
    waits = (State.QUEUED, State.PAUSED, State.PAUSING)
    return {
        "downloadSpeed": str(int(snapshot.totals.speed)),
        "uploadSpeed": "0",
        "numActive": str(sum(1 for state in states if state in shapes.ACTIVE)),
        "numWaiting": str(sum(1 for state in states if state in waits)),
        "numStopped": str(min(stopped, MOST_RESULTS)),
        "numStoppedTotal": str(stopped),
    }
