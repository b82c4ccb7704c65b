"""Listening: a Unix socket always, TCP when asked for, on the loop that is running; bounded in time on every side.

uvicorn's protocol speaks HTTP; this module owns sockets, deadlines of headers, the limit of connections and the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import re
import socket
import ssl
import stat
import struct
import sys
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import h11
from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import Response
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from tui_downloads.core.errors import Code, RequestError

from .app import Root
from .auth import Door, network_of
from .guard import HEADERS
from .problem import Problem, of_status, render
from .settings import ApiSettings

log = logging.getLogger(__name__)

PORT = 7878
LONGEST_SOCKET_PATH = 100
"""The system's limit is 104 to 108 bytes."""
_ABORT_AFTER = 3.0
_LEAST_READ = 8 * 1024
_LISTENER = re.compile(r"(?:(\[[0-9A-Fa-f:.%]+\]|[^:\[\],]*):)?(\d{1,5})")


class Listener(Struct, frozen=True):
    """One TCP address to listen at: `ADDR:PORT[,no-auth][,dialect=NAME]`."""

    host: str = "127.0.0.1"
    port: int = PORT
    no_auth: bool = False
    dialect: str = ""

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host.partition("%")[0]).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            f"{host}:{self.port}" + (",no-auth" if self.no_auth else "") + (self.dialect and f",dialect={self.dialect}")
        )


def parse_listener(text: str) -> Listener:
    """Read `ADDR:PORT[,no-auth][,dialect=NAME]`.

    Raises:
        RequestError: INVALID_OPTION.
    """
    place, *options = text.strip().split(",")
    found = _LISTENER.fullmatch(place)
    if found is None or int(found[2]) > 65535:
        raise RequestError(Code.INVALID_OPTION, f"{text[:100]!r} is no address to listen at; write ADDR:PORT.")
    listener = Listener((found[1] or "127.0.0.1").strip("[]"), int(found[2]))
    for option in options:
        name, _, value = option.partition("=")
        if name == "no-auth" and not value:
            listener = replace(listener, no_auth=True)
        elif name == "dialect" and value:
            listener = replace(listener, dialect=value)
        else:
            raise RequestError(
                Code.INVALID_OPTION, f"{option[:40]!r} is no option of a listener; there are no-auth and dialect=NAME."
            )
    return listener


def check_listener(listener: Listener, *, allow_remote: bool, tokens: bool) -> None:
    """Refuse what would open the service to others by accident.

    Raises:
        RequestError: INVALID_OPTION.
    """
    if listener.loopback:
        return
    if listener.no_auth:
        raise RequestError(Code.INVALID_OPTION, f"{listener}: no-auth is for loopback addresses only.")
    if not allow_remote:
        raise RequestError(
            Code.INVALID_OPTION,
            f"{listener} can be reached from other machines.",
            next_step="Add --allow-remote if that is what you want.",
        )
    if not tokens:
        raise RequestError(
            Code.INVALID_OPTION,
            f"{listener} can be reached from other machines, and there is no token.",
            next_step="Make one with: tui-downloads token create NAME",
        )


class Protocol(H11Protocol):
    """uvicorn's protocol with deadlines for headers and readers, a share for each peer, and a way to cut it off."""

    settings = ApiSettings()
    refusal: Callable[[Problem], Response] = staticmethod(render)
    """How the dialects behind this listener tell what is wrong."""
    peer = ""
    """What counts as one caller: an IPv4 address or an IPv6 /64; empty for the Unix socket."""
    _deadline: asyncio.TimerHandle | None = None
    _unread: tuple[int, float] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.peer = _peer(self)
        if len(self.connections) > self.settings.max_connections or self._greedy():
            # Strangers who only hold connections must not cost more than one refusal each.
            self.abort()
            return
        self._await_header()

    def _greedy(self) -> bool:
        if not self.peer:
            return False
        return sum(_peer(other) == self.peer for other in self.connections) > self.settings.max_connections_per_peer

    def connection_lost(self, exc: Exception | None) -> None:
        self._header_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and self.conn.their_state is h11.IDLE:
            self._await_header()
        super().data_received(data)

    def handle_events(self) -> None:
        before = self.scope
        super().handle_events()
        if self.scope is not before and self.scope is not None:
            self._header_came()
            # The task of the request has not run yet, so it will find this.
            extensions: dict[str, Any] = self.scope.setdefault("extensions", {})
            extensions["tui_downloads.abort"] = self.abort

    def send_400_response(self, msg: str) -> None:
        """Tell what is no HTTP in the words of the listener's dialect; a header that is too large as 431."""
        full = len(self.conn.trailing_data[0]) > (self.config.h11_max_incomplete_event_size or 0)
        told = of_status(431, "The header is too large.") if full else of_status(400, "This is no valid HTTP request.")
        answer = self.refusal(told)
        headers = [*answer.raw_headers, (b"connection", b"close"), *HEADERS]
        with contextlib.suppress(h11.LocalProtocolError):
            # An answer that is on its way already can't be taken back; then the connection only ends.
            start = h11.Response(status_code=told.status, headers=headers, reason=told.title.encode())
            self.transport.write(self.conn.send(start) or b"")
            self.transport.write(self.conn.send(h11.Data(data=bytes(answer.body))) or b"")
            self.transport.write(self.conn.send(h11.EndOfMessage()) or b"")
        self.transport.close()

    def look_at_reader(self, now: float) -> None:
        """Cut the connection if an answer waits for a reader who takes next to nothing.

        A closed connection whose last bytes nobody takes would stay for ever, too.
        """
        size = self.transport.get_write_buffer_size()
        if not size or not (self.flow.write_paused or self.transport.is_closing()):
            self._unread = None
        elif self._unread is None or size <= self._unread[0] - _LEAST_READ:
            self._unread = (size, now)
        elif now - self._unread[1] > self.settings.write_deadline:
            self.abort()

    def abort(self) -> None:
        """Cut the connection, unsent bytes included, those that the system keeps for a slow reader too."""
        channel = self.transport.get_extra_info("socket")
        if channel is not None and self.peer:
            with contextlib.suppress(OSError):
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def _await_header(self) -> None:
        self._header_came()
        self._deadline = self.loop.call_later(self.settings.header_deadline, self._header_late)

    def _header_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _header_late(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
            self.loop.call_later(_ABORT_AFTER, self.abort)


def _peer(connection: Any) -> str:
    """Give what counts as one caller; a connection that became a WebSocket is another protocol's."""
    if isinstance(connection, Protocol) and connection.peer:
        return connection.peer
    client = getattr(connection, "client", None)
    return network_of(client[0]) if client else ""


class Server:
    """Every listener of a service."""

    def __init__(self, root: Root, *, socket_path: Path | None = None, tls: ssl.SSLContext | None = None) -> None:
        self._root = root
        self.tls = tls
        self.socket_path = socket_path
        self.state = ServerState()
        # What listens, with the door it opens and how it speaks, and the clock of the Date header.
        self._listening: dict[str, tuple[asyncio.Server, Listener | None, Config]] = {}
        self._clock: asyncio.TimerHandle | None = None

    @property
    def addresses(self) -> list[str]:
        """Say where TCP listens, ports as they really are, as URLs."""
        scheme = "https" if self.tls else "http"
        out = []
        for server, listener, _ in self._listening.values():
            if listener is not None and server.sockets:
                host, port = server.sockets[0].getsockname()[:2]
                out.append(f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}")
        return out

    @property
    def listeners(self) -> list[Listener]:
        """Give the TCP listeners that are open."""
        return [listener for _, listener, _ in self._listening.values() if listener is not None]

    async def start(self, listeners: list[Listener] | tuple[Listener, ...] = ()) -> None:
        """Open the Unix socket and the listeners.

        Raises:
            RequestError: IN_USE when an address is taken, INVALID_OPTION when it is none.
        """
        self._tick()
        # Begun before anybody can ask, so that the first reader hears what comes and not all that was.
        self._root.context.news.start()
        try:
            if self.socket_path is not None:
                await self.open_socket(self.socket_path)
            for listener in listeners:
                await self.open(listener)
        except BaseException:
            await self.close(0.0)
            raise

    async def open(self, listener: Listener) -> str:
        """Open one listener while running, and give its URL.

        Raises:
            RequestError: IN_USE or INVALID_OPTION.
        """
        kind = "no-auth" if listener.no_auth else "tcp"
        door = Door(kind, listener.dialect, listener.host, listener.port)
        loop = asyncio.get_running_loop()
        try:
            factory, config = self._factory(door)
            late = self._root.context.settings.header_deadline if self.tls else None
            server = await loop.create_server(
                factory, listener.host, listener.port, ssl=self.tls, backlog=256, ssl_handshake_timeout=late
            )
        except KeyError:
            raise RequestError(Code.INVALID_OPTION, f"There is no dialect {listener.dialect[:40]!r}.") from None
        except OSError as exc:
            # asyncio puts the address into its own sentence; ours has it already.
            reason = os.strerror(exc.errno) if exc.errno else "not possible"
            raise RequestError(Code.IN_USE, f"Can't listen at {listener}: {reason}.") from exc
        self._listening[str(listener)] = (server, listener, config)
        return self.addresses[-1]

    async def shut(self, listener: Listener, grace: float = 2.0) -> None:
        """Stop listening at one address; requests that run there have `grace` seconds to end."""
        server, _, config = self._listening.pop(str(listener), (None, None, None))
        if server is None:
            return
        server.close()
        for connection in self._of(config):
            connection.shutdown()

        def cut() -> None:
            for connection in self._of(config):
                connection.transport.abort()

        asyncio.get_running_loop().call_later(grace, cut)

    def _of(self, config: Config | None) -> list[Any]:
        """Give the connections that came in by one door; each door has a Config of its own."""
        return [found for found in self.state.connections if found.config is config and found.transport is not None]

    async def open_socket(self, path: Path) -> None:
        """Open the Unix socket, where the system has them.

        Raises:
            RequestError: IN_USE or STATE_UNUSABLE.
        """
        if not hasattr(socket, "AF_UNIX"):
            return
        prepare_socket_folder(path)
        await _remove_stale(path)
        factory, config = self._factory(Door("socket"))
        server = await asyncio.get_running_loop().create_unix_server(factory, sock=_bind_private(path), backlog=256)
        self.socket_path = path
        self._listening[str(path)] = (server, None, config)

    def _factory(self, door: Door) -> tuple[Any, Config]:
        settings = self._root.context.settings
        config = Config(
            self._root.open(door),
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=2 * 1024 * 1024,
            ws_per_message_deflate=False,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=int(settings.idle_deadline),
            h11_max_incomplete_event_size=settings.max_url + settings.max_header_bytes + 1024,
        )
        config.load()
        refusal = staticmethod(self._root.refusal(door))
        kind = type("Protocol", (Protocol,), {"settings": settings, "refusal": refusal})
        loop = asyncio.get_running_loop()
        return (lambda: kind(config=config, server_state=self.state, app_state={}, _loop=loop)), config

    def _tick(self) -> None:
        self.state.default_headers = [(b"date", formatdate(time.time(), usegmt=True).encode())]
        now = time.monotonic()
        for connection in list(self.state.connections):
            if isinstance(connection, Protocol):
                connection.look_at_reader(now)
        self._clock = asyncio.get_running_loop().call_later(1.0, self._tick)

    async def close(self, grace: float = 5.0) -> None:
        """Stop listening, let running requests end for `grace` seconds, then cut them off."""
        for server, _, _ in self._listening.values():
            server.close()
        await self._root.close()
        for connection in list(self.state.connections):
            connection.shutdown()
        end = time.monotonic() + grace
        # uvicorn's sets tell nobody when they become empty.
        while (self.state.connections or self.state.tasks) and time.monotonic() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        for task in list(self.state.tasks):
            task.cancel()
        for connection in list(self.state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        if self.state.tasks:
            await asyncio.wait(self.state.tasks, timeout=1.0)
        if self.socket_path is not None and str(self.socket_path) in self._listening:
            with contextlib.suppress(OSError):
                self.socket_path.unlink()
        self._listening.clear()
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None


def prepare_socket_folder(path: Path) -> None:
    """Make the folder of a socket ours alone.

    Raises:
        RequestError: STATE_UNUSABLE; it belongs to somebody else, or the path is too long.
    """
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise RequestError(Code.STATE_UNUSABLE, "The path of the Unix socket is too long.")
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or (sys.platform != "win32" and status.st_uid != os.getuid()):
            raise RequestError(Code.STATE_UNUSABLE, "The folder of the Unix socket is not ours.")
        if stat.S_IMODE(status.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as exc:
        raise RequestError(
            Code.STATE_UNUSABLE, f"The folder of the Unix socket can't be used: {exc.strerror}."
        ) from exc


def _bind_private(path: Path) -> socket.socket:
    """Bind a socket that nobody else could open even for a moment: its folder is 0700, and it is 0600."""
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        found.bind(str(path))
        path.chmod(0o600)
    except OSError as exc:
        found.close()
        raise RequestError(Code.IN_USE, f"Can't listen at the Unix socket: {exc.strerror}.") from exc
    return found


async def _remove_stale(path: Path) -> None:
    """Remove the socket of a dead process; one that still answers is not ours to remove.

    Raises:
        RequestError: IN_USE.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise RequestError(Code.IN_USE, "There is a file where the Unix socket should be.")
    except FileNotFoundError:
        return
    try:
        _, writer = await asyncio.wait_for(asyncio.open_unix_connection(str(path)), 2.0)
    except (OSError, TimeoutError):
        path.unlink(missing_ok=True)
        return
    writer.close()
    raise RequestError(Code.IN_USE, "Another service answers at the Unix socket.")


def tls_context(certificate: str, key: str) -> ssl.SSLContext:
    """Make the TLS side of the listeners.

    Raises:
        RequestError: INVALID_OPTION; the files can't be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as exc:
        raise RequestError(Code.INVALID_OPTION, "The certificate or its key can't be used.") from exc
    return context
