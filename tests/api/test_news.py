"""Server-sent events, on real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import httpx
import pytest

from tests.api.service import Service, own, service
from tests.engine.suite import poll
from tui_downloads.api.auth import Session
from tui_downloads.api.native.news import EventStream
from tui_downloads.api.server import Listener
from tui_downloads.api.settings import ApiSettings
from tui_downloads.core.lifecycle import State
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.caller import ADMIN, Caller
from tui_downloads.remote.sse import Reader


class Listening:
    """Reads a stream in the background."""

    def __init__(self, made: Service, user: str = "root", **headers: str):
        auth = {"authorization": f"Bearer {made.secrets[user]}"}
        self.client = httpx.AsyncClient(base_url=made.url, headers={**auth, **headers}, trust_env=False, timeout=60)
        self.messages, self.comments, self.ended = [], 0, False
        self.opened = asyncio.Event()

    async def __aenter__(self):
        self.task = asyncio.create_task(self.read())
        await asyncio.wait_for(self.opened.wait(), 60)
        return self

    async def read(self):
        reader = Reader()
        async with self.client.stream("GET", "/v1/events") as answer:
            self.status, self.type = answer.status_code, answer.headers["content-type"]
            self.opened.set()
            async for piece in answer.aiter_raw():
                self.comments += piece.count(b": still here")
                self.messages += list(reader.feed(piece))
        self.ended = True

    def of(self, type):
        return [json.loads(m.data) for m in self.messages if m.type == type]

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.client.aclose()


async def add(made, name, owner="root"):
    return (await made.engine.add([AddRequest(f"https://files.example.org/{name}", owner=owner)]))[0].id


async def test_news_carry_the_download(live):
    """Type, id, state, and the download as it stands."""
    async with Listening(live) as heard:
        id = await add(live, "a")
        await poll(lambda: heard.of("added"))
    event = heard.of("added")[0]
    assert (event["id"], event["state"], event["download"]["url"]) == (id, "queued", "https://files.example.org/a")
    assert heard.type.startswith("text/event-stream")


async def test_replay_from_the_last_id(live):
    """Who comes back hears what was missed, once and in order."""
    async with Listening(live) as heard:
        await add(live, "a")
        await poll(lambda: heard.of("added"))
    missed = [await add(live, name) for name in "bc"]
    async with Listening(live, **{"last-event-id": heard.messages[-1].id}) as again:
        await poll(lambda: len(again.of("added")) == 2)
    assert [event["id"] for event in again.of("added")] == missed


@pytest.mark.parametrize("last", ["deadbeef-5", "nonsense", "999999", "-", "1" * 40])
async def test_an_id_of_another_life_is_a_gap(live, last):
    """The reader is told to load again."""
    await add(live, "a")
    async with Listening(live, **{"last-event-id": last}) as heard:
        await poll(lambda: heard.of("gap"))


async def test_progress_is_coalesced(live):
    """Many steps of one download become few messages, the newest among them."""
    id = await add(live, "a")
    live.engine.tick(0.01)
    async with Listening(live) as heard:
        for _ in range(400):
            live.engine.tick(0.001)
            await asyncio.sleep(0)
        done = live.engine.snapshot().downloads[id].done
        await poll(lambda: heard.of("progress") and heard.of("progress")[-1]["download"]["done"] == done)
    assert len(heard.of("progress")) < 50
    seqs = [event["seq"] for event in heard.of("progress")]
    assert seqs == sorted(seqs)


async def test_users_hear_their_own(live):
    """Nothing of others, and nothing of their removal."""
    async with Listening(live, "ann") as heard:
        theirs = await add(live, "a", "bob")
        await live.engine.remove([theirs])
        mine = await add(live, "b", "ann")
        await poll(lambda: heard.of("added"))
    assert {json.loads(message.data)["id"] for message in heard.messages} == {mine}


async def test_silence_is_broken_by_heartbeats(tmp_path: Path):
    """A reader can tell quiet from dead."""
    settings = ApiSettings(heartbeat=0.05)
    async with service(tmp_path, settings=settings, listeners=[Listener(port=0)]) as made, Listening(made) as heard:
        await poll(lambda: heard.comments > 1)


async def test_rotation_ends_a_stream(tmp_path: Path):
    """A session does not outlive its token."""
    settings = ApiSettings(heartbeat=0.05)
    async with (
        service(tmp_path, settings=settings, listeners=[Listener(port=0)]) as made,
        Listening(made, "ann") as heard,
    ):
        made.tokens.rotate("ann")
        await poll(lambda: heard.ended)


async def test_subscribers_are_limited(tmp_path: Path):
    """S41: the number of readers is bounded."""
    settings = ApiSettings(max_subscribers=1)
    async with service(tmp_path, settings=settings, listeners=[Listener(port=0)]) as made, Listening(made) as heard:
        assert heard.status == 200
        refused = await made.client("ann").get("/v1/events")
        assert refused.status_code == 429


async def test_a_reader_that_never_reads_harms_nobody(tmp_path: Path):
    """100 subscribers of which one takes nothing: it is dropped, the others hear everything."""
    settings = ApiSettings(subscriber_deadline=0.5, max_subscribers_per_user=200)
    async with service(tmp_path, settings=settings, listeners=[Listener(port=0)]) as made:
        host, port = made.url.removeprefix("http://").split(":")
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect((host, int(port)))
        head = f"GET /v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {made.secrets['root']}\r\n\r\n"
        lazy.sendall(head.encode())
        await poll(lambda: len(made.root.context.news.subscribers) == 1)
        # Loopback holds megabytes on their way; a small buffer makes the reader's laziness felt at once.
        for connection in made.server.state.connections:
            connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        readers = [await Listening(made).__aenter__() for _ in range(99)]
        await poll(lambda: len(made.root.context.news.subscribers) == 100)
        wanted = 0
        while len(made.root.context.news.subscribers) == 100 and wanted < 400:
            await made.engine.add([AddRequest(f"https://x.example/{'y' * 2000}")] * 20)
            wanted += 20
            await asyncio.sleep(0.02)
        await poll(lambda: len(made.root.context.news.subscribers) == 99)
        await poll(lambda: all(len(reader.of("added")) == wanted for reader in readers[:3]), 30)
        for reader in readers:
            await reader.__aexit__()
        lazy.close()


async def test_a_snapshot_joins_its_news(live):
    """What the snapshot does not hold comes after its event id."""
    client = live.client("root")
    id = await add(live, "a")
    found = (await client.get("/v1/snapshot")).json()
    assert [view["id"] for view in found["downloads"]] == [id]
    later = await add(live, "b")
    async with Listening(live, **{"last-event-id": found["event"]}) as heard:
        await poll(lambda: later in [event["id"] for event in heard.of("added")])


async def test_a_large_snapshot_is_one_document(live):
    """Written in pieces, read as one."""
    for n in range(1200):
        own(live, live.engine.put(f"https://files.example.org/{n}", state=State.PAUSED), "ann")
    assert len((await live.client("ann").get("/v1/snapshot")).json()["downloads"]) == 1200
    assert (await live.client("bob").get("/v1/snapshot")).json()["downloads"] == []


async def test_news_may_be_quicker_than_the_snapshot(live, monkeypatch):
    """The state of the event is told at once, and the whole view as soon as the snapshot has it."""
    id = await add(live, "a")
    async with Listening(live) as heard:
        old = live.engine.snapshot()
        monkeypatch.setattr(live.engine, "snapshot", lambda: old)
        await live.engine.pause([id])
        await poll(lambda: heard.of("state"))
        assert heard.of("state")[-1]["download"]["state"] == "paused"
        monkeypatch.undo()
        await poll(lambda: any(event["download"]["state"] == "paused" for event in heard.of("progress")))


async def test_a_user_hears_of_a_download_the_snapshot_has_not(live, monkeypatch):
    """Whose it is, is asked of the engine."""
    async with Listening(live, "ann") as heard:
        old = live.engine.snapshot()
        monkeypatch.setattr(live.engine, "snapshot", lambda: old)
        id = await add(live, "a", "ann")
        await poll(lambda: [event["id"] for event in heard.of("added")] == [id])


async def test_the_first_reader_hears_what_comes_and_not_what_was(live):
    """Who follows without an id begins with what comes, also when nobody has followed before."""
    await live.engine.add([AddRequest("https://files.example.org/before", owner="ann")])
    headers = {"authorization": f"Bearer {live.secrets['ann']}"}
    async with httpx.AsyncClient(base_url=live.url, trust_env=False, headers=headers) as client:
        async with client.stream("GET", "/v1/events") as answer:
            lines, heard = answer.aiter_lines(), ""
            while "hello" not in heard:
                heard += await anext(lines)
            await live.engine.add([AddRequest("https://files.example.org/after", owner="ann")])
            while "after" not in heard:
                heard += await anext(lines)
            assert "before" not in heard


async def test_a_replay_ends_when_its_reader_leaves(live):
    """Who comes back again and again and never reads costs a batch each time, not the whole ring."""
    await live.engine.add([AddRequest(f"https://files.example.org/{n}", paused=True) for n in range(2000)])
    news = live.root.context.news
    await poll(lambda: news.seq >= 2000, 60.0)
    left, sent = asyncio.Event(), []

    async def receive():
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message.get("body", b""))
        if b"event: added" in sent[-1]:
            left.set()

    session = Session(Caller("root", ADMIN), "socket")
    stream = EventStream(news, news.subscribe(session, "0"), lambda: True, ApiSettings())
    await asyncio.wait_for(stream({"type": "http"}, receive, send), 60.0)
    assert 0 < b"".join(sent).count(b"event: added") < 1000
    assert not news.subscribers
