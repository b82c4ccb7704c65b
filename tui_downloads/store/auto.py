"""Chooses the store."""

from __future__ import annotations

import os

from .base import Store


def create(path: str | os.PathLike[str] | None) -> Store:
    """Give a store on a file, or in memory where there is no path."""
    # The one that is not chosen is not imported: a single `get` starts without SQLite.
    if path is None:
        from .memory import MemoryStore

        return MemoryStore()
    from .sqlite import SqliteStore

    return SqliteStore(path)
