"""Sockets: where they are, who may open them, and how long anybody may take."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
import sys
from pathlib import Path

import httpx
import pytest

from tests.api.service import finished, service
from tests.engine.suite import poll
from tui_downloads.api.server import Listener, check_listener, parse_listener
from tui_downloads.api.settings import ApiSettings
from tui_downloads.core.errors import Code, RequestError

FAST = ApiSettings(
    header_deadline=0.2, body_deadline=0.2, write_deadline=0.2, max_connections=20, max_connections_per_peer=10
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:7878", Listener()),
        (":80", Listener("127.0.0.1", 80)),
        ("8080", Listener("127.0.0.1", 8080)),
        ("[::1]:1,no-auth", Listener("::1", 1, True)),
        ("0.0.0.0:80,dialect=masv,no-auth", Listener("0.0.0.0", 80, True, "masv")),
    ],
)
def test_listeners_are_read(text, found):
    """ADDR:PORT[,no-auth][,dialect=NAME]."""
    assert parse_listener(text) == found


@pytest.mark.parametrize("text", ["", "x", "1.2.3.4", "a:99999", "a:1,auth", "a:1,dialect=", "::1:80", "a:1,"])
def test_what_is_no_listener_is_refused(text):
    """One sentence, no guess."""
    with pytest.raises(RequestError):
        parse_listener(text)


@pytest.mark.parametrize(
    ("listener", "remote", "tokens", "fine"),
    [
        (Listener(), False, False, True),
        (Listener(no_auth=True), False, False, True),
        (Listener("0.0.0.0"), False, True, False),
        (Listener("0.0.0.0"), True, False, False),
        (Listener("0.0.0.0"), True, True, True),
        (Listener("0.0.0.0", no_auth=True), True, True, False),
        (Listener("box.example"), False, True, False),
    ],
)
def test_beyond_loopback_needs_a_token_and_a_flag(listener, remote, tokens, fine):
    """S36."""
    try:
        check_listener(listener, allow_remote=remote, tokens=tokens)
    except RequestError:
        assert not fine
    else:
        assert fine


async def test_the_socket_is_its_owners_alone(live):
    """0600 in a folder of 0700."""
    assert stat.S_IMODE(live.socket.stat().st_mode) == 0o600
    assert stat.S_IMODE(live.socket.parent.stat().st_mode) == 0o700


async def test_the_socket_needs_no_token(live):
    """Whoever can open it is local."""
    transport = httpx.AsyncHTTPTransport(uds=str(live.socket))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/v1/info")).json()["me"] == {
            "name": "local", "scope": "admin", "kinds": [], "private": True,
        }  # fmt: skip


async def test_a_stale_socket_is_replaced_and_a_live_one_is_not(live, tmp_path):
    """What a dead process left is removed; a service that answers is not pushed aside."""
    from tui_downloads.api.server import Server

    with pytest.raises(RequestError) as found:
        await Server(live.root, socket_path=live.socket).start()
    assert found.value.code is Code.IN_USE
    stale = live.socket.parent / "stale"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(stale))
    other = Server(live.root, socket_path=stale)
    await other.start()
    assert stale.exists()
    await other.close(0)
    assert not stale.exists()


async def test_a_taken_port_is_said_in_one_line(live):
    """IN_USE with the address."""
    port = int(live.url.rpartition(":")[2])
    with pytest.raises(RequestError) as found:
        await live.server.open(Listener("127.0.0.1", port))
    assert found.value.code is Code.IN_USE


async def test_an_unknown_dialect_is_refused(live):
    """A listener without a dialect to speak is not opened."""
    with pytest.raises(RequestError):
        await live.server.open(Listener(port=0, dialect="klingon"))


async def talk(made, *pieces: bytes, wait: float = 0.0) -> bytes:
    """Send raw bytes and give everything that comes until the end."""
    host, port = made.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(wait)
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.fixture
async def strict(tmp_path: Path):
    async with service(tmp_path, settings=FAST, listeners=[Listener(port=0)]) as made:
        yield made


async def test_slow_headers_are_cut_off(strict):
    """S41: who sends a header drop by drop is closed."""
    assert await talk(strict, b"GET / HTTP/1.1\r\n", *[b"X: y\r\n"] * 8, wait=0.05) == b""
    assert await talk(strict) == b""


async def test_slow_bodies_are_cut_off(strict):
    """S41: a body that does not come is answered with 408."""
    head = (
        "POST /v1/downloads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
        f"Authorization: Bearer {strict.secrets['ann']}\r\n\r\n"
    )
    assert (await talk(strict, head.encode(), b"{")).startswith(b"HTTP/1.1 408 ")


async def test_a_huge_body_is_refused_at_its_head(strict):
    """S41: 1 GB is announced and not taken."""
    head = (
        "POST /v1/downloads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: 1000000000\r\nAuthorization: Bearer {strict.secrets['ann']}\r\n\r\n"
    )
    assert (await talk(strict, head.encode())).startswith(b"HTTP/1.1 413 ")


async def test_ten_thousand_headers_are_refused(strict):
    """S41: by number and by size."""
    head = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + "".join(f"X-{n}: y\r\n" for n in range(10_000)) + "\r\n"
    answer = await talk(strict, head.encode())
    assert answer[:12] in (b"HTTP/1.1 431", b"HTTP/1.1 400", b"")
    async with httpx.AsyncClient(base_url=strict.url, trust_env=False) as client:
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /v1/downloads HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"POST /v1/downloads HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_nonsense_is_refused(strict, request_):
    """Two hosts, a foreign host, none, TLS where none is, two lengths."""
    assert (await talk(strict, request_))[9:12] in (b"400", b"401", b"403", b"")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: +5\r\n\r\nabcde", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 100_000, 431),
    ],
)
async def test_what_is_no_http_is_told_as_a_problem(strict, request_, status):
    """RFC 9457 below the dialects too, with the security fields, and the connection ends."""
    head, _, body = (await talk(strict, request_)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/problem+json\r\n" in head and b"x-content-type-options: nosniff" in head
    assert json.loads(body)["status"] == status


async def test_a_body_with_two_lengths_ends_the_connection(live):
    """What a proxy may have taken for the next request is not answered (RFC 9112, 6.1)."""
    hidden = f"GET /v1/info HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {live.secrets['root']}\r\n\r\n"
    request = (
        "POST /v1/downloads HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
        f"Authorization: Bearer {live.secrets['root']}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"
    )
    answer = await talk(live, request.encode())
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1 ") == 1


async def test_connections_are_limited(strict):
    """S41: strangers who only hold connections are not held."""
    host, port = strict.url.removeprefix("http://").split(":")
    pairs = [await asyncio.open_connection(host, int(port)) for _ in range(40)]
    await poll(lambda: len(strict.server.state.connections) <= 20)
    for _, writer in pairs:
        writer.close()
    await poll(lambda: not strict.server.state.connections)
    async with httpx.AsyncClient(base_url=strict.url, trust_env=False) as client:
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="there is one loopback address")
async def test_one_address_can_not_take_every_seat(strict):
    """S41: who opens many is refused, and another address is served meanwhile."""
    host, port = strict.url.removeprefix("http://").split(":")
    pairs = [await asyncio.open_connection(host, int(port)) for _ in range(15)]
    await poll(lambda: 0 < len(strict.server.state.connections) <= 10)
    reader, writer = await asyncio.open_connection(host, int(port), local_addr=("127.0.0.2", 0))
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    for one in (writer, *(writer for _, writer in pairs)):
        one.close()


@pytest.mark.parametrize("connection", [b"keep-alive", b"close"])
async def test_who_takes_nothing_of_an_answer_is_cut_off(strict, connection):
    """S41: an answer that nobody reads is not kept, whether or not it was the last of its connection."""
    id = finished(strict, "big.bin", bytes(32 << 20))
    host, port = strict.url.removeprefix("http://").split(":")
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((host, int(port)))
        deaf.sendall(
            b"GET /v1/downloads/%s/file HTTP/1.1\r\nHost: localhost\r\nConnection: %s\r\n" % (id.encode(), connection)
            + b"Authorization: Bearer %s\r\n\r\n" % strict.secrets["ann"].encode()
        )
        await poll(lambda: len(strict.server.state.connections) == 1)
        await poll(lambda: not strict.server.state.connections)
        await poll(lambda: not strict.server.state.tasks)


async def test_a_file_comes_over_the_wire(live):
    """Megabytes arrive as they are, by ranges too."""
    data = bytes(range(256)) * (5 << 12)
    id = finished(live, "big.bin", data)
    headers = {"authorization": f"Bearer {live.secrets['ann']}"}
    async with httpx.AsyncClient(base_url=live.url, trust_env=False, headers=headers) as client:
        assert (await client.get(f"/v1/downloads/{id}/file")).content == data
        part = await client.get(f"/v1/downloads/{id}/file", headers={"range": "bytes=1000-2999999"})
        assert part.content == data[1000:3_000_000]


async def test_rotation_cuts_a_transfer_off(live):
    """A running transfer does not outlive its token."""
    path = live.folder / "huge.bin"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    id = finished(live, "tiny", b"")
    record = live.engine._downloads[id]
    record.name = record.files[0].path = "huge.bin"
    headers = {"authorization": f"Bearer {live.secrets['ann']}"}
    async with httpx.AsyncClient(base_url=live.url, trust_env=False, headers=headers) as client:
        with pytest.raises(httpx.HTTPError):
            async with client.stream("GET", f"/v1/downloads/{id}/file") as answer:
                async for _ in answer.aiter_raw(1 << 16):
                    if live.tokens.verify(live.secrets["ann"]):
                        live.tokens.rotate("ann")


async def test_closing_is_bounded(tmp_path: Path):
    """Who holds a connection does not hold up the end."""
    async with service(tmp_path, listeners=[Listener(port=0)]) as made:
        host, port = made.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/downloads HTTP/1.1\r\nHost: localhost\r\n")
        await poll(lambda: len(made.server.state.connections) == 1)
        await asyncio.wait_for(made.server.close(0.1), 30)
        assert not made.server.addresses
        writer.close()


async def test_listeners_come_and_go_while_running(live):
    """The screen's switch."""
    listener = Listener("127.0.0.1", 0, no_auth=True)
    url = await live.server.open(listener)
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        assert (await client.get("/v1/info")).json()["me"]["scope"] == "control"
    await live.server.shut(listener)
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/healthz")
