"""Bundles: zips of what was downloaded, as downloads of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, DownloadError, NotFound
from tui_downloads.core.snapshots import Kind
from tui_downloads.files import space
from tui_downloads.files.part import PartFile

from .contents import Contents, default_name, members_of, of_download
from .exports import Export
from .making import Making, PartOutput
from .zipping import write_zip

if TYPE_CHECKING:
    from .runner import Runner, Work

MOST_IDS = 10_000
Finder = Callable[[str], Any]


def work_of(runner: Runner, extras: Mapping[str, Any]) -> Work:
    """Give the work of a bundle or an export."""
    return Bundle(runner) if runner.download.kind is Kind.BUNDLE else Export(runner)


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
        contents = await asyncio.to_thread(members_of, [of_download(download) for download in found])
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
