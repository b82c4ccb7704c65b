"""TLS with a pinned certificate."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest

from tests.api.service import service
from tui_downloads.api.server import Listener, Server, tls_context
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.demo.certificate import make_certificate
from tui_downloads.remote.address import parse_address
from tui_downloads.remote.engine import RemoteEngine


@pytest.fixture
async def secure(tmp_path: Path, server_program):
    """Give a service over TLS, its URL and the pin of its self-signed certificate."""
    server_program("openssl")
    certificate = make_certificate(tmp_path)
    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.cert.read_text())).hexdigest()
    async with service(tmp_path) as made:
        server = Server(made.root, tls=tls_context(str(certificate.cert), str(certificate.key)))
        await server.start([Listener(port=0)])
        yield made, server.addresses[0], pin
        await server.close(0.1)


@pytest.mark.servers
async def test_the_pinned_certificate_is_trusted(secure):
    """A self-signed one is enough when it is the one that was saved."""
    made, url, pin = secure
    engine = RemoteEngine(parse_address(url, token=made.secrets["ann"], pin=pin))
    await engine.start()
    assert not engine.snapshot().info.stale
    await engine.close()


@pytest.mark.servers
@pytest.mark.parametrize("pin", ["", "0" * 64])
async def test_another_certificate_is_not(secure, pin):
    """Neither without a pin nor with another one; the token is not sent."""
    made, url, _ = secure
    with pytest.raises(RequestError) as found:
        await RemoteEngine(parse_address(url, token=made.secrets["ann"], pin=pin)).start()
    assert found.value.code is Code.UNAUTHORIZED


def test_a_pin_is_a_digest_and_needs_tls():
    """A typing error does not switch it off."""
    for url, pin in (("https://x", "abc"), ("http://x", "0" * 64)):
        with pytest.raises(RequestError):
            parse_address(url, pin=pin)
