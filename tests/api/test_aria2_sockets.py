"""aria2's RPC over WebSocket: calls, and notifications said once to those who may know."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.api.dialects.stage_b import put
from tests.api.service import Service, own, service
from tui_downloads.api.aria2 import application
from tui_downloads.api.aria2.sockets import Notices
from tui_downloads.api.server import Listener
from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Event
from tui_downloads.engine.fake_transfer import Script

LINK = "https://files.example.org/a.iso"


class Client:
    """A WebSocket client that keeps answers and notifications apart."""

    def __init__(self, made: Service, socket: Any) -> None:
        self.made = made
        self.socket = socket
        self.notes: list[tuple[str, str]] = []

    async def call(self, method: str, *params: Any, user: str = "ann") -> Any:
        token = [f"token:{self.made.secrets.get(user, 'wrong')}"] if user else []
        await self.socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": [*token, *params]}))
        return await self._until(lambda found: "id" in found)

    async def note(self, word: str) -> str:
        """Wait for a notification and give its gid."""
        for n, (said, gid) in enumerate(self.notes):
            if said == word:
                del self.notes[n]
                return gid
        await self._until(lambda found: found.get("method") == f"aria2.onDownload{word}")
        return self.notes.pop()[1]

    async def _until(self, wanted: Any) -> Any:
        async with asyncio.timeout(60):
            while True:
                found = json.loads(await self.socket.recv())
                if "method" in found:
                    assert set(found) == {"jsonrpc", "method", "params"}
                    word = found["method"].removeprefix("aria2.onDownload")
                    self.notes.append((word, found["params"][0]["gid"]))
                if wanted(found):
                    return found


@pytest.fixture
async def live(tmp_path: Path):
    """Give a service on a loopback port."""
    async with service(tmp_path, dialects=[application.make], listeners=[Listener("127.0.0.1", 0)]) as made:
        yield made


@asynccontextmanager
async def client(made: Service, **options: Any):
    async with connect(made.url.replace("http", "ws") + "/jsonrpc", **options) as socket:
        yield Client(made, socket)


async def test_calls_are_answered_on_the_socket(live):
    """One, many, and what is no JSON."""
    async with client(live) as ann:
        assert (await ann.call("aria2.getVersion"))["result"]["version"]
        assert (await ann.call("aria2.getVersion", user=""))["error"]["message"] == "Unauthorized"
        await ann.socket.send("{")
        assert json.loads(await ann.socket.recv())["error"]["code"] == -32700
        await ann.socket.send(b'[{"id":5,"method":"system.listNotifications"}]')
        assert json.loads(await ann.socket.recv())[0]["id"] == 5


async def test_a_download_is_told_from_start_to_end(live):
    """Start and Complete, each once."""
    live.engine.scripts[LINK] = Script(size=1000)
    async with client(live) as ann:
        gid = (await ann.call("aria2.addUri", [LINK]))["result"]
        live.engine.tick(1)
        assert await ann.note("Start") == gid
        for _ in range(5):
            live.engine.tick(1)
        assert await ann.note("Complete") == gid
        await ann.call("aria2.getVersion")
        assert ann.notes == []


async def test_pause_stop_and_error_are_told(live):
    """And Start again when it goes on."""
    live.engine.scripts[LINK] = Script(fail_at=0, code=Code.REMOTE_FILE_NOT_FOUND)
    async with client(live) as ann:
        gid = (await ann.call("aria2.addUri", [LINK + "?long"]))["result"]
        live.engine.tick(1)
        await ann.note("Start")
        await ann.call("aria2.pause", gid)
        assert await ann.note("Pause") == gid
        await ann.call("aria2.unpause", gid)
        live.engine.tick(1)
        assert await ann.note("Start") == gid
        await ann.call("aria2.remove", gid)
        assert await ann.note("Stop") == gid
        bad = (await ann.call("aria2.addUri", [LINK]))["result"]
        live.engine.tick(1)
        live.engine.tick(1)
        assert await ann.note("Error") == bad


async def test_nobody_hears_of_what_is_not_theirs(live):
    """Nor does anybody without a token."""
    async with client(live) as bob, client(live) as nobody:
        await bob.call("aria2.getVersion", user="bob")
        await nobody.call("aria2.getVersion", user="wrong")
        own(live, put(live, State.QUEUED), "ann")
        mine = put(live, State.QUEUED, owner="bob")
        live.engine.tick(1)
        assert await bob.note("Start") == live.engine._downloads[mine].gid
        await nobody.call("system.listMethods", user="")
        assert bob.notes == [] and nobody.notes == []


async def test_a_foreign_page_opens_no_socket(live):
    """Its origin is not on the list."""
    with pytest.raises((InvalidStatus, ConnectionClosed)):
        async with client(live, origin="https://evil.example") as page:
            await page.call("system.listMethods", user="")


async def test_a_socket_ends_with_the_service(tmp_path):
    """Nobody is left waiting."""
    async with service(tmp_path, dialects=[application.make], listeners=[Listener("127.0.0.1", 0)]) as made:
        async with client(made) as ann:
            await ann.call("aria2.getVersion")
            await made.root.close()
            with pytest.raises(ConnectionClosed):
                async with asyncio.timeout(60):
                    await ann.socket.recv()


def news(*states: str, type: str = "state") -> list[Event]:
    return [Event(n, 0.0, type, "x", state) for n, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "said"),
    [
        (("queued", "resolving", "transferring", "verifying", "complete"), ["Start", "Complete"]),
        (("resolving", "waiting", "queued", "resolving", "failed"), ["Start", "Error"]),
        (("resolving", "pausing", "paused", "paused"), ["Start", "Pause"]),
        (("resolving", "paused", "queued", "resolving", "cancelled"), ["Start", "Pause", "Start", "Stop"]),
        (("cancelled", "cancelled"), ["Stop"]),
        (("failed", "queued", "resolving", "failed"), ["Error", "Start", "Error"]),
    ],
)
def test_each_thing_is_said_once(states, said):
    """Retries by itself are no new start."""
    notices = Notices()
    found = [notices.read(event, "gid") for event in news(*states)]
    assert [one[0] for one in found if one] == said


def test_what_is_removed_while_it_runs_has_stopped():
    """Whoever removed it."""
    notices = Notices()
    notices.begin({"x": "gid"})
    assert [notices.read(event, "") for event in news("", "", type="removed")] == [("Stop", "gid"), None]


def test_what_is_added_paused_was_not_paused():
    """Nothing is said of it."""
    assert Notices().read(Event(1, 0.0, "added", "x", "paused"), "gid") is None
