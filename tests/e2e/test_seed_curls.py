"""Every command of the five documents against a live `serve` with the real engine.

Restricted callers reach no private addresses, and the practice server is on loopback; so it stands in as the proxy
that a box may have, and links have public names.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.api.dialects import seed_curls, seed_curls_b
from tests.api.dialects.seed_curls import Curl, run, unlike
from tests.e2e.service import PATIENCE, Home, Service
from tui_downloads.demo.content import block
from tui_downloads.demo.paths import file_path
from tui_downloads.demo.server import PracticeServer

pytestmark = [pytest.mark.may_block, pytest.mark.servers]

DIALECTS = ("hoody", "bridge", "offlinetube", "masv", "alfresco")
MOUNTS = ("listener", "mount", "combined")
SIZE, LARGE = 60_000, 40_000_000


class Stage:
    """A service with a listener for each dialect and combined ones, and where to find them."""

    def __init__(self, place: Home, origin: PracticeServer) -> None:
        self.place = place
        self.origin = origin
        place.write_settings(
            f'[proxy]\nhttp = "{origin.url().rstrip("/")}"\nproxy_filters = true\n'
            "[endpoint]\nstrict_allow_download = true\n"
        )
        self.token = place.token("ann", "--folder", str(place.downloads))
        # Documents 002 and 003 print no token, as their products ask for none.
        bare = {"offlinetube", "masv"}
        strict = [f"127.0.0.1:0{',no-auth' if name in bare else ''},dialect={name}" for name in DIALECTS]
        self.service: Service = place.serve(*strict, "127.0.0.1:0", "127.0.0.1:0,no-auth")
        self.strict = dict(zip(DIALECTS, self.service.urls, strict=False))
        self.combined, self.bare = self.service.urls[-2:]

    def base(self, dialect: str, mount: str, *, bare: bool = False) -> str:
        """Give where a dialect is."""
        if mount == "listener":
            return self.strict[dialect]
        return (self.bare if bare else self.combined) + (f"/{dialect}" if mount == "mount" else "")

    def link(self, name: str, size: int = SIZE, **options: object) -> str:
        """Give a public link that ends at the practice server."""
        return "http://files.example.com" + file_path(size, name, **options)

    def values(self, base: str, link: str, **more: str) -> dict[str, str]:
        """Give what is put into the commands."""
        return {"base": base, "token": self.token, "link": link, "folder": str(self.place.downloads / "masv"), **more}


@pytest.fixture
def stage(place: Home, origin: PracticeServer) -> Stage:
    return Stage(place, origin)


async def until(ask: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until there is an answer that is something."""
    end = time.monotonic() + PATIENCE
    while not (found := await ask()):
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.05)
    return found


def without_example(curl: Curl) -> Curl:
    return Curl(curl.document, curl.name, curl.printed, curl.changes, curl.status)


@pytest.mark.parametrize("mount", MOUNTS)
async def test_document_000_hoody(stage: Stage, server_program: Any, mount: str):
    """Start, active here and everywhere, and the history, with the document's fields, and the file is right."""
    program = server_program("curl")
    base = stage.base("hoody", mount)
    commands = {curl.name: curl for curl in seed_curls.HOODY}
    # First a slow one, so that the lists of what is active have a record to compare.
    slow = await run(commands["start"], stage.values(base, stage.link("slow.csv", LARGE, rate=20_000)), program)
    for name in ("active in a directory", "active everywhere"):
        curl = commands[name]
        both = mount == "combined" and name == "active everywhere"

        async def asked(curl: Curl = curl, both: bool = both) -> Any:
            found = await run(without_example(curl) if both else curl, stage.values(base, ""), program)
            return found["downloads"] and found

        found = await until(asked)
        assert [record["id"] for record in found["downloads"]] == [slow["download_id"]]
        if both:
            # The one path that two documents share carries both documents' fields at the combined root.
            assert set(seed_curls.ACTIVE["downloads"][0]) < set(found["downloads"][0])
    await run(commands["start"], stage.values(base, stage.link("data.csv")), program)

    async def past() -> Any:
        return (await run(commands["history"], stage.values(base, ""), program))["history"]

    (record,) = await until(past)
    assert (record["status"], record["file_path"]) == ("completed", "Downloads/data.csv")
    assert (stage.place.downloads / "Downloads" / "data.csv").read_bytes() == block("data.csv", 0, SIZE)


@pytest.mark.parametrize("mount", MOUNTS)
async def test_document_001_bridge(stage: Stage, server_program: Any, mount: str):
    """The command makes a download that becomes done; its literal body is 422."""
    program = server_program("curl")
    values = stage.values(stage.base("bridge", mount), stage.link("report.pdf"))
    create, literal = seed_curls.BRIDGE
    made = (await run(create, values, program))["download"]
    await run(literal, values, program)
    base = values["base"]
    with stage.service.client(stage.token) as client:

        async def done() -> Any:
            found = client.get(f"{base}/api/downloads/{made['id']}").json()["download"]
            assert found["state"] != "failed"
            assert (found["url"] is None) == (found["state"] != "done")
            return found["url"]

        url = await until(done)
        redirect = client.get(base + url if url.startswith("/api") else stage.combined + url)
        assert redirect.status_code == 302
        place = redirect.headers["location"]
        answer = client.get(place if "://" in place else base.removesuffix("/bridge") + place)
        assert answer.content == block("report.pdf", 0, SIZE)


@pytest.mark.parametrize("mount", MOUNTS)
async def test_document_002_offlinetube(stage: Stage, server_program: Any, tmp_path: Path, mount: str):
    """Start, too early, list, and each way to save the file, with its name and bytes; then the file is gone."""
    pytest.importorskip("yt_dlp")
    curl, wget = server_program("curl"), server_program("wget")
    name = "film.mp4"
    values = stage.values(stage.base("offlinetube", mount, bare=True), stage.link(name, SIZE, rate=30_000))
    started = await run(seed_curls_b.START, values, curl)
    values["id"] = started["download_id"]
    get = seed_curls_b.GET_FILE
    early = Curl("002", "too early", get.printed, get.changes, 404, seed_curls_b.NOT_READY)
    assert await run(early, values, curl) == seed_curls_b.NOT_READY

    async def completed() -> Any:
        (record,) = await run(seed_curls_b.LIST, values, curl)
        assert record["status"] != "error", record
        return record if record["status"] == "completed" else None

    assert (await until(completed))["filesize"] == SIZE
    commands = (
        (get, curl, ["-o", name]), (seed_curls_b.SAVE_FILE, curl, []), (seed_curls_b.SAVE_LAST, curl, []),
        (seed_curls_b.WGET_FILE, wget, []),
    )  # fmt: skip
    for n, (command, program, more) in enumerate(commands):
        folder = tmp_path / f"saved{n}"
        folder.mkdir()
        process = await asyncio.create_subprocess_exec(
            program, *more, *command.argv(values)[1:], cwd=folder, stderr=asyncio.subprocess.PIPE
        )
        _, err = await process.communicate()
        assert process.returncode == 0, err
        assert [(path.name, path.read_bytes()) for path in folder.iterdir()] == [(name, block(name, 0, SIZE))]
    (stage.place.downloads / name).unlink()
    gone = Curl("002", "gone", get.printed, get.changes, 404, seed_curls_b.FILE_GONE)
    assert await run(gone, values, curl) == seed_curls_b.FILE_GONE


# The document's "Complete Example", line for line; the host and the link are variables, and it asks more often.
COMPLETE_EXAMPLE = r"""
# Step 1: Start download
DOWNLOAD_ID=$(curl -X POST $HOST/api/download \
  -H "Content-Type: application/json" \
  -d '{"url": "'$LINK'", "quality": "720p"}' \
  | jq -r '.download_id')

echo "Download ID: $DOWNLOAD_ID"

# Step 2: Wait for completion
while true; do
  STATUS=$(curl -s $HOST/api/downloads | jq -r ".[] | select(.id==\"$DOWNLOAD_ID\") | .status")
  echo "Status: $STATUS"
  if [ "$STATUS" = "completed" ]; then
    break
  fi
  sleep 0.2
done

# Step 3: Download the file
curl -O -J $HOST/api/download/$DOWNLOAD_ID/file
"""


@pytest.mark.parametrize("mount", MOUNTS)
async def test_document_002_complete_example(stage: Stage, server_program: Any, tmp_path: Path, mount: str):
    """The whole script, from the link to the saved file."""
    pytest.importorskip("yt_dlp")
    server_program("jq")
    process = await asyncio.create_subprocess_exec(
        server_program("bash"), "-e", "-s", cwd=tmp_path / "home",
        env={**stage.place.environment, "HOST": stage.base("offlinetube", mount, bare=True),
             "LINK": stage.link("clip.mp4", SIZE, rate=60_000)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE):
        out, err = await process.communicate(COMPLETE_EXAMPLE.encode())
    assert process.returncode == 0, (out, err)
    assert out.decode().splitlines()[-1] == "Status: completed"
    assert (tmp_path / "home" / "clip.mp4").read_bytes() == block("clip.mp4", 0, SIZE)


@pytest.mark.parametrize("mount", MOUNTS)
async def test_document_003_masv(stage: Stage, server_program: Any, mount: str):
    """Each command does to real downloads and files what its sentence says."""
    program = server_program("curl")
    commands = {curl.name: curl for curl in seed_curls.MASV}
    base = stage.base("masv", mount, bare=True)
    values = stage.values(base, stage.link("pack.bin", LARGE, rate=50_000))
    folder = stage.place.downloads / "masv"

    async def create(link: str, state: str) -> str:
        made = (await run(commands["create"], {**values, "link": link}, program))["download_id"]
        values["id"] = made
        await reached(state)
        return str(made)

    async def reached(*states: str) -> None:
        async def ask() -> Any:
            return (await run(commands["details"], values, program))["state"] in states

        await until(ask)

    async def listed() -> list[str]:
        return [record["download_id"] for record in (await run(commands["list"], values, program))["downloads"]]

    async def files(*names: str) -> None:
        async def ask() -> Any:
            # What a removed download had begun stays as long as the removal can be undone.
            there = [path.name for path in folder.iterdir() if ".part" not in path.name]
            return sorted(there) == list(names)

        await until(ask)

    slow = await create(values["link"], "transferring")
    assert await listed() == [slow]
    await run(commands["pause"], values, program)
    await reached("paused")
    await run(commands["resume"], values, program)
    await reached("transferring")
    await run(commands["delete"], values, program)
    assert await listed() == []
    await create(stage.link("one.bin"), "complete")
    await files("one.bin")
    await run(commands["delete with files"], values, program)
    await files()
    done = await create(stage.link("two.bin"), "complete")
    slow = await create(values["link"], "transferring")
    await run(commands["delete by state"], values, program)
    assert (await listed(), done != slow) == ([slow], True)
    await run(commands["delete by states"], values, program)
    assert await listed() == []
    await files("two.bin")
    await create(stage.link("three.bin"), "complete")
    await run(commands["delete by states with files"], values, program)
    await files("two.bin")
    await create(stage.link("four.bin"), "complete")
    await create(values["link"], "transferring")
    await run(commands["delete all with files"], values, program)
    assert await listed() == []
    await files("two.bin")
    await create(stage.link("five.bin"), "complete")
    await run(commands["delete all"], values, program)
    assert await listed() == []
    await files("five.bin", "two.bin")


async def test_document_004_alfresco(stage: Stage, server_program: Any):
    """Each request of the document, on a real file: a zip job to its end, its content, and its removal."""
    program = server_program("curl")
    with stage.service.client(stage.token, stage.combined) as client:
        node = client.post("/v1/downloads", json={"url": stage.link("doc.bin")}).json()["id"]

        async def complete() -> Any:
            return client.get(f"/v1/downloads/{node}").json()["download"]["state"] == "complete"

        await until(complete)
    for base in (stage.combined, stage.strict["alfresco"]):
        id = ""
        for call in (*seed_curls_b.ALFRESCO[:2], seed_curls_b.ALFRESCO[3], seed_curls_b.ALFRESCO[4]):

            async def asked(call=call, base=base) -> Any:
                url = seed_curls_b.ALL_URIS.replace("https://localhost", base) + call.path.replace("{downloadId}", id)
                argv = [program, "-sS", "-w", "\n%{http_code}", "-X", call.method]
                argv += ["-H", f"Authorization: Bearer {stage.token}", "-o", "/dev/null" if not call.path else "-", url]
                if call.method == "POST":
                    argv += ["-H", "Content-Type: application/json", "-d", json.dumps({"nodeIds": [node]})]
                process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
                out, _ = await process.communicate()
                body, _, status = out.rpartition(b"\n")
                if call.name == "getDownload" and b'"DONE"' not in body:
                    return None
                assert int(status) == call.status, (call.name, out[:300])
                return body or b" "

            body = await until(asked)
            if call.name in ("createDownload", "getDownload"):
                assert not unlike(json.loads(body), seed_curls_b.ENTRY)
                id = json.loads(body)["entry"]["id"]
            if call.name == "content":
                assert body.startswith(b"PK") and block("doc.bin", 0, SIZE)[:1000] in body


async def test_document_004_cancel(stage: Stage):
    """A zip job that is cancelled keeps its counters and says so, or was done before."""
    base = seed_curls_b.ALL_URIS.replace("https://localhost", "")
    with stage.service.client(stage.token, stage.combined) as client:
        node = client.post("/v1/downloads", json={"url": stage.link("big.bin", LARGE)}).json()["id"]

        async def complete() -> Any:
            return client.get(f"/v1/downloads/{node}").json()["download"]["state"] == "complete"

        await until(complete)
        id = client.post(f"{base}/downloads", json={"nodeIds": [node]}).json()["entry"]["id"]
        cancelled = client.delete(f"{base}/downloads/{id}")
        assert (cancelled.status_code, cancelled.content) == (202, b"")

        async def ended() -> Any:
            return client.get(f"{base}/downloads/{id}").json()["entry"]["status"] in ("CANCELLED", "DONE")

        await until(ended)
