"""What finished files hold in memory: little, and not for long."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.conftest import PATIENCE, Bench
from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.errors import DownloadError
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import AddRequest
from tui_downloads.engine.committer import HEAVY, Committer, Finished
from tui_downloads.engine.runner import Runner
from tui_downloads.engine.transfer import Transfer
from tui_downloads.files.base import Published
from tui_downloads.files.publish import Ready
from tui_downloads.store.memory import MemoryStore


class Nobody:
    """Brought a file and has nothing to let go of."""

    def release(self) -> None: ...

    def drop_superseded(self) -> None: ...


def finished(folder: Path, name: str, size: int) -> Finished:
    record = Download(name, name, Kind.LINK, AddRequest("http://a/"), "http://a/", str(folder))
    return Finished(record, FileRecord(), Ready(str(folder), name, body=bytes(size)), Nobody())


@contextmanager
def without_collector() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def test_a_finished_transfer_is_let_go_without_the_collector(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    """Many small files between two collections would otherwise lie in memory with all their bytes."""
    made: list[weakref.ref[Transfer]] = []
    real = Runner.make_transfer

    def make(self: Runner, file: FileRecord) -> Transfer:
        transfer = real(self, file)
        made.append(weakref.ref(transfer))
        return transfer

    monkeypatch.setattr(Runner, "make_transfer", make)
    with without_collector():
        for number in range(3):
            await bench.complete(await bench.add(bench.server.file(5000, f"{number}.bin")))
        async with asyncio.timeout(PATIENCE):
            while any(ref() is not None for ref in made):
                await asyncio.sleep(0.01)
    assert len(made) == 3


async def test_heavy_bodies_hold_back_who_brings_more_and_go_in_batches(tmp_path: Path):
    """A thousand small files may wait for a slow disk; as many of a megabyte would fill the memory."""
    done: list[str] = []
    sizes: list[int] = []

    def on_done(item: Finished, outcome: Published | DownloadError) -> None:
        assert isinstance(outcome, Published)
        done.append(outcome.name)

    async def after(batch: list[Finished]) -> None:
        sizes.append(len(batch))

    committer = Committer(MemoryStore(), on_done, after, unsaved=lambda batch: None, alone=lambda: True)
    for number in range(5):
        committer.submit(finished(tmp_path, f"{number}.bin", HEAVY // 2))
    waits = asyncio.ensure_future(committer.room())
    await asyncio.sleep(0)
    held_back = not waits.done()
    await committer.drain()
    await waits
    assert held_back
    assert sizes == [2, 2, 1]
    assert sorted(done) == [f"{number}.bin" for number in range(5)]
