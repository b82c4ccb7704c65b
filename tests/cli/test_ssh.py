"""A real sshd on loopback: the commands and the screen reach a service of the other account's home through it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.cli.conftest import Program, until
from tests.ports import free_port

pytestmark = pytest.mark.servers
MB = 1_000_000


@pytest.fixture
def box(service: Program, tmp_path: Path, server_program) -> Iterator[tuple[Program, str]]:
    """Give a program with another home, and the ssh destination of the one whose service runs."""
    sshd = server_program("sshd")
    keys = tmp_path / "ssh"
    keys.mkdir(mode=0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / name)], check=True)
    shutil.copy(keys / "user.pub", keys / "authorized")
    port = free_port()
    (keys / "sshd").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {keys}/host\nAuthorizedKeysFile {keys}/authorized\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n"
        f"AllowStreamLocalForwarding yes\nSetEnv TUI_DOWNLOADS_HOME={service.home}\n"
    )
    public = (keys / "host.pub").read_text()
    (keys / "known").write_text(f"[127.0.0.1]:{port} {public}")
    # The system's ssh, told where the keys of this test are.
    (keys / "bin").mkdir()
    wrapper = keys / "bin/ssh"
    wrapper.write_text(
        f"#!/bin/sh\nexec {shutil.which('ssh')} -F none -i {keys}/user -o IdentitiesOnly=yes "
        f'-o UserKnownHostsFile={keys}/known -o BatchMode=yes "$@"\n'
    )
    wrapper.chmod(0o755)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    log = open(keys / "log", "wb")
    server = subprocess.Popen([sshd, "-D", "-e", "-f", str(keys / "sshd")], stderr=log)
    here = tmp_path / "elsewhere"
    here.mkdir()
    other = Program(tmp_path / "other", here, {"PATH": f"{keys}/bin:{os.environ['PATH']}"})
    try:
        until(lambda: _listens(port) or server.poll() is not None, "sshd")
        assert server.poll() is None, (keys / "log").read_text()
        yield other, f"ssh://{getpass.getuser()}@127.0.0.1:{port}"
    finally:
        other.stop()
        server.terminate()
        server.wait(60)
        log.close()


def _listens(port: int) -> bool:
    with socket.socket() as channel:
        return channel.connect_ex(("127.0.0.1", port)) == 0


def test_commands_through_ssh(service: Program, box, practice) -> None:
    """List, pause, resume and pull, through a saved remote, without a port of ours and without a token."""
    other, destination = box
    slow = service("add", practice.file(400 * MB, "slow.bin", rate=MB)).stdout.strip()
    done = service("add", practice.file(3 * MB, "done.bin")).stdout.strip()
    service("wait", done)
    other("remote", "add", "box", destination)
    assert {item["id"] for item in other.json("list", "-r", "box")["items"]} == {slow, done}
    assert other.json("pause", slow, "-r", "box")["outcomes"][0]["download"]["state"] == "paused"
    assert service.json("show", slow)["download"]["state"] == "paused"
    other("resume", slow, "-r", destination)
    assert service.json("show", slow)["download"]["state"] != "paused"
    assert other("pull", done, "-r", "box").stdout.strip() == str(other.cwd / "done.bin")
    there = service.home / "downloads/done.bin"
    assert (other.cwd / "done.bin").read_bytes() == there.read_bytes()


def test_no_service_behind_ssh(service: Program, box) -> None:
    """13, with what to do there."""
    other, destination = box
    service.stop()
    assert "serve --daemon" in other("list", "-r", destination, code=13).stderr


def test_a_login_that_is_refused(box) -> None:
    """6, and how to try it by hand."""
    other, destination = box
    wrong = destination.replace(getpass.getuser() + "@", "nobody-of-that-name@")
    assert "by hand" in other("list", "-r", wrong, code=6).stderr


def test_attach_shows_the_other_list(service: Program, box, practice) -> None:
    """The full screen opens on the other machine's downloads, and leaving it leaves them running."""
    other, destination = box
    id = service("add", practice.file(400 * MB, "far-away.bin", rate=MB)).stdout.strip()
    screen = pyte.Screen(120, 30)
    stream = pyte.ByteStream(screen)

    child = pexpect.spawn(
        sys.executable, ["-m", "tui_downloads", "attach", destination], cwd=str(other.cwd), dimensions=(30, 120),
        env={**other.environment, "TERM": "xterm-256color"}, timeout=5,
    )  # fmt: skip
    try:

        def shown() -> bool:
            try:
                stream.feed(child.read_nonblocking(65536, timeout=0.2))
            except pexpect.TIMEOUT:
                pass
            return any("far-away.bin" in line for line in screen.display)

        until(shown, "the name on the screen")
        child.send("q")
        end = time.monotonic() + 30
        while child.isalive() and time.monotonic() < end:
            try:
                child.read_nonblocking(65536, timeout=0.2)
            except (pexpect.TIMEOUT, pexpect.EOF):
                pass
        assert not child.isalive() and child.exitstatus == 0
    finally:
        child.close(force=True)
    assert service.json("show", id)["download"]["state"] in ("transferring", "resolving", "queued")
