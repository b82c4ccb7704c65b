"""A long history is loaded from where it is looked at."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Page, Query
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.tui.paged_rows import PAGE, PagedRows

QUERY = Query(states=frozenset({State.COMPLETE}), sort="finished", reverse=True)


class Counted:
    """An engine's page method that counts."""

    def __init__(self, number: int) -> None:
        self.fake = FakeEngine()
        for n in range(number):
            self.fake.put(f"https://example.org/{n:05}", state=State.COMPLETE, age=10.0 + n)
        self.calls = 0

    async def page(self, query: Query) -> Page:
        self.calls += 1
        return await self.fake.page(query)


async def test_opening_loads_one_page_and_knows_the_total():
    """However long the history is."""
    store = Counted(1000)
    rows = PagedRows(store.page, QUERY)
    await rows.reload()
    assert (len(rows), store.calls, rows.view(0).name, rows.view(PAGE)) == (1000, 1, "00000", None)


async def test_the_end_is_loaded_from_the_end():
    """One page, not all before it."""
    store = Counted(1000)
    rows = PagedRows(store.page, QUERY)
    await rows.reload()
    await rows.reach(980, 1000)
    assert (store.calls, rows.view(999).name) == (2, "00999")
    assert rows.index(rows.view(999).id) == 999


async def test_walking_down_meets_the_end():
    """Every row once, in order."""
    rows = PagedRows(Counted(450).page, QUERY)
    await rows.reload()
    await rows.reach(440, 450)
    await rows.reach(0, 450)
    assert [rows.view(n).name for n in range(450)] == [f"{n:05}" for n in range(450)]


async def test_a_filter_the_store_does_not_know_is_applied_here():
    """The total is not known, a placeholder loads more."""
    rows = PagedRows(Counted(450).page, QUERY)
    rows.keep = lambda view: view.name.endswith("7")
    await rows.reload()
    while any(rows.view(n) is None for n in range(len(rows))):
        await rows.reach(0, len(rows))
    assert len(rows) == 45


async def test_rows_between_two_places_are_the_loaded_ones():
    """From what is above, from the top and from the end, in order; a million others are not looked at."""
    rows = PagedRows(Counted(1000).page, QUERY)
    await rows.reload()
    await rows.reach(980, 1000)
    top, end = [view.name for view in rows.between(58, 500)], [view.name for view in rows.between(500, 2000)]
    assert top == ["00058", "00059"] and (end[0], end[-1], len(end)) == ("00800", "00999", PAGE)
    other = FakeEngine()
    id = other.put("https://example.org/waits", state=State.WAITING)
    rows.set_lead([other.snapshot().downloads[id]])
    assert [view.name for view in rows.between(0, 3)][1:] == ["00000", "00001"]


async def test_a_new_question_while_the_old_one_is_answered():
    """Pages of the two are not mixed."""
    store = Counted(450)
    rows = PagedRows(store.page, QUERY)
    await rows.reload()
    await rows.reach(0, 450)
    first = asyncio.ensure_future(rows.reload())
    await asyncio.sleep(0)
    rows.query = replace(QUERY, reverse=False)
    await rows.reload()
    await first
    assert rows.view(0).name == "00449"


async def test_all_that_was_loaded_is_loaded_again_where_it_has_to_be():
    """Marked rows stay."""
    rows = PagedRows(Counted(1500).page, QUERY)
    await rows.reload()
    await rows.reach(0, 1500)
    await rows.reload(whole=True)
    assert rows.view(1400) is not None
    await rows.reload()
    assert rows.view(1400) is None


async def test_rows_above_are_not_from_the_store():
    """Waiting downloads stand before failed ones."""
    store = Counted(3)
    rows = PagedRows(store.page, QUERY)
    await rows.reload()
    other = FakeEngine()
    id = other.put("https://example.org/waits", state=State.WAITING)
    view = other.snapshot().downloads[id]
    assert rows.set_lead([view]) and not rows.set_lead([view])
    assert (len(rows), rows.view(0), rows.index(id), rows.view(1).name) == (4, view, 0, "00000")
