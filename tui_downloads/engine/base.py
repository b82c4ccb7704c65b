"""The promise of an engine. The screen, the API and the command line know this and nothing behind it.

`snapshot` is synchronous, cheap and callable from any thread. Everything else is awaited on the caller's own loop, not
the engine's. Ids may be full ids or gids; a face resolves prefixes by listing. Commands over many ids do what they can
and say for each id how it went.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.snapshots import DetailView, DownloadView, Event, Limits, Page, Query, Snapshot
from tui_downloads.core.spec import AddRequest, Change


class Outcome(Struct, frozen=True):
    """How a command went for one id."""

    id: str
    error: TuiDownloadsError | None = None
    download: DownloadView | None = None
    """As it stands after the command; None when it is gone or was refused."""

    @property
    def ok(self) -> bool:
        return self.error is None


class HostView(Struct, frozen=True):
    """What was learned about a host."""

    host: str
    ceiling: int | None
    """Connections it bears; None when it never refused."""
    learned_at: float | None = None
    why: str = ""
    connections: int = 0
    speed: float = 0.0
    retry_at: float | None = None


class Engine(ABC):
    """Downloads, kept somewhere."""

    @abstractmethod
    def snapshot(self) -> Snapshot:
        """Give the newest frozen view; the same object until something changed."""

    @abstractmethod
    async def start(self) -> None:
        """Open the engine and take up what was left.

        Raises:
            RequestError: IN_USE when another process holds the state, STATE_UNUSABLE when it can't be read.
        """

    @abstractmethod
    async def close(self) -> None:
        """Stop all work with a checkpoint, in bounded time; unfinished downloads are taken up at the next start."""

    @abstractmethod
    async def add(self, requests: Sequence[AddRequest]) -> list[Outcome]:
        """Add downloads in the order given; each is stored before this returns.

        An Outcome's error is INVALID_URL, DOMAIN_BLOCKED, DOWNLOAD_FORBIDDEN, FOLDER_UNUSABLE, INVALID_OPTION,
        DUPLICATE or QUOTA_EXCEEDED; its id is empty where nothing was stored.
        """

    @abstractmethod
    async def get(self, id: str) -> DetailView:
        """Give everything about one download, ended ones included.

        Raises:
            NotFound: there is no such download.
        """

    @abstractmethod
    async def page(self, query: Query) -> Page:
        """List downloads, running and ended; paged, sorted and searched by the store."""

    @abstractmethod
    async def pause(self, ids: Sequence[str]) -> list[Outcome]:
        """Pause; returns when each is paused or refused."""

    @abstractmethod
    async def resume(self, ids: Sequence[str]) -> list[Outcome]:
        """Queue paused downloads again."""

    @abstractmethod
    async def cancel(self, ids: Sequence[str]) -> list[Outcome]:
        """End downloads; part and journal stay, `retry` continues them."""

    @abstractmethod
    async def retry(self, ids: Sequence[str]) -> list[Outcome]:
        """Queue failed or cancelled downloads again; for waiting ones, now."""

    @abstractmethod
    async def remove(self, ids: Sequence[str], *, files: bool = False) -> list[Outcome]:
        """Drop downloads from the list; with `files` delete what we made for them, finished files included."""

    @abstractmethod
    async def restore(self, ids: Sequence[str]) -> list[Outcome]:
        """Undo `remove` without files, within its window of 60 seconds."""

    @abstractmethod
    async def move(self, ids: Sequence[str], where: str | int) -> list[Outcome]:
        """Move in the queue: `up`, `down`, `top`, `bottom`, or a place from 0."""

    @abstractmethod
    async def change(self, id: str, change: Change) -> DownloadView:
        """Change a download in whatever unfinished or failed state it is.

        Raises:
            NotFound, Conflict, RequestError: nothing was changed.
        """

    @abstractmethod
    async def set_limits(self, limits: Limits) -> None:
        """Change what may be used at once, while running."""

    @abstractmethod
    async def hosts(self) -> list[HostView]:
        """Say what was learned about hosts."""

    @abstractmethod
    async def forget(self, *, before: float | None = None, states: Sequence[str] = ()) -> int:
        """Drop ended downloads from the history, never files; give the number dropped."""

    @abstractmethod
    def events(self, after: int | None = None) -> AsyncIterator[Event]:
        """Follow the news from a sequence number (None: from now); a `gap` event says that some were lost."""

    @abstractmethod
    async def describe(self) -> Mapping[str, Any]:
        """Give facts about the engine for diagnosis: version, transport, paths, counts."""
