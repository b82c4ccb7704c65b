"""Server-sent events: the engine's news to any number of subscribers, each at their own pace.

One task follows the engine and keeps a ring of what it said; subscribers are given what is theirs to see. Progress of a
download replaces its older progress, so a slow subscriber gets less news and not later news. Who takes nothing for a
while, or lags by more than the ring, is dropped; nobody waits for anybody.

An event's id is `BOOT-SEQ`. A client that comes back with the id of another boot is told `gap`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable

from msgspec import Struct, field
from msgspec.structs import replace
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tui_downloads import wire
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import Event
from tui_downloads.engine.base import Engine
from tui_downloads.engine.owners import SETTLE, Owners

from ..auth import Session
from ..settings import ApiSettings

log = logging.getLogger(__name__)

RING = 10_000
_ENDED = frozenset(state.value for state in ENDED)
BATCH = 100
"""Events in one write, so that a long replay does not hold the loop, and ends soon when nobody takes it any more."""
_ENCODED = 2_000
CAUGHT_UP = 0.5
"""Seconds at most that the news of an end wait for the snapshot to have its figures."""
LATEST = 5.0
"""Seconds after which nobody waits any more for a snapshot to agree with the news."""


class Subscriber(Struct, eq=False):
    """One reader: what is waiting for them."""

    session: Session
    queue: deque[Event] = field(default_factory=deque)
    progress: dict[str, Event] = field(default_factory=dict)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    lost: bool = False
    closed: bool = False

    def sees(self, event: Event, owner: str | None) -> bool:
        """Say whether an event is theirs to know."""
        caller = self.session.caller
        return caller.admin or event.type == "gap" or owner == caller.name

    def offer(self, event: Event) -> None:
        """Lay an event down for the reader; for one who lags by more than the ring nothing is kept."""
        if self.lost:
            return
        if event.type == "progress":
            self.progress[event.id] = event
        else:
            # The news of a state carries the whole download, so older progress has nothing to add.
            self.progress.pop(event.id, None)
            self.queue.append(event)
            if len(self.queue) > RING:
                self.lost = True
                self.queue.clear()
                self.progress.clear()
        self.wake.set()

    def take(self, *, progress: bool) -> list[Event]:
        """Take what is waiting, in the order it happened."""
        events = list(self.queue)
        self.queue.clear()
        if progress and self.progress:
            events += self.progress.values()
            self.progress.clear()
            events.sort(key=lambda event: event.seq)
        return events


class News:
    """The engine's news for everybody on this loop."""

    def __init__(self, engine: Engine, owners: Owners, settings: ApiSettings) -> None:
        self._engine = engine
        self._owners = owners
        self._settings = settings
        self.boot = secrets.token_hex(4)
        # The ring, who reads, the task that fills it, and events that were already turned to text.
        self.ring: deque[Event] = deque(maxlen=RING)
        self.subscribers: set[Subscriber] = set()
        self._task: asyncio.Task[None] | None = None
        self._encoded: OrderedDict[int, bytes] = OrderedDict()
        self._late: dict[str, tuple[str, float]] = {}
        self._refresher: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def seq(self) -> int:
        """Give the number of the newest event that was passed on."""
        return self.ring[-1].seq if self.ring else 0

    def start(self) -> None:
        """Begin to follow the engine; again is harmless."""
        if self._task is None and not self._stopped:
            self._task = asyncio.create_task(self._follow(), name="news")

    async def close(self) -> None:
        """End every stream and stop following."""
        self._stopped = True
        for subscriber in list(self.subscribers):
            subscriber.closed = True
            subscriber.wake.set()
        tasks = [task for task in (self._task, self._refresher) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = self._refresher = None

    async def _follow(self) -> None:
        after: int | None = 0
        while True:
            stream = self._engine.events(after)
            try:
                async for event in stream:
                    if event.id and any(not other.session.caller.admin for other in self.subscribers):
                        await self._owners.resolve(event)
                    if event.type == "state" and event.state in _ENDED:
                        await self._caught_up(event)
                    self._pass(event)
                    if event.id and event.type in ("added", "state") and self._lags(event):
                        self._late[event.id] = (event.state, asyncio.get_running_loop().time() + LATEST)
                        self._wake_fresh()
                    elif event.type == "removed":
                        self._late.pop(event.id, None)
                return
            except Exception:
                log.exception("the engine's news broke off")
                self._pass(Event(self.seq + 1, 0.0, "gap"))
                after = None
                await asyncio.sleep(1.0)
            finally:
                close = getattr(stream, "aclose", None)
                if close is not None:
                    await close()

    async def _caught_up(self, event: Event) -> None:
        """Wait until a snapshot is younger than an event, so that who hears of an end has its size, hash and error."""
        end = asyncio.get_running_loop().time() + CAUGHT_UP
        # The engine's tick tells nobody; what it publishes next has this and everything before. An engine with a clock
        # of its own may never look younger.
        while self._lags(event) and self._engine.snapshot().at <= event.at:  # noqa: ASYNC110
            if asyncio.get_running_loop().time() > end:
                return
            await asyncio.sleep(SETTLE / 4)

    def _lags(self, event: Event) -> bool:
        """Say whether the snapshot has not caught up with an event."""
        view = self._engine.snapshot().downloads.get(event.id)
        return view is None or view.state.value != event.state

    def _wake_fresh(self) -> None:
        if self._refresher is None or self._refresher.done():
            self._refresher = asyncio.create_task(self._refresh(), name="late views")

    async def _refresh(self) -> None:
        """Send the views of downloads again once the snapshot has caught up with their news."""
        while self._late:
            await asyncio.sleep(SETTLE)
            views = self._engine.snapshot().downloads
            now = asyncio.get_running_loop().time()
            for id, (state, end) in list(self._late.items()):
                view = views.get(id)
                if now > end or (view is not None and view.state.value == state):
                    del self._late[id]
                    if view is not None:
                        # It has the place of the newest event, so that coming back with its id misses nothing.
                        self._tell(Event(self.seq, view.created_at, "progress", id, view.state.value, {"late": True}))

    def _pass(self, event: Event) -> None:
        self.ring.append(event)
        self._tell(event)

    def _tell(self, event: Event) -> None:
        owner = self._owners.of_event(event) if event.id else None
        for subscriber in self.subscribers:
            if subscriber.sees(event, owner):
                subscriber.offer(event)

    def subscribe(self, session: Session, last: str | None) -> Subscriber:
        """Add a reader who has seen everything up to an event id; None begins with what comes.

        Raises:
            RequestError: QUOTA_EXCEEDED; there are too many readers.
        """
        settings = self._settings
        own = sum(1 for other in self.subscribers if other.session.user == session.user)
        if len(self.subscribers) >= settings.max_subscribers or own >= settings.max_subscribers_per_user:
            raise RequestError(Code.RATE_LIMITED, "There are too many subscribers.")
        self.start()
        subscriber = Subscriber(session)
        if last is not None:
            self._replay(subscriber, last)
        self.subscribers.add(subscriber)
        return subscriber

    def _replay(self, subscriber: Subscriber, last: str) -> None:
        seq = self.place(last)
        oldest = self.ring[0].seq if self.ring else self.seq + 1
        if seq is None or seq > self.seq or seq < oldest - 1:
            subscriber.offer(Event(self.seq, 0.0, "gap"))
            return
        for event in self.ring:
            if event.seq > seq and subscriber.sees(event, self._owners.of_event(event) if event.id else None):
                subscriber.offer(event)

    def place(self, last: str) -> int | None:
        """Read an event id; None when it is not of this boot."""
        boot, dash, number = last.strip().rpartition("-")
        if not number.isdigit() or len(number) > 18 or (dash and boot != self.boot):
            return None
        return int(number)

    def id(self, seq: int) -> str:
        """Write an event id."""
        return f"{self.boot}-{seq}"

    def text(self, events: Iterable[Event]) -> bytes:
        """Write events for the stream; each is written once for all readers."""
        return b"".join(map(self._text, events))

    def _text(self, event: Event) -> bytes:
        keep = event.type != "gap" and "late" not in event.data
        found = self._encoded.get(event.seq) if keep else None
        if found is None:
            body = wire.encode(self.payload(event)).replace(b"\r", b"").replace(b"\n", b"")
            found = b"id: %s\nevent: %s\ndata: %s\n\n" % (self.id(event.seq).encode(), event.type.encode(), body)
            if keep and event.id not in self._late:
                self._encoded[event.seq] = found
                if len(self._encoded) > _ENCODED:
                    self._encoded.popitem(last=False)
        return found

    def payload(self, event: Event) -> dict[str, object]:
        """Give what an event says: the event, and the download as it stands."""
        view = self._engine.snapshot().downloads.get(event.id) if event.type != "removed" else None
        if view is not None and event.type == "state" and self._late.get(event.id, ("", 0.0))[0] == event.state:
            view = replace(view, state=State(event.state))
        return {**wire.dump(event), "download": view}


class EventStream(Response):
    """An answer that goes on until somebody leaves."""

    def __init__(self, news: News, subscriber: Subscriber, alive: Callable[[], bool], settings: ApiSettings) -> None:
        self.status_code = 200
        self.background = None
        self._news = news
        self._subscriber = subscriber
        self._alive = alive
        self._settings = settings
        self._abort: Callable[[], None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._abort = scope.get("extensions", {}).get("tui_downloads.abort")
        watch = asyncio.ensure_future(self._watch(receive))
        try:
            await self._start(send)
            await self._stream(send)
        except TimeoutError:
            self._cut("a subscriber took nothing for too long")
        finally:
            watch.cancel()
            self._news.subscribers.discard(self._subscriber)

    async def _start(self, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send(send, b"retry: 2000\n: hello\n\n")

    async def _stream(self, send: Send) -> None:
        subscriber, settings = self._subscriber, self._settings
        loop = asyncio.get_running_loop()
        flushed = 0.0
        while not subscriber.closed:
            wait = settings.heartbeat
            if subscriber.progress:
                wait = min(wait, max(0.0, flushed + settings.progress_interval - loop.time()))
            try:
                async with asyncio.timeout(wait):
                    await subscriber.wake.wait()
            except TimeoutError:
                if not subscriber.progress and not subscriber.queue:
                    await self._send(send, b": still here\n\n")
            subscriber.wake.clear()
            if subscriber.lost:
                self._cut("a subscriber lagged too far behind")
                return
            if not self._alive():
                break
            due = loop.time() >= flushed + settings.progress_interval
            if due:
                flushed = loop.time()
            events = subscriber.take(progress=due)
            for at in range(0, len(events), BATCH):
                if self._left():
                    break
                await self._send(send, self._news.text(events[at : at + BATCH]))
                await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})

    def _left(self) -> bool:
        return self._subscriber.closed

    async def _send(self, send: Send, body: bytes) -> None:
        async with asyncio.timeout(self._settings.subscriber_deadline):
            await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._subscriber.closed = True
        self._subscriber.wake.set()

    def _cut(self, why: str) -> None:
        log.info("%s and was dropped", why)
        if self._abort is not None:
            self._abort()
