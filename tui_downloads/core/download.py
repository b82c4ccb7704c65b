"""The engine's record of one download and of its files: what was asked, what is known, what happened."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from .lifecycle import Chore, Move, State, after
from .snapshots import EMPTY, DownloadView, ErrorView, FileView, Kind, Proof, Waiting
from .spec import AddRequest


class FileRecord(Struct):
    """One file of a download. `path` is safe and final once it is set."""

    id: str = "1"
    path: str = ""
    original: str = ""
    urls: tuple[str, ...] = ()
    size: int | None = None
    done: int = 0
    state: str = "queued"
    selected: bool = True
    digests: tuple[tuple[str, str], ...] = ()
    pieces: tuple[str, int, tuple[str, ...]] | None = None
    """Algorithm, piece length and digests."""
    checksum: str | None = None
    proof: Proof = Proof.NONE
    error: ErrorView | None = None
    part: str | None = None
    """Absolute path of the part file while there is one."""
    renew: str = ""

    def view(self) -> FileView:
        return FileView(
            self.id, self.path.rpartition("/")[2], self.path, self.original, self.size, self.done, self.state,
            self.selected, self.error, self.checksum, self.proof, self.urls,
        )  # fmt: skip


class Download(Struct, eq=False):
    """One download. Changed by the engine's thread only; outsiders get `view()`."""

    id: str
    gid: str
    kind: Kind
    request: AddRequest
    """What was asked for, changes merged in; its secrets are stored apart."""
    url: str
    """Without userinfo."""
    folder: str
    """Absolute."""
    name: str = ""
    state: State = State.QUEUED
    created_at: float = 0.0
    position: float = 0.0
    """Order in the queue within a priority, the smaller first."""
    host: str = ""
    final_url: str = ""
    title: str = ""
    size: int | None = None
    done: int = 0
    files: list[FileRecord] = field(default_factory=list)
    priority: int = 0
    limit: int = 0
    started_at: float | None = None
    finished_at: float | None = None
    active_seconds: float = 0.0
    """Spent outside queue and pause so far; measures `max_time` through retries and restarts."""
    attempts: int = 0
    discarded: int = 0
    error: ErrorView | None = None
    waiting: Waiting | None = None
    checksum: str | None = None
    proof: Proof = Proof.NONE
    validator: str | None = None
    content_type: str = ""
    duplicate_of: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    # Live figures, written by the runner, never stored.
    speed: float = 0.0
    eta: float | None = None
    connections: int = 0
    checked: int = 0

    def handle(self, move: Move, now: float) -> tuple[Chore, ...]:
        """Make a move and say what it implies.

        Raises:
            Conflict: the state does not allow it; nothing has changed.
        """
        state, chores = after(self.state, move)
        self.state = state
        if state is State.RESOLVING and self.started_at is None:
            self.started_at = now
        if state in (State.COMPLETE, State.FAILED, State.CANCELLED):
            if move is not Move.STORE:
                self.finished_at = now
            self._still()
        elif move in (Move.RETRY, Move.RESUME):
            self.error = None
            self.finished_at = None
            if move is Move.RETRY:
                self.attempts = 0
        if state in (State.PAUSED, State.QUEUED, State.WAITING):
            self._still()
        if state is not State.WAITING:
            self.waiting = None
        return chores

    def _still(self) -> None:
        self.speed = 0.0
        self.eta = None
        self.connections = 0
        self.checked = 0

    def view(self) -> DownloadView:
        """Freeze what outsiders may see; links carry no userinfo, secrets are left out."""
        done_files, all_files = 0, max(1, len(self.files))
        if "members" in self.meta:
            done_files, all_files = self.meta["members"]
        elif len(self.files) > 1:
            done_files = sum(1 for file in self.files if file.state == "complete")
        elif self.state is State.COMPLETE:
            done_files = 1
        return DownloadView(
            id=self.id,
            gid=self.gid,
            kind=self.kind,
            state=self.state,
            url=self.url,
            name=self.name,
            folder=self.folder,
            size=self.size,
            done=self.done,
            speed=self.speed,
            eta=self.eta,
            connections=self.connections,
            host=self.host,
            final_url=self.final_url,
            title=self.title,
            owner=self.request.owner,
            dialect=self.request.dialect,
            category=self.request.options.category,
            priority=self.priority,
            position=self.position if self.state is State.QUEUED else None,
            limit=self.limit,
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
            start_at=self.request.start_at,
            attempts=self.attempts,
            discarded=self.discarded,
            error=self.error,
            waiting=self.waiting,
            checksum=self.checksum,
            proof=self.proof,
            validator=self.validator,
            content_type=self.content_type,
            mirrors=self.request.mirrors,
            files_total=all_files,
            files_done=done_files,
            duplicate_of=self.duplicate_of,
            meta=dict(self.meta) if self.meta else EMPTY,
            checked=self.checked,
        )
