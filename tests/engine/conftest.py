"""An embedded engine on a practice server, and ways to wait for what happens without sleeping blindly."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DetailView, DownloadView, Limits
from tui_downloads.core.spec import AddRequest
from tui_downloads.demo.server import PracticeServer, serve_in_thread
from tui_downloads.engine.embedded import EmbeddedEngine, Setup
from tui_downloads.engine.services import Defaults

PATIENCE = 60.0


class Bench:
    """An engine with its folders; `stop` and `start` make a restart."""

    def __init__(self, folder: Path, server: PracticeServer, **setup: object) -> None:
        self.folder = folder
        self.server = server
        self._setup = {
            "folder": str(folder),
            "database": str(folder.parent / "list.db"),
            "limits": Limits(),
            "defaults": Defaults(timeout=10.0, connect_timeout=30.0, retry_base=0.05),
        } | setup
        self.engine = self._make()

    def _make(self) -> EmbeddedEngine:
        return EmbeddedEngine(Setup(**self._setup))  # type: ignore[arg-type]

    async def start(self) -> EmbeddedEngine:
        self.engine = self._make()
        await self.engine.start()
        return self.engine

    async def add(self, url: str, **fields: object) -> str:
        (outcome,) = await self.engine.add([AddRequest(url, **fields)])  # type: ignore[arg-type]
        if outcome.error is not None:
            raise outcome.error
        return outcome.id

    async def get(self, id: str) -> DownloadView:
        return (await self.engine.get(id)).download

    async def detail(self, id: str) -> DetailView:
        return await self.engine.get(id)

    async def until(self, id: str, check: Callable[[DownloadView], bool]) -> DownloadView:
        """Wait until a download looks as it should."""
        deadline = time.monotonic() + PATIENCE
        while True:
            view = await self.get(id)
            if check(view):
                return view
            assert time.monotonic() < deadline, view
            await asyncio.sleep(0.01)

    async def ended(self, id: str) -> DownloadView:
        return await self.until(id, lambda view: view.state in ENDED)

    async def complete(self, id: str) -> DownloadView:
        view = await self.ended(id)
        assert view.state is State.COMPLETE, view.error
        return view

    async def failed(self, id: str) -> DownloadView:
        view = await self.ended(id)
        assert view.state is State.FAILED and view.error is not None, view
        return view

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []

    def digest(self, name: str) -> str:
        return hashlib.sha256((self.folder / name).read_bytes()).hexdigest()


@pytest.fixture
def server() -> Iterator[PracticeServer]:
    with serve_in_thread() as server:
        yield server


@pytest.fixture
async def bench(tmp_path: Path, server: PracticeServer) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    yield bench
    await bench.engine.close()
