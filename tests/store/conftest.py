"""Both stores, open and empty."""

from __future__ import annotations

import pytest

from tui_downloads.store.memory import MemoryStore
from tui_downloads.store.sqlite import SqliteStore


@pytest.fixture
async def sqlite_store(tmp_path):
    store = SqliteStore(tmp_path / "state" / "downloads.db")
    assert await store.open() == ""
    yield store
    await store.close()


@pytest.fixture
async def memory_store():
    store = MemoryStore()
    assert await store.open() == ""
    yield store
    await store.close()
