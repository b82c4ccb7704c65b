"""One engine behind all three: what one dialect starts, the others see, stop, fetch and remove."""

from __future__ import annotations

import asyncio
import io
import time
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.service import Service, service
from tui_downloads.api.dialects import bridge, hoody, masv
from tui_downloads.api.settings import ApiSettings
from tui_downloads.demo.content import block
from tui_downloads.demo.paths import file_path
from tui_downloads.demo.server import PracticeServer, serve_in_thread
from tui_downloads.engine.embedded import EmbeddedEngine, Setup
from tui_downloads.engine.services import Defaults

PATIENCE = 30.0
SIZE, LARGE = 200_000, 4_000_000


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
    settings = ApiSettings(strict_hoody_download=True)
    async with service(tmp_path, settings=settings, dialects=[hoody.make, bridge.make, masv.make], engine=engine) as it:
        it.secrets["kim"] = it.tokens.create("kim", private=True)
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


async def start(client: httpx.AsyncClient, url: str, more: str = "") -> dict[str, Any]:
    """Start a download as Hoody's clients do."""
    response = await client.get(f"/hoody/in%2Fhere?download={quote(url, safe='')}{more}")
    assert response.status_code == 201, response.text
    return response.json()


async def past(client: httpx.AsyncClient, id: str) -> dict[str, Any]:
    """Wait until a download is in Hoody's history, and give its record."""

    async def ask() -> Any:
        history = (await client.get("/hoody/?download_history=")).json()["history"]
        return next((record for record in history if record["id"] == id), None)

    return await until(ask)


async def done(client: httpx.AsyncClient, id: str) -> dict[str, Any]:
    """Wait until Bridge says that a download is done, and give it."""

    async def ask() -> Any:
        download = (await client.get(f"/bridge/api/downloads/{id}")).json()["download"]
        assert download["state"] != "failed"
        return download if download["state"] == "done" else None

    return await until(ask)


async def fetch(client: httpx.AsyncClient, url: str) -> bytes:
    """Follow Bridge's redirect to the bytes."""
    redirect = await client.get(url)
    assert redirect.status_code == 302, redirect.text
    response = await client.get(redirect.headers["location"])
    assert response.status_code == 200
    return response.content


async def test_one_download_through_three_dialects(made: Service, origin: PracticeServer):
    """Started by Hoody, done in Bridge, fetched, zipped, and removed with its file by MASV."""
    kim = made.client("kim")
    wanted = block("data.bin", 0, SIZE)
    started = await start(kim, origin.url(file_path(SIZE, "data.bin", disposition="other.bin")), "&filename=mine.bin")
    id = started["download_id"]
    record = await past(kim, id)
    assert (record["status"], record["file_path"], record["total_bytes"]) == ("completed", "in/here/mine.bin", SIZE)
    assert started["path"] == record["file_path"]
    shown = await done(kim, id)
    assert await fetch(kim, shown["url"]) == wanted
    archive = (await kim.post("/bridge/api/downloads", json={"download": {"download_type": "archive"}})).json()
    zipped = await done(kim, archive["download"]["id"])
    with zipfile.ZipFile(io.BytesIO(await fetch(kim, zipped["url"]))) as found:
        assert {name: found.read(name) for name in found.namelist()} == {"mine.bin": wanted}
    export = (await kim.post("/bridge/api/downloads", json={"download": {"download_type": "history"}})).json()
    listed = await done(kim, export["download"]["id"])
    assert id.encode() in await fetch(kim, listed["url"])
    assert (made.folder / "in" / "here" / "mine.bin").exists()
    gone = await kim.delete(f"/masv/api/v1/downloads/{id}?remove_files=true")
    assert (gone.status_code, (await kim.get(f"/bridge/api/downloads/{id}")).status_code) == (200, 404)
    assert not (made.folder / "in" / "here" / "mine.bin").exists()


async def test_what_goes_wrong_has_hoodys_code(made: Service, origin: PracticeServer):
    """A 404 is REMOTE_FILE_NOT_FOUND, time run out DOWNLOAD_TIMEOUT, a server's fault NETWORK_ERROR."""
    kim = made.client("kim")
    links = {
        "REMOTE_FILE_NOT_FOUND": (file_path(SIZE, "a", status=404), ""),
        "DOWNLOAD_TIMEOUT": (file_path(SIZE, "b", rate=10_000), "&timeout=1"),
        "NETWORK_ERROR": (file_path(SIZE, "c", status=500), ""),
    }
    ids = {code: (await start(kim, origin.url(path), more))["download_id"] for code, (path, more) in links.items()}
    for code, id in ids.items():
        record = await past(kim, id)
        assert (record["status"], record["error"]) == ("failed", code)


async def test_masv_pauses_and_resumes_what_hoody_started(made: Service, origin: PracticeServer):
    """Paused it stays where it is; resumed it goes on to the end."""
    kim = made.client("kim")
    id = (await start(kim, origin.url(file_path(LARGE, "slow.bin", rate=250_000))))["download_id"]
    one = f"/masv/api/v1/downloads/{id}"

    async def some() -> Any:
        return (await kim.get(one)).json()["transferred_size"]

    await until(some)
    assert (await kim.post(f"{one}/pause")).status_code == 200
    paused = (await kim.get(one)).json()
    assert (paused["state"], paused["files"][0]["state"]) == ("paused", "paused")
    assert (await kim.post(f"{one}/resume")).status_code == 200
    await past(kim, id)
    complete = (await kim.get(one)).json()
    assert (complete["state"], complete["transferred_size"]) == ("complete", LARGE)
    assert (made.folder / "in" / "here" / "slow.bin").read_bytes() == block("slow.bin", 0, LARGE)


async def test_masv_puts_a_file_where_it_is_told(made: Service, origin: PracticeServer, tmp_path: Path):
    """The folder is absolute and made when it is missing; Hoody tells it absolutely."""
    kim = made.client("kim")
    body = {"url": origin.url(file_path(SIZE, "f.bin")), "dst_folder": str(tmp_path / "new" / "place")}
    id = (await kim.post("/masv/api/v1/downloads", json=body)).json()["download_id"]
    record = await past(kim, id)
    assert record["directory"] == str(tmp_path / "new" / "place")
    assert (tmp_path / "new" / "place" / "f.bin").stat().st_size == SIZE


async def test_a_private_address_is_not_reached_for_who_may_not(made: Service, origin: PracticeServer):
    """A link to an address is refused at once, a name that leads to one when it is known."""
    ann = made.client("ann")
    port = origin.url().rpartition(":")[2].strip("/")
    refused = await ann.get(f"/hoody/d?download={quote(f'http://127.0.0.1:{port}/f/1/a', safe='')}")
    assert (refused.status_code, refused.json()["error"]) == (400, "DOMAIN_BLOCKED")
    named = (await start(ann, f"http://localhost:{port}/f/1/a"))["download_id"]
    assert (await past(ann, named))["error"] == "DOMAIN_BLOCKED"
