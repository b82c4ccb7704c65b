"""From options and settings to the way of a request: which proxy, whose login."""

from __future__ import annotations

import pytest

from tests.engine.conftest import Bench
from tui_downloads.core.spec import AddRequest, Credentials, Options, Policy
from tui_downloads.demo.server import serve_in_thread
from tui_downloads.engine.reach import Reaches
from tui_downloads.engine.services import Defaults

HTTP, HTTPS = "http://files.example/a", "https://files.example/a"
USUAL = Defaults(
    proxy="socks5h://all.example:1",
    proxies=(("http", "http://me:p%40ss@plain.example:2"), ("https", "")),
)


@pytest.mark.parametrize(
    ("defaults", "url", "proxy"),
    [
        (USUAL, HTTP, "http://plain.example:2"),
        (USUAL, HTTPS, ""),
        (USUAL, "ftp://files.example/a", "socks5h://all.example:1"),
        (Defaults(), HTTP, None),
        (Defaults(proxies=(("https", "http://p:1"),)), HTTP, None),
    ],
)
def test_the_settings_name_a_proxy_for_each_scheme(defaults, url, proxy):
    """The scheme's own, else the one for all, else the environment's (None)."""
    assert Reaches(defaults).of(AddRequest(url)).proxy == proxy


def test_a_settings_login_goes_with_its_proxy_only():
    """S18: decoded, apart from the link, and not sent to a proxy that the caller chose."""
    reaches = Reaches(USUAL)
    reach = reaches.of(AddRequest(HTTP))
    assert (reach.proxy_user, reach.proxy_password) == ("me", "p@ss")
    own = reaches.of(AddRequest(HTTP, options=Options(proxy="http://mine.example:3")))
    assert (own.proxy, own.proxy_user, own.proxy_password) == ("http://mine.example:3", "", "")
    assert "p%40ss" not in repr(USUAL) and "p@ss" not in repr(reach)


def test_a_caller_that_may_not_choose_gets_the_settings():
    """Jobs never choose a proxy unless their token may."""
    request = AddRequest(HTTPS, options=Options(proxy="http://evil.example:3"), policy=Policy(may_choose_proxy=False))
    assert Reaches(USUAL).of(request).proxy == ""


def test_what_was_asked_alike_shares_one():
    """Connections are reused where options, policy and proxy are the same, and no secrets are involved."""
    reaches = Reaches(USUAL)
    assert reaches.of(AddRequest(HTTP)) is reaches.of(AddRequest(HTTP + "b"))
    secret = Credentials(user="u", password="p")
    assert reaches.of(AddRequest(HTTP, credentials=secret)) is not reaches.of(AddRequest(HTTP, credentials=secret))


async def test_defaults_change_while_running(tmp_path, server):
    """A reload sends the next download through another proxy."""
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    with serve_in_thread(proxy_login="u:p") as proxy:
        await bench.complete(await bench.add(server.file(10, "direct.bin")))
        await bench.engine.set_defaults(Defaults(proxies=(("http", f"http://127.0.0.1:{proxy.port}"),)))
        view = await bench.failed(await bench.add("http://files.example/x.bin"))
        assert view.error.code == "PROXY_AUTH_REQUIRED"
    await bench.engine.close()
