"""Attaching through the system's ssh, with a real sshd on loopback."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.api.service import finished, service
from tests.engine.suite import poll
from tests.ports import free_port
from tui_downloads.core.errors import RequestError
from tui_downloads.core.spec import AddRequest
from tui_downloads.remote.client import Client
from tui_downloads.remote.engine import RemoteEngine
from tui_downloads.remote.pull import pull
from tui_downloads.remote.ssh import Destination, Tunnel, parse_destination


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ssh://ann@box", Destination("ann@box")),
        ("ssh://box:2222/", Destination("box", 2222)),
        ("ssh://[::1]:22", Destination("::1", 22)),
    ],
)
def test_destinations(text, found):
    """User, host and port."""
    assert parse_destination(text) == found


@pytest.mark.parametrize(
    "text", ["ssh://", "ssh://-oProxyCommand=id", "ssh://a b", "ssh://box:99999", "ssh://$(id)", "ssh://a@-x"]
)
def test_options_are_no_destinations(text):
    """Nothing that ssh or a shell would take for something else."""
    with pytest.raises(RequestError):
        parse_destination(text)


@pytest.fixture
def sshd(server_program):
    """Run an sshd of our own and give the options that reach it."""
    program, keygen = server_program("sshd"), server_program("ssh-keygen")
    folder = Path(tempfile.mkdtemp(prefix="td", dir="/tmp"))
    port = free_port()
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)], check=True)
    shutil.copy(folder / "user.pub", folder / "authorized")
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PidFile {folder}/pid\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication no\n"
    )
    os.makedirs("/run/sshd", exist_ok=True) if os.getuid() == 0 else None
    child = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL)
    options = [
        "-F", "none", "-i", str(folder / "user"), "-o", f"UserKnownHostsFile={folder}/known",
        "-o", "StrictHostKeyChecking=accept-new", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
    ]  # fmt: skip
    yield port, options
    child.terminate()
    child.wait()
    shutil.rmtree(folder)


def reachable(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.servers
@pytest.mark.may_block
async def test_attach_over_ssh(sshd, tmp_path: Path):
    """List, pause, resume and pull over ssh: no port there, no token."""
    port, options = sshd
    await poll(lambda: reachable(port))
    async with service(tmp_path, listeners=[]) as made:
        there = Destination(f"{getpass.getuser()}@127.0.0.1", port)
        with Tunnel(there, remote_socket=str(made.socket), options=options) as tunnel:
            engine = RemoteEngine(tunnel.open())
            await engine.start()
            id = (await engine.add([AddRequest("https://files.example.org/a")]))[0].id
            assert (await engine.pause([id]))[0].ok
            assert (await engine.resume([id]))[0].ok
            done = finished(made, "a.bin", b"x" * 300_000, "local")
            client = Client(engine.address)
            found = await pull(client, await engine.get(done), tmp_path / "pulled", piece=50_000)
            assert found.path.read_bytes() == b"x" * 300_000
            await client.close()
            await engine.close()
        assert not tunnel.alive


@pytest.mark.servers
@pytest.mark.may_block
async def test_a_lost_connection_is_made_again(sshd, tmp_path: Path, capfd):
    """The screen becomes stale, then goes on; nothing that ssh says meanwhile reaches the terminal."""
    port, options = sshd
    await poll(lambda: reachable(port), 60.0)
    async with service(tmp_path, listeners=[]) as made:
        there = Destination(f"{getpass.getuser()}@127.0.0.1", port)
        with Tunnel(there, remote_socket=str(made.socket), options=options) as tunnel:
            engine = RemoteEngine(tunnel.open(), first_wait=0.05)
            await engine.start()
            lost = tunnel._master
            lost.kill()
            await poll(lambda: engine.snapshot().info.stale, 60.0)
            await poll(lambda: tunnel.alive and tunnel._master is not lost, 60.0)
            id = (await made.engine.add([AddRequest("https://files.example.org/a")]))[0].id
            await poll(lambda: id in engine.snapshot().downloads, 60.0)
            await engine.close()
    assert capfd.readouterr().err == ""


@pytest.mark.servers
@pytest.mark.may_block
async def test_no_service_there(sshd, monkeypatch):
    """One sentence, and how to start one."""
    port, options = sshd
    await poll(lambda: reachable(port))
    with Tunnel(Destination(f"{getpass.getuser()}@127.0.0.1", port), options=options) as tunnel:
        with pytest.raises(RequestError) as found:
            tunnel.open()
    assert "tui-downloads serve" in found.value.next_step


@pytest.mark.servers
@pytest.mark.may_block
async def test_ssh_says_no(sshd):
    """A refused login is not a traceback."""
    port, options = sshd
    await poll(lambda: reachable(port))
    refused = [*options, "-o", "PubkeyAuthentication=no"]
    with pytest.raises(RequestError) as found:
        Tunnel(Destination("127.0.0.1", port), options=refused).open()
    assert "could not log in" in found.value.message
