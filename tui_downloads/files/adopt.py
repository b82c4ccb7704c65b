"""Recognise, after a crash, files that were about to get their names; see `publish`."""

from __future__ import annotations

import os

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.names import numbered

from . import claim, flush, journal
from .base import Landing, Published
from .entry import entry, matches, path_of
from .faults import told
from .folder import Folder
from .peek import JOURNAL, PART
from .taken import NUMBER_LIMIT

ADOPT_GAPS = 8
"""Numbers that may be missing in a row while the name that was given is searched."""


def adopt(landing: Landing) -> Published | None:
    """Find the file of a landing that a crash interrupted; a body that only lacked its name is given it.

    None means that it never appeared: a part is taken up from its journal, a body is fetched again.

    Raises:
        DownloadError: what the disk says.
    """
    try:
        at = Folder.open(landing.folder, make=False)
    except DownloadError as error:
        if error.code is Code.FOLDER_UNUSABLE:
            return None
        raise
    with at, told(at.path):
        name = find(at, landing)
        if name is None and landing.part.startswith(claim.TEMPORARY_PREFIX) and matches(at, landing.part, landing):
            name = _first_free(landing, at)
        if name is None:
            return None
        _clear(at, landing)
        flush.folder(at.fd)
    return Published(name, path_of(at, name))


def find(at: Folder, landing: Landing) -> str | None:
    number = gaps = 0
    while gaps < ADOPT_GAPS and number < NUMBER_LIMIT:
        name = numbered(landing.target, number)
        if matches(at, name, landing):
            return name
        gaps = 0 if entry(at, name) else gaps + 1
        number += 1
    return None


def _first_free(landing: Landing, at: Folder) -> str | None:
    for number in range(NUMBER_LIMIT):
        name = numbered(landing.target, number)
        try:
            claim.claim(landing.part, at.fd, name, at.fd)
        except FileExistsError:
            continue
        return name
    return None


def _clear(at: Folder, landing: Landing) -> None:
    """Drop the second name of a file that was adopted, and the journal that its part had."""
    if matches(at, landing.part, landing):
        os.unlink(landing.part, dir_fd=at.fd)
    if not landing.part.endswith(PART):
        return
    orphan(at, landing.part.removesuffix(PART), landing.inode)


def orphan(at: Folder, name: str, inode: int) -> bool:
    """Drop the journal of a part that is gone, if it knew that very file and nobody holds it; say whether it did."""
    found = journal.look(at, name + JOURNAL)
    if found is None or found[2] or found[1].mark is None or found[1].mark.inode != inode:
        return False
    if entry(at, name + PART):
        return False
    os.unlink(name + JOURNAL, dir_fd=at.fd)
    return True
