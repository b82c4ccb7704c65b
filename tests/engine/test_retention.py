"""The history's length, and doing without one; files are never touched by it."""

from __future__ import annotations

from tests.engine.conftest import Bench
from tui_downloads.config.settings import HistorySettings
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Query
from tui_downloads.engine.retention import DAY, Retention
from tui_downloads.engine.rules import Rules


async def opened(tmp_path, server, **history) -> Bench:
    bench = Bench(tmp_path / "downloads", server, rules=Rules(history=HistorySettings(**history)))
    await bench.start()
    return bench


async def names(bench: Bench) -> list[str]:
    page = await bench.engine.page(Query(sort="created"))
    return [item.name for item in page.items]


async def test_only_the_newest_rows_are_kept(tmp_path, server):
    """The oldest go first, what is unfinished counts for nothing, and every file stays."""
    bench = await opened(tmp_path, server)
    for number in range(5):
        await bench.complete(await bench.add(server.file(10, f"{number}.bin")))
    await bench.add(server.file(10, "waits.bin"), paused=True)
    await bench.engine.set_rules(Rules(history=HistorySettings(keep_rows=2)))
    assert await names(bench) == ["3.bin", "4.bin", ""]
    assert bench.names() == [f"{number}.bin" for number in range(5)]
    await bench.engine.close()


async def test_old_rows_go_after_their_days(tmp_path, server):
    """By the day they ended."""
    bench = await opened(tmp_path, server)
    view = await bench.complete(await bench.add(server.file(10, "x.bin")))
    desk, now = bench.engine._desk, [view.finished_at + 6.9 * DAY]
    keeper = Retention(desk, HistorySettings(keep_days=7), lambda: now[0])
    await bench.engine._call(keeper.prune())
    assert await names(bench) == ["x.bin"]
    now[0] += 0.2 * DAY
    await bench.engine._call(keeper.prune())
    assert await names(bench) == [] and bench.names() == ["x.bin"]
    await bench.engine.close()


async def test_without_a_history_nothing_ended_outlives_the_engine(tmp_path, server):
    """What is unfinished does."""
    bench = await opened(tmp_path, server, enabled=False)
    await bench.complete(await bench.add(server.file(10, "done.bin")))
    await bench.failed(await bench.add(server.file(10, "no.bin", status=403)))
    kept = await bench.add(server.file(10, "later.bin"), paused=True)
    assert len(await names(bench)) == 3
    await bench.engine.close()
    await bench.start()
    page = await bench.engine.page(Query())
    assert [(item.id, item.state) for item in page.items] == [(kept, State.PAUSED)]
    assert "done.bin" in bench.names()
    await bench.engine.close()
