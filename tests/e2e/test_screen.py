"""The screen on a real terminal over the real engine: handing over, attaching, hanging up, and losing its service."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

import pexpect
import pyte
import pytest

from tests.e2e.service import Home, answers, digest_of, reaches, until, view
from tui_downloads.demo.content import digest
from tui_downloads.demo.server import PracticeServer
from tui_downloads.engine.lock import held_by

SIZE = 12_000_000
RATE = 250_000
WIDTH, HEIGHT = 120, 36
# What pyte does not know it would print.
UNKNOWN = re.compile(r"\x1b\[[<>=?][0-9;]*[a-zA-Z$]+|\x1b\[\?2026\$p|\x1b\[[0-9;]*t|\x1b\[[0-9;]* q")


class Terminal:
    """`tui-downloads` on a pty, and what stands on it."""

    def __init__(self, place: Home, *arguments: str) -> None:
        environment = {**place.environment, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environment.pop("COLUMNS")
        self.child = pexpect.spawn(
            sys.executable, ["-m", "tui_downloads", *arguments], env=environment, cwd=str(place.folder),
            dimensions=(HEIGHT, WIDTH), timeout=5,
        )  # fmt: skip
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.written = ""

    def read(self, seconds: float = 0.05) -> None:
        try:
            new = self.child.read_nonblocking(1 << 16, timeout=seconds).decode("utf-8", "replace")
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
        self.written += new
        self.stream.feed(UNKNOWN.sub("", new))

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def shows(self, *texts: str, seconds: float = 60.0) -> None:
        """Read until texts stand on the screen."""
        self.read_until(lambda: all(text in self.text for text in texts), str(texts), seconds)

    def read_until(self, true: Callable[[], object], what: str, seconds: float = 60.0) -> None:
        """Read until something is true."""
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, (what, self.text)
            assert self.child.isalive(), (what, self.written[-2000:])
            self.read()

    def ended(self) -> int:
        """Read to the end and give the exit status, as a shell would."""
        end = time.monotonic() + 60.0
        while self.child.isalive():
            assert time.monotonic() < end, self.text
            self.read()
        self.read(0.2)
        self.child.close()
        assert "Traceback" not in self.written
        status = self.child.exitstatus
        return 128 + self.child.signalstatus if status is None else status


@pytest.fixture
def terminal(place: Home) -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        made.append(Terminal(place, *arguments))
        return made[-1]

    yield start
    for one in made:
        if one.child.isalive():
            one.child.kill(signal.SIGTERM)
            until(lambda one=one: one.read() or not one.child.isalive(), "the end of the screen")
        one.child.close(force=True)


def client_of(place: Home):
    import httpx

    until(lambda: answers(place.paths.socket), "the socket")
    transport = httpx.HTTPTransport(uds=place.paths.socket)
    return httpx.Client(transport=transport, base_url="http://localhost", timeout=30.0)


def only(client) -> dict:
    (found,) = client.get("/v1/downloads").json()["items"]
    return found


def running(place: Home, terminal, origin: PracticeServer, name: str) -> Terminal:
    """Open the screen with a link and wait until bytes come."""
    place.write_settings("per_download = 2\n[screen]\ntick = 0.1\n")
    screen = terminal(origin.file(SIZE, name, rate=RATE))
    screen.shows(name)
    with client_of(place) as client:
        screen.read_until(lambda: only(client)["done"] > 0, "bytes")
    return screen


def test_keep_in_background_hands_the_work_over(place: Home, terminal, origin: PracticeServer):
    """A detached service takes over, the next start attaches to it, and the file is right at the end."""
    name = "handed-over.bin"
    first = running(place, terminal, origin, name)
    screen_pid = place.owner_pid()
    assert screen_pid == first.child.pid
    first.child.send("q")
    first.shows("Keep going in the background")
    first.child.send("b")
    assert first.ended() == 0
    assert "Goes on in the background" in first.written
    owner = held_by(place.paths.lock)
    assert owner is not None and owner.pid != screen_pid and owner.what == "serve"
    second = terminal()
    second.shows(name)
    assert place.owner_pid() == owner.pid
    with client_of(place) as client:
        id = only(client)["id"]
        second.child.kill(signal.SIGHUP)
        second.ended()
        reaches(client, id, "complete")
    assert digest_of(place.downloads / name) == digest(name, SIZE)
    assert place.owner_pid() == owner.pid


def test_hangup_of_the_screen_checkpoints(place: Home, terminal, origin: PracticeServer):
    """The terminal goes away; what was fetched is kept, and the next engine goes on from there."""
    name = "hung-up.bin"
    screen = running(place, terminal, origin, name)
    with client_of(place) as client:
        screen.read_until(lambda: only(client)["done"] > 1_000_000, "a megabyte")
        id, before = only(client)["id"], only(client)["done"]
    screen.child.kill(signal.SIGHUP)
    assert screen.ended() == 128 + signal.SIGHUP
    assert held_by(place.paths.lock) is None
    with place.serve().local() as client:
        assert view(client, id)["done"] >= before
        reaches(client, id, "complete")
    assert digest_of(place.downloads / name) == digest(name, SIZE)


def test_attach_waits_for_its_service_and_tells_a_wrong_token(place: Home, terminal):
    """Nobody there, or nobody let in: the screen opens with a banner and tries again; it fills when all is well."""
    early = terminal("attach", f"unix:{place.paths.socket}")
    early.shows("No service answers")
    service = place.serve("127.0.0.1:0")
    early.read_until(lambda: "No service answers" not in early.text, "the end of the banner")
    (place.folder / "wrong").write_text("td_" + "x" * 40)
    stranger = terminal("attach", service.urls[0], "--token-file", "wrong")
    stranger.shows("Not let in")
    for screen in (early, stranger):
        screen.child.send("q")
        assert screen.ended() == 0


def test_a_taken_port_is_told_and_the_screen_goes_on(place: Home, terminal):
    """The endpoint stays closed and why is said; engine, lock and Unix socket are there, and F4 tries again."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        place.write_settings(f'[endpoint]\nlisten = ["127.0.0.1:{port},no-auth"]\n')
        screen = terminal()
        screen.shows("HTTP is off. Can't listen at", str(port))
        with client_of(place) as client:
            assert client.get("/v1/info").json()["me"]["scope"] == "admin"
        assert place.owner_pid() == screen.child.pid
    screen.child.send("\x1bOS")
    screen.read_until(lambda: answers_at(port), "the endpoint")
    screen.read_until(lambda: "HTTP is off" not in screen.text, "the end of the banner")


def answers_at(port: int) -> bool:
    """Say whether somebody listens at a port."""
    with socket.socket() as channel:
        return channel.connect_ex(("127.0.0.1", port)) == 0


def test_a_second_start_attaches_to_the_first_screen(place: Home, terminal, origin: PracticeServer):
    """It shows the same download, and leaving it leaves the first one at work."""
    name = "shared.bin"
    first = running(place, terminal, origin, name)
    second = terminal()
    second.shows(name)
    assert place.owner_pid() == first.child.pid
    second.child.kill(signal.SIGTERM)
    second.ended()
    with client_of(place) as client:
        before = only(client)["done"]
        first.read_until(lambda: only(client)["done"] > before, "more bytes")


def test_a_service_restarted_under_the_screen(place: Home, terminal, origin: PracticeServer):
    """A banner says that what is shown may be old, and it goes when the service is back; no traceback."""
    name = "restarted.bin"
    service = place.serve()
    with service.local() as client:
        id = client.post("/v1/downloads", json={"url": origin.file(SIZE, name, rate=RATE)}).json()["id"]
    screen = terminal()
    screen.shows(name)
    service.end(signal.SIGKILL)
    screen.shows("Trying again", name)
    again = place.serve()
    screen.read_until(lambda: "Trying again" not in screen.text, "the banner gone")
    with again.local() as client:
        screen.read_until(lambda: view(client, id)["state"] == "complete", "the end")
    screen.shows("complete")
    assert digest_of(place.downloads / name) == digest(name, SIZE)
    os.kill(screen.child.pid, signal.SIGTERM)
    screen.ended()
