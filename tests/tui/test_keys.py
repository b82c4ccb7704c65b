"""Every key does what the reference says, and whatever a key does the palette and the mouse do, too."""

from __future__ import annotations

import asyncio

import pytest
from textual import events

from tests.tui.test_package_actions import at_a_package
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView, Kind, Page
from tui_downloads.tui.actions import ACTIONS, BY_ID, remapped, shown_keys
from tui_downloads.tui.app import DownloadsApp
from tui_downloads.tui.details import DetailsScreen
from tui_downloads.tui.dialogs.add import AddDialog
from tui_downloads.tui.dialogs.base import Dialog
from tui_downloads.tui.dialogs.choice import ChoiceDialog, SeveralDialog
from tui_downloads.tui.dialogs.confirm import ConfirmDialog
from tui_downloads.tui.dialogs.help import HelpDialog
from tui_downloads.tui.dialogs.limits import LimitsDialog
from tui_downloads.tui.dialogs.prompt import RefreshDialog
from tui_downloads.tui.main_screen import MainScreen
from tui_downloads.tui.options import ScreenSettings
from tui_downloads.tui.palette import PaletteProvider
from tui_downloads.tui.safe_text import pad
from tui_downloads.tui.settings_screen import SettingsScreen

REFERENCE = """
down up j k g G pageup pagedown ctrl+u ctrl+d space v * i escape enter left_square_bracket right_square_bracket
1 2 3 4 5 tab shift+tab a A p P x d delete D r R J K + - / f s S C y Y o O t u z ? F1 : ctrl+p q ctrl+q
""".split()
"""The keys of the reference, as Textual names them."""


def moved(to: int):
    return lambda r: r.table._cursor == to


def asked(method: str):
    return lambda r: len(r.asked(method)) == 1


def shows(kind: type):
    return lambda r: isinstance(r.app.screen, kind)


def pane(name: str):
    return lambda r: r.main.pane == name


def marked(count: int):
    return lambda r: len(r.table.marked) == count


def said(text: str):
    return lambda r: any(text in sentence for sentence in r.said)


CASES = {
    "down": ((), moved(1)), "j": ((), moved(1)), "up": (("G",), moved(3)), "k": (("G",), moved(3)),
    "g": (("j", "j"), moved(0)), "home": (("j", "j"), moved(0)), "G": ((), moved(4)), "end": ((), moved(4)),
    "pagedown": ((), moved(4)), "ctrl+d": ((), moved(4)), "pageup": (("G",), moved(0)), "ctrl+u": (("G",), moved(0)),
    "space": ((), marked(1)), "v": ((), lambda r: r.table.ranging), "*": ((), marked(5)), "i": (("space",), marked(4)),
    "escape": (("*",), marked(0)), "enter": ((), lambda r: type(r.app.screen).__name__ == "DetailsScreen"),
    "right_square_bracket": ((), pane("queue")),
    "tab": ((), pane("queue")), "left_square_bracket": ((), pane("log")), "shift+tab": ((), pane("log")),
    "1": (("3",), pane("active")), "2": ((), pane("queue")), "3": ((), pane("history")), "4": ((), pane("errors")),
    "5": ((), pane("log")), "a": ((), shows(AddDialog)), "A": ((), shows(AddDialog)), "p": ((), asked("pause")),
    "P": ((), asked("pause")), "x": ((), asked("cancel")), "d": ((), asked("remove")), "delete": ((), asked("remove")),
    "D": ((), shows(ConfirmDialog)), "r": (("4", "j"), asked("retry")), "R": ((), asked("retry")),
    "n": (("3",), asked("add")), "b": (("3", "*"), asked("add")), "e": ((), shows(SeveralDialog)),
    "u": (("d",), asked("restore")), "c": ((), said("Nothing here is finished")),
    "K": (("2", "j"), asked("move")), "J": (("2",), asked("move")), "+": ((), asked("change")),
    "equals_sign": ((), asked("change")), "-": ((), asked("change")), "t": ((), shows(LimitsDialog)),
    "T": ((), said("No limits are set")), "/": ((), lambda r: r.app.focused.id == "filter"),
    "f": ((), shows(ChoiceDialog)), "s": ((), shows(ChoiceDialog)), "S": ((), lambda r: r.main.order()[1]),
    "C": ((), shows(SeveralDialog)), "m": ((), lambda r: r.table.comfortable), "z": ((), lambda r: r.main.frozen),
    "F2": ((), lambda r: not r.app.current_theme.dark), "y": ((), said("Sent 1 link")), "Y": ((), said("Sent 1 path")),
    "w": ((), lambda r: r.main.preview.shown),
    "o": ((), said("not complete yet")), "O": ((), said("not on this machine's disk")),
    "?": ((), shows(HelpDialog)), "F1": ((), shows(HelpDialog)),
    ":": ((), lambda r: "Palette" in type(r.app.screen).__name__),
    "ctrl+p": ((), lambda r: "Palette" in type(r.app.screen).__name__),
    "F3": ((), lambda r: type(r.app.screen).__name__ == "SettingsScreen"), "F4": ((), said("endpoint is on")),
    "q": ((), shows(ChoiceDialog)), "ctrl+q": ((), shows(ChoiceDialog)),
}  # fmt: skip
"""Key → what is pressed before it, and what is to be seen after it."""
BOUND = [key for action in ACTIONS for key in action.keys.split(",")]


def test_every_key_of_the_reference_is_bound():
    """None was forgotten."""
    assert set(REFERENCE) - set(BOUND) == set()


def test_every_bound_key_has_a_case():
    """A new key comes with its test."""
    assert set(CASES) == set(BOUND)


@pytest.mark.parametrize("key", BOUND)
async def test_key(rig, book, switch, key):
    """It does what it says."""
    before, seen = CASES[key]
    async with rig(book=book, endpoint=switch) as r:
        if key == "e":
            await at_a_package(r)
        await r.press(*before)
        assert not seen(r)
        await r.press(key.lower() if key.startswith("F") and len(key) > 1 else key)
        assert seen(r)


async def test_every_action_is_in_the_palette(rig, book, switch):
    """Where it is possible, in one pane or another."""
    found: set[str] = set()
    async with rig(book=book, endpoint=switch) as r:
        for keys in ((), ("2",), ("3", "G"), ("4",), ("1", "d")):
            await r.press(*keys)
            provider = PaletteProvider(r.app.screen)
            found |= {str(hit.text) async for hit in provider.discover()}
        await r.press("1")
        await at_a_package(r)
        found |= {str(hit.text) async for hit in PaletteProvider(r.app.screen).discover()}
    assert {action.title for action in ACTIONS} - found == {BY_ID["app.palette"].title}


async def click_text(r, text: str, *, button: int = 1) -> None:
    """Click on a text that is on the screen."""
    lines = r.shown().splitlines()
    y = next(at for at, line in enumerate(lines) if text in line)
    await r.pilot.click(offset=(lines[y].index(text), y), button=button)
    await r.settle()


async def test_every_action_can_be_clicked(rig, book, switch, monkeypatch):
    """Help and palette are in the footer, and each line of the help gives its action."""
    run: list[str | None] = []
    async with rig(book=book, endpoint=switch, size=(120, 150)) as r:
        await click_text(r, "? help")
        assert isinstance(r.app.screen, HelpDialog)
        # It stays open, for every line to be clicked.
        monkeypatch.setattr(r.app.screen, "dismiss", run.append)
        lines = r.shown().splitlines()
        for action in ACTIONS:
            text = f"{pad(' '.join(shown_keys(action, {})), 13)}{action.title}"
            y = next(at for at, line in enumerate(lines) if text in line)
            await r.pilot.click(offset=(lines[y].index(text), y))
        assert run == [action.method for action in ACTIONS]


async def test_a_right_click_lists_what_can_be_done_with_a_row(rig):
    """And a click there does it."""
    async with rig() as r:
        await click_text(r, "run1.iso", button=3)
        assert isinstance(r.app.screen, ChoiceDialog) and "run1.iso" in r.shown()
        await click_text(r, "Cancel, keep in the history")
        assert r.asked("cancel") == [(r.id("run1.iso"),)]


@pytest.mark.parametrize(("key", "hint"), [("D", "n no"), ("t", "esc leave"), ("s", "esc leave"), ("C", "esc leave"),
                                           ("a", "esc leave"), ("?", "esc close")])  # fmt: skip
async def test_hints_of_dialogs_can_be_clicked(rig, key, hint):
    """Each dialog can be left with the mouse alone."""
    async with rig() as r:
        await r.press(key)
        await click_text(r, hint)
        assert r.app.screen is r.main


async def test_limits_are_taken_by_a_click(rig):
    """The hint is the button."""
    async with rig() as r:
        await r.press("t", *"2M")
        await click_text(r, "enter take")
        assert len(r.asked("set_limits")) == 1


@pytest.mark.parametrize("where", ["enter", "f3"])
async def test_links_are_pasted_on_any_screen(rig, book, where):
    """Details and settings have no field that would take them."""
    async with rig(book=book) as r:
        await r.press(where)
        r.app.post_message(events.Paste("https://nine.example/x.zip"))
        await r.settle()
        assert isinstance(r.app.screen, AddDialog)


async def test_a_paste_never_leaves_a_question_behind(rig):
    """What was asked is answered first."""
    async with rig() as r:
        await r.press("D")
        r.app.post_message(events.Paste("https://nine.example/x.zip"))
        await r.settle()
        assert isinstance(r.app.screen, ConfirmDialog)


async def test_enter_adds_what_was_pasted(rig):
    """Nothing more is to be typed."""
    async with rig() as r:
        r.app.post_message(events.Paste("https://nine.example/x.zip"))
        await r.settle()
        await r.press("enter")
        assert [request.url for request in r.asked("add")[0]] == ["https://nine.example/x.zip"]


async def test_enter_begins_another_line_and_twice_adds(rig):
    """While links are typed."""
    async with rig() as r:
        await r.press("a")
        await r.type("https://nine.example/x")
        await r.press("enter")
        assert isinstance(r.app.screen, AddDialog)
        await r.press("enter")
        assert len(r.asked("add")) == 1


async def test_the_key_that_answers_is_not_a_key_of_the_screen_below(rig):
    """`n` stays; it does not download again as well."""
    async with rig() as r:
        await r.press("q", "n")
        assert r.app.screen is r.main and r.engine.calls == []


async def test_help_runs_what_is_chosen(rig):
    """Enter on a line."""
    async with rig() as r:
        await r.press("?", "j", "j", "enter")
        assert r.asked("pause") == [(r.id("run0.iso"),)]
        assert r.engine.snapshot().downloads[r.id("run0.iso")].state in (State.PAUSING, State.PAUSED)


async def test_a_keymap_may_name_function_keys_and_mistakes_in_it_are_told(rig):
    """As they stand on the keyboard; an id that names nothing is said to."""
    settings = ScreenSettings(ascii=False, keys={"download.pause": "F6,w", "download.pasue": "e"})
    async with rig(settings=settings) as r:
        await r.press("f6")
        assert len(r.asked("pause")) == 1
        assert any("download.pasue" in sentence for sentence in r.said)


def test_every_binding_of_every_screen_has_an_id_that_a_keymap_may_name():
    """Dialogs, details and settings, too."""
    kinds = [DownloadsApp, MainScreen, DetailsScreen, SettingsScreen, Dialog, AddDialog, ChoiceDialog, SeveralDialog,
             ConfirmDialog, HelpDialog, LimitsDialog, RefreshDialog]  # fmt: skip
    own = [(kind, binding) for kind in kinds for binding in kind.__dict__.get("BINDINGS", ())]
    ids = {binding.id or f"{kind.__name__}: {binding.key}" for kind, binding in own}
    assert remapped(dict.fromkeys(ids, "w"))[1] == ""


async def test_a_keymap_reaches_the_other_screens(rig):
    """The keys of the details, and those of the list that work there as well; help and footer name them."""
    keys = {"details.next": "w", "download.pause": "e", "move.bottom": "b"}
    async with rig(settings=ScreenSettings(ascii=False, keys=keys)) as r:
        await r.press("enter", "w", "p")
        assert r.asked("pause") == [] and "Connections" in r.shown() and "w tabs" in r.shown().splitlines()[-1]
        await r.press("e", "right_square_bracket")
        assert len(r.asked("pause")) == 1
        await r.press("?")
        assert r.app.screen.query_one("OptionList").option_count > len(ACTIONS)


@pytest.mark.parametrize("key", ["f1", "question_mark"])
async def test_help_opens_on_the_details(rig, key):
    """Both of its keys."""
    async with rig() as r:
        await r.press("enter", key)
        assert isinstance(r.app.screen, HelpDialog)


async def test_the_palette_runs_every_action(rig, book, switch, monkeypatch):
    """Each hit asks the main screen for its method, as a key does."""
    run: list[str] = []

    async def note(method: str) -> None:
        run.append(method)

    async with rig(book=book, endpoint=switch) as r:
        monkeypatch.setattr(r.main, "run_method", note)
        monkeypatch.setattr(r.main, "possible", lambda action: True)
        async for hit in PaletteProvider(r.app.screen).discover():
            await hit.command()
    assert run == [action.method for action in ACTIONS if action.id != "app.palette"]


async def test_the_palette_finds_one_of_ten_thousand_and_lets_keys_through(rig, stage):
    """By a part of its name, or by letters of it in order; the loop has turns meanwhile."""
    engine = stage()
    for number in range(2000):
        engine.put(f"https://three.example/part-{number:05}-of-many.bin", age=20.0)
    async with rig(engine) as r:
        provider, turns = PaletteProvider(r.app.screen), 0

        async def turn() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        task = asyncio.ensure_future(turn())
        assert "part-01234-of-many.bin" in [str(hit.text) async for hit in provider.search("01234 many")]
        assert turns >= 15
        task.cancel()
        assert "run2.iso" in [str(hit.text) async for hit in provider.search("rn2s")]


async def test_the_palette_finds_what_the_history_holds(rig, monkeypatch):
    """Though the screen has not loaded it."""
    old = DownloadView(id="old", gid="old", kind=Kind.LINK, state=State.COMPLETE, url="https://x.example/attic.zip",
                       name="attic.zip", folder="/data", created_at=1.0, finished_at=2.0)  # fmt: skip

    async with rig() as r:
        before = r.engine.page

        async def page(query):
            return Page((old,)) if "attic" in query.text else await before(query)

        monkeypatch.setattr(r.engine, "page", page)
        await r.press(":")
        await r.type("attic")
        await r.pilot.pause(0.5)
        await r.press("enter")
        await r.settle()
        assert type(r.app.screen).__name__ == "DetailsScreen" and "attic.zip" in r.shown()
