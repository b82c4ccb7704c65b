"""What outsiders see of the records, and what making it costs."""

from __future__ import annotations

import asyncio

import pytest

from tui_downloads.core.download import Download
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import EngineInfo, Kind, Limits
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine import views as module
from tui_downloads.engine.views import RECENT, Views


@pytest.fixture
def views() -> Views:
    return Views(EngineInfo(), Limits())


def record(number: int, state: State = State.QUEUED) -> Download:
    request = AddRequest(url=f"http://h/{number}")
    download = Download(f"{number:032x}", f"{number:016x}", Kind.LINK, request, request.url, "/x")
    download.state = state
    return download


def test_totals_follow_every_change(views):
    """Whatever is added, moved, viewed alone or dropped, the totals are those of the views."""
    records = [record(number) for number in range(5)]
    for one in records:
        views.add(one)
    totals = views.publish().totals
    assert (totals.queued, totals.active) == (5, 0)
    for one, state in zip(records, (State.RESOLVING, State.FAILED, State.COMPLETE, State.PAUSING), strict=False):
        one.state = state
        views.touch(one)
    views.view(records[1])
    totals = views.publish().totals
    assert (totals.active, totals.failed, totals.complete, totals.paused, totals.queued) == (1, 1, 1, 1, 1)
    views.drop(records[0].id)
    views.drop(records[0].id)
    totals = views.publish().totals
    assert (totals.active, totals.queued) == (0, 1)


def test_a_snapshot_is_of_its_moment(views):
    """Later changes are not seen in an earlier snapshot."""
    one = record(1)
    views.add(one)
    first = views.publish()
    one.state = State.RESOLVING
    views.touch(one)
    views.drop(record(2).id)
    second = views.publish()
    assert first.downloads[one.id].state is State.QUEUED
    assert second.downloads[one.id].state is State.RESOLVING
    assert second.revision == first.revision + 1


def test_nothing_new_is_the_same_snapshot(views):
    """Who looks at a quiet engine gets the very same object."""
    views.add(record(1))
    assert views.publish() is views.publish()


def test_only_the_latest_ended_ones_stay(views):
    """The oldest of the ended are left to the store, and somebody is told."""
    gone: list[str] = []
    views.forgotten = gone.append
    for number in range(RECENT + 2):
        one = record(number, State.COMPLETE)
        views.add(one)
        views.ended(one)
    assert len(views.publish().downloads) == RECENT
    assert gone == [record(0).id, record(1).id]


async def test_publications_that_take_long_are_rare(views, monkeypatch):
    """A long list leaves the engine's thread to the transfers: after a slow publication there is a longer rest."""
    clock = iter(range(0, 100, 2))
    views.begin()
    views.snapshot()
    views.add(record(1))
    await asyncio.sleep(0)
    delays: list[float] = []
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(views._loop, "call_later", lambda delay, *_: delays.append(delay))
    views._tick()
    views._timer = None
    views._arm()
    assert delays == [20.0]
    monkeypatch.undo()
