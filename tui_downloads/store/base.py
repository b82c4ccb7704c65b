"""The promise of the store: the list, its options, files, secrets and history, remembered across restarts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence

from msgspec import Struct

from tui_downloads.core.download import Download
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView, Page, Query


class Intent(Struct, frozen=True):
    """A file that is about to appear under its final name; after a crash a target that matches is adopted."""

    download: str
    file: str
    """The FileRecord's id."""
    folder: str
    part: str
    """Name of the part (or whole temporary) file in `folder`."""
    target: str
    """The name wanted."""
    device: int
    inode: int
    size: int


class HostRow(Struct, frozen=True):
    """What was learned about a host."""

    host: str
    ceiling: int
    learned_at: float
    why: str


class Store(ABC):
    """Remembers downloads. One connection, one process; every write is safe on disk when its method returns."""

    @abstractmethod
    async def open(self) -> str:
        """Open, migrate and check; give a sentence for the log when something was set aside or upgraded, else empty.

        Raises:
            RequestError: STATE_UNUSABLE for a newer schema or an unreadable folder; nothing was changed.
        """

    @abstractmethod
    async def close(self) -> None: ...

    @abstractmethod
    async def load(self) -> list[Download]:
        """Give every download that has not ended, credentials included, in queue order."""

    @abstractmethod
    async def insert(self, downloads: Sequence[Download]) -> None:
        """Write new downloads in one transaction, with files and credentials."""

    @abstractmethod
    async def save(self, downloads: Sequence[Download]) -> None:
        """Write what can change of downloads, files included, in one transaction.

        The state written is the one a restart should find: running states are written as `queued`.
        """

    @abstractmethod
    async def finish(self, downloads: Sequence[Download]) -> None:
        """As `save`, and drop the intents of these downloads in the same transaction."""

    @abstractmethod
    async def intend(self, intents: Sequence[Intent]) -> None:
        """Write intents in one transaction."""

    @abstractmethod
    async def intents(self) -> list[Intent]: ...

    @abstractmethod
    async def get(self, id: str) -> Download | None:
        """Give one download by id or gid, credentials included."""

    @abstractmethod
    async def known(self, ids: Sequence[str]) -> set[str]:
        """Say which ids or gids are taken."""

    @abstractmethod
    async def delete(self, ids: Sequence[str]) -> None:
        """Drop rows, files, credentials and intents in one transaction."""

    @abstractmethod
    async def page(self, query: Query) -> Page:
        """Search, sort and page by SQL; `total` is given on the first page."""

    @abstractmethod
    def export(self, query: Query) -> AsyncIterator[DownloadView]:
        """Stream everything a query finds, in constant memory."""

    @abstractmethod
    async def counts(self, owner: str = "") -> dict[State, int]: ...

    @abstractmethod
    async def forget(self, *, before: float | None = None, states: Sequence[State] = ()) -> int:
        """Drop ended downloads; give the number dropped."""

    @abstractmethod
    async def hosts(self) -> list[HostRow]: ...

    @abstractmethod
    async def save_host(self, row: HostRow) -> None: ...

    @abstractmethod
    async def notes(self, id: str) -> list[tuple[float, str]]:
        """Give the log of a download."""

    @abstractmethod
    async def note(self, id: str, entries: Sequence[tuple[float, str]]) -> None:
        """Add to the log of a download; the newest 200 are kept."""

    @abstractmethod
    async def setting(self, key: str) -> str | None:
        """Give a small remembered value of a face (tab, sort, undo …)."""

    @abstractmethod
    async def remember(self, values: Mapping[str, str]) -> None: ...
