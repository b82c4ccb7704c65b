"""GIDs: 16 hexadecimal digits, or any beginning of them that only one download has."""

from __future__ import annotations

import re

from tui_downloads.core.errors import NotFound
from tui_downloads.core.snapshots import DownloadView, Query
from tui_downloads.engine.owned import OwnedEngine

from .protocol import RpcError, not_found

_GID = re.compile(r"[0-9a-fA-F]{1,16}", re.ASCII)
MOST_SEARCHED = 20_000
"""Ended downloads, the newest first, that a shortened GID is looked for in."""


async def find(engine: OwnedEngine, text: str) -> DownloadView:
    """Give the download that a GID means.

    Raises:
        RpcError: it is no GID, nothing has it, or several have it.
    """
    if not _GID.fullmatch(text):
        raise RpcError(f"Invalid GID {text[:64]}")
    gid = text.lower()
    if len(gid) == 16:
        try:
            return (await engine.get(gid)).download
        except NotFound:
            raise not_found(text) from None
    found = {view.id: view for view in engine.snapshot().downloads.values() if view.gid.startswith(gid)}
    cursor, searched = None, 0
    while len(found) < 2 and searched < MOST_SEARCHED:
        page = await engine.page(Query(reverse=True, limit=1000, cursor=cursor))
        found |= {view.id: view for view in page.items if view.gid.startswith(gid)}
        cursor, searched = page.cursor, searched + 1000
        if cursor is None:
            break
    if not found:
        raise not_found(text)
    if len(found) > 1:
        raise RpcError(f"GID {text} is not unique")
    return next(iter(found.values()))
