"""The filter of the lists, put to the lines of the log."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from tui_downloads.core.filters import Filter
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView, Kind

from .log_view import Entry, Keep

Find = Callable[[str], DownloadView | None]


def keep(chosen: Filter, find: Find, now: float) -> Keep | None:
    """Give the test of a line, or None where every line passes.

    Words are looked for in what the line says and in the link, `state:` in what the line says the download became, and
    every other term in the download itself, as long as `find` knows it.
    """
    if not chosen:
        return None
    return lambda entry: chosen.matches(_as_view(entry, find(entry.id)), now)


def _as_view(entry: Entry, known: DownloadView | None) -> DownloadView:
    """Write a line as a download that is called what the line says, which is all that a filter can look at."""
    said = f"{entry.what} {entry.text}"
    if known is None:
        state = entry.state or State.QUEUED
        return DownloadView(id=entry.id, gid="", kind=Kind.LINK, state=state, url="", name=said, folder="")
    return replace(known, name=said, state=entry.state or known.state)
