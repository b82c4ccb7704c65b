"""How an answer reaches the client: pace, and every way of not arriving whole."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tui_downloads.demo.answers import Answer, Framing
from tui_downloads.demo.request import Request

_PIECE = 256 * 1024
_PACED_PIECES_A_SECOND = 20

Leave = Callable[["Request", "Channel", int], Awaitable[None]]
"""Waited for before some bytes of a body are sent."""


class Gone(ConnectionError):
    """The connection is over; nothing more can be said on it."""


class Channel:
    """One connection, with the ways to speak and to break off that a fault needs."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.reader = reader
        self.number = number
        self._writer = writer
        # Without a buffer of ours, `send` returns when the kernel has the bytes, and a reset cuts where it should.
        # One and not zero: at zero asyncio's TLS transport pauses the writer while it has nothing to write.
        writer.transport.set_write_buffer_limits(high=1, low=0)

    async def send(self, data: bytes) -> None:
        """Send bytes as they are.

        Raises:
            Gone: the client has closed the connection.
        """
        try:
            self._writer.write(data)
            await self._writer.drain()
        except (ConnectionError, OSError) as exc:
            raise Gone from exc
        if self._writer.transport.is_closing():
            raise Gone

    async def silence(self) -> None:
        """Say nothing until the client goes away.

        Raises:
            Gone: always, at the end.
        """
        try:
            while await self.reader.read(4096):
                pass
        except OSError:
            pass
        raise Gone

    async def close(self, *, notify: bool = True) -> None:
        """End the connection in order; without `notify` TLS ends as if the line had been cut.

        Raises:
            Gone: always.
        """
        if not notify:
            await self._flushed()
            raw: socket.socket = self._writer.get_extra_info("socket")
            raw.shutdown(socket.SHUT_WR)
            self._writer.transport.abort()
        else:
            self._writer.close()
        raise Gone

    async def reset(self) -> None:
        """Break the connection off with a reset; what the client has not read yet is lost.

        Raises:
            Gone: always.
        """
        await self._flushed()
        raw: socket.socket = self._writer.get_extra_info("socket")
        with contextlib.suppress(OSError):  # the client was faster
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        raise Gone

    async def _flushed(self) -> None:
        # Under TLS asyncio keeps a second buffer, below the one that drain empties, and tells nobody when it is empty.
        below = getattr(getattr(self._writer.transport, "_ssl_protocol", None), "_transport", None)
        while below is not None and below.get_write_buffer_size() and not below.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.001)

    def drop(self) -> None:
        """Cut the connection from outside the conversation."""
        self._writer.transport.abort()

    async def hang_up(self) -> None:
        """Release the socket at the end of the conversation."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except (ConnectionError, OSError):
            pass
        finally:
            self.drop()


@dataclass(frozen=True)
class _Cut:
    """Where the body stops early, and what happens there."""

    at: int
    how: str


def _cut(answer: Answer) -> _Cut | None:
    cuts = [_Cut(at, how) for how in ("truncate", "reset", "stall") if (at := getattr(answer.faults, how)) is not None]
    first = min(cuts, key=lambda cut: cut.at, default=None)
    return first if first and (first.at < answer.body.length or first.how != "truncate") else None


def _rate(answer: Answer, count: int) -> int | None:
    slow = answer.faults.slow
    if slow is not None and slow[0] == count:
        return slow[1]
    return answer.faults.rate


class _Pace:
    """Say how large the next piece is and when it may go."""

    def __init__(self, answer: Answer, count: int) -> None:
        self._drip = answer.faults.drip
        self._rate = _rate(answer, count)
        self._begun = asyncio.get_running_loop().time()
        self._sent = 0

    @property
    def piece(self) -> int:
        if self._drip is not None:
            return 1
        return _PIECE if self._rate is None else max(1, min(_PIECE, self._rate // _PACED_PIECES_A_SECOND))

    async def after(self, size: int) -> None:
        self._sent += size
        if self._drip is not None:
            await asyncio.sleep(self._drip / 1000)
        elif self._rate is not None:
            due = self._begun + self._sent / max(1, self._rate)
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        else:
            # A fast line never makes drain wait, and the other connections want their turn.
            await asyncio.sleep(0)


async def _send_body(
    channel: Channel, request: Request, answer: Answer, stop: int, count: int, leave: Leave | None
) -> None:
    chunked = answer.framing in (Framing.CHUNKED, Framing.BOTH)
    pace = _Pace(answer, count)
    at = 0
    while at < stop:
        data = answer.body.read(at, min(stop, at + pace.piece))
        if leave is not None:
            await leave(request, channel, len(data))
        # Counted first: whoever has received bytes finds them in the log.
        at += len(data)
        request.sent = at
        await channel.send(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
        await pace.after(len(data))
    if chunked and stop == answer.body.length:
        await channel.send(b"0\r\n\r\n")


async def deliver(channel: Channel, request: Request, answer: Answer, count: int, leave: Leave | None = None) -> None:
    """Send an answer with its faults; return when the connection can carry another request.

    Raises:
        Gone: the connection is over.
    """
    faults = answer.faults
    if request.method == "HEAD" or answer.status in (204, 304):
        await channel.send(answer.head())
        return
    cut = _cut(answer)
    stop = min(cut.at, answer.body.length) if cut else answer.body.length
    small = stop <= _PIECE and not (cut or faults.rate or faults.slow or faults.drip is not None)
    if small and answer.framing is Framing.LENGTH:
        if leave is not None:
            await leave(request, channel, stop)
        request.sent = stop
        await channel.send(answer.head() + answer.body.read(0, stop))
    else:
        await channel.send(answer.head())
        await _send_body(channel, request, answer, stop, count, leave)
    if faults.extra:
        await channel.send(b"+" * faults.extra)
    match cut.how if cut else "":
        case "reset":
            await channel.reset()
        case "stall":
            await channel.silence()
        case "truncate":
            await channel.close(notify=not faults.nonotify)
    if answer.framing is Framing.CLOSE or faults.extra or faults.both or faults.nonotify:
        await channel.close(notify=not faults.nonotify)
