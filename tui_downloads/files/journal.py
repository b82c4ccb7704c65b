"""The journal of a part: what it is, and which of its bytes are safe. docs/journal-format.md is the format's page.

Append-only. A record is written only after the bytes it speaks of were flushed, and each record's check covers the one
before it, so whatever a crash or a stray write leaves behind, replay ends at the last record that was really written
and can only know less than what is safe, never more.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.spans import SpanSet

from . import claim, flush, positioned
from .base import Origin
from .faults import plain
from .folder import Folder
from .records import (
    CHECK,
    MARK,
    ORIGIN,
    SPANS,
    VERSION,
    JournalState,
    Mark,
    encode_mark,
    encode_origin,
    encode_spans,
    frame,
    parse,
    whole,
)

COMPACT_AT = 64 * 1024
"""Bytes from which a journal is written anew, with one record for all spans."""
READ_LIMIT = 16 * 1024 * 1024


def replay(fd: int) -> JournalState:
    """Read a journal up to its last good record; damage is noted, never raised."""
    try:
        content = positioned.read(fd, 0, min(os.fstat(fd).st_size, READ_LIMIT))
    except OSError as error:
        return JournalState(notes=(f"The journal can't be read: {plain(os.strerror(error.errno or 0))}.",))
    return parse(content)


class Journal:
    """An open journal, locked against everybody else; only the holder of the part has one."""

    # Mutable state: where the next record goes and the check it continues; both move only after a flush.
    __slots__ = ("_at", "_check", "_fd", "_whole", "broken", "end", "name")

    def __init__(self, at: Folder, name: str, fd: int, end: int, check: bytes) -> None:
        self._at = at
        self.name = name
        self._fd = fd
        self.end = end
        self._check = check
        self._whole = end
        self.broken = False
        """A flush has failed; what is on the disk is not known."""

    @classmethod
    def create(cls, at: Folder, name: str, origin: Origin, mark: Mark) -> Journal:
        """Make a journal; an orphan of ours, left without its part, is replaced.

        Raises:
            FileExistsError: the name is held, or is not ours.
            OSError: as the system says.
        """
        if (there := look(at, name)) is not None and (there[1].origin is None or there[2]):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        fd, end, check = _write_new(at, name, origin, SpanSet(), mark, replace=there is not None)
        return cls(at, name, fd, end, check)

    @classmethod
    def open(cls, at: Folder, name: str) -> tuple[Journal, JournalState]:
        """Open and lock the journal of a part that the caller holds.

        Raises:
            DownloadError: PART_LOST where it is missing or not ours, STATE_UNUSABLE where it is newer than we are.
            OSError: as the system says.
        """
        path = plain(f"{at.path}/{name}")
        try:
            fd = _open(at, name, os.O_RDWR)
        except FileNotFoundError:
            raise DownloadError(Code.PART_LOST, f"{path} is missing; its part was left untouched.") from None
        try:
            if not claim.ours(os.fstat(fd), os.fstat(at.fd)):
                raise DownloadError(Code.PART_LOST, f"{path} is not ours; it was left untouched.")
            if not claim.hold(fd):
                raise DownloadError(Code.IN_USE, f"{path} is in use by another process.")
            state = replay(fd)
            if state.version > VERSION:
                raise DownloadError(
                    Code.STATE_UNUSABLE,
                    f"{path} was written by a newer version of this program; it was left untouched.",
                    next_step="Go on with the newer version, or choose another name.",
                )
            if state.origin is None:
                raise DownloadError(Code.PART_LOST, f"{path} can't be read; its part was left untouched.")
        except BaseException:
            os.close(fd)
            raise
        return cls(at, name, fd, state.end, state.check), state

    @property
    def long(self) -> bool:
        """Whether it is worth writing anew: over the limit, and twice what it was when it was written whole."""
        return self.end >= max(COMPACT_AT, 2 * self._whole)

    def add_spans(self, spans: Iterable[tuple[int, int]]) -> None:
        """Record spans whose bytes are on the disk."""
        self._append(SPANS, encode_spans(spans))

    def add_origin(self, origin: Origin) -> None:
        """Record a changed origin."""
        self._append(ORIGIN, encode_origin(origin))

    def add_mark(self, mark: Mark) -> None:
        """Record what the part is known by."""
        self._append(MARK, encode_mark(mark))

    def replace(self, origin: Origin, spans: SpanSet, mark: Mark) -> None:
        """Write the journal anew, atomically; after a crash there is the old one or the new one, whole.

        Raises:
            OSError: as the system says; the old journal is still there and still good.
        """
        fd, end, check = _write_new(self._at, self.name, origin, spans, mark, replace=True)
        os.close(self._fd)
        self._fd, self.end, self._check = fd, end, check
        self._whole = end
        self.broken = False

    def remove(self) -> bool:
        """Remove the journal's name if it is still this journal."""
        return claim.drop(self._fd, self.name, self._at.fd)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _append(self, kind: bytes, payload: bytes) -> None:
        record = frame(kind, payload, self._check)
        # Written at a known place: what a failed append has left is overwritten by the next one.
        positioned.write(self._fd, self.end, [record])
        try:
            flush.data(self._fd)
        except OSError:
            self.broken = True
            raise
        self.end += len(record)
        self._check = record[-CHECK:]


def look(at: Folder, name: str) -> tuple[os.stat_result, JournalState, bool] | None:
    """Read a journal without taking it: its stat, what it says, and whether somebody holds it; None when missing."""
    try:
        fd = _open(at, name, os.O_RDONLY)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno not in claim.NOT_OURS:
            raise
        return os.stat(name, dir_fd=at.fd, follow_symlinks=False), JournalState(), False
    try:
        status = os.fstat(fd)
        if not claim.ours(status, os.fstat(at.fd)):
            return status, JournalState(), False
        return status, replay(fd), claim.held(fd)
    finally:
        os.close(fd)


def _open(at: Folder, name: str, access: int) -> int:
    return os.open(name, access | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=at.fd)


def _write_new(
    at: Folder, name: str, origin: Origin, spans: SpanSet, mark: Mark, *, replace: bool
) -> tuple[int, int, bytes]:
    """Write a whole journal beside, lock and flush it, and give it its name: descriptor, end and last check."""
    content, check = whole(origin, spans, mark)
    written = claim.temporary()
    fd = os.open(written, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at.fd)
    try:
        claim.hold(fd)
        positioned.write(fd, 0, [content])
        flush.data(fd)
        if replace:
            os.replace(written, name, src_dir_fd=at.fd, dst_dir_fd=at.fd)
        else:
            claim.claim(written, at.fd, name, at.fd)
    except BaseException:
        claim.drop(fd, written, at.fd)
        os.close(fd)
        raise
    return fd, len(content), check
