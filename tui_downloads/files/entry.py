"""Entries of an open folder, links never followed."""

from __future__ import annotations

import functools
import os
import stat

from .base import Landing
from .folder import Folder


def entry(at: Folder, name: str) -> os.stat_result | None:
    """Give what is under a name, or None."""
    try:
        return os.stat(name, dir_fd=at.fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def path_of(at: Folder, name: str) -> str:
    """Give the path of a name in a folder."""
    return f"{at.path.rstrip('/')}/{name}"


def matches(at: Folder, name: str, landing: Landing) -> bool:
    """Say whether a name is the landing's file. Device numbers move at reboots, so the folder stands for them."""
    try:
        status = os.stat(name, dir_fd=at.fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_ino == landing.inode and status.st_size == landing.size


def is_folder(at: Folder, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=at.fd, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


@functools.cache
def umask() -> int:
    """Read the umask once; setting it to read it would disturb other threads where Linux does not tell."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("Umask:"):
                    return int(line.split()[1], 8)
    except (OSError, ValueError):
        pass
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
