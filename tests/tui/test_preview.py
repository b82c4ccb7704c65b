"""The preview shows the download at the cursor, and asks for nothing that nobody sees."""

from __future__ import annotations

import pytest

from tui_downloads.engine.fake import FakeEngine
from tui_downloads.tui.details import DetailsScreen
from tui_downloads.tui.preview import placement

LARGE = (160, 44)


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every id that the engine was asked for."""
    asked: list[str] = []
    get = FakeEngine.get

    async def listen(self, id):
        asked.append(id)
        return await get(self, id)

    monkeypatch.setattr(FakeEngine, "get", listen)
    return asked


@pytest.mark.parametrize(
    ("size", "chosen", "plain", "where"),
    [
        ((200, 50), None, False, "beside"), ((150, 20), None, False, "beside"), ((149, 50), None, False, ""),
        ((200, 19), None, False, ""), ((200, 50), False, False, ""), ((120, 40), True, False, "below"),
        ((99, 60), True, False, ""), ((120, 29), True, False, ""), ((200, 50), None, True, ""),
        ((200, 50), True, True, "beside"),
    ],
)  # fmt: skip
def test_it_stands_where_there_is_room(size, chosen, plain, where):
    """Beside a table on a wide screen; below it where it was asked for."""
    assert placement(*size, chosen, plain=plain) == where


async def test_it_shows_what_the_details_show(rig):
    """Link, path, map, connections and speed, beside the list."""
    async with rig(size=LARGE) as r:
        r.engine.tick(3)
        r.app.pull()
        await r.settle()
        for word in ("Link", "/data/run0.iso", "Segments", "Connections", "Speed", "run1.iso"):
            assert word in r.shown()


async def test_it_follows_the_cursor_from_pane_to_pane(rig):
    """Errors come with cause and next step."""
    async with rig(size=LARGE) as r:
        await r.press("j")
        assert "/data/run1.iso" in r.main.preview.widget.text
        await r.press("4")
        r.table.move_to_id(r.id("bad.tar"))
        await r.settle()
        said = r.main.preview.widget.text
        assert "five.example sent nothing for 60 seconds." in said and "Next step" in said


async def test_keys_that_repeat_look_one_download_up(rig, looked_up):
    """The one at which they come to rest."""
    async with rig(size=LARGE) as r:
        looked_up.clear()
        for _ in range(4):
            r.main.action_move_down()
        await r.settle()
        assert looked_up == [r.table.cursor_id]


async def test_what_looks_as_before_is_not_looked_up_again(rig, looked_up):
    """However often the engine is looked at."""
    async with rig(size=LARGE) as r:
        r.table.move_to_id(r.id("held.zip"))
        await r.settle()
        looked_up.clear()
        for _ in range(3):
            r.app.pull()
            await r.settle()
        assert looked_up == []


async def test_figures_follow_the_engine(rig):
    """At every tick."""
    async with rig(size=LARGE) as r:
        before = r.main.preview.widget.text
        r.engine.tick(60)
        r.app.pull()
        await r.settle()
        assert r.main.preview.widget.text != before


async def test_nothing_is_looked_up_while_it_is_hidden(rig, looked_up):
    """On a smaller window, and where it was switched off."""
    async with rig() as r:
        await r.press("j")
        assert looked_up == [] and r.main.preview.widget is None
    async with rig(size=LARGE) as r:
        await r.press("w")
        looked_up.clear()
        r.engine.tick(1)
        r.app.pull()
        await r.press("j")
        assert looked_up == []


async def test_the_log_has_the_whole_width(rig):
    """Nothing is at a cursor there."""
    async with rig(size=LARGE) as r:
        await r.press("5")
        assert not r.main.preview.shown
        await r.press("1")
        assert r.main.preview.shown


async def test_it_is_remembered(rig, memory):
    """Switched on below the list, and switched off beside it."""
    kept = memory()
    async with rig(memory=kept) as r:
        await r.press("w")
        assert r.main.preview.widget.where == "below"
    async with rig(memory=kept, size=LARGE) as r:
        assert r.main.preview.shown
        await r.press("w")
    async with rig(memory=kept, size=LARGE) as r:
        assert not r.main.preview.shown


async def test_a_window_without_room_says_so(rig):
    """And names another way."""
    async with rig(size=(80, 24)) as r:
        await r.press("w")
        assert "enter shows the details" in r.said[-1] and "preview" not in r.main.key_bar.text


async def test_it_comes_and_goes_with_the_size(rig):
    """Of the window."""
    async with rig(size=(80, 24)) as r:
        await r.pilot.resize_terminal(*LARGE)
        await r.settle()
        assert r.main.preview.shown and "/data/run0.iso" in r.main.preview.widget.text
        await r.pilot.resize_terminal(80, 24)
        await r.settle()
        assert not r.main.preview.shown


async def test_two_clicks_on_it_open_the_details(rig):
    """As on a row of the list."""
    async with rig(size=LARGE) as r:
        await r.pilot.click("#preview", times=2)
        await r.settle()
        assert isinstance(r.app.screen, DetailsScreen)


async def test_hostile_names_are_shown_and_not_obeyed(rig, hostile):
    """The same door as everywhere."""
    engine = FakeEngine(folder="/data")
    for name in hostile:
        engine.put("https://evil.example/x", name=name, title=name)
    async with rig(engine, size=LARGE) as r:
        await r.press("2")
        for _ in hostile:
            assert all(char.isprintable() or char == "\n" for char in r.main.preview.widget.text)
            await r.press("j")
