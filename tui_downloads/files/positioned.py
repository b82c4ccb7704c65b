"""Read and write at offsets, whole: a signal or a nearly full disk cuts a single call short."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence


def write(fd: int, offset: int, chunks: Sequence[bytes | memoryview], done: int = 0) -> None:
    """Write chunks one behind the other from an offset; the first `done` bytes are there already."""
    at = offset + done
    for chunk in chunks:
        if done >= len(chunk):
            done -= len(chunk)
            continue
        view = memoryview(chunk)[done:]
        done = 0
        while view:
            count = os.pwrite(fd, view, at)
            if not count:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            view = view[count:]
            at += count


def read(fd: int, offset: int, length: int) -> bytes:
    """Read bytes from an offset; fewer only at the end of the file."""
    content = os.pread(fd, length, offset)
    while 0 < len(content) < length:
        more = os.pread(fd, length - len(content), offset + len(content))
        if not more:
            break
        content += more
    return content
