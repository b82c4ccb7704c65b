"""A download in progress: `name.part`, locked by whoever writes it, and the journal beside it.

Bytes go to their places; a checkpoint flushes them and only then writes down which are safe. After a crash at any
instant the journal knows at most what is on the disk, so a download goes on from there and never mixes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from contextlib import ExitStack

from msgspec.structs import replace

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.spans import SpanSet

from . import claim, flush, positioned, space
from .base import Origin, Owner, PartTaken
from .faults import plain, told, translate
from .folder import Folder, component
from .journal import Journal
from .move import copy
from .peek import JOURNAL, PART, is_hollow, peek
from .records import JournalState, Mark

_IOV_MAX = min(1024, os.sysconf("SC_IOV_MAX")) if hasattr(os, "sysconf") else 16
_NO_SPLICE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_SAMPLE = 4096
"""Bytes at the first safe offset by which a copied part is known."""


class PartFile:
    """One part and its journal, open and locked. Writes may run while a checkpoint runs in another thread."""

    # Mutable state: the names, the last good checkpoint, and whether a flush has failed since the part was opened.
    # `durable` is replaced and never changed in place, so that other threads may read it.
    __slots__ = ("_at", "_entered", "_fd", "_journal", "_mark", "_poisoned", "durable", "name", "origin")

    def __init__(
        self, at: Folder, name: str, fd: int, journal: Journal, origin: Origin, durable: SpanSet, mark: Mark
    ) -> None:
        self._at = at
        self._fd = fd
        self._journal = journal
        self._mark = mark
        self._entered = False
        self._poisoned = False
        self.name = name
        """The target's name."""
        self.origin = origin
        self.durable = durable
        """Spans that a crash can't take."""

    @classmethod
    def create(cls, folder: str, name: str, origin: Origin) -> PartFile:
        """Make and lock a new part with its journal.

        Raises:
            PartTaken: there is one; its `owner` says whether to open it or to choose another name.
            DownloadError: IN_USE when somebody is writing it, or what the disk says.
        """
        component(name)
        origin = replace(origin, name=name)
        with ExitStack() as undo:
            at = undo.enter_context(Folder.open(folder))
            undo.enter_context(told(at.path))
            fd = _make(at, name, origin.url)
            undo.callback(os.close, fd)
            undo.callback(claim.drop, fd, name + PART, at.fd)
            if not claim.hold(fd):
                raise _in_use(at, name)
            mark = Mark(os.fstat(fd).st_ino)
            try:
                journal = Journal.create(at, name + JOURNAL, origin, mark)
            except FileExistsError:
                raise PartTaken(_path(at, name), Owner.FOREIGN) from None
            undo.pop_all()
            return cls(at, name, fd, journal, origin, SpanSet(), mark)

    @classmethod
    def open(cls, path: str) -> PartFile:
        """Lock a part of ours and read its journal; bytes that are no longer there are left out.

        Raises:
            DownloadError: PART_LOST when it is missing or not ours, IN_USE when somebody is writing it, STATE_UNUSABLE
                when a newer program wrote it, or what the disk says.
        """
        folder, _, file = os.path.abspath(path).rpartition("/")  # noqa: PTH100
        name = file.removesuffix(PART)
        with ExitStack() as undo:
            at = undo.enter_context(Folder.open(folder or "/", make=False))
            undo.enter_context(told(at.path))
            if name == file or not name:
                raise _lost(at, file, "is not the name of a part")
            fd = _take(at, name)
            undo.callback(os.close, fd)
            journal, state = Journal.open(at, name + JOURNAL)
            undo.callback(journal.close)
            part = cls._trusted(at, name, fd, journal, state)
            undo.pop_all()
            return part

    @classmethod
    def _trusted(cls, at: Folder, name: str, fd: int, journal: Journal, state: JournalState) -> PartFile:
        """Hold the journal against the part, and write down what it may no longer say."""
        status = os.fstat(fd)
        origin, spans = state.origin, state.spans.copy()
        assert origin is not None
        mark = state.mark or Mark(0)
        # Systems give the number of a deleted file to the next one: where there are bytes to know it by, they decide.
        known = not mark.length or _sample(fd, mark.start, mark.length) == mark.digest
        if not known or (mark.inode != status.st_ino and not mark.length):
            raise _lost(at, name + PART, "is not the file that its journal knows")
        if mark.inode != status.st_ino:  # copied or restored
            mark = replace(mark, inode=status.st_ino)
        spans.remove(status.st_size, (1 << 63) - 1)
        if status.st_nlink > 1 and not (origin.size is not None and spans.covers(0, origin.size)):
            raise _lost(at, name + PART, "has a second name, so writing would change that file")
        origin = replace(origin, name=name)
        if spans != state.spans or mark != state.mark:
            journal.replace(origin, spans, mark)
        return cls(at, name, fd, journal, origin, spans, mark)

    @property
    def path(self) -> str:
        return _path(self._at, self.name)

    @property
    def folder(self) -> str:
        return self._at.path

    @property
    def folder_fd(self) -> int:
        return self._at.fd

    @property
    def file(self) -> str:
        """The part's own name."""
        return self.name + PART

    @property
    def poisoned(self) -> bool:
        """A flush has failed: only a part opened anew knows what is safe."""
        return self._poisoned

    @property
    def gone(self) -> bool:
        """Somebody deleted the part while it is open."""
        return os.fstat(self._fd).st_nlink == 0

    @property
    def size_on_disk(self) -> int:
        """Bytes that the part takes on the disk; holes take none."""
        return os.fstat(self._fd).st_blocks * 512

    @property
    def length(self) -> int:
        """Where the part ends, holes included."""
        return os.fstat(self._fd).st_size

    def fileno(self) -> int:
        """Give the part's descriptor, to read or hash it."""
        return self._fd

    def reserve(self, size: int) -> None:
        """Check that the whole file fits, and set the part's length; nothing is allocated.

        Raises:
            DownloadError: DISK_FULL, FILE_TOO_LARGE, or what the disk says.
        """
        with told(self.folder):
            status = os.fstat(self._fd)
            need = size - min(status.st_blocks * 512, status.st_size)
            room = space.free(self._fd)
            if room is not None and need > 0 and need + space.MARGIN > room:
                raise space.full(self.folder, need, room)
            if status.st_size == size:
                return
            kept = self.durable.copy()
            kept.remove(size, (1 << 63) - 1)
            if kept != self.durable:
                self._journal.replace(self.origin, kept, self._mark)
                self.durable = kept
            try:
                os.ftruncate(self._fd, size)
            except (OverflowError, OSError) as error:
                if isinstance(error, OSError) and error.errno != errno.EINVAL:
                    raise
                raise DownloadError(
                    Code.FILE_TOO_LARGE, f"{size:,} bytes are too large for the disk of {plain(self.folder)}."
                ) from error

    def write(self, offset: int, chunks: Sequence[bytes]) -> None:
        """Write chunks one behind the other from an offset, all of them.

        Raises:
            DownloadError: what the disk says; any part of the bytes may have been written.
        """
        try:
            if len(chunks) == 1:
                chunk = chunks[0]
                count = os.pwrite(self._fd, chunk, offset)
                if count == len(chunk):
                    return
            elif len(chunks) <= _IOV_MAX:
                count = os.pwritev(self._fd, chunks, offset)
            else:
                count = 0
            positioned.write(self._fd, offset, chunks, count)
        except OSError as error:
            raise translate(error, self.folder) from error

    def pour(self, pipe: int, offset: int, count: int) -> None:
        """Take bytes out of a pipe and write them from an offset, all of them.

        Raises:
            DownloadError: what the disk says; any part of the bytes may have been written, and the rest is in the pipe.
        """
        try:
            while count:
                try:
                    moved = os.splice(pipe, self._fd, count, offset_dst=offset)
                except OSError as error:
                    if error.errno not in _NO_SPLICE:
                        raise
                    data = os.read(pipe, count)  # a file system that takes nothing from pipes
                    positioned.write(self._fd, offset, [data])
                    moved = len(data)
                if not moved:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                offset += moved
                count -= moved
        except OSError as error:
            raise translate(error, self.folder) from error

    def read(self, offset: int, length: int) -> bytes:
        """Read bytes that were written; fewer at the end of the part.

        Raises:
            DownloadError: what the disk says.
        """
        with told(self.folder):
            return positioned.read(self._fd, offset, length)

    def sync(self) -> None:
        """Flush every byte written so far.

        Raises:
            DownloadError: DISK_ERROR, or DISK_FULL where the disk found no room; the part is poisoned, because the
                system may have dropped what it could not write and forgotten about it.
        """
        if self._poisoned:
            raise DownloadError(
                Code.DISK_ERROR, f"Bytes written in {plain(self.folder)} may be lost; the part must be opened anew."
            )
        try:
            flush.data(self._fd)
        except OSError as error:
            raise self._poison(error) from error

    def checkpoint(self, spans: SpanSet) -> None:
        """Flush the part and write down which spans are safe; they must have been written before this call.

        Raises:
            DownloadError: as `sync`; `durable` is still what the journal says.
        """
        fresh = [gap for start, end in spans for gap in self.durable.gaps(start, end)]
        if not fresh:
            return
        self.sync()
        durable = self.durable.copy()
        for start, end in fresh:
            durable.add(start, end)
        try:
            self._write_down(fresh, durable)
        except OSError as error:
            raise (self._poison(error) if self._journal.broken else translate(error, self.folder)) from error
        self.durable = durable

    def _write_down(self, fresh: Sequence[tuple[int, int]], durable: SpanSet) -> None:
        if not self._mark.length:
            start, end = next(iter(durable))
            length = min(end - start, _SAMPLE)
            mark = replace(self._mark, start=start, length=length, digest=_sample(self._fd, start, length))
            self._journal.add_mark(mark)
            self._mark = mark
        if self._journal.long:
            self._journal.replace(self.origin, durable, self._mark)
        else:
            self._journal.add_spans(fresh)
        if not self._entered:
            flush.folder(self._at.fd)
            self._entered = True

    def rewrite(self, origin: Origin) -> None:
        """Begin again from zero, for another version of the file.

        Raises:
            DownloadError: what the disk says; the part is as it was, or empty.
        """
        origin = replace(origin, name=self.name)
        with told(self.folder):
            mark = Mark(os.fstat(self._fd).st_ino)
            self._journal.replace(origin, SpanSet(), mark)
            # The old journal must be gone for good before the first byte changes under it.
            flush.folder(self._at.fd)
            self.origin, self.durable, self._mark = origin, SpanSet(), mark
            os.ftruncate(self._fd, 0)

    def amend(self, origin: Origin) -> None:
        """Write down a changed link, validator, size or checksum; the bytes stay.

        Raises:
            DownloadError: what the disk says; the journal says what it said.
        """
        origin = replace(origin, name=self.name)
        if origin == self.origin:
            return
        with told(self.folder):
            self._journal.add_origin(origin)
        self.origin = origin

    def move(self, folder: str, name: str) -> None:
        """Take part and journal to another folder or name; across disks they are copied and flushed first.

        Raises:
            PartTaken: there is a part of that name.
            DownloadError: what the disk says; the part is where it was.
        """
        component(name)
        with ExitStack() as undo:
            at = undo.enter_context(Folder.open(folder))
            undo.enter_context(told(at.path))
            if (found := peek(at, name)) is not None and (found.present or found.origin is None or found.locked):
                raise PartTaken(_path(at, name), Owner.FOREIGN if found.origin is None else Owner.OTHER)
            origin = replace(self.origin, name=name)
            far = os.fstat(at.fd).st_dev != os.fstat(self._at.fd).st_dev
            fd = self._fd
            if far:
                self.sync()
                fd = copy(self._fd, at, name + PART)
                undo.callback(os.close, fd)
                undo.callback(claim.drop, fd, name + PART, at.fd)
            mark = replace(self._mark, inode=os.fstat(fd).st_ino)
            # The journal goes first: alone it promises nothing.
            journal = Journal.create(at, name + JOURNAL, origin, mark)
            undo.callback(journal.close)
            undo.callback(journal.remove)
            if self.durable:
                journal.add_spans(self.durable)
            if not far:
                claim.claim(self.file, self._at.fd, name + PART, at.fd)
            undo.pop_all()
        self._leave(journal, at, name, fd)
        self.origin, self._mark = origin, mark

    def _leave(self, journal: Journal, at: Folder, name: str, fd: int) -> None:
        """Drop what is left in the old place and stand in the new one."""
        if fd != self._fd:
            claim.drop(self._fd, self.file, self._at.fd)
            os.close(self._fd)
        self._journal.remove()
        self._journal.close()
        old, self._at, self.name = self._at, at, name
        self._fd, self._journal, self._entered = fd, journal, True
        with told(at.path), old:
            flush.folder(at.fd)
            flush.folder(old.fd)

    def close(self) -> None:
        """Close and unlock; closing twice is harmless. What was not checkpointed is fetched again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._journal.close()
            os.close(fd)
            self._at.close()

    def discard(self) -> None:
        """Remove part and journal if they are still these files, and close."""
        if self._fd < 0:
            return
        claim.drop(self._fd, self.file, self._at.fd)
        self._journal.remove()
        self.close()

    def landed(self) -> None:
        """Drop the journal of a part that has its final name, and close."""
        if self._fd < 0:
            return
        self._journal.remove()
        self.close()

    def _poison(self, error: OSError) -> DownloadError:
        self._poisoned = True
        told_ = translate(error, self.folder)
        code = told_.code if told_.code is Code.DISK_FULL else Code.DISK_ERROR
        return DownloadError(code, f"Flushing failed: {told_.message}", retry=False)

    def __repr__(self) -> str:
        return f"PartFile({self.name!r}, {self.durable.total} bytes safe{', poisoned' if self._poisoned else ''})"


def _make(at: Folder, name: str, url: str) -> int:
    """Create the part's file, or say whose the one that is there is."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name + PART, flags, 0o600, dir_fd=at.fd)
    except FileExistsError:
        found = peek(at, name)
    if found is not None and found.hollow and (fd := _take_hollow(at, name)) is not None:
        return fd
    if found is None or found.origin is None:
        raise PartTaken(_path(at, name), Owner.FOREIGN)
    if found.locked:
        raise _in_use(at, name)
    raise PartTaken(_path(at, name), Owner.SAME if found.origin.url == url else Owner.OTHER, found.origin)


def _take_hollow(at: Folder, name: str) -> int | None:
    """Lock the empty part of somebody who was killed before its journal was written; None when somebody is faster."""
    try:
        fd = _take(at, name)
    except DownloadError:
        return None
    if is_hollow(os.fstat(fd)):
        return fd
    os.close(fd)
    return None


def _take(at: Folder, name: str) -> int:
    """Open and lock the part's file if it can be ours."""
    file = name + PART
    try:
        fd = os.open(file, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=at.fd)
    except FileNotFoundError:
        raise _lost(at, file, "is missing") from None
    except OSError as error:
        if error.errno in claim.NOT_OURS - {errno.EACCES, errno.EPERM}:
            raise _lost(at, file, "is not a file of ours; it was left untouched") from error
        raise
    try:
        if not claim.ours(os.fstat(fd), os.fstat(at.fd)):
            raise _lost(at, file, "is not a file of ours; it was left untouched")
        if not claim.hold(fd):
            raise _in_use(at, name)
        if not claim.is_at(fd, file, at.fd):
            raise _lost(at, file, "is missing")
    except BaseException:
        os.close(fd)
        raise
    return fd


def _sample(fd: int, start: int, length: int) -> str:
    from hashlib import blake2b

    return blake2b(positioned.read(fd, start, length), digest_size=16).hexdigest()


def _path(at: Folder, name: str) -> str:
    return f"{at.path.rstrip('/')}/{name}{PART}"


def _lost(at: Folder, file: str, what: str) -> DownloadError:
    return DownloadError(Code.PART_LOST, f"{plain(file)} in {plain(at.path)} {what}.")


def _in_use(at: Folder, name: str) -> DownloadError:
    return DownloadError(Code.IN_USE, f"{plain(_path(at, name))} is being written by another process.")
