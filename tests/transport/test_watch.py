"""Both ways of watching sockets carry the same transfers."""

from __future__ import annotations

import asyncio

import pytest

from tests.transport.conftest import Collect
from tui_downloads.demo.content import block
from tui_downloads.transport import multi
from tui_downloads.transport.base import Request
from tui_downloads.transport.curl import CurlTransport
from tui_downloads.transport.watch import LoopWatch, open_watch


@pytest.mark.parametrize("watch", [open_watch, LoopWatch])
async def test_transfers_run_on_every_watch(practice, monkeypatch, watch):
    """The loop's own readers do what the epoll does."""
    monkeypatch.setattr(multi, "open_watch", watch)
    transport = CurlTransport()
    sinks = {f"f{number}": Collect() for number in range(8)}
    try:
        for _ in range(2):
            await asyncio.gather(
                *(transport.fetch(Request(practice.file(100_000, name)), sink) for name, sink in sinks.items())
            )
    finally:
        await transport.close()
    assert all(bytes(sink.data) == block(name, 0, 100_000) * 2 for name, sink in sinks.items())


async def test_kept_connections_are_closed_after_a_while(practice, monkeypatch):
    """A transport with nothing to do holds no connection, and opens new ones later."""
    monkeypatch.setattr(multi, "_FORGET_AFTER", 0.05)
    transport = CurlTransport()
    url = practice.file(10, "a")
    try:
        await transport.fetch(Request(url), Collect())
        driver = next(iter(transport._drivers.values()))
        first = driver._multi
        deadline = asyncio.get_running_loop().time() + 20
        while driver._multi is first:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)
        assert not (await transport.fetch(Request(url), Collect())).reused
    finally:
        await transport.close()
