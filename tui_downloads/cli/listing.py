"""Finding downloads for `list`, `history` and `errors`: the filter language, states, order and a bound."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from msgspec import Struct
from msgspec.structs import replace

from tui_downloads.core import filters
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView, Query
from tui_downloads.engine.base import Engine

from . import printed
from .chosen import PAGE, states_of

F = TypeVar("F", bound=Callable[..., Any])
SORTS = ("created", "finished", "name", "size", "state", "host", "priority", "position")
NEWEST_FIRST = ("created", "finished", "size", "priority")
"""Orders that people want from the large end."""


def list_options(sort: str) -> Callable[[F], F]:
    """Give a command the options of a list."""
    options = [
        click.argument("words", nargs=-1, metavar="[FILTER]..."),
        click.option(
            "-s", "--state", multiple=True, metavar="STATE", help="State or group of states; may be repeated."
        ),
        click.option("--host", default="", metavar="HOST", help="Host of the link."),
        click.option("--text", default="", metavar="TEXT", help="Found in name, link, folder or error."),
        click.option("--sort", type=click.Choice(SORTS), default=sort, help=f"Order. [{sort}]"),
        click.option("--reverse", is_flag=True, help="The other way round."),
        click.option(
            "-n", "--limit", type=click.IntRange(0), default=100, metavar="N", help="At most; 0 is all. [100]"
        ),
    ]

    def give(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return give


class Found(Struct, frozen=True):
    """What a list found."""

    views: list[DownloadView]
    more: bool
    total: int | None
    """How many there are, where that is known without counting."""


def wanted(values: dict[str, Any], within: frozenset[State] = frozenset()) -> tuple[Query, filters.Filter]:
    """Read the options of a list.

    Raises:
        click.UsageError: a term of the filter, or a state, is not understood.
    """
    found = filters.parse(" ".join(values["words"]))
    if found.problems:
        raise click.UsageError(found.problems[0].message)
    states = states_of(values["state"]) if values["state"] else within
    if within and not states <= within:
        raise click.UsageError(f"Only ended downloads are here: {', '.join(sorted(within))}.")
    reverse = (values["sort"] in NEWEST_FIRST) != values["reverse"]
    base = Query(states=states, text=values["text"], host=values["host"], sort=values["sort"], reverse=reverse)
    return found.query(base), found


async def find(engine: Engine, query: Query, found: filters.Filter, most: int) -> Found:
    """Give the downloads that pass; `most` 0 gives all."""
    views: list[DownloadView] = []
    now, cursor, total = time.time(), None, None
    exact = found.exact and not query.states - {State.COMPLETE, State.FAILED, State.CANCELLED, State.PAUSED}
    while True:
        limit = min(PAGE, most) if most and exact else PAGE
        page = await engine.page(replace(query, limit=limit, cursor=cursor))
        total = page.total if exact and cursor is None else total
        cursor = page.cursor
        for view in page.items:
            if (not query.states or view.state in query.states) and found.matches(view, now):
                if most and len(views) == most:
                    return Found(views, True, total)
                views.append(view)
        if cursor is None or (most and exact and len(views) >= most):
            return Found(views, cursor is not None, total)


def show(found: Found, rows: Callable[[Sequence[DownloadView]], None], *, as_json: bool) -> None:
    """Print what was found; what was left out is said on stderr."""
    if as_json:
        printed.print_json({"items": found.views, "more": found.more, "total": found.total})
        return
    rows(found.views)
    if not found.views:
        printed.talk("There are no such downloads.")
    elif found.more:
        of = f" of {found.total}" if found.total else ""
        printed.talk(f"{len(found.views)}{of} shown; -n 0 shows all.")
