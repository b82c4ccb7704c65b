"""Listing a caller's downloads for dialects that have no pages: unfinished ones and the newest of the ended ones."""

from __future__ import annotations

from collections.abc import Collection

from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DownloadView, Page, Query
from tui_downloads.engine.base import Engine

MOST = 10_000
"""Downloads in one answer; of more, the oldest ended ones are left out."""
_UNFINISHED = frozenset(State) - ENDED
_PAGE = 1000


async def gather(
    engine: Engine, states: Collection[State] = frozenset(State), *, owner: str = "", most: int = MOST
) -> list[DownloadView]:
    """List downloads in the given states, in the order in which they were made; nothing is there twice.

    Unfinished states pass into each other between two looks, so all of them are asked for and then sorted out. The
    ended ones come last, so that what ends meanwhile is not missed.
    """
    wanted = frozenset(states)
    found: dict[str, DownloadView] = {}
    if wanted - ENDED:
        await _pages(engine, Query(states=_UNFINISHED, owner=owner, limit=_PAGE), found, most)
    if wanted & ENDED:
        ended = Query(states=wanted & ENDED, owner=owner, sort="finished", reverse=True, limit=_PAGE)
        await _pages(engine, ended, found, most)
    chosen = [view for view in found.values() if view.state in wanted]
    return sorted(chosen, key=lambda view: (view.created_at, view.id))


async def _pages(engine: Engine, query: Query, found: dict[str, DownloadView], most: int) -> None:
    cursor = None
    while len(found) < most:
        page: Page = await engine.page(_after(query, cursor))
        for view in page.items[: most - len(found)]:
            found[view.id] = view
        cursor = page.cursor
        if cursor is None:
            return


def _after(query: Query, cursor: str | None) -> Query:
    return Query(
        states=query.states, owner=query.owner, sort=query.sort, reverse=query.reverse, limit=query.limit, cursor=cursor
    )
