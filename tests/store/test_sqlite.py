"""The store in SQLite keeps the promise, whether its rows have settled or not."""

from __future__ import annotations

import pytest

from tui_downloads.store.sqlite import SqliteStore

from .builders import build, ended
from .suite import StoreSuite, same


class Settled:
    """A store whose rows settle before each read, as they do after a quiet second."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store

    def __getattr__(self, name):
        method = getattr(self._store, name)
        if name == "export":
            return method

        async def settled(*args, **kwargs):
            await self._store.settle()
            return await method(*args, **kwargs)

        return settled


class TestLoose(StoreSuite):
    @pytest.fixture
    def store(self, sqlite_store):
        return sqlite_store


class TestSettled(StoreSuite):
    @pytest.fixture
    def store(self, sqlite_store):
        return Settled(sqlite_store)


class TestWithoutTrigrams(StoreSuite):
    """SQLite may be built without full-text search."""

    @pytest.fixture
    async def store(self, tmp_path, monkeypatch):
        monkeypatch.setattr("tui_downloads.store.history.prepare_search", lambda database: False)
        store = SqliteStore(tmp_path / "plain.db")
        await store.open()
        yield Settled(store)
        await store.close()


async def test_everything_is_there_after_a_restart(tmp_path):
    """Loose and settled rows are found again by another opening, and saved as before."""
    first = SqliteStore(tmp_path / "d.db")
    await first.open()
    await first.insert([ended(1), build(2)])
    await first.settle()
    await first.insert([ended(3)])
    await first.close()
    second = SqliteStore(tmp_path / "d.db")
    assert await second.open() == ""
    try:
        (live,) = await second.load()
        assert same(live, build(2))
        live.done = 7
        await second.save([live])
        await second.insert([build(4)])
        assert same(await second.get(live.id), live)
        await second.settle()
        assert sum((await second.counts()).values()) == 4
    finally:
        await second.close()


async def test_ended_rows_settle_by_themselves(sqlite_store, monkeypatch):
    """A quiet moment is enough."""
    monkeypatch.setattr("tui_downloads.store.sqlite.SETTLE_AFTER", 0.0)
    await sqlite_store.insert([ended(1)])
    assert sqlite_store._settling is not None
    await sqlite_store._settling
    assert sqlite_store._unsettled == []


async def test_a_closed_store_says_so(sqlite_store):
    """A command after close gets a clear refusal."""
    await sqlite_store.close()
    with pytest.raises(Exception, match="not open"):
        await sqlite_store.counts()


async def test_unchanged_files_are_not_written_again(sqlite_store):
    """Saving a package of many files writes only those that changed."""
    from tui_downloads.core.download import FileRecord

    download = build(1, files=[FileRecord(id=str(n), path=f"f{n}") for n in range(50)])
    await sqlite_store.insert([download])
    download.files[7].done = 3
    batch = await sqlite_store._changes([download])
    assert (len(batch.update_files), batch.replace_files, batch.drop_files) == (1, [], [])
