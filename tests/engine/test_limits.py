"""Limits hold and are shared fairly; figures of how exactly are in benchmarks/LIMITS.md."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from tests.engine.conftest import Bench
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits
from tui_downloads.core.spec import Change, Options

MB = 1_000_000


async def spread(bench: Bench, ids: list[str], until: int) -> list[int]:
    """Give what each download has when the fastest has so many bytes."""
    while True:
        details = [await bench.detail(id) for id in ids]
        done = [sum(end - start for start, end in detail.spans) for detail in details]
        if max(done) >= until:
            return done
        await asyncio.sleep(0.02)


async def test_a_limit_is_shared_evenly_by_those_without_their_own(tmp_path, server):
    """Five under one limit, one of them under a lower one: it gets its own, and what it leaves goes to the others."""
    bench = Bench(tmp_path / "downloads", server, limits=replace(Limits(), rate=5 * MB))
    await bench.start()
    ids = [
        await bench.add(server.file(40 * MB, f"{n}.bin"), options=Options(limit=MB // 5 if n == 0 else 0))
        for n in range(5)
    ]
    slow, *rest = await spread(bench, ids, 6 * MB)
    assert min(rest) > 0.8 * max(rest)
    assert slow < 0.4 * min(rest)
    await bench.engine.close()


async def test_limits_of_one_download_change_while_it_runs(tmp_path, server):
    """A limit that is lifted lets its download overtake one that keeps it."""
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    ids = [await bench.add(server.file(60 * MB, f"{n}.bin"), options=Options(limit=MB)) for n in range(2)]
    await spread(bench, ids, MB)
    await bench.engine.change(ids[0], Change(limit=0))
    await bench.complete(ids[0])
    assert (await bench.get(ids[1])).done < 30 * MB
    await bench.engine.close()


async def test_a_rate_per_host_is_one_rate_for_all_its_downloads(tmp_path, server):
    """Two downloads of one host share what one would have."""
    bench = Bench(tmp_path / "downloads", server, limits=replace(Limits(), rate_per_host=2 * MB))
    await bench.start()
    ids = [await bench.add(server.file(40 * MB, f"{n}.bin")) for n in range(2)]
    loop = asyncio.get_running_loop()
    began = loop.time()
    done = await spread(bench, ids, 3 * MB)
    # Six million bytes can't come in less than about three seconds, whatever the machine does.
    assert loop.time() - began > 2.0 and min(done) > 0.8 * max(done)
    await bench.engine.close()


async def test_downloads_at_once_change_while_running(tmp_path, server):
    """More seats are taken at once."""
    bench = Bench(tmp_path / "downloads", server, limits=replace(Limits(), downloads=1))
    await bench.start()
    ids = [await bench.add(server.file(3 * MB, f"{n}.bin", rate=MB)) for n in range(3)]
    await bench.until(ids[0], lambda view: view.done > 0)
    assert [bool((await bench.get(id)).started_at) for id in ids] == [True, False, False]
    await bench.engine.set_limits(replace(Limits(), downloads=3))
    for id in ids:
        await bench.until(id, lambda view: view.done > 0)
    for id in ids:
        await bench.complete(id)
    await bench.engine.close()


async def test_fewer_downloads_at_once_reach_those_that_run(tmp_path, server):
    """The last in line goes back to the queue with what it has, and later goes on from there."""
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    options = Options(connections=1)
    ids = [await bench.add(server.file(3 * MB, f"{n}.bin", rate=MB), options=options) for n in range(3)]
    for id in ids:
        await bench.until(id, lambda view: view.done > MB // 4)
    await bench.engine.set_limits(replace(Limits(), downloads=1))
    assert [(await bench.get(id)).state for id in ids] == [State.TRANSFERRING, State.QUEUED, State.QUEUED]
    await bench.engine.set_limits(Limits())
    for id in ids:
        assert (await bench.complete(id)).discarded == 0
    assert sum(request.sent for request in server.requests) < 10 * MB
    await bench.engine.close()


async def test_a_download_that_could_not_go_on_keeps_its_seat(tmp_path, server):
    """Fewer at once must not cost bytes that are here."""
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    ids = [await bench.add(server.file(3 * MB, f"{n}.bin", rate=2 * MB, norange=True)) for n in range(2)]
    for id in ids:
        await bench.until(id, lambda view: view.done > MB // 4)
    await bench.engine.set_limits(replace(Limits(), downloads=1))
    assert {(await bench.get(id)).state for id in ids} == {State.TRANSFERRING}
    for id in ids:
        assert (await bench.complete(id)).discarded == 0
    await bench.engine.close()


@pytest.mark.parametrize("limit", ["per_download", "per_host", "connections"])
async def test_fewer_connections_reach_those_that_run(tmp_path, server, limit):
    """Connections above the new limit are closed, and nothing is fetched twice for it."""
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    id = await bench.add(server.file(12 * MB, "wide.bin", rate=MB // 2))
    await bench.until(id, lambda view: view.connections >= 6)
    await bench.engine.set_limits(replace(Limits(), **{limit: 2}))
    await bench.until(id, lambda view: view.connections <= 2)
    await bench.engine.set_limits(Limits())
    await bench.until(id, lambda view: view.connections > 2)
    await bench.complete(id)
    assert sum(request.sent for request in server.requests) < 14 * MB
    await bench.engine.close()


async def test_the_users_own_number_of_connections_stays(tmp_path, server):
    """A limit for those that say nothing does not overrule one that does."""
    bench = Bench(tmp_path / "downloads", server)
    await bench.start()
    id = await bench.add(server.file(6 * MB, "own.bin", rate=MB // 2), options=Options(connections=4))
    await bench.until(id, lambda view: view.connections == 4)
    await bench.engine.set_limits(replace(Limits(), per_download=1))
    await bench.until(id, lambda view: view.done > 3 * MB)
    assert (await bench.get(id)).connections == 4
    await bench.engine.close()
