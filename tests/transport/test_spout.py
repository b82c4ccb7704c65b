"""Bodies that go from the socket to the sink through a pipe, and everything that makes them go back to libcurl."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys

import pytest

from tests.transport.conftest import Collect, until
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.resource import Head, Headers
from tui_downloads.transport import spout
from tui_downloads.transport.base import DirectSink, Ended, Reach, Request, Take

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="splice is Linux's")

SIZE = 24 * 1024 * 1024
BODY = os.urandom(1024 * 1024) * (SIZE // (1024 * 1024))


class Direct(Collect):
    """A sink that also takes bytes from a pipe; counts them, and may refuse or fail."""

    def __init__(
        self, *, wants: int = SIZE, limit_after: int | None = None, fails: BaseException | None = None
    ) -> None:
        super().__init__()
        self.poured = 0
        self.wants = wants
        self.limit_after = limit_after
        self.fails = fails

    def room(self) -> int:
        if self.limit_after is not None and self.poured >= self.limit_after:
            return 0
        return self.wants - len(self.data)

    def pour(self, pipe: int, count: int) -> Take:
        if self.fails is not None:
            raise self.fails
        left = count
        while left:
            chunk = os.read(pipe, left)
            self.data += chunk
            left -= len(chunk)
        self.poured += count
        return Take.MORE if len(self.data) < self.wants else Take.ENOUGH


def sends(body: bytes, *, length: int | None = None, after=None, extra: bytes = b""):
    """Answer each request with a body as fast as the socket takes it."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            told = len(body) if length is None else length
            extra_fields = extra + b"\r\n" if extra else b""
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n" % (told, extra_fields))
            writer.write(body)
            await writer.drain()
            if after is not None:
                await after(writer)
                return

    return handler


async def test_a_fast_body_goes_through_the_pipe(transport, raw):
    """Most of it never comes as a chunk, and every byte is right."""
    server, sink = await raw(sends(BODY)), Direct()
    answer = await transport.fetch(Request(server.url()), sink)
    assert sink.poured > SIZE // 2
    assert bytes(sink.data) == BODY
    assert (answer.received, answer.ended) == (SIZE, Ended.COMPLETE)


async def test_bytes_behind_the_end_are_nobodys(transport, raw):
    """What a server sends beyond the length it told is not written."""
    server, sink = await raw(sends(BODY + b"x" * 100_000, length=SIZE)), Direct(wants=SIZE * 2)
    await transport.fetch(Request(server.url()), sink)
    assert sink.poured and bytes(sink.data) == BODY


async def test_a_sink_that_has_enough_ends_it(transport, raw):
    """The transfer ends where the segment does."""
    server, sink = await raw(sends(BODY)), Direct(wants=SIZE - 12_345)
    answer = await transport.fetch(Request(server.url()), sink)
    assert sink.poured and bytes(sink.data) == BODY[: SIZE - 12_345]
    assert answer.ended is Ended.ENOUGH


async def test_the_connection_is_not_used_again(transport, raw):
    """libcurl has not heard the end of the body, so the next request gets a connection of its own, and its bytes."""
    server = await raw(sends(BODY))
    for _ in range(3):
        sink = Direct()
        await transport.fetch(Request(server.url()), sink)
        assert sink.poured and bytes(sink.data) == BODY
    assert server.connections == 3


async def test_an_early_end_is_truncated(transport, raw):
    """A server that closes in the middle is found out."""

    async def close(writer: asyncio.StreamWriter) -> None:
        writer.close()

    server, sink = await raw(sends(BODY, length=SIZE + 5_000_000, after=close)), Direct(wants=SIZE * 2)
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(server.url()), sink)
    assert caught.value.code is Code.TRUNCATED
    assert sink.poured and bytes(sink.data) == BODY


async def test_a_reset_is_an_error(transport, raw):
    """A reset connection is no end of the body."""

    async def reset(writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    server, sink = await raw(sends(BODY, length=SIZE + 5_000_000, after=reset)), Direct(wants=SIZE * 2)
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(server.url()), sink)
    assert caught.value.code in (Code.TRUNCATED, Code.NETWORK_ERROR)
    assert BODY.startswith(bytes(sink.data))


async def test_a_limit_that_comes_later_is_obeyed(transport, raw):
    """A sink that wants to see the chunks again gets them, up to the very end and no further."""
    server = await raw(sends(BODY + b"x" * 100_000, length=SIZE))
    sink = Direct(wants=SIZE * 2, limit_after=2_000_000)
    await transport.fetch(Request(server.url()), sink)
    assert 2_000_000 <= sink.poured < SIZE // 2 and sink.offers > 100
    assert bytes(sink.data) == BODY


async def test_a_silent_server_is_given_up(transport, raw):
    """Silence counts past libcurl as well."""
    hushed = asyncio.Event()

    async def hush(writer: asyncio.StreamWriter) -> None:
        await hushed.wait()

    server, sink = await raw(sends(BODY, length=SIZE + 5_000_000, after=hush)), Direct(wants=SIZE * 2)
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(server.url(), reach=Reach(stall_timeout=0.3)), sink)
    hushed.set()
    assert caught.value.code is Code.STALLED and bytes(sink.data) == BODY


async def test_a_failing_sink_ends_its_own_transfer_only(transport, raw):
    """What a failure leaves in the pipe reaches no other transfer."""
    server = await raw(sends(BODY))
    full = DownloadError(Code.DISK_FULL, "full")
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(server.url()), Direct(fails=full))
    assert caught.value is full
    sink = Direct()
    await transport.fetch(Request(server.url()), sink)
    assert sink.poured and bytes(sink.data) == BODY


async def test_a_sink_that_fails_when_it_is_asked_ends_the_transfer(transport, raw):
    """What it held is lost with it, so not one byte may come after that (a disk that is full at this very moment)."""

    class Full(Direct):
        def room(self) -> int:
            self.data.clear()
            raise full

    full = DownloadError(Code.DISK_FULL, "full")
    server, sink = await raw(sends(BODY)), Full()
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(server.url()), sink)
    assert caught.value is full and not sink.data


async def test_several_at_once_do_not_mix(transport, raw):
    """One pipe serves all connections, and each gets its own bytes."""
    bodies = [os.urandom(64) * (SIZE // 64) for _ in range(4)]
    servers = [await raw(sends(body)) for body in bodies]
    sinks = [Direct() for _ in bodies]
    requests = zip(servers, sinks, strict=True)
    await asyncio.gather(*(transport.fetch(Request(server.url()), sink) for server, sink in requests))
    assert [bytes(sink.data) for sink in sinks] == bodies
    assert all(sink.poured for sink in sinks)


async def test_a_cancelled_one_writes_nothing_more(transport, raw):
    """Cancelled in the middle, the socket is closed and the sink hears no more."""
    server, sink = (
        await raw(sends(BODY, length=SIZE * 100, after=lambda _: asyncio.sleep(60))),
        Direct(wants=SIZE * 100),
    )
    task = asyncio.create_task(transport.fetch(Request(server.url()), sink))
    await until(lambda: sink.poured, "a pour")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    had = len(sink.data)
    await until(lambda: server.open == 0, "the end of the connection")
    assert len(sink.data) == had


@pytest.mark.parametrize("extra", [b"Content-Encoding: gzip", b"Content-Encoding: br"])
async def test_a_coded_body_stays_with_libcurl(transport, raw, extra):
    """Only bytes that are the file's go past libcurl."""
    server, sink = await raw(sends(BODY, extra=extra)), Direct()
    await transport.fetch(Request(server.url()), sink)
    assert not sink.poured


@pytest.mark.parametrize(
    ("scheme", "status", "fields", "length"),
    [
        ("http", 200, {"content-length": "5000000"}, 5_000_000),
        ("http", 206, {"content-length": "5000000"}, 5_000_000),
        ("https", 200, {"content-length": "5000000"}, 0),
        ("http", 404, {"content-length": "5000000"}, 0),
        ("http", 200, {"content-length": "-1"}, 0),
        ("http", 200, {"content-length": "٣"}, 0),
        ("http", 200, {}, 0),
        ("http", 200, [("content-length", "5"), ("content-length", "6")], 0),
        ("http", 200, {"content-length": "5", "transfer-encoding": "chunked"}, 0),
        ("http", 200, {"content-length": "5", "content-encoding": "gzip"}, 0),
    ],
)
def test_plain_length(scheme, status, fields, length):
    """Only bare bodies of known length are plain."""
    head = Head(
        status, Headers(fields.items() if isinstance(fields, dict) else fields), url=f"{scheme}://h/", scheme=scheme
    )
    assert spout.plain_length(head) == length


def test_a_usual_sink_is_not_direct():
    """A sink says by its methods whether it takes bytes from a pipe."""
    assert isinstance(Direct(), DirectSink) and spout.direct(Collect()) is None
