"""Ways to a server, as the server sees them: addresses, interfaces, certificates, logins, cookies; against nginx."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from tests.transport.conftest import Collect, free_port
from tests.transport.test_servers import place  # noqa: F401
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.transport.base import Reach, Request


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.fixture
def nginx(server_program, run_program, place, certificate):  # noqa: F811
    """Give nginx's base links: it says who asks, and wants a certificate or a login in some places."""
    program = server_program("nginx")
    ports = {"http": free_port(), "https": free_port()}
    paths = "".join(
        f"{kind}_temp_path {place}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    salted = subprocess.run(["openssl", "passwd", "-apr1", "p"], capture_output=True, text=True, check=True).stdout
    (place / "users").write_text(f"u:{salted}")
    (place / "secret").write_text("inside")
    six = f"listen [::1]:{ports['http']};" if has_ipv6() else ""
    (place / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {place}/pid; error_log {place}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; {paths}\n"
        f"server {{ listen 127.0.0.1:{ports['http']}; {six} root {place};\n"
        '  location /who { return 200 "$remote_addr"; }\n'
        '  location /cookies { return 200 "$http_cookie"; }\n'
        f'  location = /secret {{ auth_basic "here"; auth_basic_user_file {place}/users; }}\n'
        f"  location /give {{ add_header Set-Cookie 'sid=near; Path=/'; return 302 /cookies; }}\n"
        f"  location /away {{ return 302 http://localhost:{ports['http']}/cookies; }} }}\n"
        f"server {{ listen 127.0.0.1:{ports['https']} ssl; ssl_certificate {certificate.cert};"
        f" ssl_certificate_key {certificate.key}; ssl_client_certificate {certificate.cert}; ssl_verify_client on;\n"
        '  location /who { return 200 "$ssl_client_verify"; } } }\n'
    )
    run_program([program, "-p", str(place), "-c", str(place / "nginx.conf")], ports["http"])
    return {
        "http": f"http://127.0.0.1:{ports['http']}",
        "https": f"https://127.0.0.1:{ports['https']}",
        "name": f"http://localhost:{ports['http']}",
        "six": f"http://[::1]:{ports['http']}",
    }


async def said(transport, url: str, reach: Reach, **more) -> str:
    sink = Collect()
    await transport.fetch(Request(url, reach=reach, **more), sink)
    assert sink.status == 200, sink.status
    return sink.data.decode()


@pytest.mark.servers
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have one loopback address")
async def test_a_source_address_is_bound(transport, nginx):
    """The server sees the address that was asked for."""
    for source in ("127.0.0.2", "127.0.0.3"):
        assert await said(transport, nginx["http"] + "/who", Reach(interface=source)) == source


@pytest.mark.servers
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the loopback interface has another name elsewhere")
async def test_an_interface_by_name(transport, nginx):
    """Its own address is used."""
    assert await said(transport, nginx["http"] + "/who", Reach(interface="lo")) == "127.0.0.1"


@pytest.mark.servers
@pytest.mark.parametrize("interface", ["203.0.113.7", "no-such-card"])
async def test_an_interface_that_is_not_there_is_named(transport, nginx, interface):
    """The user's option is at fault, not the server."""
    with pytest.raises(DownloadError) as caught:
        await transport.fetch(Request(nginx["http"] + "/who", reach=Reach(interface=interface)), Collect())
    assert (caught.value.code, caught.value.retry) == (Code.INVALID_OPTION, False)


@pytest.mark.servers
@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
@pytest.mark.parametrize(("version", "address"), [(4, "127.0.0.1"), (6, "::1")])
async def test_the_ip_version_is_chosen(transport, nginx, version, address):
    """A name that has both addresses is reached by the wanted one."""
    assert await said(transport, nginx["name"] + "/who", Reach(ip_version=version)) == address


@pytest.mark.servers
@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
async def test_an_address_of_the_other_version_is_refused(transport, nginx):
    """-4 never goes over IPv6, nor -6 over IPv4."""
    for version, base in ((4, nginx["six"]), (6, nginx["http"])):
        with pytest.raises(DownloadError) as caught:
            await transport.fetch(Request(base + "/who", reach=Reach(ip_version=version)), Collect())
        assert caught.value.code is Code.INVALID_OPTION


@pytest.mark.servers
@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
async def test_ipv6_by_its_address(transport, nginx):
    """A literal in brackets."""
    assert await said(transport, nginx["six"] + "/who", Reach()) == "::1"


@pytest.mark.servers
async def test_a_client_certificate_opens(transport, nginx, certificate):
    """nginx verifies it; without one it answers 400, which the sink judges."""
    known = Reach(cacert=str(certificate.cert), cert=str(certificate.cert), key=str(certificate.key))
    assert await said(transport, nginx["https"] + "/who", known) == "SUCCESS"
    sink = Collect()
    await transport.fetch(Request(nginx["https"] + "/who", reach=Reach(cacert=str(certificate.cert))), sink)
    assert sink.status == 400


@pytest.mark.servers
async def test_certificate_and_key_in_one_file(transport, nginx, certificate, tmp_path):
    """As curl takes it: --cert alone."""
    both = tmp_path / "both.pem"
    both.write_bytes(certificate.cert.read_bytes() + certificate.key.read_bytes())
    reach = Reach(cacert=str(certificate.cert), cert=str(both))
    assert await said(transport, nginx["https"] + "/who", reach) == "SUCCESS"


@pytest.mark.servers
@pytest.mark.parametrize("way", ["option", "link", "netrc", "netrc-default"])
async def test_a_login(transport, nginx, home, monkeypatch, way):
    """Every way to give one."""
    monkeypatch.setenv("HOME", str(home))
    whom = "default" if way == "netrc-default" else "machine 127.0.0.1"
    (home / ".netrc").write_text(f"{whom} login u password p\n")
    reach = {"option": Reach(user="u", password="p"), "link": Reach()}.get(way, Reach(netrc=True))
    url = nginx["http"] + "/secret"
    if way == "link":
        url = url.replace("//", "//u:p@")
    assert await said(transport, url, reach) == "inside"


@pytest.mark.servers
async def test_an_option_wins_over_netrc(transport, nginx, home, monkeypatch):
    """As with curl."""
    monkeypatch.setenv("HOME", str(home))
    (home / ".netrc").write_text("machine 127.0.0.1 login u password wrong\n")
    reach = Reach(user="u", password="p", netrc=True)
    assert await said(transport, nginx["http"] + "/secret", reach) == "inside"


@pytest.mark.servers
async def test_cookies_keep_to_their_hosts(transport, nginx):
    """A cookie file's and a server's own cookies go to their host, through redirects too, and to no other."""
    line = "127.0.0.1\tFALSE\t/\tFALSE\t0\tgiven\tfile\n"
    both = await said(transport, nginx["http"] + "/give", Reach(cookies=line))
    assert sorted(both.split("; ")) == ["given=file", "sid=near"]
    assert await said(transport, nginx["http"] + "/away", Reach(cookies=line)) == ""
    assert await said(transport, nginx["http"] + "/cookies", Reach()) == ""


@pytest.mark.servers
async def test_the_environments_cookies_are_none(transport, nginx, home, monkeypatch):
    """No file of curl's own (~/.curlrc, ~/.netrc) is read unasked."""
    monkeypatch.setenv("HOME", str(home))
    (home / ".netrc").write_text("machine 127.0.0.1 login u password p\n")
    (home / ".curlrc").write_text('user = "u:p"\n')
    sink = Collect()
    await transport.fetch(Request(nginx["http"] + "/secret"), sink)
    assert sink.status == 401
    assert os.environ["HOME"] == str(home)
