"""The service from start to end."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import tempfile
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from tests.engine.suite import poll
from tui_downloads.api.server import Listener
from tui_downloads.api.tokens import Tokens
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.daemon import (
    Daemon,
    EndpointSwitch,
    OneLine,
    Plan,
    answers,
    describe_owner,
    make_plan,
    notify,
    set_up_logs,
)
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.engine.lock import EngineLock


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
    await asyncio.wait_for(task, 60)
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
    await asyncio.wait_for(task, 60)


async def test_the_screens_switch(plan):
    """The endpoint opens and closes while running."""
    daemon = Daemon(FakeEngine(), plan)
    await daemon.start()
    switch = EndpointSwitch(daemon, Listener("127.0.0.1", 0))
    assert switch.listening == ""
    said = await switch.toggle()
    assert said.startswith("The HTTP endpoint listens at http://127.0.0.1:")
    assert said.endswith(f"Its first token is in {plan.state}/admin-token.")
    assert switch.listening
    assert await switch.toggle() == "The HTTP endpoint is off."
    assert switch.listening == ""
    assert "token" not in await switch.toggle()
    await daemon.close()


async def test_switching_off_sends_away_who_is_connected(plan):
    """A kept connection asks nothing more; the Unix socket stays."""
    daemon = Daemon(FakeEngine(), with_tcp(plan, no_auth=True))
    await daemon.start()
    async with httpx.AsyncClient(base_url=daemon.addresses[0], trust_env=False) as client:
        assert (await client.get("/v1/info")).status_code == 200
        await daemon.close_endpoints()
        with pytest.raises(httpx.HTTPError):
            await client.get("/v1/info")
    assert answers(plan.socket)
    await daemon.close()


async def test_the_screen_keeps_its_engine_when_a_port_is_taken(plan, tmp_path: Path):
    """Why is said, the Unix socket opens, and neither engine nor lock is given up; later the switch succeeds."""
    engine, told = FakeEngine(), []
    await engine.start()
    lock = EngineLock(plan.lock)
    lock.acquire("screen", plan.socket)

    async def tell(text: str) -> None:
        told.append(text)

    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = Listener("127.0.0.1", other.getsockname()[1], no_auth=True)
        daemon = Daemon(engine, replace(plan, listeners=(taken,)), lock=lock, told=tell)
        (why,) = await daemon.join()
    assert why == f"Can't listen at 127.0.0.1:{taken.port},no-auth: Address already in use."
    assert engine.started and lock.held and answers(plan.socket)
    assert str(taken.port) in await EndpointSwitch(daemon, taken).toggle()
    assert told == [f"http://127.0.0.1:{taken.port}"]
    await daemon.leave()
    assert engine.started and lock.held and not answers(plan.socket)
    lock.release()


def certificate(folder: Path, name: str) -> None:
    """Make a certificate of its own, and its key."""
    words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name}"
    made = ["-keyout", str(folder / "key"), "-out", str(folder / "certificate")]
    subprocess.run(["openssl", *words.split(), *made], check=True, capture_output=True)


def shown(url: str) -> bytes:
    """Give the certificate that a listener shows."""
    host, _, port = url.rpartition("/")[2].partition(":")
    return ssl.get_server_certificate((host, int(port)), timeout=30).encode()


@pytest.mark.servers
@pytest.mark.may_block
async def test_sighup_reads_the_certificate_again(plan, tmp_path: Path, server_program):
    """A renewed certificate is shown without a restart, and a broken one changes nothing."""
    server_program("openssl")
    certificate(tmp_path, "one")
    files = {"tls_cert": str(tmp_path / "certificate"), "tls_key": str(tmp_path / "key")}
    daemon = Daemon(FakeEngine(), replace(with_tcp(plan), **files))
    task = asyncio.create_task(daemon.run())
    await poll(lambda: daemon.addresses and answers(plan.socket))
    url = daemon.addresses[0]
    assert await asyncio.to_thread(shown, url) == Path(files["tls_cert"]).read_bytes()
    certificate(tmp_path, "two")
    second = Path(files["tls_cert"]).read_bytes()
    os.kill(os.getpid(), signal.SIGHUP)
    while await asyncio.to_thread(shown, url) != second:
        await asyncio.sleep(0.02)
    Path(files["tls_cert"]).write_text("no certificate")
    daemon._renew_certificate()
    assert await asyncio.to_thread(shown, url) == second
    daemon.stop()
    await asyncio.wait_for(task, 60)


async def test_systemd_is_told(tmp_path: Path, short: Path, monkeypatch):
    """READY and the like go where systemd asked for them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(short / "n"))
        channel.settimeout(60)
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
