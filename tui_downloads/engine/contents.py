"""What a zip of finished downloads holds: its entries in their order, under names that no two have."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.names import collision_key, numbered, safe_name
from tui_downloads.core.snapshots import DetailView, DownloadView, FileView, Kind
from tui_downloads.files.folder import inside

from .zipping import Member


class Contents(Struct):
    """What a bundle will hold."""

    members: list[Member]
    files: int = 0
    size: int = 0
    names: tuple[str, ...] = ()
    """What was asked for, by the name it has in the zip's root."""


class Wanted(Struct, frozen=True):
    """A download as far as a zip of it goes."""

    id: str
    name: str
    title: str
    kind: Kind
    state: State
    folder: str
    created_at: float
    paths: tuple[str, ...]
    """Of its finished files, relative to its folder."""


def of_download(download: Download) -> Wanted:
    """Say what a zip needs of a record."""
    return _wanted(download, download.files)


def of_detail(detail: DetailView) -> Wanted:
    """Say what a zip needs of a download as it is shown."""
    return _wanted(detail.download, detail.files)


def _wanted(download: Download | DownloadView, files: Iterable[FileRecord | FileView]) -> Wanted:
    paths = tuple(file.path for file in files if file.state in ("complete", "skipped") and file.path)
    return Wanted(
        download.id, download.name, download.title, download.kind, download.state, download.folder,
        download.created_at, paths or ((download.name,) if download.name else ()),
    )  # fmt: skip


def members_of(downloads: Iterable[Wanted]) -> Contents:
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
        paths = download.paths
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


def _folder(download: Wanted, paths: Sequence[str], name: str) -> Iterator[Member]:
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


def _member(download: Wanted, path: str, name: str) -> Member:
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


def default_name(contents: Contents) -> str:
    """Name a zip: after the one thing in it, or `archive.zip`."""
    return f"{contents.names[0]}.zip" if len(contents.names) == 1 else "archive.zip"
