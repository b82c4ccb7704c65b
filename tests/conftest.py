"""Fixtures for every room: an isolated home, server programs, and a guard against blocking the event loop."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# How long an example takes, or the first look at Unicode's tables, says something of the machine and nothing of us.
hypothesis.settings.register_profile(
    "machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("machine")

CPU_LIMIT = 1.5
WALL_LIMIT = 25.0
"""Seconds of one callback that fail a test.

Computing shows in the CPU's time; whoever waits for a peer inside a callback waits for that peer's time limit, which is
longer than any machine under load keeps a thread from its turn.
"""
LONGEST_ID = 60


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Give large values a short name, which tells them apart."""
    if isinstance(val, (str, bytes)) and len(val) > LONGEST_ID:
        text = repr(val)
        return f"{text[:LONGEST_ID]}…{hashlib.sha256(text.encode()).hexdigest()[:6]}"
    return None


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put config, state and downloads of every test under its own folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("TUI_DOWNLOADS_HOME", str(folder))
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return folder


@pytest.fixture(autouse=True)
def loop_guard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test in which one callback held the event loop for too long."""
    slow: list[str] = []
    run = asyncio.events.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        cpu, wall = time.thread_time(), time.monotonic()
        run(handle)
        cpu, wall = time.thread_time() - cpu, time.monotonic() - wall
        if cpu > CPU_LIMIT or wall > WALL_LIMIT:
            slow.append(f"{handle!r} held the loop for {wall:.2f} s ({cpu:.2f} s of CPU)")

    if request.node.get_closest_marker("may_block") is None:
        monkeypatch.setattr(asyncio.events.Handle, "_run", timed)
    yield
    assert not slow, slow


def need(program: str) -> str:
    """Give the path of a server program, or skip; with REQUIRE_SERVERS=1 its absence is a failure."""
    found = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")
    if found:
        return found
    message = f"{program} is not installed; .ci/run installs it with apt-get"
    if os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def server_program():
    """Give the function that finds a server program or skips the test."""
    return need
