"""Find the parts that earlier runs have left. Nothing is taken or changed; only what has its final name is cleared."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterable, Iterator

from msgspec import Struct

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.late import late
from tui_downloads.core.spans import SpanSet

from . import claim
from .adopt import find as find_landed
from .adopt import orphan
from .base import Landing, Origin
from .entry import entry, path_of
from .folder import Folder
from .peek import JOURNAL, PART, Peek, peek

OLD = 24 * 3600.0
"""Seconds after which a temporary file of ours belongs to nobody, whoever made it."""
_TEMPORARY = late(re.escape(claim.TEMPORARY_PREFIX) + r"[0-9a-f]{24,48}" + re.escape(claim.TEMPORARY_SUFFIX))


class Found(Struct, frozen=True):
    """A part of ours that can be gone on with."""

    origin: Origin
    path: str
    durable: SpanSet
    locked: bool = False
    """Somebody is writing it."""


def scan(folders: Iterable[str], *, locked: bool = False) -> Iterator[Found]:
    """Give the parts of ours in folders, subfolders left out; those that somebody writes only with `locked`.

    A folder that can't be read is passed over. A part that has its final name already is cleared away.
    """
    for path in dict.fromkeys(map(os.path.abspath, folders)):
        try:
            at = Folder.open(path, make=False)
        except DownloadError:
            continue
        with at:
            for name in _names(at):
                found = _look(at, name)
                if found is not None and (locked or not found.locked):
                    yield found


def find(folder: str, url: str) -> str | None:
    """Give the path of a part of a link in a folder, one that nobody writes before others; None where there is none."""
    held = None
    for found in scan([folder], locked=True):
        if found.origin.url == url:
            if not found.locked:
                return found.path
            held = held or found.path
    return held


def sweep(folder: str, *, now: float | None = None) -> list[str]:
    """Remove temporary files of ours that a crash has left; give their names.

    Their process is known to have ended, or they are a day old. Only after the intents of a database are adopted:
    until then such a file may be all there is of a download.
    """
    now = time.time() if now is None else now
    removed = []
    try:
        at = Folder.open(folder, make=False)
    except DownloadError:
        return []
    with at:
        own = os.fstat(at.fd)
        for name in _listing(at):
            if not _TEMPORARY.fullmatch(name):
                continue
            try:
                status = entry(at, name)
                if status is None or not claim.ours(status, own) or not stat.S_ISREG(status.st_mode):
                    continue
                if now - max(status.st_mtime, status.st_ctime) < OLD and not claim.deserted(name):
                    continue
                os.unlink(name, dir_fd=at.fd)
            except OSError:
                continue
            removed.append(name)
    return removed


def _names(at: Folder) -> list[str]:
    return sorted(name.removesuffix(JOURNAL) for name in _listing(at) if name.endswith(JOURNAL) and name != JOURNAL)


def _listing(at: Folder) -> list[str]:
    try:
        return os.listdir(at.fd)
    except OSError:
        return []


def _look(at: Folder, name: str) -> Found | None:
    try:
        found = peek(at, name)
        if found is None or found.origin is None:
            return None
        if not found.locked and _landed(at, name, found):
            return None
        if not found.present:
            return None
    except (OSError, DownloadError):
        return None
    return Found(found.origin, path_of(at, name + PART), found.spans or SpanSet(), found.locked)


def _landed(at: Folder, name: str, found: Peek) -> bool:
    """Say whether a part's file has its final name, which a crash kept from being told; drop what is left of it."""
    status = entry(at, name + PART)
    size = found.origin.size if found.origin is not None else None
    if status is not None:
        if status.st_nlink < 2:
            return False
        size = status.st_size
    if size is None:
        return False
    landing = Landing("", "", at.path, name + PART, name, 0, found.inode, size)
    if find_landed(at, landing) is None:
        return False
    if status is not None:
        os.unlink(name + PART, dir_fd=at.fd)
    orphan(at, name, found.inode)
    return True
