"""One state folder, one engine."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tui_downloads.core.errors import Code, RequestError
from tui_downloads.engine.lock import EngineLock, held_by

HOLDER = """
import sys, time
from tui_downloads.engine.lock import EngineLock
lock = EngineLock(sys.argv[1])
lock.acquire("serve", "/run/s")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Give a process that holds a lock."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert child.stdout.readline() == b"held\n"
    yield child
    child.kill()
    child.wait()
    child.stdin.close()
    child.stdout.close()


def test_a_second_holder_is_told_who_has_it(tmp_path: Path, holder):
    """The refusal names the process."""
    with pytest.raises(RequestError) as found:
        EngineLock(tmp_path / "lock").acquire("serve")
    assert found.value.code is Code.IN_USE
    assert f"process {holder.pid} (serve)" in found.value.message


def test_the_owner_tells_where_to_attach(tmp_path: Path, holder):
    """A second program finds the socket of the first."""
    owner = held_by(tmp_path / "lock")
    assert (owner.pid, owner.what, owner.socket) == (holder.pid, "serve", "/run/s")


def test_a_dead_holder_is_not_believed(tmp_path: Path, holder):
    """What a killed process wrote is stale, and the lock is free."""
    holder.kill()
    holder.wait()
    assert held_by(tmp_path / "lock") is None
    with EngineLock(tmp_path / "lock") as lock:
        lock.acquire("screen")
        assert lock.held


def test_nobody_holds_what_is_not_there(tmp_path: Path):
    """A folder that was never used is free."""
    assert held_by(tmp_path / "lock") is None


def test_the_file_is_private(tmp_path: Path):
    """Only its owner reads it, whatever the umask."""
    old = os.umask(0)
    try:
        with EngineLock(tmp_path / "lock") as lock:
            lock.acquire("serve")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "lock").stat().st_mode) == 0o600


def test_release_frees_it(tmp_path: Path):
    """After release another may have it."""
    first, second = EngineLock(tmp_path / "lock"), EngineLock(tmp_path / "lock")
    first.acquire("serve")
    first.release()
    second.acquire("screen")
    second.release()


def test_announcements_replace_what_was_said(tmp_path: Path, holder):
    """A holder may say more later; readers see the newest."""
    holder.kill()
    holder.wait()
    with EngineLock(tmp_path / "lock") as lock:
        lock.acquire("serve", "/a/rather/long/path/of/a/socket")
        lock.announce(socket="/s")
        assert b'"socket": "/s"' in (tmp_path / "lock").read_bytes()


def test_a_link_is_not_followed(tmp_path: Path):
    """A planted link in the state folder is refused."""
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RequestError) as found:
        EngineLock(tmp_path / "lock").acquire("serve")
    assert found.value.code is Code.STATE_UNUSABLE
