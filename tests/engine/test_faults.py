"""The fault matrix, rows F25 to F41, through the whole engine: what happens on the wire and to the file."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from tests.engine.conftest import Bench
from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import State
from tui_downloads.core.spec import Change, Credentials, Options
from tui_downloads.demo.certificate import make_certificate
from tui_downloads.demo.content import digest
from tui_downloads.demo.server import serve_in_thread
from tui_downloads.engine import endings
from tui_downloads.engine.services import Defaults

SIZE = 6_000_000
PAGE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 21\r\nConnection: close\r\n\r\n"
    b"<html>sign in!</html>"
)


def path_of(url: str) -> str:
    return urlsplit(url).path


def moved(url: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


async def begun(bench: Bench, url: str, **fields: object) -> str:
    """Start a download, and pause it when a part of it is here."""
    id = await bench.add(url, **fields)
    await bench.until(id, lambda view: view.done > 1_000_000)
    await bench.engine.pause([id])
    return id


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_f25_redirects_are_followed(bench, status):
    """Each kind leads to the file, and the name is the one that was asked for."""
    target = bench.server.file(5_000, "there.bin")
    id = await bench.add(bench.server.file(5_000, "here.bin", redirect=target, code=status))
    view = await bench.complete(id)
    assert (view.name, view.final_url) == ("here.bin", target)


async def test_f25_a_loop_is_found(bench):
    """A redirect to itself ends with its reason, and is not tried again."""
    view = await bench.failed(await bench.add(bench.server.file(5_000, "loop.bin", loop=True)))
    assert view.error.code == Code.REDIRECT_ERROR and view.error.next_step


async def test_f25_redirects_are_capped(bench):
    """So many different places are no way to a file."""
    view = await bench.failed(await bench.add(bench.server.file(5_000, "far.bin", hops=60)))
    assert view.error.code == Code.REDIRECT_ERROR


async def test_f25_only_http_is_followed(bench):
    """A server can't send us to a file of this machine."""
    url = bench.server.file(5_000, "local.bin", redirect="file:///etc/hostname")
    view = await bench.failed(await bench.add(url))
    assert view.error.code == Code.REDIRECT_ERROR and bench.names() == []


async def test_f25_secrets_stay_at_their_origin(bench):
    """Login, cookies and fields of the caller do not cross to another port (S15)."""
    with serve_in_thread() as other:
        url = bench.server.file(5_000, "secret.bin", redirect=other.file(5_000, "secret.bin"))
        secrets = Credentials(headers=(("X-Token", "t0ken"), ("Cookie", "a=b")), user="me", password="pw")
        await bench.complete(await bench.add(url, credentials=secrets))
        assert bench.server.requests[0].headers["x-token"] == "t0ken"
        sent = other.requests[0].headers
        assert not {"x-token", "cookie", "authorization"} & set(sent)


async def test_f25_a_redirect_on_resume_is_checked_again(bench):
    """Bytes of the place that a redirect leads to are joined only when they are of the same version."""
    url = bench.server.file(SIZE, "move.bin", rate=1_500_000)
    id = await begun(bench, url)
    bench.server.script[path_of(url)] = moved(bench.server.file(SIZE, "other.bin"))
    await bench.engine.resume([id])
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("other.bin", SIZE) and view.discarded > 0


async def test_f26_a_login_page_leaves_the_part_alone(bench):
    """A page where a file was: the user is told, and what is here stays and goes on later."""
    url = bench.server.file(SIZE, "portal.bin", rate=1_500_000)
    id = await begun(bench, url)
    kept = (await bench.get(id)).done
    bench.server.script[path_of(url)] = PAGE
    await bench.engine.resume([id])
    view = await bench.failed(id)
    assert (view.error.code, view.error.resumable) == (
        Code.UNEXPECTED_CONTENT,
        True,
    ) and "log in" in view.error.next_step
    assert view.done == kept and "portal.bin.part" in bench.names()
    del bench.server.script[path_of(url)]
    await bench.engine.retry([id])
    await bench.complete(id)
    assert bench.digest("portal.bin") == digest("portal.bin", SIZE)


async def test_f26_a_page_at_a_fresh_start_is_warned_of(bench):
    """A page under a file's name is fetched, and its log says what it looks like."""
    id = await bench.add(bench.server.file(SIZE, "setup.exe", html=True))
    await bench.complete(id)
    assert any("web page" in sentence for _, sentence in (await bench.detail(id)).log)


@pytest.mark.parametrize("status", [401, 403])
async def test_f27_a_refusal_asks_for_a_login_or_a_new_link(bench, status):
    """No retries; the part stays, and a new link goes on."""
    url = bench.server.file(SIZE, "expired.bin", rate=1_500_000)
    id = await begun(bench, url)
    bench.server.script[path_of(url)] = (
        f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
    )
    await bench.engine.resume([id])
    view = await bench.failed(id)
    assert view.error.code == Code.AUTH_REQUIRED and "new link" in view.error.next_step
    del bench.server.script[path_of(url)]
    before = view.done
    await bench.engine.change(id, Change(url=bench.server.file(SIZE, "expired.bin", sig="fresh")))
    await bench.engine.retry([id])
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("expired.bin", SIZE)
    assert view.discarded == 0 and before > 0


async def test_f27_407_is_the_proxys(bench):
    """A proxy that wants a login is told apart from the server."""
    with serve_in_thread(proxy_login="u:p") as proxy:
        options = Options(proxy=f"http://127.0.0.1:{proxy.port}")
        view = await bench.failed(await bench.add("http://files.example/x.bin", options=options))
        assert view.error.code == Code.PROXY_AUTH_REQUIRED


@pytest.mark.parametrize("status", [404, 410])
async def test_f28_a_missing_file_is_asked_for_once_more(bench, status):
    """A few retries and then the user's turn."""
    url = bench.server.file(5_000, "gone.bin", status=status)
    view = await bench.failed(await bench.add(url))
    assert (view.error.code, view.error.resumable) == (Code.REMOTE_FILE_NOT_FOUND, True) and view.error.next_step
    assert 1 <= len(bench.server.requests) <= 3


@pytest.mark.parametrize("status", [408, 421, 425], ids=["f29_408", "f30_421", "f31_425"])
async def test_a_passing_refusal_is_tried_again(bench, status):
    """F29, F30, F31: the next try, on a connection of its own where the old one is to blame, brings the file."""
    await bench.complete(await bench.add(bench.server.file(5_000, "again.bin", status=status, first=1)))
    first, second = bench.server.requests
    assert bench.digest("again.bin") == digest("again.bin", 5_000)
    assert status == 425 or first.connection != second.connection


async def test_f30_421_twice_is_an_end(bench):
    """Misdirected on a fresh connection as well: no third request."""
    view = await bench.failed(await bench.add(bench.server.file(5_000, "lost.bin", status=421)))
    assert view.error.next_step and len(bench.server.requests) == 2


@pytest.mark.parametrize("when", ["1", "date:2"])
@pytest.mark.parametrize("status", [429, 503])
async def test_f32_what_a_server_asks_for_is_waited_for(bench, status, when):
    """Retry-After in either form: the download shows until when it waits, and comes back by itself."""
    url = bench.server.file(5_000, "busy.bin", status=status, retry_after=when, first=1)
    id = await bench.add(url)
    waits = await bench.until(id, lambda view: view.state is State.WAITING)
    assert waits.waiting.until is not None
    await bench.complete(id)
    assert len(bench.server.requests) == 2


async def test_f32_a_wait_holds_for_the_host(bench):
    """Another download of the same host does not knock in the meantime."""
    first = await bench.add(bench.server.file(5_000, "one.bin", status=429, retry_after="1", first=1))
    await bench.until(first, lambda view: view.state is State.WAITING)
    second = await bench.add(bench.server.file(5_000, "two.bin"))
    assert (await bench.get(second)).state is State.QUEUED
    await bench.complete(first)
    await bench.complete(second)


@pytest.mark.parametrize("status", [500, 502, 504, 520, 522])
async def test_f33_a_broken_server_is_tried_a_number_of_times(bench, status):
    """Backoff, the tries that are allowed, then the user's turn."""
    id = await bench.add(bench.server.file(5_000, "broken.bin", status=status), options=Options(retries=2))
    view = await bench.failed(id)
    assert (view.error.code, view.error.resumable) == (Code.SERVER_ERROR, True) and view.error.next_step
    assert len(bench.server.requests) == 3


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_f34_an_answer_without_a_file_fails(bench, status):
    """Nothing to download is no empty file."""
    view = await bench.failed(await bench.add(bench.server.file(5_000, "none.bin", status=status)))
    assert (view.error.code, view.error.resumable) == (Code.NOT_A_FILE, False)
    assert len(bench.server.requests) == 1 and bench.names() == []


async def test_f35_a_silent_connection_is_replaced(bench):
    """A stall ends with a new connection, and the file is whole."""
    url = bench.server.file(SIZE, "stall.bin", stall=2_000_000, first=1)
    view = await bench.complete(await bench.add(url, options=Options(timeout=0.5, connections=1)))
    assert bench.digest(view.name) == digest("stall.bin", SIZE)


async def test_f35_a_dripping_connection_is_replaced(tmp_path, server):
    """Bytes below the least rate over a window are no progress; the next connection is fast."""
    quick = Defaults(timeout=30.0, retry_base=0.05, min_rate=10_000, min_rate_window=0.5)
    bench = Bench(tmp_path / "downloads", server, defaults=quick)
    await bench.start()
    url = server.file(SIZE, "drip.bin", slow="1:2000")
    id = await bench.add(url, options=Options(connections=1))
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("drip.bin", SIZE)
    assert any("bytes a second" in sentence for _, sentence in (await bench.detail(id)).log)
    await bench.engine.close()


async def test_f36_a_reset_costs_its_segment_only(bench):
    """One of several connections breaks off; what the others brought is not asked for again."""
    url = bench.server.file(SIZE, "reset.bin", rate=3_000_000, reset=300_000, first=1)
    view = await bench.complete(await bench.add(url, options=Options(connections=4)))
    assert bench.digest(view.name) == digest("reset.bin", SIZE)
    assert sum(request.sent for request in bench.server.requests) < SIZE + 3_000_000 and view.discarded == 0


async def test_f37_a_bad_certificate_is_final(tmp_path):
    """No fallback, no retry, nothing written."""
    certificate = make_certificate(tmp_path)
    with serve_in_thread(ssl_context=certificate.server_context()) as server:
        bench = Bench(tmp_path / "downloads", server)
        await bench.start()
        view = await bench.failed(await bench.add(server.file(5_000, "tls.bin")))
        assert view.error.code == Code.TLS_ERROR and "--cacert" in view.error.next_step
        assert server.requests == [] and bench.names() == []
        await bench.engine.close()


@pytest.fixture
def resolver(monkeypatch):
    """Give a function that makes the resolver fail with an error."""

    def fails(code):
        def ask(*_, **__):
            raise socket.gaierror(code, "as the test says")

        monkeypatch.setattr(socket, "getaddrinfo", ask)

    return fails


async def test_f38_a_name_that_does_not_exist_is_the_users_turn(bench, resolver):
    """The resolver says that there is no such name: no retries."""
    bench.engine._desk.manager.endings.network.probe = lambda host: True
    resolver(socket.EAI_NONAME)
    view = await bench.failed(await bench.add("http://no-such-name.invalid/x.bin"))
    assert (view.error.code, view.attempts) == (Code.DNS_ERROR, 1) and "host name" in view.error.next_step


async def test_f38_a_resolver_that_fails_for_now_is_asked_again(bench, resolver):
    """A temporary failure waits and tries again."""
    bench.engine._desk.manager.endings.network.probe = lambda host: True
    resolver(socket.EAI_AGAIN)
    view = await bench.failed(await bench.add("http://no-such-name.invalid/x.bin", options=Options(retries=1)))
    assert (view.error.code, view.attempts) == (Code.DNS_ERROR, 2)


async def test_f39_a_proxy_that_is_down_is_named(bench, unused_tcp_port):
    """The proxy's fault is not the server's."""
    options = Options(proxy=f"http://127.0.0.1:{unused_tcp_port}", retries=0)
    view = await bench.failed(await bench.add(bench.server.file(10, "x.bin"), options=options))
    assert view.error.code == Code.PROXY_ERROR and "proxy" in view.error.next_step


async def test_f40_being_offline_spends_no_tries(bench, unused_tcp_port):
    """Without a network a download waits however long it takes, and goes on when it is back."""
    network, up = bench.engine._desk.manager.endings.network, False
    network.probe = lambda host: up
    id = await bench.add(f"http://127.0.0.1:{unused_tcp_port}/x.bin", options=Options(retries=1))
    waits = await bench.until(id, lambda view: view.state is State.WAITING)
    assert (waits.waiting.reason, waits.attempts) == (endings.NO_NETWORK, 0)
    up = True
    view = await bench.failed(id)  # there is a network, and nobody listens there: its tries are spent
    assert (view.error.code, view.attempts) == (Code.NETWORK_ERROR, 2)


PROBE = """
import subprocess
from tui_downloads.engine.network import has_route
ip = lambda *words: subprocess.run(["ip", *words], check=True)
asked = lambda: [has_route(host) for host in ("files.example:80", "192.0.2.7:443", "localhost:80")]
ip("link", "set", "lo", "up")
print(asked())
ip("link", "add", "cable", "type", "veth", "peer", "name", "socket")
ip("addr", "add", "198.51.100.2/24", "dev", "cable")
ip("link", "set", "cable", "up")
ip("link", "set", "socket", "up")
ip("route", "add", "default", "via", "198.51.100.1")
print(asked())
ip("link", "set", "cable", "down")
print(asked())
"""


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"), reason="needs root")
async def test_f40_a_cable_that_is_pulled_is_noticed():
    """In a network of its own: no way out without a link, one with it, none when it is down; ourselves at all times."""
    command = ["unshare", "-n", sys.executable, "-c", PROBE]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    if done.returncode and ("unshare" in done.stderr or "device type" in done.stderr):
        pytest.skip("this machine allows no network namespaces: " + done.stderr.strip()[-200:])
    assert done.stdout.splitlines() == ["[False, False, True]", "[True, True, True]", "[False, False, True]"], done


async def test_f41_a_clock_that_jumps_ends_and_delays_nothing(bench, monkeypatch):
    """The wall clock goes back by a day while a download waits: it goes on when its seconds have passed."""
    import time

    real = time.time
    id = await bench.add(bench.server.file(5_000, "clock.bin", status=503, retry_after="1", first=1))
    await bench.until(id, lambda view: view.state is State.WAITING)
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    await bench.complete(id)


async def test_f41_a_clock_that_jumps_ahead_is_no_timeout(bench, monkeypatch):
    """max_time counts seconds that passed, not those that the clock claims."""
    import time

    real = time.time
    id = await bench.add(bench.server.file(SIZE, "ahead.bin", rate=3_000_000), options=Options(max_time=60))
    await bench.until(id, lambda view: view.done > 500_000)
    monkeypatch.setattr(time, "time", lambda: real() + 86_400)
    await bench.complete(id)
