"""Folders that a foreground run works in: marked while they are unfinished, so that the same command goes on in them.

The mark names the link and is locked while its run lives; a kill leaves the mark and frees the lock.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable

from tui_downloads.core.download import FileRecord
from tui_downloads.files.peek import PART

MARK = ".tui-downloads-unfinished"


class Unfinished:
    """The folders that this run works in."""

    # Mutable state: the locked marks, by folder.
    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    def begin(self, folder: str, url: str) -> None:
        """Mark a folder that was made for a link; without a mark the next run begins anew, which is no harm."""
        try:
            fd = os.open(_mark(folder), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        os.write(fd, _key(url))
        self._hold(folder, fd)

    def resume(self, folder: str, url: str) -> bool:
        """Take a folder that an earlier run left; False where it is of another link, or somebody works in it."""
        try:
            fd = os.open(_mark(folder), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return False
        same = stat.S_ISREG(os.fstat(fd).st_mode) and os.read(fd, 256) == _key(url)
        if same and self._hold(folder, fd):
            return True
        if not same:
            os.close(fd)
        return False

    def _hold(self, folder: str, fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._held[folder] = fd
        return True

    def holds(self, folder: str) -> bool:
        """Say whether this run works in a folder."""
        return folder in self._held

    def end(self, folder: str) -> None:
        """Drop the mark of a folder in which everything is done."""
        fd = self._held.pop(folder, None)
        if fd is not None:
            os.unlink(_mark(folder))
            os.close(fd)


def take_up(parent: str, files: Iterable[FileRecord]) -> int:
    """Note what an earlier run left of a package: files under their names are whole, parts are gone on with."""
    kept = 0
    for file in files:
        path = os.path.join(parent, file.path)
        size = _size(path)
        if size is not None and file.size in (None, size):
            file.state, file.size, file.done = "complete", size, size
            kept += 1
        elif _size(path + PART) is not None:
            file.part = path + PART
    return kept


def _size(path: str) -> int | None:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _mark(folder: str) -> str:
    return os.path.join(folder, MARK)


def _key(url: str) -> bytes:
    """Give what a mark says of a link: a fingerprint, because links hold secrets."""
    from hashlib import blake2b

    return blake2b(url.encode(), digest_size=16).hexdigest().encode() + b"\n"
