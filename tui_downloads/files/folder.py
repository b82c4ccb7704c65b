"""Folders that downloads go to: opened once, made when missing, refused when they are not what they were."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from tui_downloads.core.errors import Code, DownloadError

from . import flush, space
from .faults import plain, told

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Folder:
    """An open folder; whatever happens to its path, `fd` stays the same folder."""

    __slots__ = ("fd", "made", "path")

    def __init__(self, path: str, fd: int, made: tuple[str, ...] = ()) -> None:
        self.path = path
        self.fd = fd
        self.made = made
        """Folders that were made to open this one, the outermost first."""

    @classmethod
    def open(cls, path: str, *, make: bool = True, device: str | None = None, within: str | None = None) -> Folder:
        """Open a folder, making it and its parents when missing.

        `device` is an earlier `device_of`: where that disk is not mounted, nothing is made in its empty mount point.
        `within` is a folder that this one must not leave, by symbolic links or otherwise.

        Raises:
            DownloadError: FOLDER_UNUSABLE, DISK_FULL or DISK_ERROR.
        """
        path = _absolute(path)
        if device is not None:
            _require_mounted(path, device)
        if within is not None and not inside(within, path):
            raise DownloadError(Code.FOLDER_UNUSABLE, f"{plain(path)} leads out of {plain(within)}.")
        made: tuple[str, ...] = ()
        with told(path):
            try:
                fd = os.open(path, _FLAGS)
            except FileNotFoundError:
                if not make:
                    raise
                made = _make(path)
                fd = os.open(path, _FLAGS)
        return cls(path, fd, made)

    def close(self) -> None:
        """Close the folder; closing twice is harmless."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Folder({self.path!r}{'' if self.fd >= 0 else ', closed'})"


def open_folder(path: str, make: bool = True) -> Folder:
    """Open a folder, making it when missing; see `Folder.open`."""
    return Folder.open(path, make=make)


def component(name: str) -> str:
    """Give a name back if it is one plain component of a path.

    Raises:
        DownloadError: FOLDER_UNUSABLE for anything that would lead elsewhere.
    """
    if not name or name in (".", "..") or "/" in name or "\0" in name or (os.altsep and os.sep in name):
        raise DownloadError(Code.FOLDER_UNUSABLE, f"{plain(name)!r} can't be the name of a file.")
    return name


def inside(root: str, path: str) -> bool:
    """Say whether a path, symbolic links followed, is a folder or lies in it."""
    real = os.path.realpath(root)
    try:
        return os.path.commonpath([real, os.path.realpath(path)]) == real
    except ValueError:
        return False


def device_of(path: str) -> str:
    """Name the mount point a folder lies on; the folder itself need not exist.

    The mount point tells an unmounted disk from a mounted one after a reboot too, when device numbers have moved.
    """
    at = _existing(os.path.realpath(path))
    device = os.stat(at).st_dev
    while (parent := os.path.dirname(at)) != at and os.stat(parent).st_dev == device:
        at = parent
    return at


def check_folder(path: str, own: Iterable[str] = (), *, need: int = 0, device: str | None = None) -> int | None:
    """Say how much is free where a download would go, or why it can't go there; nothing is made.

    `own` are our config, state and code folders, which are refused with everything in them.

    Raises:
        DownloadError: FOLDER_UNUSABLE, or DISK_FULL where fewer than `need` bytes and a margin are free.
    """
    path = _absolute(path)
    for folder in own:
        if inside(folder, path):
            raise DownloadError(
                Code.FOLDER_UNUSABLE, f"{plain(path)} is a folder of this program itself; downloads can't go there."
            )
    if device is not None:
        _require_mounted(path, device)
    with told(path):
        at = _existing(path)
        if not os.path.isdir(at):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(at, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise DownloadError(Code.FOLDER_UNUSABLE, f"Writing in {plain(at)} is not permitted.")
    room = space.free(at)
    if room is not None and need and need + space.MARGIN > room:
        raise space.full(path, need, room)
    return room


def _absolute(path: str) -> str:
    if not path or "\0" in path:
        raise DownloadError(Code.FOLDER_UNUSABLE, f"{plain(path)!r} is not the name of a folder.")
    return os.path.abspath(path)  # noqa: PTH100 - links are to be kept as they are


def _existing(path: str) -> str:
    """Give the nearest folder upwards that exists; a dangling link counts as existing."""
    while not os.path.lexists(path):
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    return path


def _require_mounted(path: str, device: str) -> None:
    with told(path):
        present = device_of(path)
    # Only a disk that went away is refused. One that was mounted meanwhile, deeper down, shows by its missing parts.
    if present != device and os.path.commonpath([present, device]) == present:
        raise DownloadError(
            Code.FOLDER_UNUSABLE,
            f"The disk of {plain(path)} is not mounted at {plain(device)}.",
            next_step="Mount the disk, then retry.",
        )


def _make(path: str) -> tuple[str, ...]:
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    made = []
    for folder in reversed(missing):
        try:
            os.mkdir(folder, 0o777)  # noqa: PTH102
        except FileExistsError:
            continue
        made.append(folder)
        # A file is no safer than the entry of the folder it lies in.
        parent = os.open(os.path.dirname(folder), _FLAGS)
        try:
            flush.folder(parent)
        finally:
            os.close(parent)
    return tuple(made)
