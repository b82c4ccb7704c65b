"""Give a file a name without ever replacing what has that name, and hold files against other processes."""

from __future__ import annotations

import errno
import fcntl
import functools
import itertools
import os
import stat
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EMLINK})
NOT_OURS = frozenset({errno.ELOOP, errno.EMLINK, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENXIO})
"""What opening a link, a folder, a pipe or a file that we may not read fails with."""
TEMPORARY_PREFIX = ".tui-downloads-"
TEMPORARY_SUFFIX = ".tmp"
_CHANCE = os.urandom(4).hex()
_COUNTER = itertools.count()


def claim(source: str, source_fd: int, target: str, target_fd: int) -> None:
    """Rename a file unless the new name is taken; afterwards the old name is gone.

    Raises:
        FileExistsError: the new name is taken; nothing has changed.
        OSError: as the system says.
    """
    # One step first: a crash can't leave a file with two names. It costs what a link and an unlink cost.
    ways = (rename_exclusive, link_exclusive, placeholder_exclusive)
    for way in ways:
        try:
            way(source, source_fd, target, target_fd)
        except OSError as error:
            if error.errno not in _UNSUPPORTED or way is ways[-1]:
                raise
        else:
            return


def rename_exclusive(source: str, source_fd: int, target: str, target_fd: int) -> None:
    """Rename in one step; not every system and file system can."""
    call = _renamer()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    number = call(source_fd, os.fsencode(source), target_fd, os.fsencode(target))
    if number:
        raise OSError(number, os.strerror(number), source, None, target)


def link_exclusive(source: str, source_fd: int, target: str, target_fd: int) -> None:
    """Link to the new name, then drop the old one; FAT and some network file systems have no links."""
    os.link(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)
    try:
        os.unlink(source, dir_fd=source_fd)
    except OSError:
        # The file has its name; the second one is the same file and is cleared away at the next start.
        pass


def placeholder_exclusive(source: str, source_fd: int, target: str, target_fd: int) -> None:
    """Take the new name with an empty file of ours and rename over that."""
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=target_fd)
    try:
        if not is_at(fd, target, target_fd):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
        os.rename(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd)
    except OSError:
        if os.fstat(fd).st_size == 0:
            drop(fd, target, target_fd)
        raise
    finally:
        os.close(fd)


@functools.cache
def _renamer() -> Callable[[int, bytes, int, bytes], int] | None:
    # Imported when the first file is finished: it takes 10 ms, which the first byte need not wait for.
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    name, flag = ("renameatx_np", 4) if sys.platform == "darwin" else ("renameat2", 1)
    call = getattr(library, name, None)
    if call is None:
        return None
    call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    call.restype = ctypes.c_int

    def rename(source_fd: int, source: bytes, target_fd: int, target: bytes) -> int:
        return ctypes.get_errno() if call(source_fd, source, target_fd, target, flag) else 0

    return rename


def temporary() -> str:
    """Make up a name nobody else uses, which says whose file it is."""
    world = _world() or 8 * "0"
    return f"{TEMPORARY_PREFIX}{world}{os.getpid():08x}{_CHANCE}{next(_COUNTER):08x}{TEMPORARY_SUFFIX}"


def deserted(name: str) -> bool:
    """Say whether the process that made up this name is known to have ended."""
    words = name.removeprefix(TEMPORARY_PREFIX)
    try:
        world, number = words[:8], int(words[8:16], 16)
    except ValueError:
        return False
    if not _world() or world != _world() or not 0 < number < 1 << 31:
        return False  # of another machine or container, where the number means another process
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@functools.cache
def _world() -> str:
    """Name what the number of a process is unique in: this start of this machine, and this container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return f"{zlib.crc32(boot + space.encode()):08x}"


def is_at(fd: int, name: str, folder_fd: int) -> bool:
    """Say whether a name in a folder is this very file, and no link to it."""
    try:
        there = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(fd)
    return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)


def drop(fd: int, name: str, folder_fd: int) -> bool:
    """Remove a name if it is this very file; say whether it is gone by our hand."""
    try:
        if not is_at(fd, name, folder_fd):
            return False
        os.unlink(name, dir_fd=folder_fd)
    except OSError:
        return False
    return True


def ours(file: os.stat_result, folder: os.stat_result) -> bool:
    """Say whether a file can be one of ours: regular, and not another user's.

    On file systems without owners everything, the folder too, belongs to whoever mounted it.
    """
    return stat.S_ISREG(file.st_mode) and file.st_uid in (os.geteuid(), folder.st_uid)


def hold(fd: int, *, patience: float = 0.05) -> bool:
    """Lock a file for as long as it stays open; False when another process, or another of our parts, holds it.

    `patience` outlasts somebody who only looks (`held`), which takes microseconds.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.002)
        else:
            return True


def held(fd: int) -> bool:
    """Say whether somebody holds a file."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False
