"""The pretending engine keeps the promise."""

from __future__ import annotations

import pytest

from tests.engine.fake_bench import FakeBench
from tests.engine.suite import EngineSuite
from tui_downloads.engine.fake import FakeEngine


class TestFake(EngineSuite):
    """Over the pretending engine."""

    @pytest.fixture
    async def bench(self):
        engine = FakeEngine()
        await engine.start()
        return FakeBench(engine)
