"""Proving a large file takes long: it tells how far it is, holds nobody up, and is given up when nobody wants it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tui_downloads.core.errors import Interrupted
from tui_downloads.core.lifecycle import State
from tui_downloads.core.spec import Options
from tui_downloads.demo.content import digest
from tui_downloads.engine import proof
from tui_downloads.engine.digesting import AT_ONCE, Digests
from tui_downloads.files.hashing import digest_file

SIZE = 3_000_000


class Endless:
    """Reads until it is told to end, as from a file without an end."""

    def __init__(self) -> None:
        self.running, self.ended = threading.Event(), threading.Event()

    def __call__(self, *_, progress, cancel) -> str:
        progress(1_500_000)
        self.running.set()
        try:
            while not cancel():
                self.ended.wait(0.001)
            raise Interrupted
        finally:
            self.ended.set()


@pytest.fixture
def digests():
    made = Digests()
    yield made
    made.close()


async def test_a_digest_is_computed_and_counted(tmp_path, digests):
    """The result, and how much was read."""
    path, told = tmp_path / "x", []
    path.write_bytes(bytes(SIZE))
    found = await digests.run(digest_file, str(path), "md5", progress=told.append)
    assert found == digest_file(str(path), "md5")
    assert told[-1] == SIZE and told == sorted(told)


async def test_who_is_cancelled_leaves_no_thread_behind(digests):
    """What is read is closed next, so the reading has ended by then."""
    work = Endless()
    task = asyncio.create_task(digests.run(work, progress=lambda _: None))
    await asyncio.to_thread(work.running.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.ended.is_set()


async def test_who_waits_for_a_turn_may_leave(digests):
    """More than can be read at once wait, and can be cancelled there."""
    busy = [Endless() for _ in range(AT_ONCE)]
    tasks = [asyncio.create_task(digests.run(work, progress=lambda _: None)) for work in busy]
    for work in busy:
        await asyncio.to_thread(work.running.wait)
    waiting = asyncio.create_task(digests.run(digest_file, "/dev/null", "md5", progress=lambda _: None))
    await asyncio.sleep(0)
    waiting.cancel()
    tasks[0].cancel()
    assert (await asyncio.gather(waiting, tasks[0], return_exceptions=True))[1].__class__ is asyncio.CancelledError
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_download_is_paused_while_it_is_proven(bench, monkeypatch):
    """It shows how far it is, stops at once, and goes on to the right file without a byte fetched twice."""
    work = Endless()
    monkeypatch.setattr(proof, "digest_file", work)
    checksum = f"sha-256={digest('v.bin', SIZE)}"
    id = await bench.add(bench.server.file(SIZE, "v.bin"), options=Options(checksum=checksum))
    view = await bench.until(id, lambda view: view.state is State.VERIFYING and view.checked > 0)
    assert (view.checked, view.progress, view.fraction) == (1_500_000, 0.5, 1.0)
    (outcome,) = await bench.engine.pause([id])
    assert outcome.download.state is State.PAUSED
    assert work.ended.is_set()
    monkeypatch.undo()
    sent = len(bench.server.requests)
    await bench.engine.resume([id])
    view = await bench.complete(id)
    assert bench.digest("v.bin") == digest("v.bin", SIZE) and view.checked == 0
    assert len(bench.server.requests) == sent
