"""The practice server: HTTP/1.1 over asyncio streams, honest where a link does not say otherwise."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from tui_downloads.demo.answers import Answer, Body, Visit, answer_file, plain
from tui_downloads.demo.content import digest
from tui_downloads.demo.delivery import Channel, Gone, deliver
from tui_downloads.demo.faults import BadLink
from tui_downloads.demo.index import index_page
from tui_downloads.demo.paths import Checksum, Index, PracticeFile, file_path, read_path, split_target
from tui_downloads.demo.request import Request, read_head

Script = Callable[[Request, Channel], Awaitable[None]] | bytes
"""What a scripted path does: speak on the channel itself, or send these bytes and close."""

_HEAD_LIMIT = 1 << 20


class PracticeServer:
    """A server on 127.0.0.1 whose files are known byte by byte and whose faults are ordered by link.

    `requests`, `script`, `peak`, `ration` and `swap` may be used from any thread.
    """

    def __init__(
        self, *, port: int = 0, ssl_context: ssl.SSLContext | None = None, proxy_login: str | None = None
    ) -> None:
        self.port = port
        """The port, known after the start; a stopped server comes back on the same one."""
        self.requests: list[Request] = []
        """Every request, in the order of arrival."""
        self.script: dict[str, Script] = {}
        """Paths that are answered by a script of the test instead of the path language."""
        self.connections = 0
        """How many connections have been opened in all."""
        self.peak: Counter[str] = Counter()
        """For each path, the most requests that were open at once."""
        self.ration: int | None = None
        """Bytes of the bodies of each path that leave in all, until this is raised or lifted: what a test needs that
        wants to find a download half-way, however fast or slow the machine is."""
        self._ssl = ssl_context
        self._proxy_login = proxy_login
        self._versions: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._busy: Counter[str] = Counter()
        self._given: Counter[str] = Counter()
        self._channels: set[Channel] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        """One for each connection, from its first moment to the end of its socket."""
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: the port is taken.
        """
        self._loop = asyncio.get_running_loop()
        self._socket = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self._socket.setblocking(False)
        self.port = self._socket.getsockname()[1]
        self._loop.add_reader(self._socket, self._accept, self._socket)

    async def stop(self) -> None:
        """Stop listening and cut every connection; `start` brings the server back."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        await asyncio.sleep(0)  # a task that has not begun would leave its socket to nobody
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # the transport of a handshake that was cut closes its socket in the next turn

    async def __aenter__(self) -> PracticeServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def url(self, path: str = "/") -> str:
        """Give the whole link of a path."""
        return f"{'https' if self._ssl else 'http'}://127.0.0.1:{self.port}{path}"

    def file(self, size: int, name: str, **options: object) -> str:
        """Give the whole link of a file; options as in `faults.Faults`, True for a flag."""
        return self.url(file_path(size, name, **options))

    def swap(self, name: str, version: int) -> None:
        """Put other bytes with other validators under a name, as when the remote file is replaced."""
        self._versions[name] = version

    def drop_connections(self) -> None:
        """Cut every open connection, as when a line goes down."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._drop_all)

    async def give(self, request: Request, channel: Channel, path: str, *headers: tuple[str, str]) -> None:
        """Answer a scripted request with the practice file of another path, and with more headers."""
        path, query = split_target(path)
        thing = read_path(path, query)
        assert isinstance(thing, PracticeFile), path
        answer = answer_file(request, thing, Visit(1, 1, self._version(thing, 1)))
        answer.headers.extend(headers)
        request.answered = answer.status
        await deliver(channel, request, answer, 1, self._pass)

    async def _pass(self, request: Request, channel: Channel, size: int) -> None:
        """Wait until some bytes of a body may leave.

        Raises:
            Gone: the client does not wait any more.
        """
        while (ration := self.ration) is not None and self._given[request.path] >= ration:
            if channel.reader.at_eof():
                raise Gone
            await asyncio.sleep(0.02)
        self._given[request.path] += size

    def _drop_all(self) -> None:
        for channel in list(self._channels):
            channel.drop()

    def asked_for(self, path: str) -> list[Request]:
        """Give the requests for one path, whatever their query."""
        return [request for request in list(self.requests) if request.path == path]

    def _accept(self, listener: socket.socket) -> None:
        """Take the connections that wait.

        Each belongs to a task of ours from the moment it is accepted, so that `stop` leaves none behind; one that
        `asyncio.Server` or `sock_accept` has just taken is in nobody's hands yet.
        """
        loop = asyncio.get_running_loop()
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return  # none is left, the client has gone again, or no descriptor is free
            line.setblocking(False)
            task = loop.create_task(self._converse(line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _open(self, line: socket.socket) -> Channel:
        """Put streams on a connection, after the handshake where there is TLS."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_HEAD_LIMIT, loop=loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        # A client that leaves TLS without a word must not hold up the stop for the default 30 seconds.
        patience = 1.0 if self._ssl else None
        transport, _ = await loop.connect_accepted_socket(
            lambda: protocol, line, ssl=self._ssl, ssl_shutdown_timeout=patience
        )
        self.connections += 1
        return Channel(reader, asyncio.StreamWriter(transport, protocol, reader, loop), self.connections)

    async def _converse(self, line: socket.socket) -> None:
        try:
            channel = await self._open(line)
        except OSError:
            return  # the handshake failed; ssl.SSLError is one
        self._channels.add(channel)
        try:
            while await self._serve_one(channel):
                pass
        except (Gone, asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            channel.drop()  # only `stop` cancels
        finally:
            await channel.hang_up()
            self._channels.discard(channel)

    async def _serve_one(self, channel: Channel) -> bool:
        """Answer one request; False when the connection is to be closed."""
        request = await self._read(channel)
        if request is None:
            await deliver(channel, Request("GET", "", "", "", {}), plain(400, "That is not HTTP."), 1)
            return False
        self.requests.append(request)
        scripted = self.script.get(request.path)
        if scripted is not None:
            await _play(scripted, request, channel)
            return True
        self._busy[request.target] += 1
        self.peak[request.path] = max(self.peak[request.path], self._busy[request.target])
        try:
            await self._answer(channel, request)
        finally:
            self._busy[request.target] -= 1
        return request.headers.get("connection", "").lower() != "close"

    async def _read(self, channel: Channel) -> Request | None:
        try:
            raw = await channel.reader.readuntil(b"\r\n\r\n")
            request = read_head(raw[:-4])
            length = int(request.headers.get("content-length", "0"))
        except (ValueError, asyncio.LimitOverrunError):
            return None
        request.body = await channel.reader.readexactly(length)
        request.connection = channel.number
        request.at = asyncio.get_running_loop().time()
        return request

    async def _answer(self, channel: Channel, request: Request) -> None:
        count = self._counts[request.target] + 1
        if request.method != "HEAD":
            self._counts[request.target] = count
        busy = self._busy[request.target]
        try:
            thing = read_path(request.path, request.query)
            if isinstance(thing, PracticeFile) and thing.faults.latency:
                await asyncio.sleep(thing.faults.latency / 1000)
            answer = self._decide(request, thing, count, busy)
        except (BadLink, ValueError) as exc:
            answer = plain(400, str(exc))
        request.answered = answer.status
        await deliver(channel, request, answer, count, self._pass)

    def _decide(self, request: Request, thing: PracticeFile | Checksum | Index | None, count: int, busy: int) -> Answer:
        if self._proxy_login is not None and not request.knows(self._proxy_login, "proxy-authorization"):
            return plain(407, "This proxy wants a login.", ("Proxy-Authenticate", 'Basic realm="practice"'))
        match thing:
            case None:
                return plain(404, "There is no such file.")
            case Index():
                return Answer(200, [("Content-Type", "text/html; charset=utf-8")], Body.of(index_page(self.url())))
            case Checksum(algo, file):
                hexed = digest(file.name, file.size, algo, self._version(file, count))
                return plain(200, f"{hexed}  {file.name.rpartition('/')[2]}")
            case PracticeFile():
                return answer_file(request, thing, Visit(count, busy, self._version(thing, count)))

    def _version(self, file: PracticeFile, count: int) -> int:
        version = file.faults.version
        if version is None:
            version = self._versions.get(file.name, 0)
        return version + (file.faults.swap is not None and count > file.faults.swap)


async def _play(script: Script, request: Request, channel: Channel) -> None:
    if isinstance(script, bytes):
        await channel.send(script)
        await channel.close()
    else:
        await script(request, channel)


@contextmanager
def serve_in_thread(
    *, port: int = 0, ssl_context: ssl.SSLContext | None = None, proxy_login: str | None = None
) -> Iterator[PracticeServer]:
    """Run a practice server on a loop and in a thread of its own while the block lasts."""
    server = PracticeServer(port=port, ssl_context=ssl_context, proxy_login=proxy_login)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="practice-server", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
