"""A proxy in a few lines: HTTP (forward and CONNECT), SOCKS4a and SOCKS5, with or without a login."""

from __future__ import annotations

import asyncio
import base64
import ssl
import struct
import threading
from contextlib import suppress
from ipaddress import IPv6Address


class Proxy:
    """Notes what it was asked for in `asked`, names unresolved."""

    def __init__(self, *, login: str | None = None, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[str] = []
        self.logins: list[str] = []
        self._login = login
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
            with suppress(ConnectionError, ssl.SSLError, OSError):
                await writer.wait_closed()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            first = await reader.readexactly(1)
            if first == b"\x05":
                await self._socks5(reader, writer)
            elif first == b"\x04":
                await self._socks4(reader, writer)
            else:
                await self._http(first, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError, OSError):
                await writer.wait_closed()

    async def _http(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = first + await reader.readuntil(b"\r\n\r\n")
            first = b""
            line, *fields = head.decode().split("\r\n")
            method, target, _ = line.split(" ")
            names = dict(
                field.lower().split(": ", 1)[:1] + field.split(": ", 1)[1:] for field in fields if ": " in field
            )
            given = names.get("proxy-authorization", "")
            self.asked.append(f"{method} {target}")
            self.logins.append(given)
            if self._login and given != "Basic " + base64.b64encode(self._login.encode()).decode():
                refusal = b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
                writer.write(refusal)
                continue
            if method == "CONNECT":
                host, _, port = target.rpartition(":")
                upstream = await self._dial(host.strip("[]"), int(port))
                if upstream is None:
                    writer.write(b"HTTP/1.1 502 No way\r\nContent-Length: 0\r\n\r\n")
                    return
                writer.write(b"HTTP/1.1 200 Connection established\r\nX-From: proxy\r\n\r\n")
                await _pump(reader, writer, *upstream)
                return
            _, _, rest = target.partition("://")
            place, slash, path = rest.partition("/")
            host, _, port = place.partition(":")
            upstream = await self._dial(host, int(port or 80))
            if upstream is None:
                writer.write(b"HTTP/1.1 502 No way\r\nContent-Length: 0\r\n\r\n")
                return
            kept = [f for f in fields if f and not f.lower().startswith(("proxy-", "connection"))]
            lines = [f"{method} {slash}{path} HTTP/1.1", *kept, "Connection: close"]
            upstream[1].write("\r\n".join(lines).encode() + b"\r\n\r\n")
            await _copy(upstream[0], writer)
            upstream[1].close()
            return

    async def _socks5(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        wanted = 2 if self._login else 0
        if wanted not in methods:
            writer.write(b"\x05\xff")
            return
        writer.write(bytes((5, wanted)))
        if self._login:
            await reader.readexactly(1)
            user = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = f"{user.decode()}:{password.decode()}" == self._login
            writer.write(b"\x01" + (b"\x00" if good else b"\x01"))
            if not good:
                return
        _, _, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        elif kind == 1:
            host = ".".join(str(part) for part in await reader.readexactly(4))
        else:
            host = str(IPv6Address(await reader.readexactly(16)))
        (port,) = struct.unpack("!H", await reader.readexactly(2))
        self.asked.append(f"SOCKS5 {'name' if kind == 3 else 'address'} {host}:{port}")
        upstream = await self._dial(host, port)
        writer.write(b"\x05" + (b"\x05" if upstream is None else b"\x00") + b"\x00\x01\0\0\0\0\0\0")
        if upstream is not None:
            await _pump(reader, writer, *upstream)

    async def _socks4(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, port = struct.unpack("!BH", await reader.readexactly(3))
        address = await reader.readexactly(4)
        await reader.readuntil(b"\0")
        host = ".".join(map(str, address))
        if address[:3] == b"\0\0\0":
            host = (await reader.readuntil(b"\0"))[:-1].decode()
        self.asked.append(f"SOCKS4 {host}:{port}")
        upstream = await self._dial(host, port)
        writer.write(b"\0" + (b"\x5b" if upstream is None else b"\x5a") + b"\0" * 6)
        if upstream is not None:
            await _pump(reader, writer, *upstream)

    async def _dial(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        # Every name means this machine, so that a test sees that the proxy resolved it and nobody else.
        try:
            upstream = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return None
        self._writers.append(upstream[1])
        return upstream


class ProxyInThread:
    """A proxy with a loop of its own, so that whoever asks it may wait in place of theirs."""

    # Mutable state: the thread's loop and what ends it, once it runs.
    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.asked: list[str] = []
        self._context = context
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> ProxyInThread:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(60)

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with Proxy(context=self._context) as proxy:
            self.port, self.asked = proxy.port, proxy.asked
            self._ready.set()
            await self._over.wait()


async def _pump(reader, writer, far_reader, far_writer) -> None:
    await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, ssl.SSLError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
