"""Pages and searches by SQL say what plain Python says, settled or not."""

from __future__ import annotations

import asyncio
import tempfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import Kind, Query
from tui_downloads.store import loose, opening, paging, trigrams
from tui_downloads.store.memory import MemoryStore
from tui_downloads.store.order import KEYS
from tui_downloads.store.sqlite import SqliteStore

from .builders import build, ended
from .suite import names_of

WORDS = ["", "a", "ab", "abc", "ABC def", "straße", "STRASSE", "你好世界", 'q"uo', "100%", "x_y", "İ"]
STATES = [State.QUEUED, State.PAUSED, State.COMPLETE, State.FAILED, State.CANCELLED, State.TRANSFERRING]


@st.composite
def downloads(draw):
    out = []
    for number in range(draw(st.integers(0, 14))):
        state = draw(st.sampled_from(STATES))
        name = draw(st.sampled_from(WORDS))
        changes = {
            "name": name,
            "host": draw(st.sampled_from(["a.example", "B.example", ""])),
            "size": draw(st.sampled_from([None, 0, 5, 2**50])),
            "priority": draw(st.integers(-1, 1)),
            "position": draw(st.sampled_from([0.0, 1.0, -2.5])),
            "created_at": draw(st.sampled_from([1.0, 2.0, 3.5])),
            "kind": draw(st.sampled_from([Kind.LINK, Kind.MEDIA])),
            "owner": draw(st.sampled_from(["local", "bob"])),
            "folder": draw(st.sampled_from(["/x", "/Abc"])),
            "files": [],
        }
        if state in ENDED:
            changes["finished_at"] = draw(st.sampled_from([None, 2.0, 7.0]))
        out.append(build(number + 1, state=state, **changes))
    return out


queries = st.builds(
    Query,
    states=st.frozensets(st.sampled_from(list(State)), max_size=3),
    text=st.sampled_from(
        [*WORDS, "bc", "C", "/x", "x", '"u', '"', "好", "世界", "%", "trass", "le.org", "file-1", "zzz"]
    ),
    host=st.sampled_from(["", "a.example", "b.EXAMPLE"]),
    kinds=st.frozensets(st.sampled_from([Kind.LINK, Kind.MEDIA]), max_size=1),
    owner=st.sampled_from(["", "bob"]),
    ids=st.sampled_from([(), (build(1).id, build(2).gid)]),
    since=st.sampled_from([None, 2.0]),
    until=st.sampled_from([None, 3.0]),
    sort=st.sampled_from(list(KEYS)),
    reverse=st.booleans(),
    limit=st.integers(1, 6),
)


async def answers(store, query):
    page = await store.page(query)
    exported = [view.id async for view in store.export(query)]
    return page.total, await names_of(store, query), exported


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    downloads=downloads(),
    queries=st.lists(queries, min_size=1, max_size=4),
    few=st.sampled_from([0, 2, 5000]),
    many=st.sampled_from([0, 3, 1000]),
    terms=st.sampled_from([0, 1, 1000]),
)
def test_sql_finds_what_the_model_finds(downloads, queries, few, many, terms):
    """Order, pages, totals and searches agree, whichever way the rows are found and wherever they are."""

    async def check(folder):
        model, store = MemoryStore(), SqliteStore(folder + "/d.db")
        await store.open()
        try:
            half = len(downloads) // 2
            await model.insert(downloads)
            await store.insert(downloads[:half])
            await store.settle()
            await store.insert(downloads[half:])
            for query in queries:
                wanted = await answers(model, query)
                assert await answers(store, query) == wanted
                await store.settle()
                assert await answers(store, query) == wanted
        finally:
            await store.close()

    before, paging.FEW, loose.MANY, trigrams.MOST_TERMS = (
        (paging.FEW, loose.MANY, trigrams.MOST_TERMS),
        few,
        many,
        terms,
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(check(folder))
    finally:
        paging.FEW, loose.MANY, trigrams.MOST_TERMS = before


async def test_a_very_common_text_leaves_the_total_open(sqlite_store, monkeypatch):
    """Counting is bounded; None says that there are many."""
    monkeypatch.setattr(paging, "FEW", 1)
    monkeypatch.setattr(paging, "COUNTED", 5)
    await sqlite_store.insert([ended(n) for n in range(1, 10)])
    await sqlite_store.settle()
    for kinds in (frozenset(), frozenset({Kind.LINK})):
        assert (await sqlite_store.page(Query(text="file", kinds=kinds))).total is None
        assert (await sqlite_store.page(Query(text="file-1.iso", kinds=kinds))).total == 1


async def test_a_short_text_is_looked_up_and_not_read_for(tmp_path):
    """One letter, two, and the last ones of a text: the index says which rows hold them, in few steps."""
    store = SqliteStore(tmp_path / "d.db")
    await store.open()
    await store.insert([ended(n, name="plain") for n in range(1, 2000)])
    await store.insert([ended(3000, name="x界.iso"), ended(3001, folder="/home/qq")])
    await store.settle()
    await store.close()
    database = opening.open_database(str(tmp_path / "d.db"), 1.0).connection
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    for text, number in (("x界", 3000), ("界", 3000), ("QQ", 3001), ("界界", None)):
        steps = 0
        database.set_progress_handler(count, 100)
        page = paging.page(database, Query(text=text, states=ENDED), True)
        database.set_progress_handler(None, 0)
        assert [view.id for view in page.items] == ([] if number is None else [build(number).id]), text
        assert page.total == len(page.items)
        assert steps < 50, text
    database.close()
