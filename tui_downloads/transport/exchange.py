"""One easy handle and the request it is at: libcurl's callbacks end here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pycurl

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.redirects import STATUSES
from tui_downloads.core.resource import Head

from .base import DirectSink, Flow, Sink, Take
from .heads import http_head, status_of
from .spout import AVAILABLE, LEAST, direct, plain_length

if TYPE_CHECKING:
    from .hostkeys import HostKeys
    from .multi import Driver

ABORT = -1
"""What a callback returns to end the transfer; libcurl then reports a write error."""
_SKIP_LIMIT = 64 * 1024
"""Bytes of a redirect's own body that are heard out to keep the connection."""
_SKIP_PATIENCE = 2.0
"""Seconds that a redirect's own body is heard out for."""

_INTERIM = 100
"""Header blocks of one answer that are signs of life; interim ones without end are none."""

# Phases of an exchange.
HEAD, BODY, SKIP, FILE = range(4)
"""Collecting header lines; giving a body to the sink; hearing out a redirect's body; before a file server's body."""

Check = Callable[[str], None]


def _closed(chunk: bytes) -> Take:
    return Take.ENOUGH


class _NoSink:
    """Takes nothing, between two requests."""

    def head(self, head: Head, flow: Flow) -> None:
        raise AssertionError("no request is under way")

    def write(self, chunk: bytes) -> Take:
        return Take.ENOUGH


_NO_SINK = _NoSink()


class Exchange:
    """An easy handle that is used again and again, one request at a time.

    Its callbacks are set once. They do as little as they can: libcurl gives at most 16 KiB to each call.
    """

    __slots__ = (
        "address",
        "asked",
        "blocked",
        "check",
        "cookies_came",
        "curl",
        "cut",
        "direct",
        "driver",
        "enough",
        "failed_errno",
        "failure",
        "future",
        "generation",
        "has_login",
        "head",
        "header_bytes",
        "header_limit",
        "held",
        "hops",
        "host_keys",
        "httpauth",
        "lent",
        "lines",
        "loop",
        "message",
        "open_file",
        "patience",
        "paused",
        "phase",
        "poured",
        "proxied",
        "received",
        "running",
        "seen",
        "seen_at",
        "set",
        "signs",
        "sink",
        "tls_proxy",
        "total",
        "tunnel",
        "url",
        "write",
    )

    # Mutable state: everything below `begin` belongs to the request under way; `set` remembers the handle's options.
    def __init__(self, driver: Driver, loop: asyncio.AbstractEventLoop) -> None:
        self.driver = driver
        self.loop = loop
        self.curl = curl = pycurl.Curl()
        self.generation = 0
        self.running = False
        self.set: dict[str, object] = {}
        self.cookies_came = False
        self.proxied = False
        self.tls_proxy = False
        self.tunnel = False
        self.has_login = False
        self.check: Check | None = None
        self.open_file: Callable[[Exchange], Head] | None = None
        self.host_keys: HostKeys
        self.httpauth = 0
        self.patience = 60.0
        curl.setopt(pycurl.WRITEFUNCTION, self._on_body)
        curl.setopt(pycurl.HEADERFUNCTION, self._on_header)
        curl.setopt(pycurl.PREREQFUNCTION, self._on_connected)

    def begin(self, sink: Sink, url: str, hops: tuple[str, ...], header_limit: int, phase: int = HEAD) -> None:
        """Forget the request before and make ready for the next one."""
        self.generation += 1
        self.sink = sink
        self.write: Callable[[bytes], Take] = sink.write
        self.url = url
        self.hops = hops
        self.header_limit = header_limit
        self.phase = phase
        self.lines: list[bytes] = []
        self.held: list[bytes] | None = None
        self.head: Head | None = None
        self.header_bytes = 0
        self.signs = 0  # of life before the body: replies of a file server, and header blocks that are whole
        self.received = 0
        self.asked = False
        self.address = ""
        self.paused = False
        self.enough = False
        self.failure: BaseException | None = None
        self.blocked: DownloadError | None = None
        self.failed_errno = 0
        self.cut: object = None
        self.message = ""
        self.direct: DirectSink | None = None
        """The sink, where a pipe may take the body to it."""
        self.total = 0
        """Bytes of a body that a pipe may take."""
        self.lent = -1
        """The socket that is emptied past libcurl."""
        self.poured = False
        """Bytes went past libcurl, which so does not know where the body ends."""
        self.future: asyncio.Future[int] = self.loop.create_future()

    def release(self) -> None:
        """Let go of what belongs to the request that has ended."""
        self.generation += 1
        self.sink = _NO_SINK
        self.write = _closed
        self.head = None
        self.failure = None
        self.cut = None
        self.open_file = None
        self.direct = None

    def fail(self, reason: BaseException) -> None:
        """Remember why the exchange ends; the first reason counts."""
        if self.failure is None:
            self.failure = reason
        self.write = _closed

    # libcurl's callbacks. None of them may raise: what goes wrong is kept in `failure`.

    def _on_connected(self, address: str, local: str, port: int, local_port: int) -> int:
        """Look at the peer before each request, on a reused connection too."""
        self.asked = True
        self.address = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        if self.check is not None:
            try:
                self.check(address)
            except DownloadError as exc:
                self.fail(exc)
                return int(pycurl.PREREQFUNC_ABORT)
        return int(pycurl.PREREQFUNC_OK)

    def _on_header(self, line: bytes) -> int | None:
        self.header_bytes += len(line)
        if self.header_bytes > self.header_limit:
            self.fail(
                DownloadError(Code.PROTOCOL_ERROR, f"The answer has more than {self.header_limit} bytes of header.")
            )
            return ABORT
        if self.phase == FILE:
            self.signs += 1
            self.lines.append(line)
        elif self.phase == HEAD:
            if line == b"\r\n" or line == b"\n":
                return self._on_blank_line()
            self.lines.append(line)
        return None

    def _on_blank_line(self) -> int | None:
        """Sort a header block: a proxy's, an interim one, a challenge that libcurl may answer, or the final one."""
        lines, self.lines = self.lines, []
        self.signs = min(self.signs + 1, _INTERIM)
        if b"\nset-cookie:" in b"".join(lines).lower():
            self.cookies_came = True
        if not self.asked or not lines:
            return None
        status = status_of(lines[0])
        if 100 <= status < 200:
            return None
        if (status == 401 and self.has_login) or (status == 407 and self.proxied):
            self.held = lines
            return None
        self.held = None
        return self._deliver(lines, status)

    def _deliver(self, lines: list[bytes], status: int) -> int | None:
        try:
            self.head = head = http_head(lines, status, self.url, self.hops, self.address)
            if status in STATUSES and "location" in head.headers:
                self.phase = SKIP
                return None
            self.phase = BODY
            self.sink.head(head, Hold(self))
        except BaseException as exc:
            self.fail(exc)
            return ABORT
        if self.failure is not None:
            return ABORT
        if AVAILABLE and not self.proxied and plain_length(head) >= LEAST:
            self.direct = direct(self.sink)
            self.total = plain_length(head)
            if self.direct is not None:
                self.driver.watch_speed(self)
        return None

    def _on_body(self, chunk: bytes) -> int | None:
        if self.phase != BODY:
            return self._on_other_body(chunk)
        try:
            take = self.write(chunk)
        except BaseException as exc:
            self.fail(exc)
            return ABORT
        if not take:
            self.received += len(chunk)
            return None
        if take == Take.PAUSE:
            self.paused = True
            return int(pycurl.WRITEFUNC_PAUSE)
        if self.failure is None and self.write is not _closed:
            self.received += len(chunk)
            if (
                not self.poured
                and self.head is not None
                and str(self.received) == self.head.headers.get("content-length")
            ):
                # The framing ends here as well; hearing it out keeps the connection.
                return None
        self.enough = True
        self.write = _closed
        return ABORT

    def _on_other_body(self, chunk: bytes) -> int | None:
        if self.phase == SKIP:
            self.received += len(chunk)
            return ABORT if self.received > _SKIP_LIMIT else None
        if self.phase == FILE:
            if self.set.get("method") == "HEAD":
                self.lines.append(chunk)  # over FTP, libcurl tells a head as if it were a body
                return None
            # The file's size can only be asked for outside of libcurl's callbacks.
            self.paused = True
            self.loop.call_soon(self._start_file, self.generation)
            return int(pycurl.WRITEFUNC_PAUSE)
        if self.held is not None:
            lines, self.held = self.held, None
            refused = self._deliver(lines, status_of(lines[0]))
            return refused if refused is not None else self._on_body(chunk)
        self.fail(DownloadError(Code.PROTOCOL_ERROR, "The answer has a body and no header."))
        return ABORT

    def taken(self, take: Take, count: int) -> None:
        """Count bytes that went past libcurl, and end the transfer where they were the last or the sink has enough."""
        self.received += count
        if self.received >= self.total:
            self.driver.end(self, 0)
        elif take is not Take.MORE:
            self.enough = True
            self.driver.end(self, pycurl.E_WRITE_ERROR)

    def write_rest(self, chunk: bytes) -> Take:
        """Take a chunk of a body of which some went past libcurl, and nothing that comes after its end."""
        left = self.total - self.received
        if len(chunk) < left:
            return self.sink.write(chunk)
        take = self.sink.write(chunk[:left])
        return Take.ENOUGH if take is Take.MORE else take

    def _start_file(self, generation: int) -> None:
        if generation == self.generation and self.running:
            self.deliver_file()
            if self.failure is not None:
                self.driver.end(self, pycurl.E_WRITE_ERROR)
            else:
                self.unpause(generation)

    def deliver_file(self) -> None:
        """Tell the sink the head of a file server's answer."""
        assert self.open_file is not None
        self.phase = BODY
        try:
            self.head = head = self.open_file(self)
            self.sink.head(head, Hold(self))
        except BaseException as exc:
            self.fail(exc)

    def finish_head(self) -> None:
        """Tell the sink a head that was kept back, once the transfer has ended without a body."""
        if self.held is not None:
            lines, self.held = self.held, None
            self._deliver(lines, status_of(lines[0]))
        elif self.phase == FILE:
            self.deliver_file()

    # The loop's side.

    def unpause(self, generation: int) -> None:
        """Go on after a pause; the same chunk is offered again, perhaps before this returns."""
        if generation != self.generation or not self.running or not self.paused:
            return
        self.paused = False
        self.seen = -1
        code, message = 0, ""
        try:
            self.curl.pause(pycurl.PAUSE_CONT)
        except pycurl.error as exc:
            code, message = exc.args[0], str(exc.args[1]) if len(exc.args) > 1 else ""
            if code == pycurl.E_BAD_FUNCTION_ARGUMENT:
                return  # the transfer is over, and its end is on the way
        if code or self.failure is not None or self.enough:
            self.driver.end(self, code or pycurl.E_WRITE_ERROR, message)
        else:
            self.driver.kick()

    def stop(self, generation: int) -> None:
        """End a transfer from outside."""
        if generation == self.generation and self.running:
            self.driver.end(self, pycurl.E_WRITE_ERROR)

    def stalled(self, now: float) -> bool:
        """Say whether nothing has come for too long; called once in a while."""
        seen, patience = self.received + self.signs, self.patience
        if self.phase == SKIP:
            # What nobody reads has a time of its own, whether it comes or not.
            seen, patience = -2, min(patience or _SKIP_PATIENCE, _SKIP_PATIENCE)
        if self.paused or seen != self.seen or not self._is_connected():
            self.seen = seen
            self.seen_at = now
            return False
        return 0 < patience <= now - self.seen_at

    def give_up(self) -> None:
        """Say why a stalled transfer ends; a redirect's own body is not missed."""
        if self.phase != SKIP:
            self.fail(DownloadError(Code.STALLED, f"The server sent nothing for {self.patience:g} seconds."))

    def _is_connected(self) -> bool:
        return self.asked or bool(self.header_bytes) or self.curl.getinfo(pycurl.PRETRANSFER_TIME_T) > 0


class Hold:
    """The sink's hold on one request of an exchange."""

    __slots__ = ("_exchange", "_generation")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._generation = exchange.generation

    def resume(self) -> None:
        # Always from the loop: the sink may call from within libcurl, or before it has said PAUSE.
        self._exchange.loop.call_soon(self._exchange.unpause, self._generation)

    def abort(self, reason: BaseException | None = None) -> None:
        exchange = self._exchange
        if exchange.generation != self._generation or not exchange.running:
            return
        if reason is not None:
            exchange.fail(reason)
        else:
            exchange.enough = True
            exchange.write = _closed
        exchange.loop.call_soon(exchange.stop, self._generation)
