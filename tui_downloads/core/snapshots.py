"""What outsiders see: frozen views of downloads, events, pages and totals.

Units are bytes, bytes a second, seconds and epoch seconds. Nothing here is ever changed after it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from msgspec import Struct, field

from .lifecycle import State

EMPTY: Mapping[str, Any] = MappingProxyType({})


class Kind(StrEnum):
    """What a download is made of."""

    LINK = "link"
    PACKAGE = "package"
    MEDIA = "media"
    BUNDLE = "bundle"
    EXPORT = "export"


class Proof(StrEnum):
    """What a complete file's bytes were held against."""

    NONE = "none"
    """Nothing but the length."""
    LENGTH_UNVERIFIED = "length-unverified"
    """The server gave no length and closed the connection."""
    UNPROVEN = "unproven"
    """Joined from two sessions without a strong validator; an overlap agreed."""
    DIGEST = "digest"
    """A digest of the server's or the source's agreed."""
    CHECKSUM = "checksum"
    """The checksum the user gave agreed."""


class ErrorView(Struct, frozen=True):
    """Why a download failed and what to do next."""

    code: str
    message: str
    fault: str
    next_step: str
    resumable: bool
    exit: int = 1
    at: float = 0.0
    status: int | None = None


class Waiting(Struct, frozen=True):
    """For what a waiting download waits."""

    reason: str
    until: float | None
    """Epoch seconds, or None where only an event ends it (free space, the network)."""
    attempt: int = 0


class ConnectionView(Struct, frozen=True):
    """One running connection of a download."""

    start: int
    position: int
    end: int | None
    speed: float
    url: str
    """Without credentials."""
    address: str = ""


class FileView(Struct, frozen=True):
    """One file of a download; every download has at least one."""

    id: str
    """The file's number in its download, from 1, as text."""
    name: str
    """The last component of `path`."""
    path: str
    """Relative to the download's folder, `/` between components."""
    original: str
    """The name the source gave."""
    size: int | None
    done: int
    state: str
    """queued, transferring, complete, failed or skipped."""
    selected: bool = True
    error: ErrorView | None = None
    checksum: str | None = None
    proof: Proof = Proof.NONE
    urls: tuple[str, ...] = ()


class DownloadView(Struct, frozen=True):
    """A download as everybody outside the engine sees it."""

    id: str
    gid: str
    kind: Kind
    state: State
    url: str
    """Without userinfo; signed queries are kept here and cut by faces that show it to others."""
    name: str
    folder: str
    size: int | None = None
    done: int = 0
    speed: float = 0.0
    eta: float | None = None
    connections: int = 0
    host: str = ""
    final_url: str = ""
    title: str = ""
    """The original, uncleaned name or media title."""
    owner: str = "local"
    dialect: str = ""
    """Which face added it; empty for our own."""
    category: str = ""
    priority: int = 0
    position: float | None = None
    """Order in the queue: within a priority the smaller goes first. None when not queued."""
    limit: int = 0
    """Bytes a second; 0 is none."""
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    start_at: float | None = None
    attempts: int = 0
    discarded: int = 0
    """Bytes thrown away by restarts."""
    error: ErrorView | None = None
    waiting: Waiting | None = None
    checksum: str | None = None
    """ALGO:HEX that was asked for or found."""
    proof: Proof = Proof.NONE
    validator: str | None = None
    content_type: str = ""
    mirrors: tuple[str, ...] = ()
    files_total: int = 1
    files_done: int = 0
    duplicate_of: str | None = None
    meta: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """What a face wants to find again (quality, format, node ids); JSON values only, never secrets."""
    checked: int = 0
    """Bytes that were read again so far to prove them, while it is verifying."""

    @property
    def path(self) -> str:
        """Where the file is, or will be."""
        return f"{self.folder.rstrip('/')}/{self.name}" if self.name else self.folder

    @property
    def fraction(self) -> float | None:
        """Done between 0 and 1, or None when the size is not known."""
        if self.state is State.COMPLETE:
            return 1.0
        if not self.size:
            return None
        return min(1.0, self.done / self.size)

    @property
    def progress(self) -> float | None:
        """What a bar shows: `fraction`, or how much is read again while a large file is proven."""
        if self.state is State.VERIFYING and self.checked and self.size:
            return min(1.0, self.checked / self.size)
        return self.fraction


class DetailView(Struct, frozen=True):
    """Everything about one download."""

    download: DownloadView
    files: tuple[FileView, ...] = ()
    connections: tuple[ConnectionView, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    """Half-open spans that are written (single-file downloads)."""
    speeds: tuple[float, ...] = ()
    """One sample a second, the newest last, at most 300."""
    log: tuple[tuple[float, str], ...] = ()
    """(epoch seconds, sentence), the newest last, at most 200."""
    options: Mapping[str, Any] = field(default_factory=lambda: EMPTY)


class Totals(Struct, frozen=True):
    """Counts and speed over everything the viewer may see."""

    speed: float = 0.0
    active: int = 0
    queued: int = 0
    waiting: int = 0
    paused: int = 0
    failed: int = 0
    complete: int = 0
    cancelled: int = 0
    connections: int = 0


class Limits(Struct, frozen=True):
    """What may be used at once; changed while running. 0 is no limit for rates."""

    downloads: int = 5
    connections: int = 64
    per_host: int = 16
    per_download: int = 8
    rate: int = 0
    """Bytes a second for everything."""
    rate_per_host: int = 0
    rate_per_download: int = 0


class EngineInfo(Struct, frozen=True):
    """Which engine this is, for the status line."""

    name: str = "embedded"
    version: str = ""
    stale: bool = False
    """The data is the last known; the engine is out of reach."""
    banner: str = ""
    """One sentence about the connection, empty when all is well."""
    endpoint: str = ""
    """Where the HTTP endpoint listens, empty when it is off."""
    folder: str = ""
    """The default download folder."""
    free: int | None = None
    """Bytes free on the device of `folder`."""
    read_only: bool = False


class Snapshot(Struct, frozen=True):
    """Every unfinished download and the lately ended ones, at one moment."""

    revision: int = 0
    at: float = 0.0
    downloads: Mapping[str, DownloadView] = field(default_factory=lambda: EMPTY)
    totals: Totals = field(default_factory=Totals)
    limits: Limits = field(default_factory=Limits)
    info: EngineInfo = field(default_factory=EngineInfo)


class Event(Struct, frozen=True):
    """One piece of news. `gap` tells a reader that news were lost and to load again."""

    seq: int
    at: float
    type: str
    """added, state, progress, file, removed, log or gap."""
    id: str = ""
    state: str = ""
    data: Mapping[str, Any] = field(default_factory=lambda: EMPTY)


class Query(Struct, frozen=True):
    """Which downloads to list, and in which order."""

    states: frozenset[State] = frozenset()
    """Empty is all."""
    text: str = ""
    """Found in name, link, folder or error."""
    host: str = ""
    kinds: frozenset[Kind] = frozenset()
    owner: str = ""
    ids: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    sort: str = "created"
    """created, finished, name, size, state, host, priority or position."""
    reverse: bool = False
    limit: int = 100
    cursor: str | None = None
    """Opaque; from the page before."""


class Page(Struct, frozen=True):
    """One page of a list."""

    items: tuple[DownloadView, ...]
    cursor: str | None = None
    """For the next page, or None at the end."""
    total: int | None = None
