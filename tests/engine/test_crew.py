"""How many connections a file gets, and what a refusal of one of them means."""

from __future__ import annotations

import asyncio
import os

import pytest

from tests.transport.conftest import certificate, raw  # noqa: F401
from tui_downloads.core.spec import Options

SIZE = 8_000_000


@pytest.mark.parametrize("status", [403, 429, 503])
async def test_a_refused_connection_costs_connections_and_nothing_else(bench, status):
    """The file comes with as many as the server allows; of the host only its own word is believed."""
    url = bench.server.file(SIZE, "cap.bin", cap=2, capstatus=status, rate=1_500_000)
    view = await bench.complete(await bench.add(url, options=Options(connections=6)))
    assert view.attempts == 0 and view.discarded == 0
    hosts = {host.host: host for host in await bench.engine.hosts()}
    if status == 403:
        assert all(host.ceiling is None for host in hosts.values())
    else:
        (host,) = hosts.values()
        assert host.ceiling is not None and str(status) in host.why and "twice as many" in host.why


async def test_one_path_s_limit_does_not_slow_another(bench):
    """A host that forbids one file's further connections serves another file with all of them."""
    capped = bench.server.file(SIZE, "capped.bin", cap=1, capstatus=403, rate=3_000_000)
    await bench.complete(await bench.add(capped, options=Options(connections=4)))
    free = await bench.add(bench.server.file(SIZE, "free.bin", rate=1_000_000), options=Options(connections=4))
    await bench.until(free, lambda view: view.connections == 4)
    await bench.complete(free)


NO = b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
ANSWERS = {
    "401": NO % b"401 Used",
    "403": NO % b"403 Used",
    "404": NO % b"404 Used",
    "410": NO % b"410 Used",
    "a page": b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html>buy me!",
    "silence": b"",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_a_link_that_is_good_once_brings_its_file(bench, raw, answer):  # noqa: F811
    """Whatever further connections meet, the first one goes on to the end: nothing is stolen from it for nobody."""
    body = os.urandom(SIZE)
    asked_again = asyncio.Event()
    requests = 0

    async def once(reader, writer):
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        if requests > 1:
            asked_again.set()
            writer.write(answer)
            await writer.drain()
            return await (reader.read() if not answer else asyncio.sleep(0))
        fields = f'Content-Length: {SIZE}\r\nContent-Range: bytes 0-{SIZE - 1}/{SIZE}\r\nETag: "v"\r\n'
        writer.write(b"HTTP/1.1 206 Part\r\n" + fields.encode() + b"\r\n" + body[:2_000_000])
        await asked_again.wait()
        writer.write(body[2_000_000:])
        await writer.drain()
        return await reader.read()

    server = await raw(once)
    view = await bench.complete(await bench.add(server.url("/once.bin"), options=Options(connections=4)))
    assert view.discarded == 0 and requests > 1
    assert (bench.folder / view.name).read_bytes() == body
