"""From a socket to a file inside the kernel (splice), for bodies that arrive faster than Python could hand them on.

A plain body of known length is nothing but the bytes of its socket. Once libcurl has read the head and the bytes come
by the hundred kilobytes, its transfer is paused and the rest goes through a pipe: no copy into this process, and a
fraction of the calls. Whatever is unusual (an early end, an error, a limit) is given back to libcurl.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

from tui_downloads.core.resource import Head

from .base import DirectSink, Sink

if TYPE_CHECKING:
    from .exchange import Exchange

LEAST = 1024 * 1024
"""Bytes of a body below which the change does not pay."""
FAST = 256 * 1024
"""Bytes in one call of libcurl from which on a connection is fast."""
_PIPE = 1024 * 1024
_FLAGS = getattr(os, "SPLICE_F_MOVE", 1) | getattr(os, "SPLICE_F_NONBLOCK", 2)
AVAILABLE = hasattr(os, "splice") and hasattr(fcntl, "F_SETPIPE_SZ")


def plain_length(head: Head) -> int:
    """Give the length of a body that is sent as it is over a bare connection; 0 where it is not, or not known."""
    if head.scheme != "http" or head.status not in (200, 206):
        return 0
    fields = head.headers
    length = fields.get("content-length")
    if not (length.isascii() and length.isdigit()) or len(fields.all("content-length")) != 1:
        return 0
    return 0 if "transfer-encoding" in fields or "content-encoding" in fields else int(length)


def direct(sink: Sink) -> DirectSink | None:
    """Give the sink if it takes bytes from a pipe."""
    return sink if isinstance(sink, DirectSink) else None


class Spout:
    """The pipe between sockets and sinks; empty between two calls of `pour`."""

    # Mutable state: the two ends, opened when first used.
    def __init__(self) -> None:
        self._ends: tuple[int, int] | None = None

    def pour(self, exchange: Exchange, fd: int) -> bool:
        """Move what the socket has to the exchange's sink; False asks to let libcurl look.

        Raises:
            BaseException: what the sink raised.
        """
        sink = exchange.direct
        if sink is None:
            return False
        room = min(exchange.total - exchange.received, sink.room(), _PIPE)
        if room <= 0:
            return False
        source, target = self._ends or self._open()
        try:
            count = os.splice(fd, target, room, flags=_FLAGS)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not count:
            return False
        try:
            exchange.taken(sink.pour(source, count), count)
        except BaseException:
            self.close()  # what is still inside must never come out behind another connection's bytes
            raise
        return True

    def _open(self) -> tuple[int, int]:
        source, target = self._ends = os.pipe2(os.O_CLOEXEC)
        with contextlib.suppress(OSError):
            fcntl.fcntl(target, fcntl.F_SETPIPE_SZ, _PIPE)
        return source, target

    def close(self) -> None:
        """Drop the pipe and what is in it."""
        if self._ends is not None:
            for end in self._ends:
                os.close(end)
            self._ends = None
