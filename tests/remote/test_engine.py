"""A remote engine whose service goes away, comes back, or is none."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from tests.api.service import finished, service
from tests.engine.suite import poll as look
from tui_downloads.api.server import Listener
from tui_downloads.core.errors import Code, Forbidden, RequestError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.remote.address import Address, parse_address
from tui_downloads.remote.client import Client
from tui_downloads.remote.copy import LocalCopy
from tui_downloads.remote.engine import RemoteEngine
from tui_downloads.remote.pull import pull

ALONE = "127.31.7.5" if sys.platform == "linux" else "127.0.0.1"
"""A loopback address where nobody else takes a port that is free for a moment, and where nobody calls from."""


async def poll(true):
    """Wait until something is true, as long as a busy machine may take."""
    await look(true, 60.0)


@pytest.fixture
async def live(tmp_path: Path):
    async with service(tmp_path, listeners=[Listener(port=0)]) as made:
        yield made


@pytest.fixture
async def remote(live):
    engine = RemoteEngine(Address(live.url, token=live.secrets["root"]), first_wait=0.05)
    await engine.start()
    yield engine
    await engine.close()


async def test_nobody_there(tmp_path: Path):
    """NO_SERVICE, with how to start one."""
    for address in (Address("http://127.0.0.1:9"), Address(socket=str(tmp_path / "none"))):
        with pytest.raises(RequestError) as found:
            await RemoteEngine(address).start()
        assert found.value.code is Code.NO_SERVICE
        assert "tui-downloads serve" in found.value.next_step


async def test_a_wrong_token(live):
    """UNAUTHORIZED, with what to give; the token is in no message."""
    with pytest.raises(RequestError) as found:
        await RemoteEngine(Address(live.url, token="wrong-canary-token")).start()
    assert found.value.code is Code.UNAUTHORIZED
    assert "canary" not in str(found.value) + repr(found.value) + repr(Address(token="canary"))


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(200, text="<html>"), httpx.Response(404, text="no"), httpx.Response(200, json={"api": 99}),
     httpx.Response(500, text="x"), httpx.Response(200, json=[1]), httpx.Response(302, headers={"location": "http://evil/"})],
    ids=["html", "404", "version", "500", "list", "redirect"],
)  # fmt: skip
async def test_something_else_answers(answer):
    """Another version, or another program: NO_SERVICE and no trace."""
    engine = RemoteEngine(Address("http://x"), transport=httpx.MockTransport(lambda request: answer))
    with pytest.raises(RequestError) as found:
        await engine.start()
    assert found.value.code is Code.NO_SERVICE


async def test_a_patient_one_waits_for_its_service(tmp_path: Path):
    """The screen opens with a banner, and fills when the service is there."""
    engine = RemoteEngine(Address(socket=str(tmp_path / "none")), patient=True, first_wait=0.05)
    await engine.start()
    info = engine.snapshot().info
    assert (info.stale, info.banner.startswith("No service answers")) == (True, True)
    await engine.close()


async def test_the_service_restarts_under_the_screen(tmp_path: Path):
    """What is shown becomes stale, then everything is loaded again, and readers are told of the gap."""
    first = FakeEngine()
    async with service(tmp_path, listeners=[Listener(ALONE, 0)], engine=first) as made:
        port = int(made.url.rpartition(":")[2])
        token = made.secrets["root"]
        engine = RemoteEngine(Address(made.url, token=token), first_wait=0.05)
        await engine.start()
        await engine.add([AddRequest("https://files.example.org/old")])
        assert len(engine.snapshot().downloads) == 1
    await poll(lambda: engine.snapshot().info.stale)
    assert len(engine.snapshot().downloads) == 1
    with pytest.raises(RequestError) as found:
        await engine.pause(list(engine.snapshot().downloads))
    assert found.value.code is Code.NO_SERVICE
    heard = []

    async def read():
        async for event in engine.events():
            heard.append(event.type)

    task = asyncio.create_task(read())
    second = FakeEngine()
    new = second.put("https://files.example.org/new", state=State.PAUSED)
    (tmp_path / "tokens.json").rename(tmp_path / "kept")
    async with service(tmp_path, listeners=[Listener(ALONE, port)], engine=second):
        (tmp_path / "kept").rename(tmp_path / "tokens.json")
        # The pause between two tries has grown meanwhile; whoever watches the screen may ask at once.
        await engine.reconnect()
        await poll(lambda: list(engine.snapshot().downloads) == [new])
        await poll(lambda: not engine.snapshot().info.stale)
        await poll(lambda: "gap" in heard)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await engine.close()


async def test_a_broken_connection_is_taken_up(live, remote):
    """The news missed meanwhile are replayed, without loading everything."""
    await remote.add([AddRequest("https://files.example.org/a")])
    for connection in list(live.server.state.connections):
        connection.transport.abort()
    id = (await live.engine.add([AddRequest("https://files.example.org/b", owner="ann")]))[0].id
    await poll(lambda: id in remote.snapshot().downloads)
    await poll(lambda: not remote.snapshot().info.stale)


async def test_rotation_is_told(live, remote):
    """The banner says that the token is no longer valid."""
    live.tokens.rotate("root")
    await live.engine.add([AddRequest("https://files.example.org/a")])
    await poll(lambda: remote.snapshot().info.banner.startswith("Not let in"))


async def test_changes_of_others_arrive(live, remote):
    """What somebody else does is seen here."""
    id = (await live.engine.add([AddRequest("https://files.example.org/a", owner="ann")]))[0].id
    await poll(lambda: id in remote.snapshot().downloads)
    await live.engine.pause([id])
    await poll(lambda: remote.snapshot().downloads[id].state is State.PAUSED)
    await live.engine.remove([id])
    await poll(lambda: id not in remote.snapshot().downloads)


async def test_an_old_answer_does_not_undo_newer_news():
    """Places in the queue are asked for; meanwhile a download may have been paused, or be gone."""
    old = FakeEngine()
    ids = [old.put(f"https://files.example.org/{n}", state=State.QUEUED) for n in range(3)]
    views = [old.snapshot().downloads[id] for id in ids]
    copy = LocalCopy("x")
    copy.put(views)
    copy.event("state", ids[0], "paused", None)
    copy.event("removed", ids[1], "", None)
    copy.places(replace(view, position=9.0) for view in views)
    found = copy.snapshot().downloads
    assert ids[1] not in found and found[ids[0]].state is State.PAUSED
    assert (found[ids[2]].state, found[ids[2]].position) == (State.QUEUED, 9.0)
    assert (copy.snapshot().totals.paused, copy.snapshot().totals.queued) == (1, 1)


async def test_read_only(live):
    """--read-only asks for nothing that changes."""
    engine = RemoteEngine(Address(live.url, token=live.secrets["root"], read_only=True))
    await engine.start()
    assert engine.snapshot().info.read_only
    for call in (engine.add([]), engine.pause(["x"]), engine.forget()):
        with pytest.raises(Forbidden):
            await call
    await engine.close()


async def test_many_at_once(live, remote):
    """Thousands are added in a few requests, and all are here."""
    outcomes = await remote.add([AddRequest(f"https://files.example.org/{n}", paused=True) for n in range(2500)])
    assert all(outcome.ok for outcome in outcomes)
    assert remote.snapshot().totals.paused == 2500


async def test_after_closing_nothing_is_asked(live, remote):
    """A closed engine says so."""
    await remote.close()
    with pytest.raises(RequestError) as found:
        await remote.get("x")
    assert found.value.code is Code.NO_SERVICE


@pytest.mark.parametrize(
    ("text", "label"),
    [("/run/s", "unix:/run/s"), ("unix:/run/s", "unix:/run/s"), ("box", "http://box:7878"), ("https://box:1", "https://box:1"),
     ("[::1]:5", "http://[::1]:5")],
)  # fmt: skip
def test_addresses(text, label):
    """Sockets, hosts and URLs."""
    assert parse_address(text).label == label


@pytest.mark.parametrize("text", ["", "ftp://x", "http://u:p@x", "http://x/path", "http://x:99999"])
def test_what_is_no_address(text):
    """One sentence."""
    with pytest.raises(RequestError):
        parse_address(text)


async def test_pull_fetches_and_proves(live, remote, tmp_path: Path):
    """In ranges, held against the service's digest, under a safe name that is free."""
    data = bytes(range(256)) * 5000
    id = finished(live, "päper.bin", data)
    there = tmp_path / "pulled"
    seen = []
    client = Client(remote.address)
    for name in ("päper.bin", "päper (1).bin"):
        found = await pull(
            client, await remote.get(id), there, piece=100_000, progress=lambda done, size: seen.append((done, size))
        )
        assert (found.path.name, found.path.read_bytes() == data) == (name, True)
    assert seen[-1] == (len(data), len(data))
    await client.close()
    assert {path.name for path in there.iterdir()} == {"päper.bin", "päper (1).bin"}


async def test_pull_refuses_a_file_that_changes(live, remote, tmp_path: Path):
    """Two versions are never mixed, and nothing is left behind."""
    id = finished(live, "a.bin", b"a" * 500_000)
    client = Client(remote.address)

    def change(done, size):
        (live.folder / "a.bin").write_bytes(b"b" * 500_000)

    with pytest.raises(Exception) as found:
        await pull(client, await remote.get(id), tmp_path / "p", piece=50_000, connections=1, progress=change)
    assert getattr(found.value, "code", None) in (Code.REMOTE_CHANGED, Code.INVALID_OPTION)
    await client.close()
    assert list((tmp_path / "p").iterdir()) == []
