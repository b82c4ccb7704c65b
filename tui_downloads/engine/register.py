"""Where a record is found: by id, by gid, and by what makes two downloads the same; and the order of the list."""

from __future__ import annotations

from tui_downloads.core.download import Download
from tui_downloads.core.lifecycle import ENDED

Target = tuple[str, str, str | None]
"""The link, the folder, and the name that was chosen: what makes two downloads the same."""


class Register:
    """Finds records in memory."""

    # Mutable state: the records by id, shared with the views; ids by gid and by target, the target that each id is
    # found by, what is about to be stored, and the last position that was given.
    def __init__(self, downloads: dict[str, Download]) -> None:
        self._downloads = downloads
        self._by_gid: dict[str, str] = {}
        self._by_target: dict[Target, str] = {}
        self._targets: dict[str, Target] = {}
        self._expected: dict[Target, Download] = {}
        self._position = 0.0

    def enter(self, download: Download) -> None:
        """Let a record be found from here on."""
        self._downloads[download.id] = download
        self._position = max(self._position, download.position)
        self._by_gid[download.gid] = download.id
        self._settle(download)

    def drop(self, download: Download) -> None:
        """Let a record not be found by anything but its id."""
        self._by_gid.pop(download.gid, None)
        self._unsettle(download.id)

    def moved(self, download: Download) -> None:
        """A record has another link, folder or name: it is found by those from here on."""
        self._unsettle(download.id)
        self._settle(download)

    def _settle(self, download: Download) -> None:
        """Let a record be found by its target, unless another one is that is unfinished."""
        target = _target(download)
        other = self._downloads.get(self._by_target.get(target, ""))
        if other is None or other is download or other.state in ENDED:
            if other is not None and other is not download:
                self._targets.pop(other.id, None)
            self._by_target[target] = download.id
            self._targets[download.id] = target

    def _unsettle(self, id: str) -> None:
        target = self._targets.pop(id, None)
        if target is not None and self._by_target.get(target) == id:
            del self._by_target[target]

    def find(self, id: str) -> Download | None:
        """Find a record by id or gid."""
        return self._downloads.get(id) or self._downloads.get(self._by_gid.get(id, ""))

    def twin(self, download: Download) -> Download | None:
        """Find an unfinished download of the same link into the same place."""
        if not download.url:
            return None
        target = _target(download)
        twin = self._downloads.get(self._by_target.get(target, ""))
        if twin is None or twin.state in ENDED:
            twin = self._expected.get(target)
        return twin if twin is not None and twin.state not in ENDED else None

    def expect(self, download: Download) -> None:
        """A record is about to be stored: whoever asks for the same meanwhile is told of it."""
        if download.url:
            self._expected.setdefault(_target(download), download)

    def expects(self, download: Download) -> bool:
        """Say whether this very record is about to be stored."""
        return self._expected.get(_target(download)) is download

    def arrived(self, download: Download) -> None:
        """A record is stored, or could not be."""
        if self.expects(download):
            del self._expected[_target(download)]

    def reserve(self, count: int) -> float:
        """Give the first of so many positions behind every other; nobody else is given them."""
        first = self._position + 1
        self._position += count
        return first


def _target(download: Download) -> Target:
    return (download.url, download.folder, download.request.name)
