"""Which downloads a command means: ids by any unique prefix, all, or all in some states."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence

import click
from msgspec.structs import replace

from tui_downloads.core.errors import Code, NotFound, RequestError
from tui_downloads.core.filters import GROUPS
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DownloadView, Query
from tui_downloads.engine.base import Engine

from .text import plain

SHORT = 8
"""Characters of an id that lists show."""
PAGE = 2_000
SEARCHED = 50_000
"""Ended downloads, the newest first, among which a prefix is looked for; a whole id is found always."""
CANDIDATES = 8
UNFINISHED = frozenset(State) - ENDED
_WHOLE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{32}")
_PREFIX = re.compile(r"[0-9a-f-]{1,36}")


def states_of(words: Sequence[str]) -> frozenset[State]:
    """Read names of states and of groups of states, repeated or separated by commas.

    Raises:
        click.UsageError: there is no such state.
    """
    known = {state.value: frozenset({state}) for state in State} | GROUPS
    found: set[State] = set()
    for word in (part.strip().lower() for text in words for part in text.split(",")):
        if word not in known:
            raise click.UsageError(f"There is no state {plain(word)!r}; it is one of {', '.join(known)}.")
        found |= known[word]
    return frozenset(found)


async def pages(engine: Engine, query: Query, *, most: int | None = None) -> AsyncIterator[DownloadView]:
    """Give every download that a query finds, page by page."""
    cursor: str | None = None
    given = 0
    while True:
        page = await engine.page(replace(query, limit=PAGE, cursor=cursor))
        for view in page.items:
            # Running states are stored as queued ones, so a list by state holds their neighbours.
            if not query.states or view.state in query.states:
                yield view
        given += len(page.items)
        cursor = page.cursor
        if cursor is None or (most is not None and given >= most):
            return


async def choose(
    engine: Engine, ids: Sequence[str], *, everything: bool, state: Sequence[str], sensible: frozenset[State]
) -> list[str]:
    """Give the ids that are meant; `sensible` is what --all means for the command.

    Raises:
        click.UsageError: nothing, or two things, were said.
        RequestError: NOT_FOUND, or INVALID_OPTION for a prefix of several ids.
    """
    if bool(ids) + bool(everything) + bool(state) != 1:
        raise click.UsageError("Say which downloads: one or more ids, --state STATE, or --all.")
    if ids:
        return await resolve(engine, ids)
    states = states_of(state) if state else sensible
    return [view.id async for view in pages(engine, Query(states=states))]


async def resolve(engine: Engine, words: Sequence[str]) -> list[str]:
    """Give the whole ids of prefixes, each once and in the order given.

    Raises:
        RequestError: NOT_FOUND, or INVALID_OPTION for a prefix of several ids.
    """
    prefixes = {word: word.strip().lower() for word in words}
    for word, prefix in prefixes.items():
        if not _PREFIX.fullmatch(prefix):
            step = "Ids stand in the first column of: tui-downloads list"
            raise NotFound(f"{plain(word[:64])!r} is no id.", next_step=step)
    sought = {prefix for prefix in prefixes.values() if not _WHOLE.fullmatch(prefix)}
    found: dict[str, dict[str, DownloadView]] = {prefix: {} for prefix in sought}
    if sought:
        async for view in pages(engine, Query(states=UNFINISHED)):
            _match(view, found)
        async for view in pages(engine, Query(states=ENDED, sort="created", reverse=True), most=SEARCHED):
            _match(view, found)
    return list(dict.fromkeys([_one(prefix, found.get(prefix)) for prefix in prefixes.values()]))


def _match(view: DownloadView, found: dict[str, dict[str, DownloadView]]) -> None:
    for prefix, views in found.items():
        if view.id.startswith(prefix) or view.gid.startswith(prefix):
            views[view.id] = view


def _one(prefix: str, found: dict[str, DownloadView] | None) -> str:
    if found is None:
        return prefix
    if not found:
        raise NotFound(f"There is no download {prefix}.")
    if len(found) == 1:
        return next(iter(found))
    shown = [f"{id[: max(SHORT, len(prefix) + 4)]} ({plain(view.name or view.host)})" for id, view in found.items()]
    more = f" and {len(shown) - CANDIDATES} more" if len(shown) > CANDIDATES else ""
    raise RequestError(
        Code.INVALID_OPTION,
        f"{len(shown)} downloads begin with {prefix}: {', '.join(shown[:CANDIDATES])}{more}.",
        next_step="Give more of the id.",
    )
