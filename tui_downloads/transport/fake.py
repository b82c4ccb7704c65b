"""A transport that plays a script: answers, pauses, troubles, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import parse_link
from tui_downloads.core.policy import check_link
from tui_downloads.core.redirects import is_redirect, next_hop
from tui_downloads.core.resource import Head, Headers

from .base import Answer, Ended, Features, Flow, Request, Sink, Take, Transport

CHUNK = 16 * 1024
HANG = float("inf")
"""A wait that only a cancellation, an abort or `close` ends."""


class Reply(Struct, frozen=True):
    """One answer of a script."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: tuple[bytes | float | BaseException, ...] = ()
    """Chunks, seconds to wait, and at most one error, in order."""
    error: BaseException | None = None
    """Raised instead of an answer."""
    delay: float = 0.0
    """Seconds before the head."""
    reason: str = ""
    closed: bool = False
    """The body ends with the connection."""


Script = Reply | Callable[[Request], Reply]


class _Play(Struct):
    """A transfer that is being played; the sink's hold on it."""

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: bool = False
    reason: BaseException | None = None
    received: int = 0

    def resume(self) -> None:
        self.wake.set()

    def abort(self, reason: BaseException | None = None) -> None:
        if not self.stopped:
            self.stopped = True
            self.reason = reason
            self.wake.set()


class ScriptedTransport(Transport):
    """Plays the replies that were put under each link; the last one is played again and again."""

    features = Features(frozenset({"http", "https", "ftp", "ftps", "sftp"}), version="script")

    def __init__(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._sleep = sleep
        # Mutable state: the replies left for each link, what was asked, and the transfers under way.
        self._scripts: dict[str, list[Script]] = {}
        self._plays: list[_Play] = []
        self.requests: list[Request] = []
        """Every request, redirected ones included, in order."""

    @property
    def running(self) -> int:
        """How many transfers are under way."""
        return len(self._plays)

    def on(self, url: str, *replies: Script) -> None:
        """Answer a link with these replies, one after another."""
        self._scripts[parse_link(url).url_without_userinfo] = list(replies)

    def serve(self, url: str, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer a link honestly with a file; ranges and If-Range are understood."""
        fields = {"ETag": f'"{len(content)}"', **(headers or {})}
        self.on(url, lambda request: honest(request, content, fields))

    async def fetch(self, request: Request, sink: Sink) -> Answer:
        play = _Play()
        self._plays.append(play)
        try:
            return await self._follow(request, sink, play)
        finally:
            self._plays.remove(play)

    async def close(self) -> None:
        for play in self._plays:
            play.abort(DownloadError(Code.INTERRUPTED, "The transfer was stopped."))

    async def _follow(self, request: Request, sink: Sink, play: _Play) -> Answer:
        hops: tuple[str, ...] = ()
        while True:
            link = parse_link(request.url)
            check_link(link, request.reach.policy)
            request = replace(request, url=link.url_without_userinfo)
            self.requests.append(request)
            reply = self._next(request)
            await self._wait(reply.delay, play)
            if reply.error is not None:
                raise reply.error
            head = Head(
                reply.status,
                Headers(reply.headers),
                reply.reason,
                request.url,
                hops,
                link.scheme,
                address=f"{link.host}:{link.port}",
                tls=link.scheme in ("https", "ftps", "sftp"),
            )
            if not is_redirect(head) or "location" not in head.headers:
                return await self._play(reply, head, request, sink, play)
            hop = next_hop(request.url, head, request.headers, hops, request.max_redirects, method=request.method)
            hops = (*hops, request.url)
            request = replace(
                request,
                url=hop.url,
                headers=hop.headers,
                method=hop.method,
                referer=request.referer if hop.keep_secrets else "",
                body=request.body if hop.keep_body and hop.keep_secrets else None,
            )

    def _next(self, request: Request) -> Reply:
        scripts = self._scripts.get(request.url)
        if not scripts:
            return Reply(404, (("Content-Length", "0"),), reason="Not Found")
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        return script if isinstance(script, Reply) else script(request)

    async def _wait(self, seconds: float, play: _Play) -> None:
        """Wait by the given clock, or for an abort if the wait has no end."""
        if seconds == HANG:
            while not play.stopped:
                play.wake.clear()
                await play.wake.wait()
        elif seconds:
            await self._sleep(seconds)

    async def _play(self, reply: Reply, head: Head, request: Request, sink: Sink, play: _Play) -> Answer:
        sink.head(head, _as_flow(play))
        length = head.headers.get("content-length")
        expected = int(length) if length.isdigit() and request.method != "HEAD" else None
        for item in reply.body if request.method != "HEAD" else ():
            if isinstance(item, BaseException):
                raise item
            if isinstance(item, bytes):
                chunk = item if expected is None else item[: expected - play.received]
                if await self._offer(chunk, sink, play):
                    return Answer(head, play.received, Ended.ENOUGH)
            else:
                await self._wait(item, play)
            if play.stopped:
                break
        if play.stopped:
            return _stopped(head, play)
        if expected is not None and play.received < expected:
            missing = expected - play.received
            raise DownloadError(Code.TRUNCATED, f"The file ended too early: {missing} bytes are missing.")
        return Answer(head, play.received, Ended.CLOSED if reply.closed and not head.tls else Ended.COMPLETE)

    async def _offer(self, data: bytes, sink: Sink, play: _Play) -> bool:
        """Give bytes to the sink, in pieces as libcurl does; say whether it had enough."""
        for start in range(0, len(data), CHUNK):
            chunk = data[start : start + CHUNK]
            while True:
                await asyncio.sleep(0)
                if play.stopped:
                    return False
                play.wake.clear()
                take = sink.write(chunk)
                if take is not Take.PAUSE:
                    break
                await play.wake.wait()
            play.received += len(chunk)
            if take is Take.ENOUGH:
                return True
        return False


def honest(request: Request, content: bytes, fields: Mapping[str, str]) -> Reply:
    """Answer a request for a file as RFC 9110 says."""
    pairs = tuple(fields.items())
    size = len(content)
    start, end = request.start, size if request.end is None else min(request.end, size)
    changed = request.if_range and request.if_range not in (fields.get("ETag"), fields.get("Last-Modified"))
    if start is None or changed:
        return Reply(200, (*pairs, ("Content-Length", str(size))), (content,))
    if start >= size:
        return Reply(416, (("Content-Range", f"bytes */{size}"), ("Content-Length", "0")))
    span = ("Content-Range", f"bytes {start}-{end - 1}/{size}")
    return Reply(206, (*pairs, span, ("Content-Length", str(end - start))), (content[start:end],))


def _as_flow(play: _Play) -> Flow:
    return play


def _stopped(head: Head, play: _Play) -> Answer:
    if play.reason is not None:
        raise play.reason
    return Answer(head, play.received, Ended.ENOUGH)
