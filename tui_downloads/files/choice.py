"""Choose the name of a download in its folder: go on with our own part, never disturb anybody else's file."""

from __future__ import annotations

from msgspec import Struct

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.names import numbered
from tui_downloads.core.spec import OnConflict

from .faults import plain, told
from .folder import Folder, component
from .peek import JOURNAL, PART, peek
from .taken import NUMBER_LIMIT, Taken


class Choice(Struct, frozen=True):
    """Which name to use, and what is there already."""

    name: str
    existing: str | None = None
    """Path of our part of the same link, to be opened instead of a new one."""
    locked: bool = False
    """Another process, or another of our downloads, is writing that part."""
    taken: bool = False
    """The target exists: it is to be left (skip) or replaced at the end (overwrite)."""


def choose(
    folder: str, name: str, url: str, conflict: OnConflict = OnConflict.RENAME, *, beside: bool = False
) -> Choice:
    """Find the name to download to; nothing is made or changed.

    `beside` passes over parts of the same link that somebody else is writing, instead of reporting them.

    Raises:
        DownloadError: FOLDER_UNUSABLE, DISK_ERROR, or FILE_EXISTS where no number is left.
    """
    component(name)
    try:
        at = Folder.open(folder, make=False)
    except DownloadError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return Choice(name)
        raise
    with at, told(at.path):
        taken = Taken(at.fd)
        for number in range(NUMBER_LIMIT):
            choice = _try(at, taken, numbered(name, number), url, conflict, beside)
            if choice is not None:
                return choice
    raise DownloadError(Code.FILE_EXISTS, f"{plain(at.path)} holds too many files called {plain(name)}.")


def _try(at: Folder, taken: Taken, name: str, url: str, conflict: OnConflict, beside: bool) -> Choice | None:
    """Judge one name; None where the next number is to be tried."""
    part = f"{at.path.rstrip('/')}/{name}{PART}"
    if taken.exact(name + PART) or taken.exact(name + JOURNAL):
        found = peek(at, name)
        if found is not None and found.present and not found.hollow:
            if found.origin is None or found.origin.url != url or (found.locked and beside):
                return None
            return Choice(name, part, found.locked)
        if found is not None and not found.hollow and (found.origin is None or found.locked):
            return None
    elif taken.variant(name + PART) or taken.variant(name + JOURNAL):
        return None
    if taken.exact(name):
        return None if conflict is OnConflict.RENAME else Choice(name, taken=True)
    return None if taken.variant(name) else Choice(name)
