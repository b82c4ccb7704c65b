"""A hundred follow the news of the live service, one of them never reads: it is dropped, and harms nobody."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from tests.e2e.service import Home, Service, until
from tests.engine.suite import poll

READERS, COUNT, BULK = 99, 1_500, 100
ASK = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"
ADDED = b"event: added\n"
GROWTH = 128 * 1024
"""KiB that the service may grow by meanwhile; what is laid down for the deaf one is shared with the others."""


class Reader:
    """Follows the news and counts what is added."""

    def __init__(self) -> None:
        self.heard, self.begun = 0, False

    async def run(self, path: str) -> None:
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(ASK)
        rest = b""
        try:
            while data := await reader.read(1 << 16):
                self.begun = self.begun or b"hello" in data
                data = rest + data
                self.heard += data.count(ADDED)
                rest = data[1 - len(ADDED) :]  # too short to hold a whole mark
        finally:
            writer.close()
            await writer.wait_closed()


def resident(pid: int) -> int:
    """Give a process's resident KiB."""
    return next(
        int(line.split()[1]) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in line
    )


async def follow(service: Service, path: str, add) -> list[Reader]:
    """Let everybody listen while downloads are added, until all have heard of all."""
    readers = [Reader() for _ in range(READERS)]
    tasks = [asyncio.create_task(reader.run(path)) for reader in readers]
    await poll(lambda: all(reader.begun for reader in readers), 30)
    await asyncio.to_thread(add)
    await poll(lambda: all(reader.heard >= COUNT for reader in readers), 60)
    # They listen on until the deaf one is gone.
    await asyncio.to_thread(until, lambda: service.subscribers() == READERS, "the end of the deaf one")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return readers


def test_a_deaf_subscriber_is_dropped_and_harms_nobody(place: Home):
    """Every other one hears of every download once, adds are answered, and the service keeps its size."""
    service = place.serve()
    path = str(service.socket)
    with service.local() as client, socket.socket(socket.AF_UNIX) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(path)
        deaf.sendall(ASK)
        until(lambda: service.subscribers() == 1, "the deaf one's seat")
        before = resident(service.process.pid)

        def add() -> None:
            for at in range(0, COUNT, BULK):
                items = [{"url": f"https://files.example.org/{n}", "paused": True} for n in range(at, at + BULK)]
                assert client.post("/v1/downloads", json={"downloads": items}).status_code == 200

        readers = asyncio.run(follow(service, path, add))
        assert {reader.heard for reader in readers} == {COUNT}
        assert resident(service.process.pid) - before < GROWTH
        assert client.get("/healthz").status_code == 200
    assert "was dropped" in place.log
    assert service.end() == 0
