"""Changes reach the queue and whoever waits."""

from __future__ import annotations

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits
from tui_downloads.core.spec import Change, Options
from tui_downloads.demo.server import serve_in_thread

SIZE = 3_000_000


async def test_a_queued_download_with_another_link_waits_for_its_new_host(bench):
    """A busy host does not hold up what it does not serve any more."""
    await bench.engine.set_limits(Limits(per_host=1))
    busy = await bench.add(bench.server.file(SIZE, "busy.bin", rate=300_000))
    await bench.until(busy, lambda view: view.done > 0)
    id = await bench.add(bench.server.file(10, "there.bin"))
    with serve_in_thread() as other:
        view = await bench.engine.change(id, Change(url=other.file(10, "here.bin")))
        assert view.host == f"127.0.0.1:{other.port}"
        await bench.complete(id)
    assert (await bench.get(busy)).state is State.TRANSFERRING


async def test_a_waiting_download_with_another_link_waits_no_longer(bench):
    """What its old server asked for does not bind the new one."""
    id = await bench.add(bench.server.file(SIZE, "old.bin", status=503, retry_after="600"))
    await bench.until(id, lambda view: view.state is State.WAITING)
    with serve_in_thread() as other:
        await bench.engine.change(id, Change(url=other.file(SIZE, "old.bin")))
        await bench.complete(id)


async def test_a_download_that_was_parked_is_moved_after_its_bytes_are_safe(bench, tmp_path):
    """A move waits for whoever still writes the part."""
    options = Options(connections=1)
    ids = [await bench.add(bench.server.file(SIZE, f"{n}.bin", rate=1_000_000), options=options) for n in range(2)]
    for id in ids:
        await bench.until(id, lambda view: view.done > 300_000)
    await bench.engine.set_limits(Limits(downloads=1))
    await bench.engine.change(ids[1], Change(folder=str(tmp_path / "elsewhere")))
    await bench.engine.set_limits(Limits())
    view = await bench.complete(ids[1])
    assert view.folder == str(tmp_path / "elsewhere") and view.discarded == 0
