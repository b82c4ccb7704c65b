"""The stage behind the pretending engine: records, a clock, and what time does to them."""

from __future__ import annotations

import asyncio
import random
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from msgspec.structs import replace

from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.errors import TRAITS, Code, NotFound
from tui_downloads.core.lifecycle import ENDED, RUNNING, Move, State
from tui_downloads.core.snapshots import (
    DownloadView,
    EngineInfo,
    ErrorView,
    Event,
    Kind,
    Limits,
    Proof,
    Snapshot,
    Totals,
    Waiting,
)
from tui_downloads.core.spec import AddRequest

from .base import HostView
from .fake_transfer import Script, Transfer

RING = 10_000
LATELY = 100
"""Ended downloads that stay in the snapshot."""
EPOCH = 1_790_000_000.0


def error_view(code: Code, message: str, at: float, status: int | None = None) -> ErrorView:
    """Make the view of an error from what is always true of its code."""
    trait = TRAITS[code]
    return ErrorView(
        code.value, message, trait.fault.value, trait.next_step, trait.resumable, trait.exit, at, status
    )  # fmt: skip


class Stage:
    """Records of downloads that only pretend to move, and the clock they move by."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] | None = None,
        limits: Limits | None = None,
        info: EngineInfo | None = None,
        folder: str = "/home/you/Downloads",
        script: Script | None = None,
    ) -> None:
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        """(method, arguments) of every command, in order."""
        self.scripts: dict[str, Script] = {}
        """What happens to a link, by its URL; others follow `script`."""
        self.hosts_known: list[HostView] = []
        self.started = False
        self._script = script or Script()
        self._clock = clock
        self._now = EPOCH
        self._limits = limits or Limits()
        self._info = info or EngineInfo(name="fake", version="0", folder=folder, free=128 << 30)
        self._folder = folder
        self._random = random.Random(7)
        # The mutable state: records, their transfers, what was removed lately, the ring of news and the last view.
        self._downloads: dict[str, Download] = {}
        self._transfers: dict[str, Transfer] = {}
        self._removed: dict[str, tuple[float, Download]] = {}
        self._news: deque[Event] = deque(maxlen=RING)
        self._seq = 0
        self._places = 0.0
        self._order_stale = True
        self._readers: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._views: dict[str, DownloadView] = {}
        self._changed: set[str] = set()
        self._stale = True
        self._snapshot = Snapshot(at=self._now, limits=self._limits, info=self._info)
        self._lock = threading.RLock()

    @property
    def now(self) -> float:
        return self._clock() if self._clock else self._now

    def put(
        self,
        url: str,
        *,
        state: State = State.QUEUED,
        script: Script | None = None,
        done: int = 0,
        error: ErrorView | None = None,
        waiting: Waiting | None = None,
        age: float = 60.0,
        **fields: Any,
    ) -> str:
        """Set a download on the stage in any state and give its id; `fields` are those of the record."""
        with self._lock:
            if script is not None:
                self.scripts[url] = script
            download = self._create(AddRequest(url, priority=int(fields.pop("priority", 0))))
            transfer = self._transfers[download.id]
            download.created_at = self.now - age
            download.state = state
            download.waiting, download.error, download.done = waiting, error, done
            if state is not State.QUEUED:
                self._reveal(download)
                download.started_at = download.created_at + 1
                transfer.begin(transfer.script.connections, done)
            if state is State.COMPLETE:
                download.done = download.size or done
                download.proof = Proof.NONE
            if state in ENDED:
                download.finished_at = self.now - age / 2
            if state is State.TRANSFERRING:
                download.connections = len(transfer.segments)
                download.speed = transfer.speed(download.limit)
            for name, value in fields.items():
                setattr(download, name, value)
            self._file(download)
            self._touch(download.id)
            return download.id

    def note(self, id: str, sentence: str, at: float | None = None) -> None:
        """Add a sentence to the log of a download."""
        with self._lock:
            self._transfers[id].log.append((self.now if at is None else at, sentence))

    def tell_about(self, **changes: Any) -> None:
        """Change what the engine says of itself: banner, stale, endpoint, free space."""
        with self._lock:
            self._info = replace(self._info, **changes)
            self._stale = True

    def tick(self, seconds: float = 1.0) -> None:
        """Let time pass: seats are filled, bytes arrive, transfers end."""
        with self._lock:
            self._now += seconds
            self._drop_removed()
            for download in list(self._downloads.values()):
                if download.state in RUNNING or download.state is State.WAITING:
                    self._step(download, seconds)
            self._admit()

    def _step(self, download: Download, seconds: float) -> None:
        transfer = self._transfers[download.id]
        match download.state:
            case State.RESOLVING:
                self._reveal(download)
                if self._stumble(download, transfer):
                    return
                transfer.begin(self._wanted(download, transfer), download.done)
                self._move(download, Move.BEGIN)
            case State.TRANSFERRING:
                self._flow(download, transfer, seconds)
            case State.VERIFYING:
                download.proof = Proof.CHECKSUM if download.checksum else Proof.NONE
                self._move(download, Move.COMPLETE)
            case State.WAITING:
                until = download.waiting.until if download.waiting else None
                if until is not None and until <= self.now:
                    self._move(download, Move.WAKE)
        self._file(download)

    def _flow(self, download: Download, transfer: Transfer, seconds: float) -> None:
        speed = transfer.speed(download.limit)
        moved = transfer.advance(int(speed * seconds))
        transfer.sample(seconds, speed)
        download.done += moved
        download.speed = speed
        download.connections = len(transfer.connections(1.0, ""))
        if self._stumble(download, transfer):
            return
        if download.size is not None:
            left = download.size - download.done
            download.eta = left / speed if speed else None
            if left <= 0:
                self._move(download, Move.VERIFY)
        self._touch(download.id)
        self._tell("progress", download, {"done": download.done, "speed": speed})

    def _stumble(self, download: Download, transfer: Transfer) -> bool:
        """Fail or wait where the script says so."""
        script = transfer.script
        if script.fail_at is None or transfer.waited or download.done < script.fail_at:
            return False
        message = f"{download.host} ended the transfer: {script.code.value.replace('_', ' ').lower()}."
        if script.wait is not None:
            transfer.waited = True
            download.attempts += 1
            self._move(download, Move.WAIT)
            download.waiting = Waiting(message, self.now + script.wait, download.attempts)
        else:
            self._move(download, Move.FAIL)
            download.error = error_view(script.code, message, self.now)
        self._touch(download.id)
        return True

    def _admit(self) -> None:
        free = self._limits.downloads - sum(1 for d in self._downloads.values() if d.state in RUNNING)
        for download in self._queue():
            if free <= 0:
                return
            if download.request.start_at is None or download.request.start_at <= self.now:
                free -= 1
                self._move(download, Move.ADMIT)

    def _wanted(self, download: Download, transfer: Transfer) -> int:
        return min(transfer.script.connections, self._limits.per_download)

    def _reveal(self, download: Download) -> None:
        """Learn what the first answer tells."""
        script = self._transfers[download.id].script
        download.size = script.size
        download.name = download.name or script.name or _name(download.url)
        download.final_url = download.url
        download.validator, download.content_type = script.validator, script.content_type

    def _file(self, download: Download) -> None:
        if len(download.files) > 1:
            return
        state = {State.COMPLETE: "complete", State.FAILED: "failed"}.get(
            download.state, "transferring" if download.state in RUNNING else "queued"
        )
        download.files = [
            FileRecord(
                path=download.name, original=download.title or _name(download.url), urls=(download.url,),
                size=download.size, done=download.done, state=state, proof=download.proof, error=download.error,
            )
        ]  # fmt: skip

    # The record keeping.

    def _queue(self) -> list[Download]:
        queued = (d for d in self._downloads.values() if d.state is State.QUEUED)
        return sorted(queued, key=lambda d: (-d.priority, d.position))

    def _last_place(self) -> float:
        self._places += 1
        return self._places

    def _create(self, request: AddRequest) -> Download:
        parts = urlsplit(request.url)
        url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        id = str(uuid.UUID(int=self._random.getrandbits(128), version=4))
        folder = request.folder or self._folder
        folder = folder if folder.startswith("/") else f"{self._folder}/{folder}"
        download = Download(
            id=id, gid=request.gid or id.replace("-", "")[:16], kind=request.kind or Kind.LINK, request=request,
            url=url,
            folder=folder, name=request.name or "", host=parts.hostname or "", title=request.title,
            created_at=self.now, position=self._last_place(), priority=request.priority, limit=request.options.limit,
            checksum=request.options.checksum, meta=dict(request.meta),
        )  # fmt: skip
        if request.top:
            download.position = min((d.position for d in self._downloads.values()), default=1.0) - 1
        download.state = State.PAUSED if request.paused else State.QUEUED
        self._downloads[id] = download
        self._order_stale = True
        self._transfers[id] = Transfer(self.scripts.get(url, self._script), phase=float(len(self._downloads)))
        self._file(download)
        self._touch(id)
        return download

    def _touch(self, id: str) -> None:
        self._changed.add(id)
        self._stale = True

    def _tell(self, type: str, download: Download, data: Mapping[str, Any]) -> None:
        self._seq += 1
        self._news.append(Event(self._seq, self.now, type, download.id, download.state.value, data))
        for loop, event in self._readers:
            loop.call_soon_threadsafe(event.set)

    def _move(self, download: Download, move: Move) -> None:
        was = download.state
        download.handle(move, self.now)
        self._transfers[download.id].log.append((self.now, f"{was.value} → {download.state.value}"))
        if State.QUEUED in (was, download.state):
            if was is not State.QUEUED:
                download.position = self._last_place()
            self._order_stale = True
        self._touch(download.id)
        self._tell("state", download, {"from": was.value})

    def _find(self, id: str) -> Download:
        found = self._downloads.get(id)
        if found is None:
            found = next((d for d in self._downloads.values() if d.gid == id), None)
        if found is None:
            raise NotFound(f"There is no download {id}.")
        return found

    def _drop_removed(self) -> None:
        for id in [id for id, (until, _) in self._removed.items() if until <= self.now]:
            del self._removed[id]
            self._transfers.pop(id, None)

    def snapshot(self) -> Snapshot:
        """Give the newest frozen view."""
        with self._lock:
            if self._stale:
                self._snapshot = self._freeze()
                self._stale = False
                self._changed.clear()
            return self._snapshot

    def _freeze(self) -> Snapshot:
        if self._order_stale:
            self._order_stale = False
            self._changed.update(download.id for download in self._queue())
        for id in self._changed:
            if id in self._downloads:
                self._views[id] = self._downloads[id].view()
            else:
                self._views.pop(id, None)
        ended = [view for view in self._views.values() if view.state in ENDED]
        ended.sort(key=lambda view: view.finished_at or 0.0, reverse=True)
        old = {view.id for view in ended[LATELY:]}
        shown = {id: view for id, view in self._views.items() if id not in old} if old else dict(self._views)
        count: dict[State, int] = dict.fromkeys(State, 0)
        for view in self._views.values():
            count[view.state] += 1
        totals = Totals(
            speed=sum(view.speed for view in shown.values()), active=sum(count[state] for state in RUNNING),
            queued=count[State.QUEUED], waiting=count[State.WAITING],
            paused=count[State.PAUSED] + count[State.PAUSING], failed=count[State.FAILED],
            complete=count[State.COMPLETE], cancelled=count[State.CANCELLED],
            connections=sum(view.connections for view in shown.values()),
        )  # fmt: skip
        return Snapshot(self._snapshot.revision + 1, self.now, shown, totals, self._limits, self._info)


def _name(url: str) -> str:
    return unquote(urlsplit(url).path.rpartition("/")[2]) or "download"
