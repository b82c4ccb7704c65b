"""aria2's RPC over WebSocket: calls both ways of asking, and notifications for whoever showed a token."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from tui_downloads import wire
from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.snapshots import Event

from ..auth import Session
from ..dialect import Context
from . import protocol
from .calls import Calls, Sender
from .protocol import RpcError

_ENDS = {"complete": "Complete", "failed": "Error", "cancelled": "Stop"}


class Notices:
    """Turns the engine's news into notifications, each said once."""

    # Mutable state: gids of downloads that were told to have started, and what was last said of each.
    def __init__(self) -> None:
        self._running: dict[str, str] = {}
        self._said: dict[str, str] = {}

    def begin(self, running: dict[str, str]) -> None:
        """Take note of what runs already (id → gid)."""
        self._running |= running

    def read(self, event: Event, gid: str) -> tuple[str, str] | None:
        """Give (notification, gid) for an event, or None where aria2 says nothing."""
        gid = gid or self._running.get(event.id, "")
        if not gid or event.type not in ("state", "added", "removed"):
            return None
        if event.type == "removed":
            self._said.pop(event.id, None)
            return ("Stop", gid) if self._running.pop(event.id, None) else None
        if event.state in ("resolving", "transferring"):
            if event.id in self._running:
                return None
            self._running[event.id] = gid
            return self._once(event.id, "Start", gid)
        if event.state == "paused":
            self._running.pop(event.id, None)
            # A download that is added paused has not been paused.
            return self._once(event.id, "Pause", gid) if event.type == "state" else None
        if event.state in _ENDS:
            self._running.pop(event.id, None)
            return self._once(event.id, _ENDS[event.state], gid)
        if event.state == "queued":
            self._said.pop(event.id, None)
        return None

    def _once(self, id: str, word: str, gid: str) -> tuple[str, str] | None:
        if self._said.get(id) == word:
            return None
        self._said[id] = word
        if len(self._said) > 20_000:
            del self._said[next(iter(self._said))]
        return word, gid


class Connection:
    """One WebSocket."""

    # Mutable state: who showed a token here first, and the task that tells them the news.
    def __init__(self, context: Context, calls: Calls, socket: WebSocket, sender: Sender) -> None:
        self._context = context
        self._calls = calls
        self._socket = socket
        self._sender = sender
        self._telling: asyncio.Task[None] | None = None
        self._sending = asyncio.Lock()

    async def run(self) -> None:
        """Serve until one side leaves."""
        await self._socket.accept()
        if self._sender.session is not None:
            self._follow(self._sender.session)
        try:
            while True:
                await self._take(await self._socket.receive())
        except WebSocketDisconnect:
            pass
        finally:
            if self._telling is not None:
                self._telling.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._telling

    async def _take(self, message: Any) -> None:
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1000)
        text, data = message.get("text"), message.get("bytes")
        body = data if text is None else text.encode("utf-8", "surrogatepass")
        # Each message is a request of its own: one wrong token costs one try.
        sender = Sender(self._sender.session, self._sender.peer)
        try:
            if len(body or b"") > protocol.LARGEST:
                raise RpcError("The request is too large.", protocol.INVALID_REQUEST)
            found = protocol.read(body or b"")
            self._learn(found)
            answer, _ = await self._calls.run(found, sender)
        except RpcError as error:
            answer = protocol.failure(None, error)
        await self._send(answer)

    def _learn(self, found: Any) -> None:
        """Follow the news for the user of the first right token."""
        if self._telling is not None:
            return
        for params in _params(found):
            # A token that is wrong is counted by the call itself.
            session = self._calls.known(params, self._sender)
            if session is not None:
                self._follow(session)
                return

    def _follow(self, session: Session) -> None:
        try:
            subscriber = self._context.news.subscribe(session, None)
        except TuiDownloadsError:
            return
        self._telling = asyncio.create_task(self._tell(session, subscriber), name="aria2-notices")

    async def _tell(self, session: Session, subscriber: Any) -> None:
        notices = Notices()
        engine = self._context.engine_for(session)
        notices.begin({
            view.id: view.gid for view in engine.snapshot().downloads.values()
            if view.state.value in ("resolving", "transferring", "waiting", "verifying")
        })  # fmt: skip
        try:
            while not subscriber.closed and not subscriber.lost and self._context.auth.alive(session):
                await subscriber.wake.wait()
                subscriber.wake.clear()
                for event in subscriber.take(progress=True):
                    said = notices.read(event, await self._gid(engine, event))
                    if said is not None:
                        word, gid = said
                        note = {"jsonrpc": "2.0", "method": f"aria2.onDownload{word}", "params": [{"gid": gid}]}
                        await self._send(note)
            await self._socket.close(1001)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            # The other side has gone, or takes nothing any more; `run` finds out by itself.
            pass
        finally:
            self._context.news.subscribers.discard(subscriber)

    async def _gid(self, engine: Any, event: Event) -> str:
        if event.type not in ("state", "added") or not event.id:
            return ""
        view = engine.snapshot().downloads.get(event.id)
        if view is None:
            try:
                view = (await engine.get(event.id)).download
            except TuiDownloadsError:
                return ""
        return str(view.gid)

    async def _send(self, value: Any) -> None:
        async with asyncio.timeout(self._context.settings.subscriber_deadline), self._sending:
            await self._socket.send_text(wire.to_bytes(value).decode())


def _params(found: Any) -> list[list[Any]]:
    """Collect the parameters of each call of a request, those inside multicalls too."""
    out: list[list[Any]] = []
    for call in found if isinstance(found, list) else [found]:
        params = call.get("params") if isinstance(call, dict) else None
        if not isinstance(params, list):
            continue
        out.append(params)
        if call.get("method") == "system.multicall" and params and isinstance(params[0], list):
            inner = [one.get("params") for one in params[0] if isinstance(one, dict)]
            out += [one for one in inner if isinstance(one, list)]
        if len(out) > 50:
            break
    return out
