"""Going on where no strong validator vouches for it: some bytes that are here are asked for again, and must agree."""

from __future__ import annotations

import os
import re

from tests.transport.conftest import certificate, raw  # noqa: F401
from tui_downloads.core.errors import Code
from tui_downloads.core.spec import Options

SIZE = 3_000_000
ONCE = Options(connections=1)
WEAK = "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
"""Without a Date, it may be of the same second as another version."""


def breaks_once(before: bytes, after: bytes, asked: list[int], fields: str = WEAK):
    """Serve one body until its connection breaks, and another one from then on; note where each request begins."""

    async def handler(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        found = re.search(r"Range: bytes=(\d+)-", head)
        start = int(found[1]) if found else -1
        asked.append(start)
        body, sent = (before, 1_000_000) if len(asked) == 1 else (after, SIZE)
        part = f"206 Part\r\nContent-Range: bytes {start}-{SIZE - 1}/{SIZE}" if found else "200 OK"
        said = f"HTTP/1.1 {part}\r\n{fields}Content-Length: {SIZE - max(0, start)}\r\nConnection: close\r\n\r\n"
        writer.write(said.encode() + body[max(0, start) : sent])
        await writer.drain()

    return handler


async def test_what_goes_on_alike_is_gone_on_with(bench, raw):  # noqa: F811
    """Nothing is discarded, and little is asked for twice."""
    asked: list[int] = []
    body = os.urandom(SIZE)
    server = await raw(breaks_once(body, body, asked))
    view = await bench.complete(await bench.add(server.url("/same.bin"), options=ONCE))
    assert (bench.folder / view.name).read_bytes() == body
    assert view.discarded == 0 and asked[0] == 0 and 0 < 1_000_000 - asked[1] <= 8192, asked


async def test_what_goes_on_otherwise_is_begun_again(bench, raw):  # noqa: F811
    """Size and framing are as before, the bytes are others: no file is made of both."""
    asked: list[int] = []
    other = os.urandom(SIZE)
    server = await raw(breaks_once(os.urandom(SIZE), other, asked))
    view = await bench.complete(await bench.add(server.url("/other.bin"), options=ONCE))
    assert (bench.folder / view.name).read_bytes() == other and view.discarded > 0


async def test_a_version_that_is_named_needs_no_seam(bench, raw):  # noqa: F811
    """A strong validator vouches for what follows: not a byte is asked for twice."""
    asked: list[int] = []
    body = os.urandom(SIZE)
    server = await raw(breaks_once(body, body, asked, 'ETag: "v"\r\n'))
    await bench.complete(await bench.add(server.url("/named.bin"), options=ONCE))
    assert asked == [0, 1_000_000]


async def test_what_breaks_off_each_time_is_not_called_changed(bench, raw):  # noqa: F811
    """Neither size nor version, and never an end: the user hears of the break, after a bounded number of tries."""
    requests = 0

    async def breaks(reader, writer):
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186A0\r\n" + os.urandom(100_000))
        await writer.drain()

    server = await raw(breaks)
    view = await bench.failed(await bench.add(server.url("/never.bin"), options=ONCE))
    assert (view.error.code, view.error.resumable) == (Code.TRUNCATED, True) and requests < 20
    assert "changed" not in view.error.message + view.error.next_step


async def test_crumbs_are_not_put_together_one_by_one(bench, raw):  # noqa: F811
    """A server that answers each range with a few bytes, as it may, is asked for the whole file before long."""
    body, requests = os.urandom(SIZE), 0

    async def crumbs(reader, writer):
        nonlocal requests
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            requests += 1
            found = re.search(r"Range: bytes=(\d+)-", head)
            if found:
                start = int(found[1])
                said = f"206 Part\r\nContent-Range: bytes {start}-{start + 9}/{SIZE}\r\nContent-Length: 10"
                part = body[start : start + 10]
            else:
                said, part = f"200 OK\r\nContent-Length: {SIZE}", body
            writer.write(f'HTTP/1.1 {said}\r\nETag: "v"\r\n\r\n'.encode() + part)
            await writer.drain()

    server = await raw(crumbs)
    view = await bench.complete(await bench.add(server.url("/crumbs.bin"), options=ONCE))
    assert (bench.folder / view.name).read_bytes() == body and requests < 100
