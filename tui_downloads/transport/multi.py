"""One CurlMulti on the running loop: it moves exchanges until they end."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import TYPE_CHECKING

import pycurl

from tui_downloads.core.errors import Code, DownloadError

from .breaker import Breaker, cut
from .spout import FAST, Spout
from .watch import open_watch

if TYPE_CHECKING:
    from .exchange import Exchange

_MAX_IDLE = 128
"""Connections kept for reuse."""
_FORGET_AFTER = 60.0
"""Seconds without a transfer after which kept connections are closed."""


class Driver:
    """A CurlMulti, its sockets, its timer and the exchanges that run on it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Mutable state: the multi and its running exchanges, the moment libcurl wants to be called, whether a call is
        # already queued, the timers behind them, and who watches once there are file servers.
        self._running: dict[pycurl.Curl, Exchange] = {}
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._kicked = False
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweeping = False
        self._closed = False
        # What each exchange that may be fast had received when it was last looked at, and the sockets past libcurl.
        self._speeds: dict[Exchange, int] = {}
        self._lent: dict[int, Exchange] = {}
        self._spout = Spout()
        self._breaker: Breaker | None = None
        self._open()

    def _open(self) -> None:
        self._multi = multi = pycurl.CurlMulti()
        self._watch = open_watch(self._loop, self._on_ready, self._reap)
        multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch.on_socket)
        multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        multi.setopt(pycurl.M_MAXCONNECTS, _MAX_IDLE)
        self._action = multi.socket_action
        self._remove = multi.remove_handle
        self._read = multi.info_read
        self._fresh = True
        self._resolving = False

    @property
    def running(self) -> int:
        """How many exchanges are under way."""
        return len(self._running)

    def add(self, exchange: Exchange) -> None:
        """Begin an exchange; its future is told the libcurl code when it ends."""
        if self._closed:
            raise RuntimeError("the transport is closed")
        self._fresh = False
        self._running[exchange.curl] = exchange
        exchange.running = True
        exchange.seen = -1
        self._multi.add_handle(exchange.curl)
        if not self._sweeping:
            self._sweep_in(min(0.5, exchange.patience / 2))

    def end(self, exchange: Exchange, code: int, message: str = "") -> None:
        """Take an exchange off; an unfinished one loses its connection at once."""
        if exchange.curl not in self._running:
            return
        if exchange.cut is not None:
            # libcurl would say goodbye to a file server, and wait for its answer.
            cut(exchange.curl.getinfo(pycurl.ACTIVESOCKET))
        self._take_off(exchange, code, message)

    def meet_file_server(self, exchange: Exchange) -> None:
        """See to it that the server of an exchange can't hold the loop."""
        if self._breaker is None:
            self._breaker = breaker = Breaker()
            self._action = breaker.guard(self._multi.socket_action)
            self._remove = breaker.guard(self._multi.remove_handle)
        self._breaker.note(exchange.curl.getinfo(pycurl.ACTIVESOCKET))

    def _take_off(self, exchange: Exchange, code: int, message: str = "") -> None:
        if self._running.pop(exchange.curl, None) is None:
            return
        if code and not exchange.asked and not exchange.curl.getinfo(pycurl.NAMELOOKUP_TIME_T):
            self._resolving = True
        self._speeds.pop(exchange, None)
        if exchange.lent >= 0:
            self._give_back(exchange)
        self._remove(exchange.curl)
        exchange.running = False
        exchange.message = message
        if not exchange.future.done():
            exchange.future.set_result(code)

    def kick(self) -> None:
        """Let libcurl look at what changed, soon."""
        if not self._kicked:
            self._kicked = True
            self._loop.call_soon(self._on_kick)

    def close(self) -> None:
        """End every exchange and connection."""
        if self._closed:
            return
        self._closed = True
        for exchange in list(self._running.values()):
            exchange.fail(DownloadError(Code.INTERRUPTED, "The transfer was stopped."))
            self.end(exchange, pycurl.E_ABORTED_BY_CALLBACK)
        for timer in (self._timer, self._sweeper):
            if timer is not None:
                timer.cancel()
        self._spout.close()
        self._close_multi()

    def _close_multi(self) -> None:
        self._watch.close()
        breaker, self._breaker = self._breaker, None
        close = self._multi.close if breaker is None else partial(breaker.last, self._multi.close)
        if self._resolving:
            # A name that was given up may still be looked up in a thread of libcurl, which closing waits for.
            threading.Thread(target=close, name="libcurl-close", daemon=True).start()
        else:
            close()

    def watch_speed(self, exchange: Exchange) -> None:
        """Look whether an exchange gets so many bytes at a time that they had better go past libcurl."""
        self._speeds[exchange] = exchange.received

    def _on_ready(self, fd: int, bits: int) -> None:
        lent = self._lent.get(fd)
        if lent is not None:
            self._pour(lent, fd)
            return
        self._action(fd, bits)
        if self._speeds:
            self._look_for_fast()

    def _look_for_fast(self) -> None:
        for exchange, before in list(self._speeds.items()):
            received = exchange.received
            if received == before:
                continue
            self._speeds[exchange] = received
            if received - before >= FAST and not exchange.paused:
                del self._speeds[exchange]
                if exchange.running and exchange.failure is None and not exchange.enough:
                    self._try_to_lend(exchange)

    def _try_to_lend(self, exchange: Exchange) -> None:
        """Lend, and end the exchange where its sink fails at being asked: it may have lost what it held."""
        try:
            self._lend(exchange)
        except BaseException as exc:
            exchange.fail(exc)
            self.end(exchange, pycurl.E_WRITE_ERROR)

    def _lend(self, exchange: Exchange) -> None:
        """Empty an exchange's socket ourselves from here on; libcurl, paused, leaves it alone."""
        fd = int(exchange.curl.getinfo(pycurl.ACTIVESOCKET))
        if fd < 0 or exchange.received >= exchange.total or exchange.direct is None or exchange.direct.room() <= 0:
            return
        exchange.curl.pause(pycurl.PAUSE_RECV)
        if exchange.running and self._watch.borrow(fd):
            exchange.lent = fd
            exchange.write = exchange.write_rest
            exchange.poured = True
            self._lent[fd] = exchange
        else:
            exchange.paused = True
            exchange.unpause(exchange.generation)

    def _pour(self, exchange: Exchange, fd: int) -> None:
        try:
            if self._spout.pour(exchange, fd):
                return
        except BaseException as exc:
            exchange.fail(exc)
            self.end(exchange, pycurl.E_WRITE_ERROR)
            return
        if exchange.running:
            self._give_back(exchange)
            exchange.paused = True
            exchange.unpause(exchange.generation)

    def _give_back(self, exchange: Exchange) -> None:
        """Let libcurl have its socket again."""
        self._lent.pop(exchange.lent, None)
        self._watch.give_back(exchange.lent)
        exchange.lent = -1

    def _on_timer(self, milliseconds: int) -> None:
        """Take libcurl's wish to be called; a timer that rings too early looks again instead of being moved."""
        if self._closed:
            return
        if milliseconds == 0:
            self._due = None
            self.kick()
            return
        if milliseconds < 0:
            self._due = None
            return
        self._due = due = self._loop.time() + milliseconds / 1000
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._on_ring)

    def _on_ring(self) -> None:
        self._timer = None
        if self._due is None or self._closed:
            return
        if self._due > self._loop.time() + 0.001:
            self._timer = self._loop.call_at(self._due, self._on_ring)
            return
        self._due = None
        self._action(pycurl.SOCKET_TIMEOUT, 0)
        self._reap()

    def _on_kick(self) -> None:
        self._kicked = False
        if not self._closed:
            self._action(pycurl.SOCKET_TIMEOUT, 0)
            self._reap()

    def _reap(self) -> None:
        """Tell the futures of the exchanges that have ended."""
        while not self._closed:
            left, good, bad = self._read()
            for curl in good:
                self._take_off(self._running[curl], 0)
            for curl, code, message in bad:
                self._take_off(self._running[curl], code, message)
            if not left:
                return

    def _sweep_in(self, seconds: float) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._sweeping = True
        self._sweeper = self._loop.call_later(max(0.02, seconds), self._sweep)

    def _sweep(self) -> None:
        """Give up exchanges without a byte for too long; close kept connections when nothing has run for a while."""
        self._sweeping = False
        if not self._running:
            self._sweeper = self._loop.call_later(_FORGET_AFTER, self._forget)
            return
        now = self._loop.time()
        shortest = 4.0
        for exchange in list(self._running.values()):
            shortest = min(shortest, exchange.patience or shortest)
            if exchange.stalled(now):
                exchange.give_up()
                self.end(exchange, pycurl.E_OPERATION_TIMEDOUT)
        self._sweep_in(shortest / 8)

    def _forget(self) -> None:
        self._sweeper = None
        if not self._running and not self._fresh:
            self._close_multi()
            self._open()
