"""Where the files of a package go: a folder of its own, paths that are safe and unlike each other on every system."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from tui_downloads.core.download import FileRecord
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import parse_link, raw_name
from tui_downloads.core.names import collision_key, numbered, safe_name, safe_path
from tui_downloads.core.spec import OnConflict
from tui_downloads.files.folder import Folder
from tui_downloads.files.taken import NUMBER_LIMIT
from tui_downloads.sources.base import FileSpec

from .unfinished import Unfinished

LONGEST = 2000
"""Bytes of a path inside of a package; systems take 4096, the folder and the part's ending included."""


def claim_folder(parent: str, title: str, url: str, conflict: OnConflict, unfinished: Unfinished | None = None) -> str:
    """Make the folder of a package and give its name; a taken name is numbered unless files are to be kept or replaced.

    `unfinished` is that of a foreground run, which goes on in the folder that an earlier one left.

    Raises:
        DownloadError: what the disk says, or FILE_EXISTS where no number is left.
    """
    name = safe_name(title, replace="") if title.strip() else _name_of(url)
    with Folder.open(parent) as at:
        for number in range(NUMBER_LIMIT):
            chosen = numbered(name, number)
            try:
                os.mkdir(chosen, 0o777, dir_fd=at.fd)
            except FileExistsError:
                if unfinished is not None and unfinished.resume(os.path.join(at.path, chosen), url):
                    return chosen
                if conflict is not OnConflict.RENAME and os.path.isdir(os.path.join(at.path, chosen)):
                    return chosen
                continue
            except OSError as error:
                message = f"The package's folder can't be made in {parent}: {error.strerror}."
                raise DownloadError(Code.FOLDER_UNUSABLE, message) from error
            if unfinished is not None:
                unfinished.begin(os.path.join(at.path, chosen), url)
            return chosen
    raise DownloadError(Code.FILE_EXISTS, f"{parent} holds too many folders called {name}.")


def _name_of(url: str) -> str:
    """Name a package without a title by its link: the last part of its path, or its host."""
    if not url:
        return "package"
    last = raw_name(url) or raw_name(url.partition("?")[0].rstrip("/"))
    return safe_name(last, replace="") if last else safe_name(parse_link(url).host, replace="")


def lay_out(specs: Sequence[FileSpec], *, title: str = "", select: Any = None) -> list[FileRecord]:
    """Make the records of files, their paths relative to a folder of their own.

    What a name can't hold is removed. Paths that fall together where case or composition is folded are numbered, and
    so is a file that stands where others have a folder.

    Raises:
        DownloadError: INVALID_OPTION where `select` chooses nothing.
    """
    paths = [_path(spec) for spec in specs]
    head = f"{safe_name(title, replace='')}/" if title else ""
    if head and all(path.startswith(head) and path != head for path in paths):
        paths = [path[len(head) :] for path in paths]
    places = Places(paths)
    records = []
    for number, (spec, path) in enumerate(zip(specs, paths, strict=True), 1):
        place = places.take(path)
        records.append(
            FileRecord(
                id=str(number),
                path=place,
                original=spec.path[:4096],
                urls=spec.urls,
                size=spec.size,
                selected=chosen(select, str(number), place),
                digests=spec.digests,
                pieces=pieces_of(spec),
                renew=spec.renew,
            )
        )
    if not any(record.selected for record in records):
        raise DownloadError(
            Code.INVALID_OPTION,
            f"None of the package's {len(records)} files is among those chosen.",
            next_step="Choose by number, path or glob, such as *.iso; the log and the details name the files.",
        )
    return records


def place_in(folder: str, records: Iterable[FileRecord]) -> list[FileRecord]:
    """Put the records of files into their folder."""
    placed = list(records)
    for record in placed:
        record.path = f"{folder}/{record.path}"
    return placed


def pieces_of(spec: FileSpec) -> tuple[str, int, tuple[str, ...]] | None:
    """Give the pieces of a file as its record keeps them."""
    return None if spec.pieces is None else (spec.pieces.algorithm, spec.pieces.length, spec.pieces.digests)


def _path(spec: FileSpec) -> str:
    path = safe_path(spec.path or (raw_name(spec.urls[0]) if spec.urls else ""), replace="")
    if len(path.encode("utf-8", "replace")) <= LONGEST:
        return path
    parts = path.split("/")
    while len(parts) > 1 and len("/".join(parts).encode("utf-8", "replace")) > LONGEST:
        del parts[len(parts) // 2 - 1]
    return "/".join(parts)


class Places:
    """Paths that are taken; folders of all paths are known before the first file takes its place."""

    # Mutable state: the keys of files and folders, and the next number for a key that is taken.
    def __init__(self, paths: Iterable[str]) -> None:
        self._keys: dict[str, str] = {}
        self._folders: set[str] = set()
        self._files: set[str] = set()
        self._next: dict[str, int] = {}
        for path in paths:
            at = path.rfind("/")
            while at > 0 and path[:at] not in self._keys:
                self._keys[path[:at]] = key = self._key(path[:at])
                self._folders.add(key)
                at = path.rfind("/", 0, at)

    @staticmethod
    def _key(path: str) -> str:
        return "/".join(map(collision_key, path.split("/")))

    def take(self, path: str) -> str:
        """Give a path, or the next numbered one that is free."""
        folder, slash, name = path.rpartition("/")
        stem = f"{self._keys.get(folder, self._key(folder))}/" if slash else ""
        first = key = stem + collision_key(name)
        number = self._next.get(first, 0)
        chosen = numbered(name, number)
        while (key := stem + collision_key(chosen)) in self._files or key in self._folders:
            number += 1
            chosen = numbered(name, number)
        if number:
            self._next[first] = number + 1
        self._files.add(key)
        return f"{folder}{slash}{chosen}"


def chosen(select: Any, number: str, path: str) -> bool:
    """Say whether a file is chosen: by its number, its path, or a glob; nothing chosen is all."""
    if not isinstance(select, list | tuple) or not select:
        return True
    last = path.rpartition("/")[2]
    wanted = map(str, select)
    return any(item in (number, path) or fnmatchcase(path if "/" in item else last, item) for item in wanted)
