"""Which store is taken."""

from __future__ import annotations

from tui_downloads.store.auto import create
from tui_downloads.store.memory import MemoryStore
from tui_downloads.store.sqlite import SqliteStore


def test_a_path_chooses_sqlite_and_none_memory(tmp_path):
    """Without a path nothing is written."""
    assert isinstance(create(None), MemoryStore)
    assert isinstance(create(tmp_path / "d.db"), SqliteStore)
