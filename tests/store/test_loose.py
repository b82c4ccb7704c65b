"""Many loose rows are listed from memory, and what is there is what the list says."""

from __future__ import annotations

import pytest

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Query
from tui_downloads.store import loose

from .builders import build, ended
from .suite import names_of


@pytest.fixture
def few_are_many(monkeypatch):
    """Let three rows be many."""
    monkeypatch.setattr(loose, "MANY", 3)


async def copied(store) -> bool:
    sql = "SELECT count(*) FROM sqlite_temp_master WHERE name = 'waiting'"
    return bool(await store._run(lambda database: database.execute(sql).fetchone()[0]))


async def test_few_rows_are_read_where_they_lie(sqlite_store, few_are_many):
    """Who has a short list pays for no copy of it."""
    await sqlite_store.insert([build(n) for n in range(1, 3)])
    assert (await sqlite_store.page(Query())).total == 2
    assert not await copied(sqlite_store)


async def listed(store, **asked) -> list[int]:
    """Give the numbers that builders gave, in the order listed."""
    return [int(id[:8], 16) for id in await names_of(store, Query(**asked))]


@pytest.mark.parametrize("sort", ["created", "name", "host", "size"])
async def test_the_copy_follows_every_write(sqlite_store, few_are_many, sort):
    """Added, renamed, ended, settled, taken back and deleted rows are listed as they are, in every order."""
    items = [build(n, state=State.PAUSED) for n in range(1, 6)]
    await sqlite_store.insert(items)
    assert len(await listed(sqlite_store, sort=sort)) == 5
    assert await copied(sqlite_store)
    items[0].name, items[1].state = "renamed", State.QUEUED
    await sqlite_store.save(items[:2])
    await sqlite_store.insert([build(6)])
    await sqlite_store.delete([items[2].id])
    items[3].state, items[3].finished_at = State.FAILED, 9.0
    await sqlite_store.finish([items[3]])
    for _ in range(2):
        assert sorted(await listed(sqlite_store, sort=sort)) == [1, 2, 4, 5, 6]
        assert await listed(sqlite_store, sort=sort, states=frozenset({State.FAILED})) == [4]
        assert await listed(sqlite_store, sort=sort, text="renamed") == [1]
        assert (await sqlite_store.page(Query(states=frozenset({State.PAUSED})))).total == 2
        await sqlite_store.settle()
    items[3].state, items[3].finished_at = State.QUEUED, None
    await sqlite_store.save([items[3]])
    assert sorted(await listed(sqlite_store, sort=sort, states=frozenset({State.QUEUED}))) == [2, 4, 6]


async def test_a_write_that_fails_leaves_the_copy_as_it_was(sqlite_store, few_are_many):
    """The copy takes part in the transaction that it follows."""
    await sqlite_store.insert([build(n) for n in range(1, 5)])
    assert (await sqlite_store.page(Query())).total == 4

    def undone(database):
        database.execute("BEGIN IMMEDIATE")
        database.execute("DELETE FROM downloads WHERE n < 3")
        database.execute("ROLLBACK")

    await sqlite_store._run(undone)
    assert (await sqlite_store.page(Query())).total == 4
    assert await listed(sqlite_store, sort="name") == [1, 2, 3, 4]


async def test_a_very_common_text_leaves_the_total_of_loose_rows_open(sqlite_store, few_are_many, monkeypatch):
    """Counting is bounded; None says that there are many."""
    monkeypatch.setattr(loose, "COUNTED", 5)
    await sqlite_store.insert([build(n) for n in range(1, 8)] + [ended(9)])
    assert (await sqlite_store.page(Query(text="example"))).total is None
