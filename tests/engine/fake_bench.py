"""The bench of the pretending engine: its clock is moved while somebody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.engine.suite import Bench
from tui_downloads.core.errors import Code
from tui_downloads.engine.base import Engine
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.engine.fake_transfer import Script

GOOD = Script(size=1 << 20, rate=8 << 20)
SLOW = Script(size=1 << 40, rate=1 << 20)
MISSING = Script(fail_at=0, code=Code.REMOTE_FILE_NOT_FOUND)


class FakeBench(Bench):
    """Links of the pretending engine, seen through any engine that stands before it."""

    def __init__(self, fake: FakeEngine, engine: Engine | None = None) -> None:
        self.fake = fake
        self.engine = engine or fake

    def good(self, name: str) -> str:
        return self._link(name, GOOD)

    def slow(self, name: str) -> str:
        return self._link(name, SLOW)

    def missing(self, name: str) -> str:
        return self._link(name, MISSING)

    def _link(self, name: str, script: Script) -> str:
        url = f"https://files.example.org/{name}"
        self.fake.scripts[url] = script
        return url

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                self.fake.tick(0.25)
                await asyncio.sleep(0.005)
