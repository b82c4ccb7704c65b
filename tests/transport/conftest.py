"""Fixtures of the transport room: sinks, servers that say exactly what a test wants, proxies, and real servers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.ports import free_port as free_port
from tui_downloads.core.resource import Head
from tui_downloads.demo.certificate import Certificate, make_certificate
from tui_downloads.demo.server import PracticeServer
from tui_downloads.transport.auto import create
from tui_downloads.transport.base import Flow, Take, Transport

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Collect:
    """A sink that keeps everything, and does what the test says at the head or at each chunk."""

    def __init__(self, on_write: Callable[[Collect, bytes], Take] | None = None, on_head=None) -> None:
        self.data = bytearray()
        self.heads: list[Head] = []
        self.flow: Flow | None = None
        self.offers = 0
        self._on_write = on_write
        self._on_head = on_head

    @property
    def status(self) -> int:
        return self.heads[-1].status

    def head(self, head: Head, flow: Flow) -> None:
        self.heads.append(head)
        self.flow = flow
        if self._on_head is not None:
            self._on_head(self)

    def write(self, chunk: bytes) -> Take:
        self.offers += 1
        take = self._on_write(self, chunk) if self._on_write is not None else Take.MORE
        if take is not Take.PAUSE:
            self.data += chunk
        return take


async def until(condition: Callable[[], object], what: str = "the condition", seconds: float = 20.0) -> None:
    """Wait for a condition, and fail when it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true"
        await asyncio.sleep(0.005)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    made = create()
    yield made
    await made.close()


@pytest.fixture
async def practice() -> AsyncIterator[PracticeServer]:
    async with PracticeServer() as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
async def secure(certificate: Certificate) -> AsyncIterator[PracticeServer]:
    async with PracticeServer(ssl_context=certificate.server_context()) as server:
        yield server


class RawServer:
    """A server whose every byte is the test's; counts its connections."""

    def __init__(self, handler: Handler, context: ssl.SSLContext | None) -> None:
        self.connections = 0
        self.open = 0
        self.tls = context is not None
        self._handler = handler
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> RawServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def url(self, path: str = "/file", host: str = "127.0.0.1") -> str:
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}{path}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            await self._handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.open -= 1
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError, OSError):
                await writer.wait_closed()

    async def stop(self) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._server.wait_closed()


@pytest.fixture
async def raw(certificate: Certificate) -> AsyncIterator[Callable[..., Awaitable[RawServer]]]:
    """Give a function that starts a server on a handler."""
    servers = []

    async def start(handler: Handler, tls: bool = False) -> RawServer:
        server = await RawServer(handler, certificate.server_context() if tls else None).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.stop()


def says(*parts: bytes, after: Handler | None = None) -> Handler:
    """Give a handler that reads one request, sends these bytes and hangs up."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for part in parts:
            writer.write(part)
            await writer.drain()
        if after is not None:
            await after(reader, writer)

    return handler


async def forever(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say nothing until the client goes away."""
    while await reader.read(65536):
        pass


def family(pid: int) -> list[int]:
    """Give a process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += family(int(child))
    return found


class Program:
    """A server program that runs while a test does."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.port = port
        self.log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        self.pid = self._process.pid

    def wait(self) -> Program:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return self
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        self.stop()
        raise AssertionError("the server does not listen: " + self.log.read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        # A session of a file server is a process group of its own, and may outlive the server.
        sessions = family(self.pid)[1:]
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        for pid in sessions:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def run_program(tmp_path: Path) -> Iterator[Callable[[list[str], int], Program]]:
    """Give a function that starts a server program and waits until it listens."""
    programs = []

    def start(command: list[str], port: int) -> Program:
        program = Program(command, port, tmp_path / f"server-{len(programs)}.log")
        programs.append(program)
        return program.wait()

    yield start
    for program in programs:
        program.stop()
