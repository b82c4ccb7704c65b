"""Real programs: the client aria2p against us, and aria2 itself beside us, asked the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.api.service import Service, service
from tests.ports import free_port
from tui_downloads.api.aria2 import application
from tui_downloads.api.server import Listener

LINK = "https://files.example.org/a.iso"


@pytest.fixture
async def live(tmp_path: Path):
    """Give a service on a loopback port."""
    async with service(tmp_path, dialects=[application.make], listeners=[Listener("127.0.0.1", 0)]) as made:
        yield made


def aria2p_api(made: Service) -> Any:
    """Give the public client, logged in; without it the test is skipped, or fails where everything must be there."""
    if os.environ.get("REQUIRE_SERVERS") == "1":
        import aria2p
    else:
        aria2p = pytest.importorskip("aria2p")
    host, _, port = made.url.rpartition(":")
    return aria2p.API(aria2p.Client(host=host, port=int(port), secret=made.secrets["root"]))


@pytest.mark.servers
async def test_aria2p_drives_a_download(live):
    """Add, look, pause, resume, change, move, remove: the library's own objects work."""
    api = aria2p_api(live)

    def drive() -> None:
        first = api.add_uris([LINK], options={"out": "x.iso", "max-download-limit": "100K"})
        second = api.add_uris([LINK + "?2"])
        assert first.is_waiting and first.name == "x.iso" and first.total_length == 0
        assert [one.gid for one in api.get_downloads()] == [first.gid, second.gid]
        assert second.move_to_top() == 0 and api.get_downloads()[0].gid == second.gid
        live.engine.tick(1)
        live.engine.tick(1)
        first.update()
        assert first.is_active and first.total_length > 0 and 0 <= first.progress <= 100
        assert first.pause() is True
        first.update()
        assert first.is_paused and first.resume() is True
        assert first.options.max_download_limit == 102400
        first.options.max_download_limit = 2048
        assert api.client.get_option(first.gid)["max-download-limit"] == "2048"
        assert api.get_stats().num_active >= 1
        options = api.get_global_options()
        options.max_concurrent_downloads = 9
        assert api.get_global_options().max_concurrent_downloads == 9
        assert api.remove([second]) == [True]
        assert api.purge() is True
        assert api.client.multicall2([(api.client.GET_VERSION, []), (api.client.GET_SESSION_INFO, [])])

    await asyncio.to_thread(drive)


@pytest.mark.servers
async def test_aria2p_tells_errors_as_its_own(live):
    """Its exception carries code and sentence."""
    api = aria2p_api(live)
    from aria2p import ClientException

    def drive() -> str:
        with pytest.raises(ClientException) as caught:
            api.get_download("00000000000000dd")
        return f"{caught.value.code} {caught.value.message}"

    assert await asyncio.to_thread(drive) == "1 GID 00000000000000dd is not found"


@contextlib.contextmanager
def aria2c(program: str, folder: Path):
    """Run aria2 on a free port and give its address."""
    port = free_port()
    command = [
        program, "--no-conf", "--enable-rpc", f"--rpc-listen-port={port}", "--rpc-secret=s", f"--dir={folder}", "-q",
        "--enable-dht=false", "--max-tries=1",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}/jsonrpc"
        end = time.monotonic() + 10
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                post(url, "system.listMethods", [])
                break
        yield url
    finally:
        process.kill()
        process.wait()


def post(url: str, method: str, params: list[Any]) -> tuple[int, str, Any]:
    """Call a method and give status, type and answer."""
    body = json.dumps({"jsonrpc": "2.0", "id": "q", "method": method, "params": params}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as answer:
            return answer.status, answer.headers["content-type"], json.load(answer)
    except urllib.error.HTTPError as answer:
        with answer:
            return answer.code, answer.headers["content-type"], json.load(answer)


GID = "00000000000000aa"
SAME: list[tuple[str, list[Any]]] = [
    ("aria2.nope", []),
    ("aria2.addUri", []),
    ("aria2.addUri", [[]]),
    ("aria2.addUri", [["foo"]]),
    ("aria2.addUri", [["http://127.0.0.1:1/x"], {"split": "x"}]),
    ("aria2.addUri", [["http://127.0.0.1:1/x"], {"gid": GID, "pause": "true", "out": "p"}]),
    ("aria2.tellStatus", [GID, ["gid", "status", "totalLength", "completedLength", "connections", "pieceLength"]]),
    ("aria2.tellStatus", [GID[:15], ["gid"]]),
    ("aria2.tellStatus", ["00000000000000dd"]),
    ("aria2.tellStatus", ["zz"]),
    ("aria2.tellStatus", []),
    ("aria2.tellStatus", [3]),
    ("aria2.tellWaiting", [0, 10, ["gid", "status"]]),
    ("aria2.tellWaiting", [0, -1]),
    ("aria2.tellStopped", ["0", 1]),
    ("aria2.tellStopped", [-1, 1000]),
    ("aria2.tellActive", []),
    ("aria2.getUris", [GID]),
    ("aria2.getPeers", [GID]),
    ("aria2.getServers", [GID]),
    ("aria2.pause", [GID]),
    ("aria2.removeDownloadResult", [GID]),
    ("aria2.changePosition", [GID, 0, "POS_X"]),
    ("aria2.changeUri", [GID, 9, [], []]),
    ("aria2.changeUri", [GID, 1, ["http://127.0.0.1:1/x"], ["http://127.0.0.1:1/y", "bad"]]),
    ("aria2.changeOption", [GID, {"max-download-limit": "10K", "foo": "bar"}]),
    ("aria2.changeGlobalOption", [{"max-concurrent-downloads": "x"}]),
    ("aria2.changeGlobalOption", [{"max-concurrent-downloads": "3", "zzz": "1"}]),
    ("aria2.getGlobalStat", []),
    ("aria2.saveSession", []),
    ("system.multicall", [[{"methodName": "aria2.getVersion"}, {"params": []}, 3]]),
    ("aria2.remove", [GID]),
    ("aria2.purgeDownloadResult", []),
]


@pytest.mark.servers
async def test_we_answer_as_aria2_does(live, server_program, tmp_path):
    """The same calls in the same order: status, type and whole answer are equal."""
    program = server_program("aria2c")
    folder = tmp_path / "theirs"
    folder.mkdir()

    def drive() -> list[tuple[Any, Any]]:
        out = []
        with aria2c(program, folder) as theirs:
            for method, params in SAME:
                pairs = []
                for url, secret in ((theirs, "s"), (f"{live.url}/jsonrpc", live.secrets["root"])):
                    token = [] if method.startswith("system.") else [f"token:{secret}"]
                    pairs.append((method, params, *post(url, method, [*token, *params])))
                out.append((pairs[0], pairs[1]))
        return out

    for theirs, ours in await asyncio.to_thread(drive):
        if theirs[0] == "aria2.getGlobalStat":
            assert ours[4]["result"].keys() == theirs[4]["result"].keys()
        elif theirs[0] == "system.multicall":
            assert ours[4]["result"][1:] == theirs[4]["result"][1:]
        else:
            assert ours == theirs
