"""One engine behind OfflineTube, Alfresco and aria2: what one starts, the others see, pause, zip, fetch and remove."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.service import service
from tui_downloads.api.aria2 import application
from tui_downloads.api.dialects import alfresco, offlinetube
from tui_downloads.demo.paths import file_path
from tui_downloads.demo.server import serve_in_thread
from tui_downloads.engine.embedded import EmbeddedEngine, Setup
from tui_downloads.engine.services import Defaults

PATIENCE = 30.0
SIZE = 300_000
BASE = alfresco.BASE


@pytest.fixture
def origin():
    """A practice server in a thread of its own."""
    with serve_in_thread() as running:
        yield running


@pytest.fixture
async def made(tmp_path: Path):
    """Give a service over the real engine; kim may reach private addresses, as the practice server's."""
    folder = tmp_path / "downloads"
    folder.mkdir()
    defaults = Defaults(timeout=30.0, connect_timeout=30.0, retry_base=0.05, retries=1)
    engine: Any = EmbeddedEngine(Setup(folder=str(folder), database=str(tmp_path / "list.db"), defaults=defaults))
    async with service(tmp_path, dialects=[application.make, offlinetube.make, alfresco.make], engine=engine) as it:
        it.secrets["kim"] = it.tokens.create("kim", private=True)
        it.secrets["lou"] = it.tokens.create("lou", private=True)
        yield it
    await engine.close()


async def until(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until there is an answer that is something."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = await ask()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.02)


async def rpc(made: Any, method: str, *params: Any, user: str = "kim") -> Any:
    """Call a method of aria2's."""
    body = {"id": 1, "method": f"aria2.{method}", "params": [f"token:{made.secrets[user]}", *params]}
    found = (await made.client().post("/jsonrpc", json=body)).json()
    assert "result" in found, found
    return found["result"]


async def fetched(made: Any, url: str, user: str = "kim", **options: str) -> tuple[str, str]:
    """Download a link by aria2's RPC and give gid and id."""
    gid = await rpc(made, "addUri", [url], options, user=user)

    async def ask() -> Any:
        found = await rpc(made, "tellStatus", gid, ["status", "errorMessage"], user=user)
        assert found["status"] != "error", found
        return found["status"] == "complete"

    await until(ask)
    (view,) = [view for view in made.engine.snapshot().downloads.values() if view.gid == gid]
    return gid, view.id


async def test_a_file_of_one_face_is_zipped_by_another(made, origin):
    """Fetched by aria2's RPC, listed by OfflineTube, zipped and deleted by Alfresco."""
    first, id = await fetched(made, origin.url(file_path(SIZE, "f1.bin")), out="first.bin")
    _, second = await fetched(made, origin.url(file_path(SIZE + 1, "f2.bin")), out="second.bin")
    kim = made.client("kim")
    records = (await kim.get("/api/downloads")).json()
    assert {record["filename"]: record["status"] for record in records} == {
        "first.bin": "completed", "second.bin": "completed"
    }  # fmt: skip
    content = (await kim.get(f"/api/download/{id}/file")).content
    assert len(content) == SIZE
    job = (await kim.post(f"{BASE}/downloads", json={"nodeIds": [second, id]})).json()["entry"]["id"]

    async def zipped() -> Any:
        entry = (await kim.get(f"{BASE}/downloads/{job}")).json()["entry"]
        return entry if entry["status"] == "DONE" else None

    assert await until(zipped) == {
        "filesAdded": 2, "bytesAdded": 2 * SIZE + 1, "id": job, "totalFiles": 2, "totalBytes": 2 * SIZE + 1,
        "status": "DONE",
    }  # fmt: skip
    answer = await kim.get(f"{BASE}/nodes/{job}/content")
    assert 'filename="archive.zip"' in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as found:
        assert found.namelist() == ["second.bin", "first.bin"] and found.read("first.bin") == content
    assert (await kim.delete(f"{BASE}/nodes/{job}")).status_code == 204
    assert sorted(path.name for path in made.folder.iterdir()) == ["first.bin", "second.bin"]
    assert (await kim.delete(f"/api/downloads/{id}/remove")).json() == {"message": "Descarga eliminada"}
    assert [path.name for path in made.folder.iterdir()] == ["second.bin"]
    assert [one["gid"] for one in await rpc(made, "tellStopped", -1, 10, ["gid"])] != [first]


async def test_a_zip_that_is_too_large_never_runs(tmp_path, origin):
    """Over the real engine, too: the job is told as too large and leaves no file."""
    from tui_downloads.api.settings import ApiSettings

    folder = tmp_path / "downloads"
    folder.mkdir()
    engine: Any = EmbeddedEngine(Setup(folder=str(folder), database=str(tmp_path / "list.db"), defaults=Defaults()))
    settings = ApiSettings(alfresco_max_content=1000)
    dialects = [application.make, alfresco.make]
    async with service(tmp_path, settings=settings, dialects=dialects, engine=engine) as made:
        made.secrets["kim"] = made.tokens.create("kim", private=True)
        _, id = await fetched(made, origin.url(file_path(SIZE, "f3.bin")), out="a.bin")
        kim = made.client("kim")
        job = (await kim.post(f"{BASE}/downloads", json={"nodeIds": [id]})).json()["entry"]["id"]
        entry = (await kim.get(f"{BASE}/downloads/{job}")).json()["entry"]
        assert entry["status"] == "MAX_CONTENT_SIZE_EXCEEDED"
        assert (entry["bytesAdded"], entry["totalBytes"]) == (1000, SIZE)
        assert [path.name for path in folder.iterdir()] == ["a.bin"]
    await engine.close()


async def test_a_download_is_paused_and_cancelled_across_faces(made, origin):
    """Limited by aria2, paused there, cancelled by OfflineTube, seen as removed."""
    gid = await rpc(made, "addUri", [origin.url(file_path(50_000_000, "f4.bin"))], {"max-download-limit": "100K"})

    async def moving() -> Any:
        found = await rpc(made, "tellStatus", gid)
        return found if found["completedLength"] != "0" else None

    found = await until(moving)
    assert found["status"] == "active" and found["totalLength"] == "50000000" and len(found["bitfield"]) == 12
    assert await rpc(made, "pause", gid) == gid
    kim = made.client("kim")
    (record,) = (await kim.get("/api/downloads")).json()
    assert record["status"] == "pending" and 0 < record["downloaded_bytes"] < 50_000_000
    paused = await rpc(made, "tellStatus", gid)
    assert paused["status"] == "paused" and paused["numPieces"] == "48"
    assert await rpc(made, "unpause", gid) == gid
    assert (await kim.delete(f"/api/downloads/{record['id']}")).json() == {"message": "Descarga cancelada"}
    assert (await rpc(made, "tellStatus", gid, ["status"])) == {"status": "removed"}


async def test_positions_links_and_options_change_over_the_real_engine(made, origin):
    """As the promise has it."""
    await made.engine.set_limits(type(made.engine.snapshot().limits)(downloads=1))
    slow = await rpc(made, "addUri", [origin.url(file_path(50_000_000, "f5.bin"))], {"max-download-limit": "50K"})
    gids = [await rpc(made, "addUri", [origin.url(file_path(SIZE + n, f"n{n}.bin"))]) for n in range(3)]

    async def order() -> list[str]:
        return [one["gid"] for one in await rpc(made, "tellWaiting", 0, 10, ["gid"])]

    assert await order() == gids
    assert await rpc(made, "changePosition", gids[2], 0, "POS_SET") == 0
    assert await order() == [gids[2], gids[0], gids[1]]
    assert await rpc(made, "changePosition", gids[2], 0, "POS_END") == 2
    assert await order() == gids
    (uri,) = await rpc(made, "getUris", gids[0])
    assert await rpc(made, "changeUri", gids[0], 1, [], [origin.url(file_path(SIZE, "f7.bin")) + "?mirror"]) == [0, 1]
    assert (await rpc(made, "getUris", gids[0]))[0] == uri
    assert await rpc(made, "changeOption", gids[0], {"max-download-limit": "64K"}) == "OK"
    assert (await rpc(made, "getOption", gids[0]))["max-download-limit"] == "65536"
    assert (await rpc(made, "getGlobalStat"))["numWaiting"] == "3"
    assert await rpc(made, "pauseAll") == "OK"
    assert {one["status"] for one in await rpc(made, "tellWaiting", 0, 10)} == {"paused"}
    assert await rpc(made, "remove", slow) == slow


async def test_two_users_of_one_engine_do_not_meet(made, origin):
    """Lou has nothing of Kim's by any face."""
    gid, id = await fetched(made, origin.url(file_path(SIZE, "f8.bin")))
    lou = made.client("lou")
    assert (await lou.get("/api/downloads")).json() == []
    assert (await lou.get(f"/api/download/{id}/file")).status_code == 404
    assert (await lou.post(f"{BASE}/downloads", json={"nodeIds": [id]})).status_code == 403
    assert (await lou.delete(f"{BASE}/nodes/{id}")).status_code == 403
    body = {"id": 1, "method": "aria2.tellStatus", "params": [f"token:{made.secrets['lou']}", gid]}
    found = (await made.client().post("/jsonrpc", json=body)).json()
    assert found["error"]["message"] == f"GID {gid} is not found"


async def test_a_plain_link_is_downloaded_by_offlinetube(made, origin):
    """No extractor claims it; its name is the server's."""
    pytest.importorskip("yt_dlp")
    kim = made.client("kim")
    id = (await kim.post("/api/download", json={"url": origin.url(file_path(SIZE, "f9.bin"))})).json()["download_id"]

    async def ask() -> Any:
        (record,) = (await kim.get("/api/downloads")).json()
        assert record["status"] != "error", record
        return record if record["status"] == "completed" else None

    record = await until(ask)
    assert record["id"] == id and record["progress"] == 100 and record["filesize"] == SIZE
    assert len((await kim.get(f"/api/download/{id}/file")).content) == SIZE
