"""Bundles: zips of what was downloaded, as downloads of their own."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, DownloadError, NotFound
from tui_downloads.core.lifecycle import State
from tui_downloads.core.names import collision_key, numbered, safe_name
from tui_downloads.core.snapshots import Kind
from tui_downloads.files import space
from tui_downloads.files.folder import inside
from tui_downloads.files.part import PartFile

from .exports import Export
from .making import Making, PartOutput
from .zipping import Member, write_zip
from .zipping import zip_stream as zip_stream

if TYPE_CHECKING:
    from .runner import Runner, Work

MOST_IDS = 10_000
Finder = Callable[[str], Any]


def work_of(runner: Runner, extras: Mapping[str, Any]) -> Work:
    """Give the work of a bundle or an export."""
    return Bundle(runner) if runner.download.kind is Kind.BUNDLE else Export(runner)


class Contents(Struct):
    """What a bundle will hold."""

    members: list[Member]
    files: int = 0
    size: int = 0
    names: tuple[str, ...] = ()
    """What was asked for, by the name it has in the zip's root."""


def members_of(downloads: Iterable[Download]) -> Contents:
    """List the entries of finished downloads in the order given, folders before what is in them; reads the disk.

    Raises:
        DownloadError: NOT_FOUND for a file that is gone, INVALID_STATE for a download that is not complete.
    """
    found = Contents([])
    taken: set[str] = set()
    names = []
    for download in downloads:
        if download.state is not State.COMPLETE:
            raise DownloadError(
                Code.INVALID_STATE,
                f"{download.name or download.id} is {download.state.value}; only complete downloads can be bundled.",
            )
        paths = [file.path for file in download.files if file.state in ("complete", "skipped") and file.path]
        if not paths and download.name:
            paths = [download.name]
        name = _free(download.name or safe_name(download.title or download.id), taken)
        names.append(name)
        if download.kind is Kind.PACKAGE or all(path.startswith(f"{download.name}/") for path in paths):
            found.members += _folder(download, paths, name)
        else:
            # What lies beside the file that was asked for (a signature, subtitles) is not asked for here either.
            found.members.append(_member(download, paths[0], name))
    found.files = sum(not member.folder for member in found.members)
    found.size = sum(member.size for member in found.members)
    found.names = tuple(names)
    return found


def _free(name: str, taken: set[str]) -> str:
    number = 0
    while collision_key(numbered(name, number)) in taken:
        number += 1
    chosen = numbered(name, number)
    taken.add(collision_key(chosen))
    return chosen


def _folder(download: Download, paths: Sequence[str], name: str) -> Iterator[Member]:
    """Walk the files of a package depth first, each folder with an entry of its own."""
    head = f"{download.name}/"
    inner = [(path.removeprefix(head).split("/"), path) for path in paths]
    # Files of a folder come before the folders in it.
    inner.sort(key=lambda found: [(index < len(found[0]) - 1, part) for index, part in enumerate(found[0])])
    yield Member(f"{name}/", mtime=download.created_at)
    seen = set()
    for parts, path in inner:
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            if folder not in seen:
                seen.add(folder)
                yield Member(f"{name}/{folder}/", mtime=download.created_at)
        yield _member(download, path, f"{name}/{'/'.join(parts)}")


def _member(download: Download, path: str, name: str) -> Member:
    full = os.path.join(download.folder, path)
    try:
        status = os.lstat(full)
    except OSError:
        status = None
    if status is None or not stat.S_ISREG(status.st_mode) or not inside(download.folder, full):
        raise DownloadError(
            Code.NOT_FOUND, f"{name} is no longer there.", next_step="Download it again, or leave it out.", retry=False
        )
    return Member(name, full, status.st_size, status.st_mtime)


async def find_sources(ids: Sequence[str], owner: str, find: Finder) -> list[Download]:
    """Look up the downloads of a bundle; one of another owner is as unknown as one that never was.

    Raises:
        DownloadError: NOT_FOUND, or INVALID_OPTION for a list of ids that makes no sense.
    """
    if not 0 < len(ids) <= MOST_IDS or len(set(ids)) != len(ids):
        raise DownloadError(Code.INVALID_OPTION, f"A bundle is made of 1 to {MOST_IDS} downloads, each named once.")
    found = []
    for id in ids:
        try:
            download = await find(id)
        except NotFound:
            download = None
        if download is None or download.request.owner != owner:
            raise DownloadError(Code.NOT_FOUND, f"There is no download {id[:64]}.")
        found.append(download)
    return found


class Bundle(Making):
    """Zips finished downloads: `ids`, `compress`, `max_bytes` of the request's source say what and how."""

    async def run(self) -> None:
        download, source = self.download, self.download.request.source
        ids = source.get("ids")
        ids = [str(id) for id in ids] if isinstance(ids, list | tuple) else []
        found = await find_sources(ids, download.request.owner, self._find)
        contents = await asyncio.to_thread(members_of, found)
        download.size, download.done = contents.size, 0
        self._tell(0, contents)
        limit = source.get("max_bytes")
        if isinstance(limit, int) and 0 < limit < contents.size:
            raise DownloadError(
                Code.QUOTA_EXCEEDED,
                f"The files have {contents.size:,} bytes together; {limit:,} are allowed.",
                next_step="Choose fewer files, or raise the limit.",
            )
        name = download.request.name or default_name(contents)
        part = await asyncio.to_thread(self._prepared, name, contents.size)
        await self.make(part, lambda part: self._write(part, contents, bool(source.get("compress"))))

    async def _find(self, id: str) -> Download | None:
        manager = self.runner.manager
        return manager.register.find(id) or await manager.services.store.get(id)

    def _prepared(self, name: str, size: int) -> PartFile:
        """Make the part, if the disk has room for what goes in."""
        room = space.free(self.download.folder)
        if room is not None and size + space.MARGIN > room:
            raise space.full(self.download.folder, size, room)
        return self.begin(name, "application/zip")

    def _write(self, part: PartFile, contents: Contents, compress: bool) -> int:
        output = PartOutput(part)

        def counted(files: int, done: int) -> None:
            self.done = done
            self._tell(files, contents)

        for _ in write_zip(output, contents.members, compress=compress, counted=counted):
            self.check()
        return output.end

    def _tell(self, files: int, contents: Contents) -> None:
        # Replaced and never changed: it is read by the loop while the thread writes.
        self.download.meta["members"] = (files, contents.files)
        self.download.meta["bytes"] = contents.size


def default_name(contents: Contents) -> str:
    """Name a zip: after the one thing in it, or `archive.zip`."""
    return f"{contents.names[0]}.zip" if len(contents.names) == 1 else "archive.zip"
