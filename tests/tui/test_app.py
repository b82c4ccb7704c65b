"""The app as a whole: sizes, memory, mouse, plain mode, what is told to the terminal."""

from __future__ import annotations

import pytest

from tui_downloads.core.lifecycle import State
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.engine.fake_transfer import Script
from tui_downloads.tui.announcer import Announcer
from tui_downloads.tui.environment import needs_ascii, over_ssh, prepare
from tui_downloads.tui.memory import FileMemory
from tui_downloads.tui.options import ScreenSettings
from tui_downloads.tui.rows import Changes, difference


async def test_a_window_that_is_too_small_says_so(rig):
    """Politely, and only then."""
    async with rig(size=(39, 11)) as r:
        assert "too small" in r.shown()
        await r.pilot.resize_terminal(40, 12)
        await r.settle()
        assert "too small" not in r.shown()


async def test_tab_order_columns_and_filter_are_remembered(rig, memory):
    """From one session to the next."""
    kept = memory()
    async with rig(memory=kept) as r:
        await r.press("s", "down", "enter", "m", "/")
        await r.type("run")
        await r.press("enter", "2")
    async with rig(memory=kept) as r:
        assert (r.main.pane, r.main.filter.text) == ("queue", "run")
        await r.press("1")
        assert r.names() == ["run0.iso", "run1.iso", "run2.iso"] and r.table.row_height == 2


@pytest.mark.parametrize("values", [{"pane": "nonsense", "orders": "[1", "columns": "7"}, {"orders": '{"active": 3}'}])
async def test_damaged_memory_is_ignored(rig, memory, values):
    """Comfort is never worth a crash."""
    async with rig(memory=memory(**values)) as r:
        assert r.main.pane == "active"


def test_memory_in_a_file(tmp_path):
    """Damaged, absent and unwritable files are empty ones."""
    path = tmp_path / "screen.json"
    FileMemory(path).save({"pane": "log"})
    assert FileMemory(path).load() == {"pane": "log"}
    path.write_text("[1]")
    assert FileMemory(path).load() == {}
    FileMemory(tmp_path / "no" / "where").save({"a": "b"})


async def test_an_empty_list_teaches(rig):
    """Three lines."""
    async with rig(FakeEngine()) as r:
        assert "Press a to add links" in r.shown() and "Press ? for every key" in r.shown()


async def test_the_cursor_follows_the_download_not_the_row(rig):
    """Others come and go above it."""
    async with rig() as r:
        await r.press("j", "j")
        await r.main.session.desk.engine.cancel([r.id("run0.iso")])
        r.app.pull()
        await r.settle()
        assert r.name() == "run2.iso"


async def test_a_banner_stands_over_the_last_known_data(rig):
    """When the engine is out of reach."""
    async with rig() as r:
        r.engine.tell_about(banner="Connection lost, trying again.", stale=True)
        r.app.pull()
        await r.settle()
        assert "Connection lost" in r.shown() and "run0.iso" in r.shown()


async def test_the_log_tells_the_news(rig):
    """One line for each change of state."""
    async with rig() as r:
        await r.press("p", "5")
        assert any("paused run0.iso" in line for line in r.main.log_view.lines)
        assert "run0.iso" in r.shown()


async def test_clicks_move_mark_open_and_sort(rig):
    """The mouse works wherever a key does."""
    async with rig() as r:
        await r.pilot.click("#active", offset=(20, 2))
        assert r.name() == "run1.iso"
        await r.pilot.click("#active", offset=(1, 3))
        assert r.table.marked == {r.id("run2.iso")}
        await r.pilot.click("#active", offset=(18, 0))
        await r.settle()
        assert r.main.order() == ("name", False)
        await r.pilot.click("#active", offset=(20, 2), times=2)
        await r.settle()
        assert "details" in r.shown()


async def test_clicks_on_tabs_and_footer(rig):
    """They do what their keys do."""
    async with rig() as r:
        tabs = r.main.tab_bar.text
        await r.pilot.click("#tabs", offset=(tabs.index("Queue"), 0))
        assert r.main.pane == "queue"
        keys = r.main.key_bar.text
        await r.pilot.click("#keys", offset=(keys.index("pause"), 0))
        await r.settle()
        assert len(r.asked("pause")) == 1


async def test_plain_mode_draws_nothing(rig):
    """Words and ASCII only."""
    async with rig(settings=ScreenSettings(plain=True, ascii=True)) as r:
        r.engine.tick(2)
        r.app.pull()
        await r.settle()
        assert r.shown().isascii() and "transferring" in r.shown()
        await r.press("D")
        assert "─" not in r.shown() and "│" not in r.shown()
        # A box has its title in the border; without one it is a line.
        assert "Remove with files" in r.shown()
        for key in ("?", "t", "s", "C"):
            await r.press("escape", key)
            assert r.shown().isascii()


async def test_ascii_mode_is_ascii(rig):
    """For terminals and fonts without more."""
    async with rig(settings=ScreenSettings(ascii=True)) as r:
        assert r.shown().replace("·", "").isascii()


async def test_no_color_still_says_everything(rig, monkeypatch):
    """State is a word, the cursor is a sign."""
    monkeypatch.setenv("NO_COLOR", "1")
    async with rig() as r:
        assert "▌" in r.shown() and "paused" in r.shown()


@pytest.mark.parametrize(("surroundings", "focus", "tick"), [({}, True, 0.5), ({}, False, 1.0), (
    {"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}, True, 1.0)])  # fmt: skip
async def test_it_looks_less_often_over_ssh_and_when_nobody_looks_at_it(rig, monkeypatch, surroundings, focus, tick):
    """The slow tick of the settings."""
    for name, value in surroundings.items():
        monkeypatch.setenv(name, value)
    async with rig() as r:
        r.app.app_focus = focus
        await r.settle()
        assert r.app._timer._interval == tick


def test_ssh_is_frugal():
    """Before Textual reads the environment; what the user set stays."""
    environ = {"SSH_CONNECTION": "x", "TEXTUAL_FPS": "5"}
    prepare(environ)
    assert over_ssh(environ) and environ["TEXTUAL_ANIMATIONS"] == "none" and environ["TEXTUAL_FPS"] == "5"


@pytest.mark.parametrize(
    ("environ", "ascii"),
    [({"LANG": "C"}, True), ({"LANG": "de_DE.UTF-8"}, False), ({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, True),
     ({"TERM": "linux", "LANG": "C.UTF-8"}, True)],
)  # fmt: skip
def test_ascii_is_chosen_by_the_locale(environ, ascii):
    """LC_ALL before LANG."""
    assert needs_ascii(environ) is ascii


def test_endings_ring_and_notify():
    """Names are cleaned before they go into a control sequence."""
    written: list[str] = []
    settings = ScreenSettings(bell=True, notify=True, progress=True, title=True)
    announcer = Announcer(written.append, settings)
    fake = FakeEngine()
    fake.put("https://example.org/1", state=State.TRANSFERRING, name="a\x1b]52;c;x\x07.iso", done=99,
             script=Script(size=100, rate=100.0))  # fmt: skip
    before = fake.snapshot()
    announcer.take(before, Changes(), 0.0)
    fake.tick()
    fake.tick()
    after = fake.snapshot()
    announcer.take(after, difference(before.downloads, after.downloads), 10.0)
    text = "".join(written)
    assert "\x07" in written and "\x1b]9;complete: a␛]52;c;x␇.iso\x07" in text and "\x1b]2;tui-downloads\x07" in text
    assert "\x1b]52" not in text


async def test_clicks_on_hostile_names_ask_the_engine_for_nothing(rig, hostile):
    """Table, details and the question before deleting: a name is text, whatever it says."""
    engine = FakeEngine(folder="/data")
    for number, name in enumerate(hostile):
        engine.put(f"https://example.org/{number}", state=State.TRANSFERRING, name=name, title=name, age=number)
    async with rig(engine) as r:
        for y in range(2, 2 + len(hostile)):
            for x in (5, 25):
                await r.pilot.click(offset=(x, y))
                await r.pilot.click(offset=(x, y), shift=True)
        await r.press("escape", "escape", "enter")
        for y in range(2, 30, 3):
            await r.pilot.click(offset=(25, y))
        await r.press("escape", "*", "D")
        for y in range(14, 26, 3):
            await r.pilot.click(offset=(50, y))
        assert engine.calls == [] and r.app.return_value is None


async def test_a_key_line_of_the_settings_can_be_clicked(rig, book):
    """Change, default and back."""
    async with rig(book=book) as r:
        await r.press("f3")
        y = r.app.size.height - 1
        line = r.shown().splitlines()[y]
        await r.pilot.click(offset=(line.index("esc back"), y))
        await r.settle()
        assert r.app.screen is r.main
