"""The documents' own commands, over real sockets."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.api.dialects import seed_curls_b as seeds
from tests.api.dialects.seed_curls import run, unlike
from tests.api.dialects.stage_b import finish, put
from tests.api.service import service
from tui_downloads.api.dialects import alfresco, offlinetube
from tui_downloads.api.server import Listener
from tui_downloads.core.lifecycle import State

CONTENT = b'{"a": "film"}\n'


@pytest.fixture
async def listeners(tmp_path: Path):
    """Give a no-auth listener with OfflineTube alone, one without a dialect, and one that asks for tokens."""
    wanted = [
        Listener("127.0.0.1", 0, no_auth=True, dialect="offlinetube"),
        Listener("127.0.0.1", 0, no_auth=True),
        Listener("127.0.0.1", 0),
    ]
    async with service(tmp_path, dialects=[offlinetube.make, alfresco.make], listeners=wanted) as found:
        yield found


async def plain(folder: Path, argv: list[str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert process.returncode == 0, err.decode()


@pytest.mark.servers
@pytest.mark.parametrize("mount", ["listener", "mount", "combined"])
async def test_offlinetubes_commands(listeners, server_program, tmp_path, mount):
    """Each command of document 002, in its order, at each of the three places."""
    made = listeners
    base = made.server.addresses[0 if mount == "listener" else 1]
    base += "/offlinetube" if mount == "mount" else ""
    values = {"base": base, "link": "https://video.example.org/film"}
    curl, wget = server_program("curl"), server_program("wget")
    started = await run(seeds.START, values, curl)
    values["id"] = started["download_id"]
    missing = seeds.Curl("002", "too early", seeds.GET_FILE.printed, seeds.GET_FILE.changes, 404, seeds.NOT_READY)
    assert await run(missing, values, curl) == seeds.NOT_READY
    made.engine._downloads[values["id"]].title = "The Film"
    made.engine._downloads[values["id"]].name = "The Film.json"
    finish(made, values["id"], CONTENT)
    (record,) = await run(seeds.LIST, values, curl)
    assert (record["id"], record["status"]) == (values["id"], "completed")
    assert await run(seeds.GET_FILE, values, curl) == json.loads(CONTENT)
    commands = ((seeds.SAVE_FILE, curl), (seeds.SAVE_LAST, curl), (seeds.WGET_FILE, wget))
    for n, (command, program) in enumerate(commands):
        folder = tmp_path / f"saved{n}"
        folder.mkdir()
        await plain(folder, [program, *command.argv(values)[1:]])
        assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [("The Film.json", CONTENT)]
    (made.folder / "The Film.json").unlink()
    gone = seeds.Curl("002", "gone", seeds.GET_FILE.printed, seeds.GET_FILE.changes, 404, seeds.FILE_GONE)
    assert await run(gone, values, curl) == seeds.FILE_GONE


@pytest.mark.servers
async def test_alfrescos_requests(listeners, server_program):
    """Each request that document 004 names; the JavaScript calls themselves are driven in test_alfresco_client."""
    made = listeners
    node = put(made, State.COMPLETE)
    base = seeds.ALL_URIS.replace(seeds.BASE.printed, made.server.addresses[2])
    id = ""
    for call in seeds.ALFRESCO:
        url = base + call.path.replace("{downloadId}", id)
        argv = ["-sS", "-w", "\n%{http_code}", "-X", call.method, "-H", f"Authorization: Bearer {made.secrets['ann']}"]
        if call.name == "createDownload":
            argv += ["-H", "Content-Type: application/json", "-d", json.dumps({"nodeIds": [node]})]
        if call.name == "content":
            finish(made, id, b"zip")
        process = await asyncio.create_subprocess_exec(
            server_program("curl"), *argv, url, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        body, _, status = out.decode().rpartition("\n")
        assert int(status) == call.status, (call.name, out)
        if call.name in ("createDownload", "getDownload"):
            assert not unlike(json.loads(body), seeds.ENTRY)
            id = json.loads(body)["entry"]["id"]
        if call.name == "content":
            assert body == "zip"
        if call.name == "cancelDownload":
            # The document's order ends the job; the content of a finished one is what comes next.
            made.engine._downloads[id].state = State.QUEUED
