"""Logins: Basic, Digest, Bearer, netrc, client certificates, and where they do not go."""

from __future__ import annotations

import hashlib
import itertools
import re
import ssl
import subprocess

import pytest
from msgspec.structs import replace

from tests.transport.conftest import Collect, RawServer
from tests.transport.test_cookies import Notes, redirect
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.transport.base import Reach, Request

CANARY = Reach(user="canary-user", password="canary-password")


def digest_server(user: str, password: str, bodies: list[bytes]):
    """Give a handler that wants Digest authentication (RFC 7616, MD5, qop=auth)."""

    async def handler(reader, writer):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            fields = dict(re.findall(r'(\w+)="?([^",\r\n]+)"?', head.partition("Authorization: Digest")[2]))
            ha1 = hashlib.md5(f"{user}:here:{password}".encode()).hexdigest()
            ha2 = hashlib.md5(f"GET:{fields.get('uri')}".encode()).hexdigest()
            parts = [ha1, *(fields.get(key, "") for key in ("nonce", "nc", "cnonce", "qop")), ha2]
            if fields.get("response") == hashlib.md5(":".join(parts).encode()).hexdigest():
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
            else:
                challenge = b'WWW-Authenticate: Digest realm="here", nonce="n0nce", qop="auth"\r\n'
                writer.write(b"HTTP/1.1 401 No\r\n" + challenge + b"Content-Length: 2\r\n\r\nno")
            bodies.append(head.encode())

    return handler


async def test_basic(transport, practice):
    """A challenge is answered, and only the final answer has a head."""
    sink = Collect()
    await transport.fetch(Request(practice.file(5000, "a", auth="u:p"), reach=Reach(user="u", password="p")), sink)
    assert [head.status for head in sink.heads] == [200]
    assert len(sink.data) == 5000


@pytest.mark.parametrize(("password", "status", "body"), [("p", 200, b"secret"), ("wrong", 401, b"no")])
async def test_digest(transport, raw, password, status, body):
    """Digest logs in; a wrong password leaves the server's 401 to the sink, once."""
    server = await raw(digest_server("u", "p", []))
    sink = Collect()
    await transport.fetch(Request(server.url(), reach=Reach(user="u", password=password)), sink)
    assert ([head.status for head in sink.heads], bytes(sink.data)) == ([status], body)


async def test_a_challenge_without_end_is_refused(transport, raw):
    """A server that calls every nonce stale is asked a bounded number of times, and the login is to blame."""

    async def stale(reader, writer):
        for number in itertools.count():
            await reader.readuntil(b"\r\n\r\n")
            challenge = f'WWW-Authenticate: Digest realm="x", nonce="{number}", stale=true, qop="auth"'
            writer.write(f"HTTP/1.1 401 No\r\n{challenge}\r\nContent-Length: 0\r\n\r\n".encode())

    server = await raw(stale)
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(server.url(), reach=Reach(user="u", password="p")), Collect())
    assert caught.value.code is Code.AUTH_REQUIRED and "again and again" in caught.value.message


async def test_digest_never_sends_the_password(transport, raw):
    """Where Digest is offered, Basic is not tried."""
    heads: list[bytes] = []
    server = await raw(digest_server("u", "p", heads))
    await transport.fetch(Request(server.url(), reach=Reach(user="u", password="p")), Collect())
    assert not [head for head in heads if b"Basic" in head]


async def test_bearer(transport, practice):
    """A Bearer token is a field of the caller's."""
    await transport.fetch(Request(practice.file(10, "a"), headers=(("Authorization", "Bearer t0ken"),)), Collect())
    assert practice.requests[-1].headers["authorization"] == "Bearer t0ken"


async def test_a_401_without_a_login_reaches_the_sink(transport, practice):
    """Nothing is held back when there is nothing to try."""
    sink = Collect()
    await transport.fetch(Request(practice.file(10, "a", auth="u:p")), sink)
    assert (sink.status, bool(sink.data)) == (401, True)


@pytest.mark.parametrize("given", ["reach", "link", "netrc"])
async def test_a_login_does_not_cross_origins(transport, raw, given, home, monkeypatch):
    """User and password, however given, stay behind when the port changes, challenge or not (S15, S17)."""
    netrc = home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login canary-user password canary-password\n")
    monkeypatch.setenv("HOME", str(home))
    challenge = b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n"
    far = Notes({"/file": challenge})
    other = await raw(far)
    near = Notes({"/go": redirect(other.url("/file"))})
    server = await raw(near)
    url = server.url("/go")
    reach = {"reach": CANARY, "link": Reach(), "netrc": Reach(netrc=True)}[given]
    if given == "link":
        url = url.replace("//", "//canary-user:canary-password@")
    sink = Collect()
    await transport.fetch(Request(url, reach=reach), sink)
    assert sink.status == 401
    assert not [head for head in far.heads if "authorization" in head.lower()]
    assert "canary" not in str(sink.heads)


async def test_a_login_follows_within_its_origin(transport, practice):
    """The same scheme, host and port keep the login."""
    target = practice.file(10, "b", auth="u:p")
    sink = Collect()
    await transport.fetch(Request(practice.file(10, "a", redirect=target), reach=Reach(user="u", password="p")), sink)
    assert sink.status == 200


@pytest.mark.parametrize(("wanted", "status"), [(True, 200), (False, 401)])
async def test_netrc_is_read_on_request_only(transport, practice, home, monkeypatch, wanted, status):
    """S17: off by default."""
    (home / ".netrc").write_text("machine 127.0.0.1 login u password p\n")
    monkeypatch.setenv("HOME", str(home))
    sink = Collect()
    await transport.fetch(Request(practice.file(10, "a", auth="u:p"), reach=Reach(netrc=wanted)), sink)
    assert sink.status == status


async def test_a_handle_forgets_the_login_of_a_link(transport, practice):
    """The next request on the same route has no login."""
    url = practice.file(10, "a", auth="u:p")
    await transport.fetch(Request(url.replace("//", "//u:p@")), Collect())
    sink = Collect()
    await transport.fetch(Request(url), sink)
    assert sink.status == 401


async def test_a_client_key_with_a_password(transport, secure, certificate, tmp_path):
    """It opens by its own password; without, nobody is asked on the terminal, and the user's files are named."""
    key = tmp_path / "locked.pem"
    lock = ["openssl", "pkey", "-in", str(certificate.key), "-aes256", "-passout", "pass:sesame", "-out", str(key)]
    subprocess.run(lock, check=True)
    usual = Reach(cacert=str(certificate.cert), cert=str(certificate.cert), key=str(key))
    await transport.fetch(Request(secure.file(10, "a"), reach=replace(usual, key_password="sesame")), Collect())
    for word in ("", "wrong"):
        with pytest.raises(DownloadError) as caught:
            reach = replace(usual, key_password=word, password="sesame")
            await transport.fetch(Request(secure.file(10, "a"), reach=reach), Collect())
        assert (caught.value.code, "--pass" in caught.value.next_step) == (Code.INVALID_OPTION, True)


async def test_a_client_certificate(transport, raw, certificate):
    """A server that asks for a certificate gets the one that was given."""
    seen = []

    async def handler(reader, writer):
        seen.append(writer.get_extra_info("peercert"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    context = certificate.server_context()
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate.cert)
    server = await RawServer(handler, context).start()
    try:
        reach = Reach(cacert=str(certificate.cert), cert=str(certificate.cert), key=str(certificate.key))
        await transport.fetch(Request(server.url(), reach=reach), Collect())
    finally:
        await server.stop()
    assert seen[0]["subject"] == ((("commonName", "localhost"),),)
