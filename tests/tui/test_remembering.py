"""What is remembered is written when it changes, and a slow disk holds nobody up."""

from __future__ import annotations

import asyncio
import json
import threading
import time


async def until(test) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + 10
    while not test():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_change_is_written_while_the_screen_is_open(rig, memory):
    """A kill loses nothing."""
    kept = memory()
    async with rig(memory=kept) as r:
        await r.press("3")
        await until(lambda: kept.load().get("pane") == "history")
        await r.press("S")
        await until(lambda: json.loads(kept.load()["orders"])["history"] == ["finished", False])


async def test_nothing_is_written_when_nothing_changed(rig, memory):
    """Opening the screen writes nothing, nor does leaving it."""
    kept = memory()
    async with rig(memory=kept):
        pass
    before = kept.load()
    writes = []
    kept.save = writes.append
    async with rig(memory=kept) as r:
        assert r.app.session.remembered == before
    assert writes == []


async def test_a_slow_disk_does_not_hold_the_screen_up(rig, memory):
    """The write is in a thread; what changed meanwhile is written after it."""
    kept, free, began = memory(), threading.Event(), threading.Event()
    save = kept.save

    def slow(values) -> None:
        began.set()
        assert free.wait(10)
        save(values)

    kept.save = slow
    async with rig(memory=kept) as r:
        await r.press("2")
        await until(began.is_set)
        await r.press("4")
        assert r.main.pane == "errors"
        free.set()
        await until(lambda: kept.load().get("pane") == "errors")
