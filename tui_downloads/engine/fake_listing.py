"""Listing downloads held in memory as the store lists them: filtered, sorted, cut into pages."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.snapshots import DownloadView, Page, Query

Key = tuple[int, float | str, str]


def matches(view: DownloadView, query: Query) -> bool:
    """Say whether a query asks for this download."""
    if query.states and view.state not in query.states:
        return False
    if query.kinds and view.kind not in query.kinds:
        return False
    if query.host and view.host != query.host:
        return False
    if query.owner and view.owner != query.owner:
        return False
    if query.ids and view.id not in query.ids and view.gid not in query.ids:
        return False
    at = view.created_at if view.finished_at is None else view.finished_at
    if (query.since is not None and at < query.since) or (query.until is not None and at >= query.until):
        return False
    return not query.text or _found(view, query.text.casefold())


def _found(view: DownloadView, text: str) -> bool:
    error = view.error.message if view.error else ""
    return any(text in field.casefold() for field in (view.name, view.url, view.folder, error))


def sort_key(view: DownloadView, sort: str) -> Key:
    """Give what a download is sorted by; what is not known comes last.

    Raises:
        RequestError: nothing is sorted by that.
    """
    values: dict[str, float | str | None] = {
        "created": view.created_at,
        "finished": view.finished_at,
        "name": view.name.casefold(),
        "size": view.size,
        "state": view.state.value,
        "host": view.host,
        "priority": view.priority,
        "position": view.position,
    }
    if sort not in values:
        raise RequestError(Code.INVALID_OPTION, f"Downloads can't be sorted by {sort!r}.")
    value = values[sort]
    if value is None:
        return (1, 0, view.id)
    return (0, value, view.id)


def list_page(views: Iterable[DownloadView], query: Query) -> Page:
    """Give one page of what a query finds; the total comes with the first page.

    Raises:
        RequestError: INVALID_OPTION for an unknown sort or a cursor that is not ours.
    """
    keyed = sorted(
        ((sort_key(view, query.sort), view) for view in views if matches(view, query)),
        key=lambda pair: pair[0],
        reverse=query.reverse,
    )
    total = len(keyed) if query.cursor is None else None
    if query.cursor is not None:
        last = _decode(query.cursor)
        keyed = [pair for pair in keyed if (pair[0] < last if query.reverse else pair[0] > last)]
    shown = keyed[: max(1, query.limit)]
    cursor = _encode(shown[-1][0]) if len(keyed) > len(shown) else None
    return Page(tuple(view for _, view in shown), cursor, total)


def _encode(key: Key) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _decode(cursor: str) -> Key:
    try:
        first, value, id = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except ValueError:
        raise RequestError(Code.INVALID_OPTION, "The cursor is not one of ours; start again without it.") from None
    return (first, value, id)
