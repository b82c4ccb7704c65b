"""Servers that can't bear a Range or If-Range field bring the file all the same."""

from __future__ import annotations

import asyncio
import os
import re

import pytest

from tests.transport.conftest import certificate, raw  # noqa: F401
from tui_downloads.core.spec import Options

SIZE = 3_000_000
ONCE = Options(connections=1)


def answers(body: bytes, refuse, breaks_at: int = 0, etag: str = 'ETag: "v"\r\n'):
    """Serve a body, one request a connection; `refuse` sees the request's head and may give other bytes to send."""

    async def handler(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        instead = refuse(head)
        if instead is not None:
            writer.write(instead)
            await writer.drain()
            return
        found = re.search(r"Range: bytes=(\d+)-(\d*)", head)
        start, end = (int(found[1]), int(found[2] or len(body) - 1) + 1) if found else (0, len(body))
        said = f"206 Part\r\nContent-Range: bytes {start}-{end - 1}/{len(body)}" if found else "200 OK"
        said = f"HTTP/1.1 {said}\r\n{etag}Content-Length: {end - start}\r\nConnection: close\r\n\r\n"
        writer.write(said.encode() + body[start : min(end, start + breaks_at) if breaks_at else end])
        await writer.drain()

    return handler


def no(status: int) -> bytes:
    return f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


MULTIPART = (
    b"HTTP/1.1 206 P\r\nContent-Type: multipart/byteranges; boundary=x\r\n"
    b"Content-Length: 0\r\nConnection: close\r\n\r\n"
)


@pytest.mark.parametrize("said", [no(400), no(403), no(501), no(500), b"", MULTIPART], ids=lambda said: said[9:12])
async def test_a_server_that_refuses_ranges_is_asked_for_the_whole(bench, raw, said):  # noqa: F811
    """By a status at once, by a broken answer after some tries that failed alike."""
    body = os.urandom(SIZE)
    server = await raw(answers(body, lambda head: said if "Range: bytes=" in head else None))
    view = await bench.complete(await bench.add(server.url("/x.bin"), options=Options(retries=5)))
    assert (bench.folder / view.name).read_bytes() == body


@pytest.mark.parametrize("status", [400, 412])
async def test_a_server_that_refuses_if_range_goes_on_without(bench, raw, status):  # noqa: F811
    """The validators of its parts are compared instead, and no byte is fetched twice."""
    body = os.urandom(SIZE)
    server = await raw(answers(body, lambda head: no(status) if "If-Range" in head else None, breaks_at=1_000_000))
    view = await bench.complete(await bench.add(server.url("/x.bin"), options=ONCE))
    assert (bench.folder / view.name).read_bytes() == body and view.discarded == 0


async def test_the_rest_that_is_refused_as_a_range_comes_with_the_whole(bench, raw):  # noqa: F811
    """What is here is dropped from the front of it."""
    body, asked = os.urandom(SIZE), 0

    def refuse(head: str) -> bytes | None:
        nonlocal asked
        asked += 1
        if asked == 1:
            return f'HTTP/1.1 200 OK\r\nETag: "v"\r\nContent-Length: {SIZE}\r\n\r\n'.encode() + body[:1_200_000]
        return no(400) if "Range: bytes=" in head else None

    server = await raw(answers(body, refuse))
    view = await bench.complete(await bench.add(server.url("/x.bin"), options=ONCE))
    assert (bench.folder / view.name).read_bytes() == body


async def test_a_small_file_that_breaks_off_each_time_is_put_together(bench, raw):  # noqa: F811
    """Its bytes are kept as those of a large one are."""
    body = os.urandom(300_000)
    server = await raw(answers(body, lambda head: None, breaks_at=20_000))
    view = await bench.complete(await bench.add(server.url("/x.bin"), options=ONCE))
    assert (bench.folder / view.name).read_bytes() == body and view.discarded == 0
    assert bench.names() == [view.name]


async def test_versions_that_differ_by_connection_end_in_one_stream(bench, raw):  # noqa: F811
    """Hosts behind one name each give their own ETag: bytes of two are never mixed, and one connection brings all."""
    body, asked = os.urandom(8_000_000), 0

    async def handler(reader, writer):
        nonlocal asked
        while head := (await reader.readuntil(b"\r\n\r\n")).decode():
            asked += 1
            found = re.search(r"Range: bytes=(\d+)-(\d*)", head)
            start, end = (int(found[1]), int(found[2] or len(body) - 1) + 1) if found else (0, len(body))
            said = f'HTTP/1.1 206 Part\r\nETag: "node-{asked}"\r\nContent-Length: {end - start}\r\n'
            writer.write(f"{said}Content-Range: bytes {start}-{end - 1}/{len(body)}\r\n\r\n".encode())
            for at in range(start, end, 1_000_000):
                await writer.drain()
                writer.write(body[at : min(end, at + 1_000_000)])
                await asyncio.sleep(0.1)  # slow enough for further connections

    server = await raw(handler)
    view = await bench.complete(await bench.add(server.url("/x.bin"), options=Options(connections=4)))
    assert (bench.folder / view.name).read_bytes() == body and bench.names() == [view.name]


async def test_a_part_remembers_that_ranges_were_refused(bench, raw):  # noqa: F811
    """A later session asks for the whole again, and drops what is here from the front of it."""
    body, served = os.urandom(SIZE), 0

    async def handler(reader, writer):
        nonlocal served
        if "Range: bytes=" in (await reader.readuntil(b"\r\n\r\n")).decode():
            writer.write(no(403))
        else:
            served += 1
            writer.write(f'HTTP/1.1 200 OK\r\nETag: "v"\r\nContent-Length: {SIZE}\r\n\r\n'.encode())
            writer.write(body if served > 1 else body[:1_500_000])
            await writer.drain()
            if served == 1:
                await reader.read()  # until the other side has enough
        await writer.drain()

    server = await raw(handler)
    id = await bench.add(server.url("/x.bin"), options=ONCE)
    await bench.until(id, lambda view: view.done >= 1_000_000)
    await bench.engine.close()
    engine = await bench.start()
    await engine.resume([id])
    view = await bench.complete(id)
    assert (bench.folder / view.name).read_bytes() == body and view.discarded == 0
