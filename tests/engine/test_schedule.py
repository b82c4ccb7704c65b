"""Limits by the time of day, start times and priorities: who may run when."""

from __future__ import annotations

import asyncio
import time

from msgspec.structs import replace

from tests.engine.conftest import Bench
from tui_downloads.config.settings import ScheduleRule
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits
from tui_downloads.engine.rules import Rules
from tui_downloads.engine.schedule import Schedule, rule_at

NIGHT = ScheduleRule(start=22 * 3600, end=6 * 3600, rate=0, downloads=9)
DAY = ScheduleRule(start=8 * 3600, end=18 * 3600, rate=1000, days=("mon", "tue", "wed", "thu", "fri"))


def at(hour: int, day: int = 5) -> float:
    """Give the epoch seconds of an hour; 5 January 1970 was a Monday."""
    return time.mktime((1970, 1, day, hour, 0, 0, 0, 0, -1))


def test_the_rule_that_holds_by_the_local_clock():
    """Over midnight, and on its days only."""
    rules = (NIGHT, DAY)
    assert [rule_at(rules, at(hour)) for hour in (3, 7, 12, 20, 23)] == [NIGHT, None, DAY, None, NIGHT]
    assert rule_at(rules, at(12, day=10)) is None


async def test_a_rule_lies_over_the_limits_and_goes_again():
    """What was set comes back; limits set by hand hold until the next change."""
    seen, now = [], [at(7)]

    async def apply(limits):
        seen.append((limits.rate, limits.downloads))

    schedule = Schedule(Limits(rate=500, downloads=5), (NIGHT, DAY), apply, lambda: now[0])
    for hour in (7, 9, 10, 19, 23):
        now[0] = at(hour)
        await schedule.look()
    assert seen == [(1000, 5), (500, 5), (0, 9)]
    schedule.set_base(Limits(rate=7, downloads=2))
    now[0] = at(7)
    await schedule.look()
    assert seen[-1] == (7, 2)


async def test_an_engine_follows_its_schedule(tmp_path, server):
    """At the start, after a change of rules, and back."""
    always = ScheduleRule(start=0, end=24 * 3600, rate=12_345)
    bench = Bench(tmp_path / "downloads", server, limits=Limits(rate=99), rules=Rules(schedule=(always,)))
    await bench.start()
    assert bench.engine.snapshot().limits.rate == 12_345
    await bench.engine.set_rules(Rules())
    assert bench.engine.snapshot().limits.rate == 99
    await bench.engine.close()


async def test_a_start_time_is_waited_for(bench):
    """Queued until its time, then run by itself."""
    id = await bench.add(bench.server.file(10, "later.bin"), start_at=time.time() + 1.0)
    assert (await bench.get(id)).state is State.QUEUED and not bench.server.requests
    view = await bench.complete(id)
    assert view.started_at >= view.start_at - 0.05


async def test_priority_goes_first(tmp_path, server):
    """One at a time: the urgent one overtakes those that were there before."""
    bench = Bench(tmp_path / "downloads", server, limits=replace(Limits(), downloads=1))
    await bench.start()
    ids = [await bench.add(server.file(300_000, "first.bin", rate=1_000_000))]
    ids += [await bench.add(server.file(10, f"{n}.bin"), priority=n) for n in (0, 5, 1)]
    views = await asyncio.gather(*(bench.complete(id) for id in ids))
    order = sorted(views, key=lambda view: view.finished_at)
    assert [view.name for view in order] == ["first.bin", "5.bin", "1.bin", "0.bin"]
    await bench.engine.close()
