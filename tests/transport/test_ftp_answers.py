"""FTP servers that answer as they like."""

from __future__ import annotations

import asyncio

import pytest

from tests.transport.conftest import Collect, RawServer
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.transport.base import Request

BODY = bytes(range(256)) * 40


async def ftp(raw, **answers: bytes) -> RawServer:
    """Start a server with a file; it says what the test wants, or what is usual."""
    waiting: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()

    async def hand_over(reader, writer):
        waiting.put_nowait(writer)
        await reader.read()

    bodies = await raw(hand_over)
    usual = {"USER": b"230 in", "EPSV": b"229 (|||%d|)" % bodies.port, "SIZE": b"213 %d" % len(BODY), "REST": b"350 ok"}
    said = usual | answers

    async def control(reader, writer):
        writer.write(b"220 here\r\n")
        start = 0
        while line := await reader.readline():
            word, _, rest = line.decode().strip().partition(" ")
            if word == "EPSV":
                while not waiting.empty():  # of a transfer that came to nothing
                    waiting.get_nowait().close()
            if word == "REST" and said["REST"].startswith(b"350"):
                start = int(rest)
            if word == "RETR":
                # The last word comes with the first: libcurl holds the loop for it, which is ours too.
                writer.write(b"150 now\r\n226 done\r\n")
                data = await waiting.get()
                data.write(BODY[start:])
                data.close()
                start = 0
            else:
                writer.write(said.get(word, b"200 yes") + b"\r\n")

    return await raw(control)


def link(server: RawServer) -> str:
    return f"ftp://127.0.0.1:{server.port}/a"


async def test_a_server_that_does_not_resume_sends_the_whole_file(transport, raw):
    """As one of HTTP without ranges: 200, which the sink judges, and not an error without a way out."""
    server, sink = await ftp(raw, REST=b"502 not here"), Collect()
    answer = await transport.fetch(Request(link(server), start=1000), sink)
    assert (sink.status, bytes(sink.data), answer.received) == (200, BODY, len(BODY))


async def test_one_that_resumes_is_told_as_a_part(transport, raw):
    """The same server with REST."""
    server, sink = await ftp(raw), Collect()
    await transport.fetch(Request(link(server), start=1000), sink)
    assert (sink.status, bytes(sink.data)) == (206, BODY[1000:])


@pytest.mark.parametrize("size", [b"213 -5", b"213 -1794967296"])
async def test_a_size_below_zero_is_refused(transport, raw, size):
    """As servers of 32 bits say it of large files: libcurl would end after as many bytes as the digits say."""
    server, sink = await ftp(raw, SIZE=size), Collect()
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(link(server)), sink)
    assert caught.value.code is Code.PROTOCOL_ERROR and not sink.data
