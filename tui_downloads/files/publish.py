"""Give finished files their names, many at a time and never over somebody else's.

`prepare` flushes a batch, the engine remembers what is about to appear, `land` names it and flushes the folders. A
crash before landing leaves parts and temporary files; a crash after it leaves files that `adopt.adopt` recognises.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.names import numbered
from tui_downloads.core.secrecy import Guarded
from tui_downloads.core.spec import OnConflict

from . import claim, flush, positioned
from .adopt import adopt as adopt
from .base import Landing, Published
from .entry import entry, is_folder, matches, path_of, umask
from .faults import plain, told, translate
from .folder import Folder, component
from .part import PartFile
from .taken import NUMBER_LIMIT, Known, Taken

OPEN_AT_ONCE = 64
"""Temporary files that are written before the first of them is flushed, so that one journal commit serves many."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Ready(Guarded, frozen=True):
    """A file that is whole and verified: a part, or a body that was kept in memory."""

    hidden = frozenset({"body"})

    folder: str
    name: str
    conflict: OnConflict = OnConflict.RENAME
    part: PartFile | None = None
    body: bytes | None = None
    mtime: float | None = None
    """Epoch seconds for the file's modification time, or None to leave it."""


def prepare(items: Sequence[Ready]) -> list[Landing | DownloadError]:
    """Flush parts, write and flush bodies beside their targets; nothing has its name yet.

    A body's failure leaves nothing behind; a part's leaves the part as it was.
    """
    results: list[Landing | DownloadError] = []
    with _folders() as folders:
        for start in range(0, len(items), OPEN_AT_ONCE):
            results += _prepare_some(items[start : start + OPEN_AT_ONCE], folders)
    return results


def land(
    items: Sequence[Ready], landings: Sequence[Landing | DownloadError], known: Known | None = None
) -> list[Published | DownloadError]:
    """Give prepared files their names and flush the folders once; landed parts are closed, their journals gone.

    What failed before fails with the same error. `known` saves listing the folders again for every batch.
    """
    known = known or Known()
    results: list[Published | DownloadError] = []
    touched: dict[str, list[int]] = {}
    taken: dict[str, Taken] = {}
    with _folders() as folders:
        for index, (item, landing) in enumerate(zip(items, landings, strict=True)):
            if isinstance(landing, DownloadError):
                results.append(landing)
                continue
            try:
                at = folders(item.folder)
                if item.folder not in taken:
                    taken[item.folder] = known.of(at)
                results.append(_land(item, landing, at, taken[item.folder]))
                touched.setdefault(item.folder, []).append(index)
                if item.part is not None and item.part.folder != at.path:
                    touched.setdefault(item.part.folder, [])
            except OSError as error:
                results.append(_give_up(item, landing, translate(error, item.folder)))
            except DownloadError as error:
                results.append(_give_up(item, landing, error))
        for folder, indices in touched.items():
            try:
                flush.folder(folders(folder).fd)
            except OSError as error:
                for index in indices:
                    results[index] = translate(error, folder)
    for item, result in zip(items, results, strict=True):
        if item.part is not None and isinstance(result, Published):
            item.part.landed()
    return results


def abandon(items: Sequence[Ready], landings: Sequence[Landing | DownloadError]) -> None:
    """Take back what `prepare` did and nobody is to land: temporary files of bodies go, parts stay as they are."""
    for item, landing in zip(items, landings, strict=True):
        if isinstance(landing, Landing):
            _give_up(item, landing, DownloadError(Code.INTERRUPTED, "It gets no name."))


def set_aside(part: PartFile, suffix: str = ".bad") -> str:
    """Keep a part whose bytes are wrong under another name, and give its path; the part is closed.

    Raises:
        DownloadError: what the disk says.
    """
    with told(part.folder):
        for number in range(NUMBER_LIMIT):
            name = numbered(part.name, number) + suffix
            try:
                claim.claim(part.file, part.folder_fd, name, part.folder_fd)
            except FileExistsError:
                continue
            path = f"{part.folder.rstrip('/')}/{name}"
            part.landed()
            return path
    raise _no_name(part.name, part.folder)


def _prepare_some(items: Sequence[Ready], folders: _Open) -> list[Landing | DownloadError]:
    results: list[Landing | DownloadError] = []
    bodies: list[tuple[int, int, Folder, str]] = []
    try:
        for index, item in enumerate(items):
            try:
                component(item.name)
                at = folders(item.folder)
                if item.part is not None:
                    results.append(_prepare_part(item, item.part))
                else:
                    temporary = claim.temporary()
                    fd = os.open(temporary, _NEW, 0o666, dir_fd=at.fd)
                    bodies.append((index, fd, at, temporary))
                    results.append(_write_body(item, fd, at, temporary))
            except OSError as error:
                results.append(translate(error, item.folder))
            except DownloadError as error:
                results.append(error)
        for index, fd, _, _ in bodies:
            if isinstance(results[index], Landing):
                try:
                    flush.data(fd)
                except OSError as error:
                    results[index] = translate(error, items[index].folder)
    finally:
        for index, fd, at, temporary in bodies:
            if index >= len(results) or isinstance(results[index], DownloadError):
                claim.drop(fd, temporary, at.fd)
            os.close(fd)
    return results


def _write_body(item: Ready, fd: int, at: Folder, temporary: str) -> Landing:
    body = item.body
    if body is None:
        raise ValueError("a file is ready with a part or with a body")
    count = os.write(fd, body)
    if count != len(body):
        positioned.write(fd, 0, [body], count)
    if item.mtime is not None:
        os.utime(fd, (item.mtime, item.mtime))
    if item.conflict is OnConflict.OVERWRITE:
        _inherit_mode(fd, item.name, at.fd)
    status = os.fstat(fd)
    return Landing("", "", item.folder, temporary, item.name, status.st_dev, status.st_ino, len(body))


def _prepare_part(item: Ready, part: PartFile) -> Landing:
    size = part.origin.size
    if size is not None and part.length != size:
        raise DownloadError(
            Code.PART_LOST, f"{plain(part.file)} has {part.length:,} bytes where {size:,} are expected; it is kept."
        )
    fd = part.fileno()
    os.fchmod(fd, 0o666 & ~umask())
    if item.conflict is OnConflict.OVERWRITE:
        _inherit_mode(fd, item.name, part.folder_fd)
    if item.mtime is not None:
        os.utime(fd, (item.mtime, item.mtime))
    part.sync()
    status = os.fstat(fd)
    origin = part.origin
    return Landing(
        origin.id, origin.file, part.folder, part.file, item.name, status.st_dev, status.st_ino, status.st_size
    )


def _land(item: Ready, landing: Landing, at: Folder, taken: Taken) -> Published:
    """Name one file, under its own name or the next that is free."""
    source_fd = at.fd
    if item.part is not None:
        source_fd = item.part.folder_fd
        if not claim.is_at(item.part.fileno(), landing.part, source_fd):
            if matches(at, item.name, landing):
                return Published(item.name, path_of(at, item.name))
            raise DownloadError(Code.PART_LOST, f"{plain(landing.part)} in {plain(at.path)} was replaced or removed.")
    name = item.name
    if item.conflict is not OnConflict.OVERWRITE and (other := taken.variant(name)) and entry(at, other):
        name = taken.next(name)
    for _ in range(NUMBER_LIMIT):
        try:
            claim.claim(landing.part, source_fd, name, at.fd)
        except FileExistsError:
            taken.add(name)
        else:
            taken.add(name)
            return Published(name, path_of(at, name))
        if matches(at, name, landing):
            # A crash between naming it and dropping its part.
            os.unlink(landing.part, dir_fd=source_fd)
            return Published(name, path_of(at, name))
        if item.conflict is OnConflict.SKIP:
            _discard(item, landing, at)
            return Published(name, path_of(at, name), skipped=True)
        if item.conflict is OnConflict.OVERWRITE and not is_folder(at, name):
            os.replace(landing.part, name, src_dir_fd=source_fd, dst_dir_fd=at.fd)
            return Published(name, path_of(at, name))
        name = taken.next(item.name)
    raise _no_name(item.name, at.path)


def _give_up(item: Ready, landing: Landing, error: DownloadError) -> DownloadError:
    """Leave a part for another try; a body's temporary file is dropped, since the body is still in memory."""
    if item.part is None:
        try:
            with Folder.open(item.folder, make=False) as at:
                if matches(at, landing.part, landing):
                    os.unlink(landing.part, dir_fd=at.fd)
        except (OSError, DownloadError):
            pass
    return error


def _discard(item: Ready, landing: Landing, at: Folder) -> None:
    if item.part is not None:
        item.part.discard()
    elif matches(at, landing.part, landing):
        os.unlink(landing.part, dir_fd=at.fd)


def _inherit_mode(fd: int, name: str, folder_fd: int) -> None:
    """A file that replaces another is no more open than that one was, and never executable."""
    try:
        status = os.stat(name, dir_fd=folder_fd, follow_symlinks=False)
    except FileNotFoundError:
        return
    if stat.S_ISREG(status.st_mode):
        os.fchmod(fd, status.st_mode & 0o666)


def _no_name(name: str, folder: str) -> DownloadError:
    return DownloadError(Code.FILE_EXISTS, f"{plain(folder)} holds too many files called {plain(name)}.")


class _Open:
    """Folders of one batch, each opened once."""

    __slots__ = ("_folders",)

    def __init__(self) -> None:
        self._folders: dict[str, Folder] = {}

    def __call__(self, path: str) -> Folder:
        folder = self._folders.get(path)
        if folder is None:
            folder = self._folders[path] = Folder.open(path)
        return folder

    def close(self) -> None:
        for folder in self._folders.values():
            folder.close()


@contextmanager
def _folders() -> Iterator[_Open]:
    opened = _Open()
    try:
        yield opened
    finally:
        opened.close()
