"""The embedded engine keeps the promise, on the practice server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.suite import Bench, EngineSuite, poll
from tui_downloads.demo.server import PracticeServer
from tui_downloads.engine.embedded import EmbeddedEngine, Setup
from tui_downloads.engine.services import Defaults


class EmbeddedBench(Bench):
    """The engine of this process, fed by the practice server."""

    def __init__(self, engine: EmbeddedEngine, server: PracticeServer) -> None:
        self.engine = engine
        self._server = server

    def good(self, name: str) -> str:
        return self._server.file(200_000, name)

    def slow(self, name: str) -> str:
        return self._server.file(50_000_000, name, rate=50_000)

    def missing(self, name: str) -> str:
        return self._server.file(1_000, name, status=404)

    async def until(self, true: Callable[[], bool]) -> None:
        await poll(true, 30.0)


class TestEmbedded(EngineSuite):
    """Over the embedded engine."""

    @pytest.fixture
    async def bench(self, tmp_path: Path, server: PracticeServer):
        setup = Setup(
            folder=str(tmp_path / "downloads"),
            database=str(tmp_path / "list.db"),
            defaults=Defaults(retry_base=0.05),
        )
        engine = EmbeddedEngine(setup)
        await engine.start()
        yield EmbeddedBench(engine, server)
        await engine.close()
