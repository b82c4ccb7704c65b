"""Proxy kinds by schemes, with and without a login; a row of the table is a test."""

from __future__ import annotations

import pytest

from tests.transport.conftest import Collect
from tests.transport.proxy import Proxy
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.spec import Policy
from tui_downloads.transport.base import Reach, Request

KINDS = ("http", "https", "socks4a", "socks5", "socks5h")


@pytest.fixture
def served(practice, secure):
    """Give the server of a scheme."""
    return {"http": practice, "https": secure}


async def through(transport, kind: str, scheme: str, served, certificate, *, login: str | None = None, **reach):
    """Fetch a file through a proxy of a kind; give the sink and the proxy."""
    context = certificate.server_context() if kind == "https" else None
    async with Proxy(login=login, context=context) as proxy:
        sink = Collect()
        where = Reach(proxy=f"{kind}://127.0.0.1:{proxy.port}", cacert=str(certificate.cert), **reach)
        url = served[scheme].file(50000, "a").replace("127.0.0.1", "localhost")
        await transport.fetch(Request(url, reach=where), sink)
        return sink, proxy


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_comes_through(transport, served, certificate, kind, scheme):
    """Every kind carries both schemes, and the head is the server's, not the proxy's."""
    sink, proxy = await through(transport, kind, scheme, served, certificate)
    assert ([head.status for head in sink.heads], len(sink.data)) == ([200], 50000)
    assert "x-from" not in sink.heads[0].headers
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(("kind", "asked"), [("socks5h", "name localhost"), ("socks5", "address 127.0.0.1")])
async def test_who_resolves_the_name(transport, served, certificate, kind, asked):
    """socks5h leaves the name to the proxy, socks5 does not."""
    _, proxy = await through(transport, kind, "http", served, certificate, ip_version=4)
    assert proxy.asked[0].startswith(f"SOCKS5 {asked}:")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", ["http", "socks5h"])
async def test_a_proxys_login(transport, served, certificate, kind, scheme):
    """User and password open the proxy."""
    sink, _ = await through(
        transport, kind, scheme, served, certificate, login="u:p", proxy_user="u", proxy_password="p"
    )
    assert len(sink.data) == 50000


async def test_a_proxys_login_stays_with_the_proxy(transport, served, certificate, practice):
    """The server never sees it (S18)."""
    await through(transport, "http", "http", served, certificate, login="u:p", proxy_user="u", proxy_password="p")
    assert "proxy-authorization" not in practice.requests[-1].headers


@pytest.mark.parametrize("kind", ["http", "socks5h"])
async def test_a_missing_login_is_named(transport, served, certificate, kind):
    """PROXY_AUTH_REQUIRED, apart from the server's own login (F39)."""
    with pytest.raises(DownloadError) as caught:
        await through(transport, kind, "https", served, certificate, login="u:p")
    assert caught.value.code is Code.PROXY_AUTH_REQUIRED


@pytest.mark.parametrize("kind", KINDS)
async def test_a_proxy_that_is_down_is_named(transport, practice, kind, unused_tcp_port):
    """PROXY_ERROR, apart from the server (F39)."""
    reach = Reach(proxy=f"{kind}://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(practice.file(10, "a"), reach=reach), Collect())
    assert caught.value.code is Code.PROXY_ERROR


async def test_a_proxy_without_a_name_is_named(transport, practice):
    """A proxy's name that does not exist is not the server's DNS error."""
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(
            Request(practice.file(10, "a"), reach=Reach(proxy="http://no-proxy.invalid:1")), Collect()
        )
    assert caught.value.code is Code.PROXY_ERROR


@pytest.mark.parametrize("kind", ["http", "socks4a", "socks5h"])
async def test_a_server_that_the_proxy_cannot_reach(transport, certificate, kind, unused_tcp_port):
    """The proxy says that it can't: an error, no body."""
    async with Proxy() as proxy:
        reach = Reach(proxy=f"{kind}://127.0.0.1:{proxy.port}")
        with pytest.raises(DownloadError) as caught:
            await transport.fetch(Request(f"https://localhost:{unused_tcp_port}/a", reach=reach), Collect())
        assert caught.value.code is Code.PROXY_ERROR


async def test_a_bad_certificate_behind_a_proxy_is_the_servers(transport, secure):
    """TLS_ERROR is not blamed on the proxy."""
    async with Proxy() as proxy:
        reach = Reach(proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(DownloadError) as caught:
            await transport.fetch(Request(secure.file(10, "a"), reach=reach), Collect())
        assert caught.value.code is Code.TLS_ERROR


async def test_the_environment_decides_where_nothing_is_said(transport, practice, monkeypatch):
    """http_proxy is used, NO_PROXY is obeyed, and an empty option is no proxy at all."""
    async with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        url = practice.file(10, "a")
        await transport.fetch(Request(url), Collect())
        assert len(proxy.asked) == 1
        await transport.fetch(Request(url, reach=Reach(proxy="")), Collect())
        monkeypatch.setenv("no_proxy", "127.0.0.0/8")
        await transport.fetch(Request(url), Collect())
        assert len(proxy.asked) == 1


async def test_a_restricted_caller_needs_a_trusted_proxy(transport, practice):
    """Behind a proxy addresses can't be checked: refused, unless the operator says that the proxy does it."""
    async with Proxy() as proxy:
        closed = Reach(policy=Policy(private=False), proxy=f"socks5h://127.0.0.1:{proxy.port}")
        url = f"http://public.example:{practice.port}/f/10/a"
        with pytest.raises(DownloadError) as caught:
            await transport.fetch(Request(url, reach=closed), Collect())
        assert caught.value.code is Code.ADDRESS_BLOCKED
        assert not proxy.asked
        trusted = Reach(policy=closed.policy, proxy=closed.proxy, proxy_filters=True)
        sink = Collect()
        await transport.fetch(Request(url, reach=trusted), sink)
        assert sink.status == 200
        literal = practice.file(10, "a")
        with pytest.raises(DownloadError) as caught:
            await transport.fetch(Request(literal, reach=trusted), Collect())
        assert caught.value.code is Code.ADDRESS_BLOCKED
