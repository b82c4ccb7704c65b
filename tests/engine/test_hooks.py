"""Programs and addresses are told of what happens; no shell, no secrets in their environment, no waiting for them."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import fields

from tests.engine.conftest import Bench
from tui_downloads.config.settings import REMOTE, HookSettings
from tui_downloads.core.spec import AddRequest, Change, Options
from tui_downloads.engine.rules import Rules

TELL = (
    "import json, os, sys; "
    "told = {k: v for k, v in os.environ.items() if k.startswith('TUI_DOWNLOADS_')} | {'argv': sys.argv[2:]}; "
    "open(sys.argv[1], 'a').write(json.dumps(told) + '\\n')"
)


async def until(check: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


class Told:
    """Hooks that write down what they were told."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "told"

    def command(self, *more: str) -> tuple[str, ...]:
        return (sys.executable, "-c", TELL, str(self.file), *more)

    def lines(self) -> list[dict[str, str]]:
        text = self.file.read_text() if self.file.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def events(self) -> list[str]:
        return [line["TUI_DOWNLOADS_EVENT"] for line in self.lines()]


@pytest.fixture
def told(tmp_path):
    return Told(tmp_path)


async def opened(tmp_path, server, **hooks) -> Bench:
    bench = Bench(tmp_path / "downloads", server, rules=Rules(hooks=HookSettings(**hooks)))
    await bench.start()
    return bench


async def test_a_programs_values_come_in_its_environment(tmp_path, server, told):
    """Added, complete, all done: each once, with what a script needs, and nothing of it in the arguments."""
    command = told.command("$TUI_DOWNLOADS_NAME; `id`")
    bench = await opened(tmp_path, server, on_added=command, on_complete=command, on_all_done=command)
    url = server.file(5_000, "a b;$(x).bin", token="s3cret").replace("http://", "http://me:pw@")
    id = await bench.add(url)
    await bench.complete(id)
    await until(lambda: len(told.lines()) == 3)
    assert sorted(told.events()) == ["added", "all_done", "complete"]
    line = next(line for line in told.lines() if line["TUI_DOWNLOADS_EVENT"] == "complete")
    assert line["argv"] == ["$TUI_DOWNLOADS_NAME; `id`"]
    assert (line["TUI_DOWNLOADS_ID"], line["TUI_DOWNLOADS_SIZE"], line["TUI_DOWNLOADS_STATE"]) == (
        id,
        "5000",
        "complete",
    )
    assert Path(line["TUI_DOWNLOADS_PATH"]).stat().st_size == 5_000
    assert "s3cret" not in json.dumps(told.lines()) and "me:pw" not in json.dumps(told.lines())
    await bench.engine.close()


async def test_a_failure_tells_its_code(tmp_path, server, told):
    """on_failed gets code and sentence."""
    bench = await opened(tmp_path, server, on_failed=told.command())
    await bench.failed(await bench.add(server.file(5, "x.bin", status=403)))
    await until(told.lines)
    assert told.lines()[0]["TUI_DOWNLOADS_ERROR"] == "AUTH_REQUIRED" and told.lines()[0]["TUI_DOWNLOADS_MESSAGE"]
    await bench.engine.close()


async def test_all_done_is_told_once_for_many(tmp_path, server, told):
    """Only when nothing runs, waits or is queued."""
    bench = await opened(tmp_path, server, on_all_done=told.command())
    ids = [await bench.add(server.file(300_000, f"{n}.bin", rate=1_000_000)) for n in range(8)]
    for id in ids:
        await bench.complete(id)
    await until(told.lines)
    await bench.engine.close()
    assert told.events() == ["all_done"]


async def test_a_hook_that_hangs_is_ended_with_its_children(tmp_path, server, caplog):
    """Its time is over: the program and what it started are gone, and the log says so."""
    mark = tmp_path / "pid"
    script = f"import os, time; os.fork(); open({str(mark)!r}, 'a').write(f'{{os.getpid()}} '); time.sleep(600)"
    bench = await opened(tmp_path, server, on_complete=(sys.executable, "-c", script), timeout=1.0)
    await bench.complete(await bench.add(server.file(10, "x.bin")))
    await until(lambda: "was ended after" in caplog.text)
    pids = mark.read_text().split()
    await until(lambda: not any(alive(pid) for pid in pids))
    await bench.engine.close()
    assert len(pids) == 2


def alive(pid: str) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
    except OSError:
        return False


async def test_a_program_that_is_not_there_is_logged(tmp_path, server, caplog):
    """The download is complete all the same."""
    bench = await opened(tmp_path, server, on_complete=("/no/such/program",))
    await bench.complete(await bench.add(server.file(10, "x.bin")))
    await until(lambda: "could not be started" in caplog.text)
    await bench.engine.close()


async def test_a_webhook_is_tried_again_until_it_is_told(tmp_path, server):
    """POST of JSON; a 503 is asked again."""
    posts = []

    async def receive(request, channel):
        posts.append((request.method, request.headers["content-type"], json.loads(request.body)))
        status = b"503 Busy" if len(posts) == 1 else b"204 Told"
        await channel.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")

    server.script["/hook"] = receive
    bench = await opened(tmp_path, server, webhooks=(server.url("/hook"),))
    bench.engine._desk.standing.hooks.backoff = 0.01
    id = await bench.add(server.file(10, "x.bin"))
    await bench.complete(id)
    await until(lambda: len(posts) == 4)  # added (twice), complete, all_done
    assert posts[0][:2] == ("POST", "application/json")
    complete = next(body for _, _, body in posts if body["event"] == "complete")
    assert (complete["id"], complete["size"], complete["name"]) == (id, 10, "x.bin")
    await bench.engine.close()


async def test_a_webhook_that_refuses_is_not_asked_again(tmp_path, server, caplog):
    """404 is an answer; the log names the address without its query."""
    bench = await opened(tmp_path, server, webhooks=(server.url("/nowhere?key=s3cret"),))
    await bench.complete(await bench.add(server.file(10, "x.bin")))
    await until(lambda: caplog.text.count("was not told") == 3)
    assert "s3cret" not in caplog.text
    await bench.engine.close()


async def test_hooks_change_while_running(tmp_path, server, told):
    """A reload puts other programs in place."""
    bench = await opened(tmp_path, server)
    await bench.engine.set_rules(Rules(hooks=HookSettings(on_added=told.command())))
    await bench.add(server.file(10, "x.bin"), options=Options(limit=1))
    await until(told.lines)
    await bench.engine.close()


def test_nothing_that_comes_over_the_api_sets_a_command():
    """S22: neither the settings that may be set remotely nor what a caller can ask for holds one."""
    names = {field.name for kind in (AddRequest, Options, Change) for field in fields(kind)} | set(REMOTE)
    assert not [name for name in names if "hook" in name or "command" in name or name.startswith("on_a")]
