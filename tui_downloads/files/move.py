"""Copy a part to another disk, holes kept."""

from __future__ import annotations

import errno
import os

from tui_downloads.core.errors import Code, DownloadError

from . import claim, flush, positioned, space
from .faults import plain
from .folder import Folder

BLOCK = 1 << 20


def copy(source: int, at: Folder, name: str) -> int:
    """Copy a file into a folder under a new name, locked and flushed; give its descriptor.

    Raises:
        DownloadError: DISK_FULL where it does not fit.
        OSError: as the system says; nothing is left behind.
    """
    status = os.fstat(source)
    need = min(status.st_size, status.st_blocks * 512)
    room = space.free(at.fd)
    if room is not None and need + space.MARGIN > room:
        raise space.full(at.path, need, room)
    fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at.fd)
    try:
        if not claim.hold(fd):
            raise DownloadError(Code.IN_USE, f"{plain(name)} is being written by another process.")
        os.ftruncate(fd, status.st_size)
        for start, end in _extents(source, status.st_size):
            _copy_span(source, fd, start, end)
        flush.data(fd)
    except BaseException:
        claim.drop(fd, name, at.fd)
        os.close(fd)
        raise
    return fd


def _extents(fd: int, size: int) -> list[tuple[int, int]]:
    """List where a file has bytes; the whole of it where the file system does not tell."""
    found = []
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
            end = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                return [(0, size)]
            break
        found.append((start, end))
        at = end
    return found


def _copy_span(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        content = os.pread(source, min(BLOCK, end - start), start)
        if not content:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        positioned.write(target, start, [content])
        start += len(content)
