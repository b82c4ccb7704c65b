"""The promise of the engine, kept by a live `serve` with the embedded engine behind its two doors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.service import Home
from tests.engine.suite import Bench, EngineSuite, poll
from tui_downloads.demo.server import PracticeServer
from tui_downloads.engine.base import Engine
from tui_downloads.remote.address import Address
from tui_downloads.remote.engine import RemoteEngine


class LiveBench(Bench):
    """An engine in another process, fed by the practice server of this one."""

    def __init__(self, engine: Engine, origin: PracticeServer) -> None:
        self.engine = engine
        self._origin = origin

    def good(self, name: str) -> str:
        return self._origin.file(200_000, name)

    def slow(self, name: str) -> str:
        return self._origin.file(50_000_000, name, rate=50_000)

    def missing(self, name: str) -> str:
        return self._origin.file(1_000, name, status=404)

    async def until(self, true: Callable[[], bool]) -> None:
        await poll(true, 60.0)


@pytest.mark.may_block
class TestThroughSocket(EngineSuite):
    """Over the Unix socket, as the user local."""

    @pytest.fixture
    async def bench(self, place: Home, origin: PracticeServer):
        engine = RemoteEngine(Address(socket=place.serve().socket))
        await engine.start()
        yield LiveBench(engine, origin)
        await engine.close()


@pytest.mark.may_block
class TestThroughHttp(EngineSuite):
    """Over TCP with an administrator's token."""

    @pytest.fixture
    async def bench(self, place: Home, origin: PracticeServer):
        secret = place.token("root", "--scope", "admin", "--private")
        engine = RemoteEngine(Address(place.serve("127.0.0.1:0").urls[0], token=secret))
        await engine.start()
        yield LiveBench(engine, origin)
        await engine.close()
