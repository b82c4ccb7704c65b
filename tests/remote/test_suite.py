"""The remote engine keeps the promise, through HTTP and through the Unix socket."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.service import service
from tests.engine.fake_bench import FakeBench
from tests.engine.suite import EngineSuite
from tui_downloads.api.server import Listener
from tui_downloads.remote.address import Address
from tui_downloads.remote.engine import RemoteEngine


class TestThroughSocket(EngineSuite):
    """Over the Unix socket, as the user local."""

    @pytest.fixture
    async def bench(self, tmp_path: Path):
        async with service(tmp_path, listeners=[]) as made:
            engine = RemoteEngine(Address(socket=str(made.socket)))
            await engine.start()
            yield FakeBench(made.engine, engine)
            await engine.close()


class TestThroughHttp(EngineSuite):
    """Over TCP with an administrator's token."""

    @pytest.fixture
    async def bench(self, tmp_path: Path):
        async with service(tmp_path, listeners=[Listener("127.0.0.1", 0)]) as made:
            engine = RemoteEngine(Address(made.url, token=made.secrets["root"]))
            await engine.start()
            yield FakeBench(made.engine, engine)
            await engine.close()
