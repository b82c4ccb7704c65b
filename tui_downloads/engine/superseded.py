"""Parts of older versions of a file: put aside when the server has a new one, and kept until that one is complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from msgspec.structs import replace

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.spans import SpanSet
from tui_downloads.files.choice import choose
from tui_downloads.files.part import PartFile

ASIDE = "aside"
"""What the journal of a part that was put aside calls the name that it had."""


def reopen(path: str) -> PartFile:
    """Open a part; one that was put aside by a run that ended before its successor began gets its name again.

    Raises:
        DownloadError: as `PartFile.open` says.
    """
    part = PartFile.open(path)
    name = part.origin.extra.get(ASIDE)
    if isinstance(name, str):
        with contextlib.suppress(DownloadError):
            _name_again(part, name)
    return part


def _name_again(part: PartFile, name: str) -> None:
    part.move(part.folder, name)
    part.amend(replace(part.origin, extra={key: value for key, value in part.origin.extra.items() if key != ASIDE}))


class Superseded:
    """The older parts of one transfer. Everything here touches the disk."""

    # Mutable state: the paths, the oldest first, the name that the newest of them had, and of those that this run put
    # aside the one that is kept, with its bytes.
    def __init__(self) -> None:
        self.paths: list[str] = []
        self._name = ""
        self._kept = ("", 0)

    @property
    def waiting(self) -> bool:
        """Whether a part was put aside under whose name the new version is to come."""
        return bool(self._name)

    def known(self, paths: Iterable[object], name: str) -> None:
        """Take up what an earlier session's journal says of them."""
        self.paths = list(dict.fromkeys([*self.paths, *map(str, paths)]))
        self._name = name if self.paths else ""

    def put(self, part: PartFile, spans: SpanSet) -> None:
        """Make a part's bytes safe, give it another name, and let go of it; of several the one that holds most stays.

        A server that changes all the time must not fill the disk.
        """
        path, most = self._kept
        if path and spans.total <= most:
            self._name = part.name
            part.discard()
            return
        if path:
            self._drop(path)
            self.paths = [other for other in self.paths if other != path]
        name = choose(part.folder, f"{part.name}.old", url="").name
        part.checkpoint(spans)
        self._name = part.name
        part.amend(replace(part.origin, extra={**part.origin.extra, ASIDE: part.name}))
        part.move(part.folder, name)
        self.paths.append(part.path)
        self._kept = (part.path, spans.total)
        part.close()

    def take_back(self) -> str | None:
        """Give the newest its name again, because nothing of the new version is here; gives its path."""
        with contextlib.suppress(DownloadError, IndexError):
            part = PartFile.open(self.paths[-1])
            try:
                _name_again(part, self._name)
                self.paths.pop()
                self._kept = ("", 0)
                return part.path
            finally:
                part.close()
        return None

    def drop(self) -> None:
        """Delete them all, because the new file is published."""
        for path in self.paths:
            self._drop(path)
        self.paths = []

    @staticmethod
    def _drop(path: str) -> None:
        with contextlib.suppress(DownloadError):  # somebody else took it, or it is gone: not ours to delete
            PartFile.open(path).discard()
