"""The service from start to end."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
import stat
import tempfile
from pathlib import Path

import httpx
import pytest

from tests.engine.suite import poll
from tui_downloads.api.server import Listener
from tui_downloads.api.tokens import Tokens
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.daemon import Daemon, EndpointSwitch, OneLine, Plan, describe_owner, make_plan, notify, set_up_logs
from tui_downloads.engine.fake import FakeEngine


@pytest.fixture
def short():
    """Give a folder whose path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="td", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def plan(tmp_path: Path, short: Path):
    return Plan(
        state=str(tmp_path / "state"), lock=str(tmp_path / "state" / "lock"), socket=str(short / "run" / "s"),
        tokens=str(tmp_path / "state" / "tokens.json"), folder=str(tmp_path / "downloads"),
    )  # fmt: skip


def with_tcp(plan, **more):
    from msgspec.structs import replace

    return replace(plan, listeners=(Listener("127.0.0.1", 0, **more),))


async def test_the_lock_says_who_serves(plan):
    """While it runs the state is taken; a second one is told by whom; afterwards it is free."""
    first = Daemon(FakeEngine(), plan)
    await first.start()
    owner = describe_owner(plan.lock)
    assert (owner.pid, owner.what, owner.socket) == (os.getpid(), "serve", plan.socket)
    with pytest.raises(RequestError) as found:
        await Daemon(FakeEngine(), plan).start()
    assert found.value.code is Code.IN_USE
    assert f"process {os.getpid()} (serve)" in found.value.message
    await first.close()
    assert describe_owner(plan.lock) is None
    assert not Path(plan.socket).exists()


async def test_the_first_tcp_service_makes_a_token(plan):
    """The file is private, its path is said, the token works, and the second start makes none."""
    said: list[str] = []
    daemon = Daemon(FakeEngine(), with_tcp(plan), say=said.append)
    await daemon.start()
    path = Path(said[0].rpartition(" ")[2])
    secret = path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert secret not in "".join(said)
    async with httpx.AsyncClient(base_url=daemon.addresses[0], trust_env=False) as client:
        answer = await client.get("/v1/info", headers={"authorization": f"Bearer {secret}"})
    assert answer.json()["me"]["scope"] == "admin"
    await daemon.close()
    said.clear()
    await daemon.start()
    assert [line.split()[0] for line in said] == ["Listening"]
    await daemon.close()


async def test_no_auth_makes_no_token(plan):
    """A loopback listener without tokens needs none."""
    daemon = Daemon(FakeEngine(), with_tcp(plan, no_auth=True))
    await daemon.start()
    assert Tokens(plan.tokens).list() == []
    await daemon.close()


async def test_a_forbidden_listener_leaves_nothing_behind(plan):
    """The engine is closed, the lock is given back, no token was made."""
    from msgspec.structs import replace

    engine = FakeEngine()
    with pytest.raises(RequestError):
        await Daemon(engine, replace(plan, listeners=(Listener("0.0.0.0", 0),))).start()
    assert not engine.started
    assert describe_owner(plan.lock) is None


async def test_sigterm_ends_it_in_order(plan):
    """Listeners, engine, lock."""
    engine = FakeEngine()
    daemon = Daemon(engine, plan)
    task = asyncio.create_task(daemon.run())
    await poll(lambda: daemon.server is not None and Path(plan.socket).exists())
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(task, 15)
    assert not engine.started
    assert describe_owner(plan.lock) is None


async def test_sighup_reloads(plan):
    """Settings are read again; a mistake in them stops nothing."""
    reloaded = []

    async def reload():
        reloaded.append(1)
        raise RequestError(Code.INVALID_OPTION, "a mistake")

    daemon = Daemon(FakeEngine(), plan, reload=reload)
    task = asyncio.create_task(daemon.run())
    await poll(lambda: daemon.server is not None and Path(plan.socket).exists())
    os.kill(os.getpid(), signal.SIGHUP)
    await poll(lambda: bool(reloaded))
    assert not task.done()
    daemon.stop()
    await asyncio.wait_for(task, 15)


async def test_the_screens_switch(plan):
    """The endpoint opens and closes while running."""
    daemon = Daemon(FakeEngine(), plan)
    await daemon.start()
    switch = EndpointSwitch(daemon, Listener("127.0.0.1", 0))
    assert switch.listening == ""
    assert (await switch.toggle()).startswith("The HTTP endpoint listens at http://127.0.0.1:")
    assert switch.listening
    assert await switch.toggle() == "The HTTP endpoint is off."
    assert switch.listening == ""
    await daemon.close()


async def test_systemd_is_told(tmp_path: Path, short: Path, monkeypatch):
    """READY and the like go where systemd asked for them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(short / "n"))
        channel.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(short / "n"))
        notify("READY=1")
        assert channel.recv(100) == b"READY=1"


@pytest.fixture
def quiet_logs():
    """Take what a test adds to the loggers away again."""
    loggers = [logging.getLogger(), logging.getLogger("tui_downloads.audit")]
    before = [(list(found.handlers), found.level, found.propagate) for found in loggers]
    yield
    for found, (handlers, level, propagate) in zip(loggers, before, strict=True):
        for handler in set(found.handlers) - set(handlers):
            found.removeHandler(handler)
            handler.close()
        found.setLevel(level)
        found.propagate = propagate


def test_logs_are_private_and_can_not_be_forged(tmp_path: Path, quiet_logs, monkeypatch):
    """0600, one line a record, no control characters."""
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    path = set_up_logs(str(tmp_path / "state"))
    logging.getLogger("x").warning("name %s", "a\n2026 forged\x1b[2J\u202e")
    logging.getLogger("tui_downloads.audit").info("{}")
    assert path.read_text().count("\n") == 1
    assert "\x1b" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (tmp_path / "state" / "audit.log").read_text() == "{}\n"


def test_a_trace_keeps_its_lines():
    """Only the message is made one line; our own traces stay readable."""
    record = logging.LogRecord("x", logging.ERROR, "", 0, "a\nb", (), None)
    record.exc_text = "Traceback\n  line"
    assert OneLine("%(message)s").format(record) == "a\\nb\nTraceback\n  line"


def test_settings_and_flags_make_the_plan(tmp_path: Path):
    """Flags come after what the settings say; nothing else opens a listener."""
    from tui_downloads.config import paths
    from tui_downloads.config.settings import EndpointSettings, Settings

    settings = Settings(endpoint=EndpointSettings(listen=("127.0.0.1:1",), allow_hosts=("a.example",)))
    plan = make_plan(settings, paths.find(), listen=["[::1]:2,no-auth"], allow_hosts=["b.example"])
    assert [str(listener) for listener in plan.listeners] == ["127.0.0.1:1", "[::1]:2,no-auth"]
    assert plan.api.allow_hosts == ("a.example", "b.example")
    assert make_plan(Settings(), paths.find()).listeners == ()
