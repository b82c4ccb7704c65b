"""The three ways of document 002 to save a file: curl, wget, and the fetch example; and its shell script."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.api.dialects.stage_b import finish, put
from tests.api.service import Service, service
from tui_downloads.api.dialects import offlinetube
from tui_downloads.api.server import Listener
from tui_downloads.core.lifecycle import State

NAMES = [
    ("Big Buck Bunny", "Big Buck Bunny.mp4", "Big Buck Bunny.mp4"),
    ("Canción de otoño (4K)", "Cancion de otono (4K).mp4", "Canción de otoño (4K).mp4"),
    ('He said "hi"; 100%', "He said _hi_; 100_.mp4", None),
]
"""The title, the name for clients that read filename, and the name for those that read filename*."""


@pytest.fixture
async def open_tube(tmp_path: Path):
    """Give a service with a no-auth listener that speaks only this dialect, as the document's lines need it."""
    listeners = [Listener("127.0.0.1", 0, no_auth=True, dialect="offlinetube")]
    async with service(tmp_path, dialects=[offlinetube.make], listeners=listeners) as made:
        yield made


async def run(folder: Path, *command: str, stdin: str = "") -> str:
    """Run a program in a folder."""
    folder.mkdir(exist_ok=True)
    env = {**os.environ, "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=env, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(60):
        out, err = await process.communicate(stdin.encode())
    assert process.returncode == 0, err.decode()
    return out.decode()


def video(made: Service, title: str) -> tuple[str, bytes]:
    id = put(made, State.COMPLETE, name=f"clean{abs(hash(title))}.mp4", title=title, owner="local")
    view = made.engine.snapshot().downloads[id]
    return id, (made.folder / view.name).read_bytes()


def only(folder: Path) -> Path:
    (found,) = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return found


@pytest.mark.servers
@pytest.mark.parametrize(("title", "plain", "_"), NAMES)
async def test_curl_saves_the_title(open_tube, server_program, tmp_path, title, plain, _):
    """curl -O -J, as in the document."""
    id, content = video(open_tube, title)
    folder = tmp_path / "curl"
    await run(folder, server_program("curl"), "-sS", "-O", "-J", f"{open_tube.url}/api/download/{id}/file")
    assert (only(folder).name, only(folder).read_bytes()) == (plain, content)


@pytest.mark.servers
@pytest.mark.parametrize(("title", "_", "whole"), NAMES)
async def test_wget_saves_the_title(open_tube, server_program, tmp_path, title, _, whole):
    """wget --content-disposition, as in the document."""
    id, content = video(open_tube, title)
    folder = tmp_path / "wget"
    await run(folder, server_program("wget"), "-q", "--content-disposition", f"{open_tube.url}/api/download/{id}/file")
    assert only(folder).read_bytes() == content
    if whole is not None:
        assert only(folder).name == whole


FETCH = """
fetch(process.argv[1])
  .then(response => {
    const filename = response.headers.get('content-disposition')
      .split('filename=')[1]
      .replace(/"/g, '');
    return response.blob().then(blob => ({ blob, filename }));
  })
  .then(({ blob, filename }) => console.log(JSON.stringify({ size: blob.size, type: blob.type, filename })));
"""


@pytest.mark.servers
@pytest.mark.parametrize(("title", "plain", "_"), NAMES)
async def test_the_fetch_example_finds_the_name(open_tube, server_program, tmp_path, title, plain, _):
    """Its own way of reading the header gives a usable name."""
    id, content = video(open_tube, title)
    url = f"{open_tube.url}/api/download/{id}/file"
    said = json.loads(await run(tmp_path / "node", server_program("node"), "-e", FETCH, url))
    assert said == {"size": len(content), "type": "video/mp4", "filename": plain}


COMPLETE_EXAMPLE = """
set -e
DOWNLOAD_ID=$(curl -sS -X POST $HOST/api/download \\
  -H "Content-Type: application/json" \\
  -d '{"url": "https://video.example.org/watch?v=dQw4w9WgXcQ", "quality": "720p"}' \\
  | jq -r '.download_id')
echo "Download ID: $DOWNLOAD_ID"
while true; do
  STATUS=$(curl -s $HOST/api/downloads | jq -r ".[] | select(.id==\\"$DOWNLOAD_ID\\") | .status")
  echo "Status: $STATUS"
  if [ "$STATUS" = "completed" ]; then
    break
  fi
  sleep 0.1
done
curl -sS -O -J $HOST/api/download/$DOWNLOAD_ID/file
"""
"""The document's script; the host is a variable, the link is ours, and it asks ten times as often."""


@pytest.mark.servers
async def test_the_complete_example_works(open_tube, server_program, tmp_path):
    """From the start to the file, as a shell script."""
    server_program("jq")
    script = COMPLETE_EXAMPLE.replace("$HOST", open_tube.url)
    task = asyncio.create_task(run(tmp_path / "sh", server_program("bash"), "-s", stdin=script))
    while not task.done():
        for view in list(open_tube.engine.snapshot().downloads.values()):
            if view.state is State.QUEUED:
                finish(open_tube, view.id, b"film")
        await asyncio.sleep(0.01)
    assert "Status: completed" in await task
    assert only(tmp_path / "sh").read_bytes() == b"film"


PAGE = """<!doctype html><title>not yet</title><script>
fetch('/api/download/%s/file')
  .then(response => {
    const filename = response.headers.get('content-disposition')
      .split('filename=')[1]
      .replace(/"/g, '');
    return response.blob().then(blob => ({ blob, filename }));
  })
  .then(({ blob, filename }) => {
    const url = window.URL.createObjectURL(blob);
    const a = document.createElement('a');
    a.href = url;
    a.download = filename;
    document.title = a.download + ' ' + blob.size;
  });
</script>"""


@asynccontextmanager
async def origin(page: str, url: str):
    """Serve a page, and below /api/ what the service has, so that both have one origin."""
    host, _, port = url.removeprefix("http://").rpartition(":")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b" /api/" in head.split(b"\r\n")[0]:
            far, back = await asyncio.open_connection(host, int(port))
            back.write(head.replace(b"keep-alive", b"close"))
            while data := await far.read(65536):
                writer.write(data)
            back.close()
        else:
            body = page.encode()
            length = str(len(body)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: ")
            writer.write(length + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.servers
async def test_the_fetch_example_works_in_a_browser(open_tube, tmp_path):
    """In chromium, from a page of the same origin."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        (pytest.fail if os.environ.get("REQUIRE_SERVERS") == "1" else pytest.skip)("chromium is not installed")
    id, content = video(open_tube, NAMES[1][0])
    async with origin(PAGE % id, open_tube.url) as page:
        command = [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000", "--dump-dom", page,
        ]  # fmt: skip
        out = await run(tmp_path / "browser", *command)
    assert f"<title>{NAMES[1][1]} {len(content)}</title>" in out
