"""Look at the parts of a folder without taking or changing them."""

from __future__ import annotations

import os

from msgspec import Struct

from tui_downloads.core.spans import SpanSet

from . import claim, journal
from .base import Origin
from .folder import Folder

PART = ".part"
JOURNAL = ".part.journal"


class Peek(Struct, frozen=True):
    """What is under a part's name."""

    origin: Origin | None
    """None when it is not ours."""
    locked: bool = False
    present: bool = True
    """False for a journal without its part."""
    inode: int = 0
    """Of the part or, when that is missing, of the part that the journal knew."""
    spans: SpanSet | None = None
    hollow: bool = False
    """An empty part of ours without a journal: whoever made it was ended before it was written down."""


def peek(at: Folder, name: str) -> Peek | None:
    """Look at the part of a target name; None when there is neither part nor journal."""
    found = journal.look(at, name + JOURNAL)
    try:
        fd = os.open(name + PART, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=at.fd)
    except FileNotFoundError:
        if found is None:
            return None
        _, state, locked = found
        return Peek(state.origin, locked, False, state.mark.inode if state.mark else 0, state.spans)
    except OSError as error:
        if error.errno not in claim.NOT_OURS:
            raise
        return Peek(None)
    try:
        status = os.fstat(fd)
        if not claim.ours(status, os.fstat(at.fd)):
            return Peek(None)
        locked = claim.held(fd)
        if found is None:
            return Peek(None, locked, inode=status.st_ino, hollow=not locked and is_hollow(status))
        return Peek(found[1].origin, locked, True, status.st_ino, found[1].spans)
    finally:
        os.close(fd)


def is_hollow(status: os.stat_result) -> bool:
    """Say whether a part has nothing in it and looks as we make them."""
    return (status.st_size, status.st_mode & 0o777, status.st_nlink) == (0, 0o600, 1)
