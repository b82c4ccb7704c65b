"""Bring bytes and names to the disk. Nothing is safe before these return."""

from __future__ import annotations

import errno
import os

_NO_FOLDERS = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


def data(fd: int) -> None:
    """Bring a file's bytes and length to the disk."""
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)


def folder(fd: int) -> None:
    """Bring a folder's entries to the disk, where its file system knows how."""
    try:
        os.fsync(fd)
    except OSError as error:
        # Some network and FUSE file systems have no fsync for folders; there is nothing better to do on them.
        if error.errno not in _NO_FOLDERS:
            raise
