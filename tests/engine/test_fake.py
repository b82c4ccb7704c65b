"""The pretending engine keeps the promise."""

from __future__ import annotations

from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits, Query
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.engine.fake_transfer import Script

LINK = "https://example.org/a.iso"


def engine(**script) -> FakeEngine:
    return FakeEngine(script=Script(**{"size": 1000, "rate": 400.0, "wobble": 0.0, **script}))


async def test_a_download_goes_from_queued_to_complete_by_ticks():
    """Time moves a download through the states of the real table."""
    fake = engine()
    [outcome] = await fake.add([AddRequest(LINK)])
    states = []
    for _ in range(7):
        states.append(fake.snapshot().downloads[outcome.id].state.value)
        fake.tick(1.0)
    assert states == ["queued", "resolving", "transferring", "transferring", "transferring", "verifying", "complete"]


async def test_spans_and_connections_add_up_to_what_is_done():
    """The segment map covers exactly the bytes that are done."""
    fake = engine()
    [outcome] = await fake.add([AddRequest(LINK)])
    for _ in range(3):
        fake.tick(1.0)
    detail = await fake.get(outcome.id)
    assert sum(b - a for a, b in detail.spans) == detail.download.done == 400
    assert len(detail.connections) == 4


async def test_snapshot_is_the_same_object_until_something_changed():
    """A face may compare snapshots by identity."""
    fake = engine()
    first = fake.snapshot()
    assert fake.snapshot() is first
    await fake.add([AddRequest(LINK)])
    assert fake.snapshot().revision == first.revision + 1


async def test_remove_can_be_undone_for_a_minute():
    """The undo window ends after 60 seconds."""
    fake = engine()
    a, b = await fake.add([AddRequest(LINK), AddRequest(LINK + "2")])
    await fake.remove([a.id, b.id])
    assert (await fake.restore([a.id]))[0].ok
    fake.tick(61)
    assert not (await fake.restore([b.id]))[0].ok


async def test_what_the_table_refuses_is_refused_for_each_id():
    """Commands over many ids do what they can."""
    fake = engine()
    a, b = await fake.add([AddRequest(LINK), AddRequest(LINK + "2", paused=True)])
    assert [outcome.ok for outcome in await fake.pause([a.id, b.id, "none"])] == [True, False, False]


async def test_a_bad_link_stores_nothing():
    """A refused request has an empty id."""
    [outcome] = await engine().add([AddRequest("nonsense")])
    assert outcome.id == "" and outcome.error is not None and outcome.error.code is Code.INVALID_URL


async def test_move_changes_the_order_of_the_queue():
    """Up, down, top, bottom and a place are understood."""
    fake = FakeEngine(limits=Limits(downloads=0))
    ids = [outcome.id for outcome in await fake.add([AddRequest(f"{LINK}{n}") for n in range(4)])]
    await fake.move([ids[3]], "top")
    await fake.move([ids[0]], "down")
    order = sorted(fake.snapshot().downloads.values(), key=lambda view: view.position)
    assert [ids.index(view.id) for view in order] == [3, 1, 0, 2]


async def test_pages_follow_each_other_without_a_gap():
    """Walking the cursors gives every download once."""
    fake = engine()
    for n in range(25):
        fake.put(f"https://example.org/{n}", state=State.COMPLETE, age=n)
    seen, cursor = [], None
    while True:
        page = await fake.page(Query(sort="finished", reverse=True, limit=10, cursor=cursor))
        seen += [item.id for item in page.items]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 25


async def test_events_replay_from_a_sequence_number():
    """A reader that comes back gets what it missed."""
    fake = engine()
    await fake.add([AddRequest(LINK)])
    fake.tick()
    seen = []
    async for event in fake.events(0):
        seen.append(event.type)
        if len(seen) == 2:
            break
    assert seen == ["added", "state"]


async def test_a_script_may_fail_or_wait():
    """Failures carry cause and next step; waiting says until when."""
    fake = engine(fail_at=300, code=Code.SERVER_ERROR)
    fake.scripts[LINK + "2"] = Script(size=1000, rate=400, fail_at=300, wait=30)
    a, b = await fake.add([AddRequest(LINK), AddRequest(LINK + "2")])
    for _ in range(4):
        fake.tick()
    views = fake.snapshot().downloads
    assert views[a.id].state is State.FAILED and views[a.id].error.code == "SERVER_ERROR"
    assert views[b.id].state is State.WAITING and views[b.id].waiting.until > fake.now
