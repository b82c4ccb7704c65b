"""Delete what was made for a download, then folders that were made for it and are empty. Nothing else, ever."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping, Sequence

from msgspec import Struct

from tui_downloads.core.errors import Code, DownloadError

from .entry import entry, path_of
from .faults import plain, told
from .folder import Folder, component, inside

_NOT_EMPTY = frozenset({errno.ENOTEMPTY, errno.EEXIST})


class Made(Struct, frozen=True):
    """What a file was when we made it; None is not known and not compared."""

    inode: int | None = None
    size: int | None = None


def remove_files(
    folder: str, paths: Sequence[str], made: str | None = None, known: Mapping[str, Made] | None = None
) -> list[str]:
    """Delete finished files by their paths relative to a folder, then `made` and its subfolders where empty.

    A file that is not what `known` says was put there by somebody else since and stays; so does anything that is not a
    regular file, and anything that symbolic links would lead to outside of the folder. Gives the paths deleted.

    Raises:
        DownloadError: FOLDER_UNUSABLE for a path that leads out of the folder, or what the disk says.
    """
    known = known or {}
    deleted = []
    parents: dict[str, None] = {}
    for path in paths:
        full = os.path.join(folder, path)
        parent, name = os.path.split(full)
        if path.startswith("/") or ".." in path.split("/") or not inside(folder, parent):
            raise DownloadError(Code.FOLDER_UNUSABLE, f"{plain(path)} leads out of {plain(folder)}.")
        component(name)
        if _remove(parent, name, known.get(path, Made())):
            deleted.append(path)
        parents[parent] = None
    if made is not None and os.path.abspath(made) != os.path.abspath(folder):  # noqa: PTH100
        remove_folders(made, list(parents))
    return deleted


def remove_folders(made: str, parents: Sequence[str] = ()) -> list[str]:
    """Remove the given folders in `made`, their parents up to it, and `made` itself, as far as they are empty.

    Raises:
        DownloadError: what the disk says.
    """
    root = os.path.abspath(made)  # noqa: PTH100 - links are to be seen, not followed
    todo = {root}
    for parent in parents:
        path = os.path.abspath(parent)  # noqa: PTH100
        while path.startswith(root + os.sep):
            todo.add(path)
            path = os.path.dirname(path)
    removed = []
    for path in sorted(todo, key=len, reverse=True):
        with told(os.path.dirname(path)):
            try:
                # A symbolic link is no folder to rmdir, so it stays, and so does what it points to.
                os.rmdir(path)  # noqa: PTH106
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                if error.errno in _NOT_EMPTY or error.errno == errno.EBUSY:
                    continue
                raise
        removed.append(path)
    return removed


def _remove(parent: str, name: str, made: Made) -> bool:
    if not os.path.isdir(parent):
        return False
    with Folder.open(parent, make=False) as at, told(at.path):
        status = entry(at, name)
        if status is None or not stat.S_ISREG(status.st_mode):
            return False
        if made.inode is not None and made.inode != status.st_ino:
            return False
        if made.size is not None and made.size != status.st_size:
            return False
        try:
            os.unlink(name, dir_fd=at.fd)
        except IsADirectoryError:
            raise DownloadError(Code.FOLDER_UNUSABLE, f"{plain(path_of(at, name))} is a folder.") from None
    return True
