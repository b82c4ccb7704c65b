"""How much room a disk has."""

from __future__ import annotations

import os

from tui_downloads.core.errors import Code, DownloadError

from .faults import plain

MARGIN = 1 << 20
"""Bytes left free beside a download, for journals, the database and the file system's own needs."""


def free(path: str | int) -> int | None:
    """Give the bytes free for us on the disk of a path or descriptor, or None where that can't be told."""
    try:
        figures = os.statvfs(path if isinstance(path, int) else _existing(path))
    except OSError:
        return None
    # FUSE file systems without figures answer zeroes.
    return figures.f_bavail * figures.f_frsize if figures.f_blocks else None


def device(path: str) -> int | None:
    """Give the number of the disk a path is on, to group downloads by; not to be remembered across restarts."""
    try:
        return os.stat(_existing(path)).st_dev
    except OSError:
        return None


def full(path: str, need: int, room: int) -> DownloadError:
    """Say that a file does not fit."""
    return DownloadError(
        Code.DISK_FULL, f"{plain(path)} has {room:,} bytes free, and {need:,} and a margin of {MARGIN:,} are needed."
    )


def _existing(path: str) -> str:
    path = os.path.abspath(path)  # noqa: PTH100
    while not os.path.exists(path):
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    return path
