"""`max_time` counts what a download took, its waits included, through restarts and changes."""

from __future__ import annotations

import time

from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits
from tui_downloads.core.spec import Change, Options

SIZE = 3_000_000


def waits(view) -> bool:
    return view.state is State.WAITING


async def test_waiting_counts(bench):
    """A server that asks for an hour's pause does not stretch the time that the user gave."""
    url = bench.server.file(SIZE, "wait.bin", status=503, retry_after="600")
    view = await bench.failed(await bench.add(url, options=Options(max_time=1.0)))
    assert view.error.code == Code.DOWNLOAD_TIMEOUT and "1 s" in view.error.message


async def test_pauses_do_not_count(bench):
    """A download that is paused takes no time, however long."""
    id = await bench.add(bench.server.file(SIZE, "p.bin", rate=1_000_000), options=Options(max_time=60))
    await bench.until(id, lambda view: view.done > 0)
    await bench.engine.pause([id])
    record = bench.engine._desk.manager.downloads[id]
    before = record.active_seconds
    began = time.monotonic()
    await bench.until(id, lambda _: time.monotonic() - began > 0.5)
    assert 0 < before == record.active_seconds < 60


async def test_time_goes_on_after_a_restart(bench):
    """What a download took before the engine stopped is taken."""
    id = await bench.add(bench.server.file(SIZE, "r.bin", rate=400_000), options=Options(max_time=60, connections=1))
    await bench.until(id, lambda view: view.done > 400_000)
    await bench.engine.close()
    await bench.start()
    taken = bench.engine._desk.manager.downloads[id].active_seconds
    assert taken > 0.5
    await bench.engine.change(id, Change(max_time=taken / 2))
    view = await bench.failed(id)
    assert view.error.code == Code.DOWNLOAD_TIMEOUT and view.error.resumable


async def test_waiting_counts_through_a_restart(bench):
    """A wait is written down with the rest."""
    url = bench.server.file(SIZE, "w.bin", status=503, retry_after="600")
    id = await bench.add(url, options=Options(max_time=100))
    view = await bench.until(id, waits)
    began = time.monotonic()
    await bench.until(id, lambda _: time.monotonic() - began > 0.5)
    await bench.engine.close()
    await bench.start()
    assert view.attempts == 1 and bench.engine._desk.manager.downloads[id].active_seconds >= 0.5


async def test_a_changed_limit_holds_for_the_run_under_way(bench):
    """Given less time, a running download ends; given more, it goes on."""
    link = bench.server.file(SIZE, "c.bin", rate=300_000)
    short = await bench.add(link, options=Options(connections=1))
    long = await bench.add(
        bench.server.file(1_500_000, "l.bin", rate=750_000), options=Options(connections=1, max_time=1)
    )
    for id in (short, long):
        await bench.until(id, lambda view: view.done > 0)
    await bench.engine.change(short, Change(max_time=0.5))
    await bench.engine.change(long, Change(max_time=60))
    assert (await bench.failed(short)).error.code == Code.DOWNLOAD_TIMEOUT
    await bench.complete(long)


async def test_time_in_the_queue_does_not_count(bench):
    """Nobody fails for having had no seat."""
    await bench.engine.set_limits(Limits(downloads=1))
    first = await bench.add(bench.server.file(600_000, "1.bin", rate=400_000), options=Options(connections=1))
    second = await bench.add(bench.server.file(10, "2.bin"), options=Options(max_time=0.5))
    await bench.complete(first)
    await bench.complete(second)
