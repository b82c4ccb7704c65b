"""The server around the answers: log, scripts, counts, stop and start."""

from __future__ import annotations

import asyncio
import gc
import http.client
import socket
import ssl
import threading
import time
import warnings
from collections.abc import Callable

import pytest

from tui_downloads.demo.content import block, digest
from tui_downloads.demo.delivery import Channel
from tui_downloads.demo.request import Request
from tui_downloads.demo.server import PracticeServer, serve_in_thread

Ask = Callable[..., "Reply"]  # noqa: F821


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.005)


def test_requests_are_logged(server: PracticeServer, ask: Ask):
    """Method, path, headers, range, status and the bytes sent."""
    ask(server.file(100, "a.bin", rate=10_000), Range="bytes=50-59", X_Mark="yes")
    (seen,) = server.asked_for("/f/100/a.bin")
    assert (seen.method, seen.range, seen.headers["x-mark"]) == ("GET", "bytes=50-59", "yes")
    assert (seen.answered, seen.sent) == (206, 10)


def test_a_posted_body_is_kept(server: PracticeServer):
    """For what other rooms send."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    line.request("POST", "/f/5/a", body=b"hello")
    line.getresponse().read()
    line.close()
    assert server.requests[0].body == b"hello"


def test_scripted_bytes_are_sent_as_they_are(server: PracticeServer, listen: Callable[..., Raw]):  # noqa: F821
    """Whatever they are; then the connection is closed."""
    server.script["/odd"] = b"HTTP/1.1 200 \r\n\r\nodd"
    assert listen(server.url("/odd")).data == b"HTTP/1.1 200 \r\n\r\nodd"


def test_a_script_speaks_on_the_channel(server: PracticeServer, ask: Ask):
    """And sees the request."""

    async def echo(request: Request, channel: Channel) -> None:
        body = request.query.encode()
        await channel.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    server.script["/echo"] = echo
    assert ask(server.url("/echo?abc")).body == b"abc"


def test_cap_refuses_the_connection_too_many(server: PracticeServer, ask: Ask):
    """429 while another is open; free again when that one has gone."""
    url = server.file(10_000, "a.bin", cap=1, retry_after=3, slow="1:10")
    first = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    first.request("GET", url.partition(str(server.port))[2])
    first.getresponse().read(1)
    refused = ask(url)
    assert (refused.status, refused.headers["Retry-After"]) == (429, "3")
    first.sock.close()
    first.close()
    _until(lambda: ask(url).status == 200)
    assert server.peak["/f/10000/a.bin"] == 2


def test_checksums_are_published(server: PracticeServer, ask: Ask):
    """As sha256sum writes them."""
    assert ask(server.url("/digest/sha256/500/a.bin")).body.decode() == f"{digest('a.bin', 500)}  a.bin\n"


def test_an_unknown_algorithm_is_a_400(server: PracticeServer, ask: Ask):
    """Not a traceback."""
    assert ask(server.url("/digest/rot13/500/a.bin")).status == 400


def test_the_index_explains_every_option(server: PracticeServer, ask: Ask):
    """Read from where they are declared."""
    page = ask(server.url("/")).body.decode()
    assert "<dt>truncate</dt><dd>Close after N bytes of the body.</dd>" in page


def test_a_path_outside_the_language_is_404(server: PracticeServer, ask: Ask):
    """Nothing is there."""
    assert ask(server.url("/favicon.ico")).status == 404


def test_what_is_not_http_is_refused_and_closed(server: PracticeServer):
    """400."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(b"\x16\x03\x01 hello\r\n\r\n")
        answer = b"".join(iter(lambda: line.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_as_a_proxy_it_answers_whole_links():
    """And asks for a login where it was given one: F39."""
    with serve_in_thread(proxy_login="p:q") as server:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        line.request("GET", "http://example.test/f/5/a")
        reply = line.getresponse()
        reply.read()
        assert (reply.status, reply.headers["Proxy-Authenticate"]) == (407, 'Basic realm="practice"')
        line.request("GET", "http://example.test/f/5/a", headers={"Proxy-Authorization": "Basic cDpx"})
        assert line.getresponse().read() == block("a", 0, 5)
        line.close()


def test_dropped_connections_break_off(server: PracticeServer):
    """As when the line goes down."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    line.request("GET", "/f/500000/a?stall=10")
    reply = line.getresponse()
    reply.read(10)
    server.drop_connections()
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        reply.read()
    line.close()


async def test_a_stopped_server_comes_back_on_its_port():
    """As when a network returns; stalled clients do not hold it up."""
    server = PracticeServer()
    await server.start()
    port = server.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /f/50/a?stall=10 HTTP/1.1\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await server.stop()
    writer.close()
    async with server:
        assert server.port == port


def test_a_stopped_thread_leaves_nothing_behind():
    """Neither thread nor port."""
    before = threading.active_count()
    with serve_in_thread() as server:
        port = server.port
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=60)


@pytest.mark.parametrize("secure", [False, True])
def test_a_stop_leaves_no_socket_behind(request: pytest.FixtureRequest, secure: bool):
    """Whatever a connection is at: accepted a moment ago, in its handshake, asking, being answered, hanging up."""
    context = None
    if secure:
        made = request.getfixturevalue("certificate")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(made.cert, made.key)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        for turn in range(10):
            with serve_in_thread(ssl_context=context) as running:
                lines = [socket.create_connection(("127.0.0.1", running.port), timeout=60) for _ in range(8)]
                if not secure:
                    for line, head in zip(lines, (b"GET ", b"GET /f/50000000/x HTTP/1.1\r\n\r\n" * 2), strict=False):
                        line.sendall(head)
                lines[2].close()
                if turn % 2:
                    _until(lambda: running.connections > 0 or secure)
            for line in lines:
                line.close()
        gc.collect()
    assert not [str(one.message) for one in told]


def test_a_ration_holds_a_body_until_it_is_lifted(server: PracticeServer, listen: Callable[..., Raw]):  # noqa: F821
    """Over all requests for a link, and for that link only."""
    server.ration = 500_000
    url = server.file(900_000, "a.bin")
    first = listen(url, patience=0.2)
    assert first.ended == "silence" and 500_000 <= len(first.body) < 900_000
    assert len(listen(server.file(300_000, "b.bin"), "Connection: close").body) == 300_000
    assert listen(url, "Range: bytes=600000-", patience=0.2).body == b""
    server.ration = None
    assert len(listen(url, "Connection: close").body) == 900_000
