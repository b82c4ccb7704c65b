"""Zips of finished files: written as they are read, in constant memory, with zip64 and UTF-8 names."""

from __future__ import annotations

import os
import stat
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Protocol, cast

from msgspec import Struct

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.files.faults import plain, told

BLOCK = 256 * 1024
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_FIRST = (1980, 1, 1, 0, 0, 0)
_LAST = (2107, 12, 31, 23, 59, 58)

Counted = Callable[[int, int], None]
"""Told how many files and bytes have gone in."""


class Member(Struct, frozen=True):
    """One entry of a zip, in its place."""

    name: str
    """With `/` between components; a folder's ends with one."""
    path: str = ""
    """Of the file on the disk; empty for a folder."""
    size: int = 0
    mtime: float = 0.0

    @property
    def folder(self) -> bool:
        return self.name.endswith("/")


class Output(Protocol):
    """Where a zip goes: all that zipfile asks of an output."""

    def write(self, data: bytes) -> int: ...

    def flush(self) -> None: ...


class Stream:
    """An output that can't be rewound; whoever reads takes what has come."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._held.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        held, self._held = self._held, []
        return b"".join(held)


def zip_stream(members: Iterable[Member], *, compress: bool = False, counted: Counted | None = None) -> Iterator[bytes]:
    """Give a zip's bytes as they are made; to be run in a thread, for it reads files.

    Raises:
        DownloadError: a file is gone or changes while it is read; what was given so far is no zip.
    """
    output = Stream()
    for _ in write_zip(output, members, compress=compress, counted=counted):
        block = output.take()
        if block:
            yield block
    yield output.take()


def write_zip(
    output: Output, members: Iterable[Member], *, compress: bool = False, counted: Counted | None = None
) -> Iterator[None]:
    """Write a zip, pausing after every block so that the caller may look up, pass bytes on or stop.

    Raises:
        DownloadError: a file is gone or changes while it is read, or what the disk says.
    """
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    files = done = 0
    with zipfile.ZipFile(cast(IO[bytes], output), "w", method, allowZip64=True) as archive:
        for member in members:
            if member.folder:
                archive.writestr(_info(member, zipfile.ZIP_STORED), b"")
                yield
                continue
            for count in _add(archive, member, method):
                done += count
                if counted is not None:
                    counted(files, done)
                yield
            files += 1
            if counted is not None:
                counted(files, done)
    yield


def _add(archive: zipfile.ZipFile, member: Member, method: int) -> Iterator[int]:
    """Add one file block by block; the size that was counted on is held against what is read."""
    with told(os.path.dirname(member.path)):
        fd = open_member(member)
    try:
        info = _info(member, method)
        # Incompressible bytes grow a little when deflated, so the choice of zip64 leaves room for that.
        with archive.open(info, "w", force_zip64=member.size > (1 << 31) - (1 << 27)) as entry:
            left = member.size
            while left > 0:
                block = os.read(fd, min(BLOCK, left))
                if not block:
                    raise _changed(member)
                entry.write(block)
                left -= len(block)
                yield len(block)
            if os.read(fd, 1):
                raise _changed(member)
    finally:
        os.close(fd)


def open_member(member: Member) -> int:
    """Open a member's file, which must be the regular file that was counted.

    Raises:
        DownloadError: it is not.
        OSError: as the system says.
    """
    try:
        fd = os.open(member.path, _FLAGS)
    except FileNotFoundError:
        raise DownloadError(
            Code.NOT_FOUND, f"{plain(member.name)} is no longer there.", next_step="Download it again.", retry=False
        ) from None
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_size != member.size:
        os.close(fd)
        raise _changed(member)
    return fd


def _changed(member: Member) -> DownloadError:
    return DownloadError(Code.REMOTE_CHANGED, f"{plain(member.name)} changed while it was read.", retry=False)


def _info(member: Member, method: int) -> zipfile.ZipInfo:
    name = member.name.encode("utf-8", "replace").decode("utf-8")
    info = zipfile.ZipInfo(name, min(max(time.localtime(member.mtime)[:6], _FIRST), _LAST))
    info.compress_type = method
    info.create_system = 3  # the attributes below are those of Unix
    if member.folder:
        info.external_attr = (stat.S_IFDIR | 0o755) << 16 | 0x10
    else:
        info.external_attr = (stat.S_IFREG | 0o644) << 16
        info.file_size = member.size
    return info
