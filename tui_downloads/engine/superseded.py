"""Parts of older versions of a file: put aside when the server has a new one, and kept until that one is complete."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.spans import SpanSet
from tui_downloads.files.choice import choose
from tui_downloads.files.part import PartFile


class Superseded:
    """The older parts of one transfer. Everything here touches the disk."""

    # Mutable state: the paths, the oldest first, and the name that the newest of them had.
    def __init__(self) -> None:
        self.paths: list[str] = []
        self._name = ""

    @property
    def waiting(self) -> bool:
        """Whether a part was put aside under whose name the new version is to come."""
        return bool(self._name)

    def known(self, paths: Iterable[object], name: str) -> None:
        """Take up what an earlier session's journal says of them."""
        self.paths = [str(path) for path in paths]
        self._name = name if self.paths else ""

    def put(self, part: PartFile, spans: SpanSet) -> None:
        """Make a part's bytes safe, give it another name, and let go of it."""
        name = choose(part.folder, f"{part.name}.old", url="").name
        part.checkpoint(spans)
        self._name = part.name
        part.move(part.folder, name)
        self.paths.append(part.path)
        part.close()

    def take_back(self) -> str | None:
        """Give the newest its name again, because nothing of the new version is here; gives its path."""
        with contextlib.suppress(DownloadError, IndexError):
            part = PartFile.open(self.paths[-1])
            try:
                part.move(part.folder, self._name)
                self.paths.pop()
                return part.path
            finally:
                part.close()
        return None

    def drop(self) -> None:
        """Delete them all, because the new file is published."""
        for path in self.paths:
            try:
                PartFile.open(path).discard()
            except DownloadError:
                continue  # somebody else took it, or it is gone: not ours to delete
        self.paths = []
