"""What can be done with what has ended, in History and Errors."""

from __future__ import annotations

import pytest

from tui_downloads.tui import opener
from tui_downloads.tui.dialogs.confirm import ConfirmDialog
from tui_downloads.tui.panes import KINDS

ENDED = ["done-a.txt", "bad.tar", "gone.tar", "done-b.txt"]


@pytest.mark.parametrize(("pane", "key", "asked", "name"), [
    ("3", "n", "add", "done-a.txt"), ("3", "d", "remove", "done-a.txt"), ("3", "r", "retry", "bad.tar"),
    ("4", "n", "add", "bad.tar"), ("4", "d", "remove", "bad.tar"), ("4", "r", "retry", "bad.tar"),
])  # fmt: skip
async def test_again_remove_retry(rig, pane, key, asked, name):
    """The engine is asked once, for the row at the cursor."""
    async with rig() as r:
        await r.press(pane)
        r.table.move_to_id(r.id(name))
        id = r.id(name)
        await r.press(key)
        [given] = r.asked(asked)
        assert given == (id,) or given[0].url.endswith(name)


@pytest.mark.parametrize("pane", ["3", "4"])
async def test_copying_and_opening(rig, monkeypatch, pane):
    """Link, path and folder."""
    opened: list[str] = []

    async def fake_open(path: str) -> str:
        opened.append(path)
        return ""

    monkeypatch.setattr(opener, "open_path", fake_open)
    async with rig() as r:
        await r.press(pane)
        r.table.move_to_id(r.id("bad.tar"))
        await r.press("y")
        assert r.app.clipboard == "https://five.example/bad.tar"
        await r.press("Y", "O")
        assert r.app.clipboard == "/data/bad.tar" and opened == ["/data"]


@pytest.mark.parametrize("pane", ["3", "4"])
async def test_files_are_deleted_after_a_question(rig, pane):
    """For all that is marked, with every path, the total, and the focus on No."""
    async with rig() as r:
        await r.press(pane)
        marked = len(r.table.rows) - (pane == "4")
        ids = {r.id(name) for name in (ENDED if pane == "3" else ["bad.tar", "gone.tar"])}
        # The one that waits stands in Errors as well, and has not ended.
        if pane == "4":
            r.table.move_to_id(r.id("bad.tar"))
            await r.press("space", "space")
        else:
            await r.press("*")
        assert len(r.table.marked) == marked
        await r.press("D")
        assert isinstance(r.app.screen, ConfirmDialog) and r.app.focused.id == "no"
        assert "/data/bad.tar" in r.shown() and "in all" in r.shown()
        await r.press("y")
        assert set(r.asked("remove_files")[0]) == ids


@pytest.mark.parametrize(("pane", "sort"), [(key, sort) for key in ("history", "errors") for sort in KINDS[key].sorts])
async def test_the_store_is_asked_for_every_order(rig, monkeypatch, pane, sort):
    """Chosen from the menu, and turned round."""
    async with rig() as r:
        asked = []
        page = r.engine.page

        async def note(query):
            asked.append((query.sort, query.reverse))
            return await page(query)

        for rows in ("history", "errors"):
            monkeypatch.setattr(r.main.rows[rows], "_load", note)
        await r.press(
            "3" if pane == "history" else "4", "s", "home", *["down"] * KINDS[pane].sorts.index(sort), "enter"
        )
        await r.press("S")
        assert [order for order, _ in asked[-2:]] == [sort, sort] and asked[-1][1] is not asked[-2][1]


@pytest.mark.parametrize(("text", "names"), [
    ("done", ["done-a.txt", "done-b.txt"]), ("state:failed", ["bad.tar", "gone.tar"]), ("host:five gone", ["gone.tar"]),
    ("-state:complete -gone", ["bad.tar"]), ("size>1g", []),
])  # fmt: skip
async def test_search_with_terms(rig, text, names):
    """In the store where it can, here where it can't."""
    async with rig() as r:
        await r.press("3", "/")
        await r.type(text)
        await r.press("enter")
        assert sorted(r.names()) == names


async def test_errors_tell_cause_fault_next_step_and_next_try(rig):
    """Each in the row itself."""
    async with rig(size=(140, 40)) as r:
        await r.press("4")
        shown = r.shown()
        for word in ("stalled", "five.example sent nothing", "network", "resumes", "404: not there."):
            assert word in shown
