"""Files of packages are chosen on the screen, and zips are made there."""

from __future__ import annotations

import pytest

from tui_downloads.core.download import FileRecord
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind

NAMES = ("day 1/a.mov", "day 1/b.mov", "notes\x1b[31m.txt")


async def at_a_package(r) -> str:
    """Put a paused package on the list, and the cursor on it."""
    files = [FileRecord(str(n), f"P/{name}", size=n * 1000) for n, name in enumerate(NAMES, 1)]
    id = r.engine.put("https://six.example/p.json", state=State.PAUSED, kind=Kind.PACKAGE, name="P", files=files, age=1)
    r.app.pull()
    await r.settle()
    r.table.move_to_id(id)
    return id


async def test_e_chooses_the_files_of_a_package(rig):
    """Each with its size; what is switched off is left out, and nothing in a name reaches the terminal as it is."""
    async with rig() as r:
        id = await at_a_package(r)
        await r.press("e")
        shown = r.shown()
        assert "P/day 1/a.mov" in shown and "\x1b" not in shown and shown.count("[x]") == 3
        await r.press("space", "j", "j", "space", "enter")
        ((changed, change),) = r.asked("change")
        assert changed == id and change.selected == frozenset({"2"})


@pytest.mark.parametrize("keys", [("e", "escape"), ("e", "enter")])
async def test_a_choice_that_changes_nothing_asks_nothing(rig, keys):
    """Left, or taken as it was."""
    async with rig() as r:
        await at_a_package(r)
        await r.press(*keys)
        assert r.asked("change") == []


async def test_there_is_nothing_to_choose_of_one_file(rig):
    """The key does nothing."""
    async with rig() as r:
        await r.press("e")
        assert not r.app.screen.is_modal


async def test_b_makes_a_zip_of_what_is_finished(rig):
    """Of the marked ones those that are complete; what failed is left out."""
    async with rig() as r:
        await r.press("3", "*", "b")
        ((request,),) = r.asked("add")
        assert request.kind is Kind.BUNDLE
        assert set(request.source["ids"]) == {r.id("done-a.txt"), r.id("done-b.txt")}


async def test_there_is_no_zip_of_what_is_not_finished(rig):
    """The key does nothing."""
    async with rig() as r:
        await r.press("b")
        assert r.asked("add") == []
