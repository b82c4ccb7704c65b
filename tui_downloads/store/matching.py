"""What a query finds, said once in plain Python; the SQL says the same."""

from __future__ import annotations

from collections.abc import Callable

from tui_downloads.core.download import Download
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import Query

from .order import STORED_AS, fold, haystack, moment, needle


def stored_states(query: Query) -> frozenset[State]:
    """Give the stored states that a query asks for; running ones are stored as what a restart finds."""
    return frozenset(STORED_AS[state] for state in query.states)


def asks_for_ended(query: Query) -> bool:
    """Say whether ended downloads may be in the answer."""
    return not query.states or bool(query.states & ENDED)


def finder(query: Query) -> Callable[[Download], bool]:
    """Give the test that a query puts to each download."""
    states = stored_states(query)
    text = needle(query)
    host = fold(query.host)
    ids = frozenset(query.ids)

    def found(download: Download) -> bool:
        if states and STORED_AS[download.state] not in states:
            return False
        if query.owner and download.request.owner != query.owner:
            return False
        if query.kinds and download.kind not in query.kinds:
            return False
        if host and fold(download.host) != host:
            return False
        if ids and download.id not in ids and download.gid not in ids:
            return False
        if query.since is not None and moment(download) < query.since:
            return False
        if query.until is not None and moment(download) > query.until:
            return False
        return not text or text in found_in(download)

    return found


def found_in(download: Download) -> str:
    """Give the text of a download that a search looks at."""
    error = download.error.message if download.error else ""
    return haystack(download.name, download.url, download.folder, error)
