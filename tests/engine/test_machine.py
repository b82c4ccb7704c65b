"""A machine of everything that happens to a download, against a model: add, pause, kill, swap the file, fill the disk.

A kill is what a killed process leaves behind: the state folder and the target folder as they are at that instant are
carried over to a new engine, while the old one is thrown away without a word. Invariants after each step: the spans of
a download do not overlap, no more is called safe than was written, and what is called complete has the right digest.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits
from tui_downloads.core.spec import AddRequest, Options
from tui_downloads.demo.content import digest
from tui_downloads.demo.server import PracticeServer, serve_in_thread
from tui_downloads.engine import alarms
from tui_downloads.engine.embedded import EmbeddedEngine, Setup
from tui_downloads.engine.services import Defaults
from tui_downloads.files import part, recovery
from tui_downloads.files.faults import translate

SIZE = 2_500_000
PATIENCE = float(os.environ.get("MACHINE_PATIENCE", "60"))
QUICK = Defaults(timeout=5.0, connect_timeout=5.0, retry_base=0.01)


@dataclass
class Wanted:
    """What the model knows of a download."""

    name: str
    versions: set[int] = field(default_factory=lambda: {0})
    """Versions that the server has had since it was added: a complete file is one of them, whole."""
    complete: bool = False


class Machine(RuleBasedStateMachine):
    """Drives an engine with its part, journal and store."""

    # Mutable state: the loop, the engine and its folders, the server, the model, and whether the disk is full.
    server: PracticeServer
    steps = 0
    """Looks at the engine so far, one after each step of every example."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.home = Path(tempfile.mkdtemp(prefix="machine-"))
        self.lives = 0
        self.wanted: dict[str, Wanted] = {}
        self.full = False
        self.write = part.PartFile.write

    def run(self, work):
        return self.loop.run_until_complete(asyncio.wait_for(work, PATIENCE))

    @property
    def folder(self) -> Path:
        return self.home / str(self.lives)

    def engine_in(self, folder: Path) -> EmbeddedEngine:
        limits = replace(Limits(), downloads=3, per_download=4)
        return EmbeddedEngine(
            Setup(folder=str(folder / "in"), database=str(folder / "list.db"), limits=limits, defaults=QUICK)
        )

    @initialize()
    def open(self) -> None:
        self.folder.mkdir()
        self.engine = self.engine_in(self.folder)
        self.run(self.engine.start())

    @precondition(lambda self: len(self.wanted) < 3)
    @rule(etag=st.sampled_from([None, "weak"]), connections=st.integers(1, 4), rate=st.sampled_from([None, 4_000_000]))
    def add(self, etag, connections, rate) -> None:
        name = f"{self.home.name}-{len(self.wanted)}.bin"
        options = {key: value for key, value in (("etag", etag), ("rate", rate)) if value}
        request = AddRequest(self.server.file(SIZE, name, **options), options=Options(connections=connections))
        (outcome,) = self.run(self.engine.add([request]))
        self.wanted[outcome.id] = Wanted(name)

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.2, 0.5]))
    def let_it_run(self, seconds) -> None:
        self.run(asyncio.sleep(seconds))

    @rule()
    def pause(self) -> None:
        self.run(self.engine.pause(list(self.wanted)))

    @rule()
    def resume(self) -> None:
        self.run(self.engine.resume(list(self.wanted)))

    @rule()
    def cancel_and_retry(self) -> None:
        self.run(self.engine.cancel(list(self.wanted)))
        self.run(self.engine.retry(list(self.wanted)))

    @precondition(lambda self: self.wanted)
    @rule(data=st.data())
    def swap_the_file(self, data) -> None:
        wanted = data.draw(st.sampled_from(list(self.wanted.values())))
        version = max(wanted.versions) + 1
        wanted.versions.add(version)
        self.server.swap(wanted.name, version)

    @rule()
    def close_and_open(self) -> None:
        self.run(self.engine.close())
        self.engine = self.engine_in(self.folder)
        self.run(self.engine.start())

    @rule()
    def kill(self) -> None:
        """Take the folders as they are between two steps of the engine's loop, and go on from the copy."""
        before, self.lives = self.folder, self.lives + 1

        async def grave() -> None:
            shutil.copytree(before, self.folder, copy_function=_copy)

        self.run(self.engine._call(grave()))
        self.run(self.engine.close())
        _repoint(self.folder / "list.db", str(before), str(self.folder))
        self.engine = self.engine_in(self.folder)
        self.run(self.engine.start())

    @rule()
    def fill_the_disk(self) -> None:
        def full(itself, offset, chunks):
            raise translate(OSError(errno.ENOSPC, "full"), itself.folder)

        part.PartFile.write = full if not self.full else self.write
        self.full = not self.full

    @invariant()
    def no_lies(self) -> None:
        Machine.steps += 1
        for id, wanted in self.wanted.items():
            detail = self.run(self.engine.get(id))
            spans = detail.spans
            assert all(a[1] <= b[0] for a, b in pairwise(spans)), spans
            if detail.download.state is State.COMPLETE:
                wanted.complete = True
                self._right(detail.download.path, wanted)
        for found in recovery.scan([str(self.folder / "in")]):
            assert found.durable.total <= os.path.getsize(found.path)

    def _right(self, path: str, wanted: Wanted) -> None:
        found = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        assert found in {digest(wanted.name, SIZE, version=version) for version in wanted.versions}, path

    def teardown(self) -> None:
        part.PartFile.write = self.write
        try:
            self._finish()
        finally:
            self.run(self.engine.close())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
            self.loop.close()
            shutil.rmtree(self.home, ignore_errors=True)

    def _finish(self) -> None:
        """With all obstacles away everything completes."""
        if not self.wanted:
            return
        ids = list(self.wanted)
        deadline = time.monotonic() + 2 * PATIENCE
        while time.monotonic() < deadline:
            views = [self.run(self.engine.get(id)).download for id in ids]
            if all(view.state is State.COMPLETE for view in views):
                break
            self.run(self.engine.resume([view.id for view in views if view.state is State.PAUSED]))
            stuck = [view.id for view in views if view.state in (State.FAILED, State.CANCELLED, State.WAITING)]
            self.run(self.engine.retry(stuck))
            self.run(asyncio.sleep(0.02))
        self.no_lies()
        assert all(wanted.complete for wanted in self.wanted.values()), views


def _copy(source: str, target: str) -> str:
    """Copy a file that may go away or be renamed meanwhile, as a dying process leaves it."""
    try:
        return shutil.copy2(source, target)
    except FileNotFoundError:
        return target


def _repoint(database: Path, old: str, new: str) -> None:
    """Tell the copied list that its folders are the copies."""
    with sqlite3.connect(database) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for _, column, *_ in connection.execute(f"PRAGMA table_info({table})").fetchall():
                connection.execute(
                    f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)", (old, new, old)
                )
    connection.close()


@pytest.mark.may_block
def test_whatever_happens_the_file_is_the_file(monkeypatch):
    """Any order of adding, pausing, killing, swapping and filling: no overlap, no lie, and in the end every file."""
    monkeypatch.setattr(alarms, "SPACE_EVERY", 0.05)
    with serve_in_thread() as server:
        Machine.server = server
        examples = int(os.environ.get("MACHINE_EXAMPLES", "10"))
        Machine.TestCase.settings = settings(
            max_examples=examples,
            stateful_step_count=int(os.environ.get("MACHINE_STEPS", "15")),
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        Machine.TestCase("runTest").runTest()
    print(f"{Machine.steps} steps in {examples} examples")
