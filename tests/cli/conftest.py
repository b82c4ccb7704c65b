"""The program as its users start it: real processes with a home of their own, a practice server, a live service."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tui_downloads.demo.server import PracticeServer, serve_in_thread

PATIENCE = 60.0


def until(found: Callable[[], Any], what: str = "it", seconds: float = PATIENCE) -> Any:
    """Look again and again until something is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {seconds} s")


@dataclass
class Program:
    """Starts the program in a home and a working folder."""

    home: Path
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "TUI_DOWNLOADS_HOME": str(self.home), "COLUMNS": "200", **self.env}

    def __call__(self, *arguments: str, given: str = "", code: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run it to its end and check its exit code; None takes any."""
        done = subprocess.run(
            [sys.executable, "-m", "tui_downloads", *arguments],
            input=given,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            cwd=self.cwd,
            env=self.environment,
            timeout=PATIENCE * 2,
        )
        assert "Traceback" not in done.stderr, done.stderr
        if code is not None:
            assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *arguments: str, code: int | None = 0) -> Any:
        return json.loads(self(*arguments, "--json", code=code).stdout)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it and leave it running; it is stopped at the end of the test."""
        child = subprocess.Popen(
            [sys.executable, "-m", "tui_downloads", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.cwd,
            env=self.environment,
        )
        self.started.append(child)
        return child

    def stop(self) -> None:
        for child in self.started:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            try:
                child.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
        self.started = []

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """Run a service while the block lasts."""
        child = self.start("serve", *arguments)
        path = self.home / "runtime" / "engine.sock"
        try:
            until(lambda: child.poll() is not None or answers(self), f"the service at {path}")
            assert child.poll() is None, child.communicate()
            yield child
        finally:
            self.stop()


def answers(program: Program) -> bool:
    """Say whether the service of a home takes connections."""
    from tui_downloads.config.paths import find

    with socket.socket(socket.AF_UNIX) as channel:
        return channel.connect_ex(find(program.environment).socket) == 0


@pytest.fixture
def program(home: Path, tmp_path: Path) -> Iterator[Program]:
    """Give the program in a home and a folder of its own."""
    cwd = tmp_path / "here"
    cwd.mkdir()
    made = Program(home, cwd)
    yield made
    made.stop()


@pytest.fixture
def practice() -> Iterator[PracticeServer]:
    """Give a practice server."""
    with serve_in_thread() as server:
        yield server


@pytest.fixture
def service(program: Program) -> Iterator[Program]:
    """Give the program with a service that runs."""
    with program.serving():
        yield program
