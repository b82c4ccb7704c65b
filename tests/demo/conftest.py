"""A practice server, and a client that is none of ours: http.client, and bare sockets for what breaks off."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from tui_downloads.demo.certificate import Certificate, make_certificate
from tui_downloads.demo.server import PracticeServer, serve_in_thread

PATIENCE = 10.0


@dataclass
class Reply:
    """One answer, read whole."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate made by openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def server() -> Iterator[PracticeServer]:
    """A fresh practice server in a thread of its own."""
    with serve_in_thread() as running:
        yield running


@pytest.fixture
def ask() -> Callable[..., Reply]:
    """Ask for a link on a connection of its own."""

    def asking(url: str, *, method: str = "GET", **headers: str) -> Reply:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=PATIENCE)
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            connection.request(method, target, headers={k.replace("_", "-"): v for k, v in headers.items()})
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    return asking


@dataclass
class Raw:
    """What came over a bare socket until it ended, and how it ended."""

    data: bytes
    ended: str
    """`close`, `reset`, `silence` or `cut` (TLS without close_notify)."""

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0]

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]


@pytest.fixture
def listen() -> Callable[..., Raw]:
    """Send one request over a bare socket and read until the connection ends or falls silent."""

    def listening(url: str, *lines: str, patience: float = PATIENCE, trust: Certificate | None = None) -> Raw:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        head = "\r\n".join([f"GET {target} HTTP/1.1", f"Host: {parts.netloc}", *lines, "", ""])
        line: socket.socket = socket.create_connection(("127.0.0.1", parts.port or 0), timeout=patience)
        if trust is not None:
            context = ssl.create_default_context(cafile=trust.cert)
            # With OpenSSL 3 Python takes a cut for an end; here the difference is the point.
            context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
            line = context.wrap_socket(line, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        got = bytearray()
        with line:
            line.sendall(head.encode())
            while True:
                try:
                    piece = line.recv(65536)
                except TimeoutError:
                    return Raw(bytes(got), "silence")
                except ConnectionResetError:
                    return Raw(bytes(got), "reset")
                except ssl.SSLEOFError:
                    return Raw(bytes(got), "cut")
                if not piece:
                    return Raw(bytes(got), "close")
                got += piece

    return listening
