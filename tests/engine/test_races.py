"""Commands at awkward instants: whatever is under way, nothing hangs, nothing stays locked, no byte is wrong."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.engine.conftest import Bench
from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits
from tui_downloads.core.spec import AddRequest, Change, Options
from tui_downloads.demo.content import digest
from tui_downloads.engine import transfer as transfers
from tui_downloads.engine import views
from tui_downloads.files.part import PartFile

BIG = 6_000_000


class Barrier:
    """Holds up whoever comes by on another thread, until it is lifted."""

    def __init__(self) -> None:
        self._reached, self._lifted = threading.Event(), threading.Event()

    def pass_(self) -> None:
        self._reached.set()
        assert self._lifted.wait(30)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.wait, 30)

    def lift(self) -> None:
        self._lifted.set()


@contextmanager
def held_up(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[Barrier]:
    """Hold up a method of parts."""
    barrier = Barrier()
    real = getattr(PartFile, name)

    def slow(*args: Any) -> Any:
        barrier.pass_()
        return real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(PartFile, name, staticmethod(slow) if name == "open" else slow)
        try:
            yield barrier
        finally:
            barrier.lift()


async def on_loop(bench: Bench, work: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on the engine's loop."""
    loop = bench.engine._loop
    assert loop is not None
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


def desk(bench: Bench) -> Any:
    return bench.engine._desk


@pytest.fixture(autouse=True)
async def balanced(bench: Bench) -> AsyncIterator[None]:
    """After each test every connection is given back and no descriptor of a part is left open."""
    yield
    if desk(bench) is None:
        return
    ids = [id for id, view in bench.engine.snapshot().downloads.items() if view.state not in (State.COMPLETE,)]
    await bench.engine.pause(ids)
    seats = desk(bench).services.seats
    assert seats.total == 0 and not seats.by_host
    parts = [link for link in open_files() if link.endswith((".part", ".part.journal"))]
    assert parts == []


def open_files() -> list[str]:
    found = []
    for entry in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            found.append(os.readlink(f"/proc/self/fd/{entry}"))
        except OSError:
            continue
    return found


async def begun(bench: Bench, name: str, *, rate: int = 1_000_000, **options: object) -> str:
    id = await bench.add(bench.server.file(BIG, name, rate=rate, **options))
    await bench.until(id, lambda view: view.done > 300_000)
    return id


async def right(bench: Bench, id: str, name: str, size: int = BIG) -> None:
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest(name, size)
    assert bench.names() == [view.name]


async def test_a_pause_while_the_part_is_opened_lets_go_of_it(bench, monkeypatch):
    """A part that is opened for nobody is closed again, so that the next run can have it."""
    id = await begun(bench, "opening.bin")
    await bench.engine.pause([id])
    with held_up(monkeypatch, "open") as barrier:
        await bench.engine.resume([id])
        await barrier.reached()
        pausing = asyncio.create_task(bench.engine.pause([id]))
        await bench.until(id, lambda view: view.state is State.PAUSING)
        barrier.lift()
        await pausing
    await bench.engine.change(id, Change(connections=8))
    await bench.engine.resume([id])
    await right(bench, id, "opening.bin")


@pytest.mark.parametrize("second", ["resume", "cancel", "change", "pause"])
async def test_a_second_command_waits_for_what_the_first_makes_safe(bench, monkeypatch, second):
    """Two commands that stop one run stop it once: its checkpoint ends before the next run begins."""
    id = await begun(bench, "twice.bin")
    with held_up(monkeypatch, "checkpoint") as barrier:
        pausing = asyncio.create_task(bench.engine.pause([id]))
        await barrier.reached()
        await bench.until(id, lambda view: view.state is State.PAUSING)
        if second == "change":
            then = asyncio.create_task(bench.engine.change(id, Change(name="other.bin")))
        else:
            then = asyncio.create_task(getattr(bench.engine, second)([id]))
        await on_loop(bench, asyncio.sleep(0))
        await on_loop(bench, asyncio.sleep(0))
        barrier.lift()
        await pausing
        await then
    if second == "cancel":
        await bench.engine.retry([id])
    else:
        await bench.engine.resume([id])
    await bench.complete(id)
    (name,) = bench.names()
    assert bench.digest(name) == digest("twice.bin", BIG)


async def test_a_retry_waits_until_the_cancelled_run_has_ended(bench, monkeypatch):
    """Two runs of one download never work side by side."""
    id = await begun(bench, "again.bin")
    with held_up(monkeypatch, "checkpoint") as barrier:
        cancelling = asyncio.create_task(bench.engine.cancel([id]))
        await bench.until(id, lambda view: view.state is State.CANCELLED)
        retrying = asyncio.create_task(bench.engine.retry([id]))
        await on_loop(bench, asyncio.sleep(0))
        barrier.lift()
        await cancelling
        (outcome,) = await retrying
    assert outcome.ok
    await right(bench, id, "again.bin")


async def test_a_removal_waits_until_the_cancelled_run_has_ended(bench, monkeypatch):
    """What a run still holds can't be deleted, so the removal comes after it."""
    id = await begun(bench, "gone.bin")
    with held_up(monkeypatch, "checkpoint") as barrier:
        cancelling = asyncio.create_task(bench.engine.cancel([id]))
        await bench.until(id, lambda view: view.state is State.CANCELLED)
        removing = asyncio.create_task(bench.engine.remove([id], files=True))
        await on_loop(bench, asyncio.sleep(0))
        barrier.lift()
        await cancelling
        await removing
    assert bench.names() == []


async def test_a_parked_download_is_not_started_before_its_run_has_ended(bench, monkeypatch):
    """Whoever waits for space may be resumed at once, while the run that met the full disk still makes bytes safe."""
    id = await begun(bench, "parked.bin")
    manager = desk(bench).manager

    async def park() -> None:
        download = manager.downloads[id]
        from tui_downloads.core.snapshots import Waiting

        manager.endings.wait(download, Waiting("no space", None, 0))
        manager.background(manager.runners[id].stop())

    with held_up(monkeypatch, "checkpoint") as barrier:
        await on_loop(bench, park())
        await bench.engine.resume([id])
        await on_loop(bench, asyncio.sleep(0.05))
        barrier.lift()
    await right(bench, id, "parked.bin")


async def test_a_whole_file_is_not_published_behind_a_pause(bench, monkeypatch):
    """A run that is stopped in the very instant in which it would hand its file over has not handed it over."""
    manager, go, there = desk(bench).manager, asyncio.Event(), threading.Event()

    async def beside(runner: Any, ready: Any) -> None:
        there.set()
        await go.wait()

    monkeypatch.setattr(manager.resolver, "keep_beside", beside)
    id = await bench.add(bench.server.file(BIG, "instant.bin"))
    assert await asyncio.to_thread(there.wait, 30)

    async def race() -> None:
        go.set()
        await desk(bench)._pause(manager.downloads[id])

    await on_loop(bench, race())
    view = await bench.get(id)
    assert view.state is State.PAUSED
    await bench.engine.resume([id])
    await right(bench, id, "instant.bin")


async def test_a_run_that_is_stopped_while_it_puts_its_connections_away_keeps_no_lock(bench, monkeypatch):
    """A whole part that nobody takes over any more is closed: the next run finds it free."""
    real, there = transfers.Transfer._stop, threading.Event()
    go = asyncio.Event()

    async def slow(transfer: Any) -> None:
        if transfer._handed_over and not go.is_set():
            there.set()
            await go.wait()
        await real(transfer)

    monkeypatch.setattr(transfers.Transfer, "_stop", slow)
    id = await bench.add(bench.server.file(BIG, "away.bin"))
    assert await asyncio.to_thread(there.wait, 30)

    async def race() -> None:
        pausing = asyncio.ensure_future(desk(bench)._pause(desk(bench).manager.downloads[id]))
        await asyncio.sleep(0)
        go.set()
        await pausing

    await on_loop(bench, race())
    assert (await bench.get(id)).state is State.PAUSED
    await bench.engine.resume([id])
    await right(bench, id, "away.bin")


async def test_a_server_that_answers_if_range_with_the_whole_file_gets_all_bytes_asked(bench):
    """F10: what the first connection had to give up is asked for by another one."""
    url = bench.server.file(BIG, "ifrange.bin", rate=1_000_000, ifrange="fail")
    id = await bench.add(url, options=Options(connections=4))
    await right(bench, id, "ifrange.bin")


async def test_a_part_of_a_file_of_unknown_size_is_not_taken_for_the_file(bench):
    """F4, F7: a 206 that ends early and does not tell the size is followed by the rest."""
    id = await bench.add(bench.server.file(3_000_000, "star.bin", wrongrange="star", shorter=700_000, first=2))
    await right(bench, id, "star.bin", 3_000_000)


async def test_a_small_file_that_comes_in_parts_is_put_together(bench):
    """F4: a first 206 that is shorter than the file is no truncation, however small the file."""
    id = await bench.add(bench.server.file(500_000, "small.bin", shorter=100_000, first=2))
    await right(bench, id, "small.bin", 500_000)


async def test_an_old_part_is_known_again_when_the_new_version_did_not_begin(bench):
    """F11: whoever is paused between putting an old part aside and the first new byte leaves nothing behind."""
    id = await begun(bench, "aside.bin")
    await bench.engine.pause([id])
    path = "/f/6000000/aside.bin"
    before = len(bench.server.asked_for(path))
    bench.server.swap("aside.bin", 1)
    await bench.engine.change(id, Change(url=bench.server.file(BIG, "aside.bin", latency=1500)))
    await bench.engine.resume([id])
    # The first request finds the change; while the second waits for its answer, the old part lies aside.
    deadline = asyncio.get_running_loop().time() + 30
    while len(bench.server.asked_for(path)) < before + 2 and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    await bench.engine.pause([id])
    assert bench.names() == ["aside.bin.part", "aside.bin.part.journal"]
    await bench.engine.resume([id])
    view = await bench.complete(id)
    assert bench.digest(view.name) == digest("aside.bin", BIG, version=1)
    assert bench.names() == ["aside.bin"]


async def test_a_removal_takes_the_parts_of_older_versions_along(bench):
    """What an unfinished new version was to replace is unfinished too."""
    id = await begun(bench, "older.bin", chunked=True, norange=True)
    await bench.engine.pause([id])
    await bench.engine.resume([id])  # of unknown size: begins again, and keeps the old part until it is complete
    await bench.until(id, lambda view: "older.bin.old.part" in bench.names() and "older.bin.part" in bench.names())
    await bench.engine.remove([id], files=True)
    assert bench.names() == []


async def test_a_part_that_cannot_be_taken_up_is_passed_over(bench, tmp_path: Path):
    """A part with a second name is left alone, and the file gets another name instead of being asked for forever."""
    id = await begun(bench, "linked.bin")
    await bench.engine.remove([id])
    os.link(bench.folder / "linked.bin.part", tmp_path / "elsewhere")
    url = bench.server.file(BIG, "linked.bin", rate=1_000_000)
    other = await bench.add(url, options=Options(connections=8))
    view = await bench.complete(other)
    assert bench.digest(view.name) == digest("linked.bin", BIG)
    assert (bench.folder / "linked.bin.part").exists()


async def test_a_full_disk_does_not_swallow_a_pause(bench, monkeypatch):
    """What a stopped connection still held may fail to be written; the run ends all the same."""
    from tui_downloads.core.errors import Code, DownloadError

    id = await bench.add(bench.server.file(BIG, "swallow.bin", rate=200_000))
    await bench.until(id, lambda view: view.state is State.TRANSFERRING)
    manager = desk(bench).manager

    async def stop() -> None:
        transfer = manager.runners[id].transfers[0]
        (worker,) = transfer.workers()
        worker.chunks, worker.held = [b"x"], 1

        def full(*args: Any) -> None:
            raise DownloadError(Code.DISK_FULL, "full")

        monkeypatch.setattr(transfers.Transfer, "write", full)
        await asyncio.wait_for(desk(bench)._pause(manager.downloads[id]), 60)
        monkeypatch.undo()

    await on_loop(bench, stop())
    assert (await bench.get(id)).state is State.PAUSED


async def test_two_retries_of_a_forgotten_download_are_one(bench, monkeypatch):
    """A row that was looked up twice is one download, whoever comes first."""
    monkeypatch.setattr(views, "RECENT", 0)
    url = bench.server.file(BIG, "row.bin", rate=2_000_000, status=404, first=1)
    id = await bench.add(url, options=Options(retries=0))
    await bench.failed(id)
    assert id not in desk(bench).manager.downloads
    await bench.until(id, lambda view: view.state is State.FAILED)
    outcomes = await asyncio.gather(*(bench.engine.retry([id]) for _ in range(4)))
    assert [outcome.ok for (outcome,) in outcomes].count(True) == 1
    manager = desk(bench).manager
    assert all(manager.downloads[key] is runner.download for key, runner in manager.runners.items())
    await bench.complete(id)


async def test_a_retry_of_what_runs_is_refused_and_leaves_it_running(bench):
    """A command that is refused changes nothing."""
    id = await begun(bench, "runs.bin", rate=2_000_000)
    (outcome,) = await bench.engine.retry([id])
    assert not outcome.ok
    await right(bench, id, "runs.bin")


async def test_one_list_with_a_link_twice_is_one_download_and_its_duplicate(bench):
    """The second wish of one call meets the first as if it had been there before."""
    url = bench.server.file(2_000_000, "list.bin", rate=2_000_000)
    first, again, refused = await bench.engine.add(
        [AddRequest(url), AddRequest(url, duplicate="existing"), AddRequest(url, duplicate="refuse")]
    )
    assert first.ok and again.id == first.id and refused.error is not None
    await bench.complete(first.id)
    assert bench.names() == ["list.bin"]


async def test_a_twin_is_known_although_an_older_one_has_ended(bench):
    """What is finished does not hide what runs."""
    url = bench.server.file(2_000_000, "old.bin", rate=1_000_000)
    await bench.complete(await bench.add(url))
    second = await bench.add(url)
    (third,) = await bench.engine.add([AddRequest(url, duplicate="existing")])
    assert third.id == second
    await bench.complete(second)


async def test_a_removed_download_that_waited_comes_back_and_goes_on(bench):
    """Nothing waits for an alarm that is gone."""
    url = bench.server.file(2_000_000, "wait.bin", status=503, first=1, retry_after=3600)
    id = await bench.add(url)
    await bench.until(id, lambda view: view.state is State.WAITING)
    await bench.engine.remove([id])
    (outcome,) = await bench.engine.restore([id])
    assert outcome.ok and outcome.download is not None and outcome.download.state is not State.WAITING
    await bench.engine.pause([id])
    assert (await bench.get(id)).state is State.PAUSED


async def test_a_retry_after_max_time_has_time_again(bench):
    """DOWNLOAD_TIMEOUT may be retried without giving a longer time."""
    id = await bench.add(
        bench.server.file(1_500_000, "time.bin", rate=1_000_000), options=Options(max_time=1.2, connections=1)
    )
    await bench.failed(id)
    await bench.engine.retry([id])
    await right(bench, id, "time.bin", 1_500_000)


async def test_a_caller_that_leaves_does_not_stop_its_command_half_way(bench, monkeypatch):
    """A pause whose caller is gone still ends in paused."""
    id = await begun(bench, "left.bin")
    with held_up(monkeypatch, "checkpoint") as barrier:
        pausing = asyncio.create_task(bench.engine.pause([id]))
        await bench.until(id, lambda view: view.state is State.PAUSING)
        pausing.cancel()
        await asyncio.gather(pausing, return_exceptions=True)
        barrier.lift()
    await bench.until(id, lambda view: view.state is State.PAUSED)


async def test_a_call_under_way_ends_when_the_engine_closes(bench, monkeypatch):
    """Nobody waits for an engine that is gone."""
    started = threading.Event()

    async def forever(id: str) -> None:
        started.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(desk(bench).listing, "get", forever)
    call = asyncio.create_task(bench.engine.get("x"))
    assert await asyncio.to_thread(started.wait, 10)
    await bench.engine.close()
    with pytest.raises(TuiDownloadsError, match="closed"):
        await asyncio.wait_for(call, 60)


async def test_a_list_that_cannot_be_written_for_a_while_loses_no_row(bench, monkeypatch):
    """Rows wait until the list can be written again."""
    from tui_downloads.core.errors import Code, RequestError

    store = desk(bench).services.store
    real, failures = store.save, [RequestError(Code.STATE_UNUSABLE, "full")]

    async def save(downloads: Any) -> None:
        if failures:
            raise failures.pop()
        await real(downloads)

    id = await begun(bench, "rows.bin")
    monkeypatch.setattr(store, "save", save)
    await bench.engine.pause([id])
    await bench.engine.close()
    await bench.start()
    assert (await bench.get(id)).state is State.PAUSED


async def test_a_complete_download_keeps_its_name(bench):
    """Only what is said of it may be changed, not where its file lies."""
    id = await bench.add(bench.server.file(3_000, "done.bin"))
    await bench.complete(id)
    with pytest.raises(TuiDownloadsError):
        await bench.engine.change(id, Change(name="lie.bin", meta={"a": 1}))
    assert (await bench.get(id)).name == "done.bin"


async def test_two_closes_are_one(bench):
    """The second waits for the first."""
    await begun(bench, "closing.bin")
    await asyncio.gather(bench.engine.close(), bench.engine.close())
    await bench.start()
    await bench.engine.set_limits(Limits())
