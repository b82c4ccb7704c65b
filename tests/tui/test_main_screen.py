"""Every key of the reference: what the engine is asked, and what is seen."""

from __future__ import annotations

import pytest

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Limits
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.tui import opener
from tui_downloads.tui.actions import ACTIONS
from tui_downloads.tui.details import DetailsScreen
from tui_downloads.tui.dialogs.add import AddDialog
from tui_downloads.tui.dialogs.choice import ChoiceDialog, SeveralDialog
from tui_downloads.tui.dialogs.confirm import ConfirmDialog
from tui_downloads.tui.dialogs.help import HelpDialog
from tui_downloads.tui.dialogs.limits import LimitsDialog
from tui_downloads.tui.dialogs.prompt import RefreshDialog
from tui_downloads.tui.settings_screen import SettingsScreen

ACTIVE = ["run0.iso", "run1.iso", "run2.iso", "later.zip", "held.zip"]


async def test_active_shows_what_has_begun_and_what_moves_is_on_top(rig):
    """Queued and long ended downloads are elsewhere."""
    async with rig() as r:
        assert r.names() == ACTIVE


@pytest.mark.parametrize(
    ("keys", "name"),
    [
        (("down",), "run1.iso"), (("j", "j"), "run2.iso"), (("j", "k"), "run0.iso"), (("j", "up"), "run0.iso"),
        (("G",), "held.zip"), (("end",), "held.zip"), (("G", "g"), "run0.iso"), (("end", "home"), "run0.iso"),
        (("pagedown",), "held.zip"), (("ctrl+d",), "held.zip"), (("G", "pageup"), "run0.iso"),
        (("G", "ctrl+u"), "run0.iso"),
    ],
)  # fmt: skip
async def test_keys_that_move(rig, keys, name):
    """The cursor goes where the key says."""
    async with rig() as r:
        await r.press(*keys)
        assert r.name() == name


async def test_space_marks_and_advances(rig):
    """Marks are kept by id."""
    async with rig() as r:
        await r.press("space")
        assert r.table.marked == {r.id("run0.iso")}
        assert r.name() == "run1.iso"


async def test_v_marks_a_range_until_v_again(rig):
    """The range stretches with the cursor and stays when it is closed."""
    async with rig() as r:
        await r.press("v", "j", "j")
        assert len(r.table.marked) == 3
        await r.press("v", "j")
        assert len(r.table.marked) == 3


async def test_star_marks_all_and_i_inverts(rig):
    """Invert after all leaves nothing."""
    async with rig() as r:
        await r.press("*")
        assert len(r.table.marked) == 5
        await r.press("i")
        assert r.table.marked == set()


async def test_star_in_a_long_history_marks_what_is_not_in_sight_as_well(rig):
    """And a command takes all of it, though the pane has been loaded again meanwhile."""
    engine = FakeEngine(clock=lambda: 1_790_000_000.0, folder="/data")
    for number in range(900):
        engine.put(f"https://four.example/{number}", state=State.COMPLETE, age=9000.0 + number)
    async with rig(engine) as r:
        await r.press("3", "*")
        assert len(r.table.marked) == 900
        r.main.load_store("history")
        await r.settle()
        await r.press("d")
        assert len(r.asked("remove")[0]) == 900


async def test_escape_clears_marks_then_the_filter(rig):
    """Two steps, the nearer first."""
    async with rig() as r:
        await r.press("/")
        await r.type("run")
        await r.press("enter", "space", "escape")
        assert r.table.marked == set() and r.main.filter.text == "run"
        await r.press("escape")
        assert r.main.filter.text == "" and r.names() == ACTIVE


async def test_enter_opens_the_details(rig):
    """And escape comes back."""
    async with rig() as r:
        await r.press("enter")
        assert isinstance(r.app.screen, DetailsScreen)
        assert "run0.iso" in r.shown()
        await r.press("escape")
        assert r.app.screen is r.main


@pytest.mark.parametrize(
    ("keys", "pane"),
    [
        (("2",), "queue"), (("3",), "history"), (("4",), "errors"), (("5",), "log"), (("5", "1"), "active"),
        (("tab",), "queue"), (("shift+tab",), "log"), (("5", "tab"), "active"),
    ],
)  # fmt: skip
async def test_keys_of_panes(rig, keys, pane):
    """Digits choose, tab walks."""
    async with rig() as r:
        await r.press(*keys)
        assert r.main.pane == pane


async def test_a_opens_the_add_dialog(rig):
    """And escape leaves it without a call."""
    async with rig() as r:
        await r.press("a")
        assert isinstance(r.app.screen, AddDialog)
        await r.press("escape")
        assert r.asked("add") == []


async def test_shift_a_adds_from_the_clipboard(rig):
    """What was copied here last is filled in."""
    async with rig() as r:
        await r.press("y", "A")
        assert r.app.screen.query_one("#links").text == "https://one.example/run0.iso"


async def test_p_pauses_and_resumes_the_row(rig):
    """The same key goes both ways."""
    async with rig() as r:
        await r.press("p")
        assert r.asked("pause") == [(r.id("run0.iso"),)]
        r.table.move_to_id(r.id("held.zip"))
        await r.press("p")
        assert r.asked("resume") == [(r.id("held.zip"),)]


async def test_p_pauses_the_marked(rig):
    """Marks come before the cursor, and are dropped when the command is given."""
    async with rig() as r:
        await r.press("space", "space", "p")
        assert r.asked("pause") == [(r.id("run0.iso"), r.id("run1.iso"))]
        assert r.table.marked == set()


async def test_shift_p_pauses_all_then_resumes_all(rig):
    """Queued ones are paused, too."""
    async with rig() as r:
        await r.press("P")
        assert len(r.asked("pause")[0]) == 7
        await r.press("P")
        assert len(r.asked("resume")[0]) == 8


async def test_x_cancels_and_keeps_in_the_history(rig):
    """A cancelled download is an ended one."""
    async with rig() as r:
        await r.press("x")
        [(id,)] = r.asked("cancel")
        assert r.engine._views[id].state is State.CANCELLED


@pytest.mark.parametrize("key", ["d", "delete"])
async def test_d_removes_and_u_brings_back(rig, key):
    """Removal without files can be undone."""
    async with rig() as r:
        id = r.id("run0.iso")
        await r.press(key)
        assert r.asked("remove") == [(id,)] and "run0.iso" not in r.names()
        await r.press("u")
        assert r.asked("restore") == [(id,)] and "run0.iso" in r.names()


async def test_shift_d_asks_with_the_focus_on_no(rig):
    """Enter alone deletes nothing; the paths and the total are shown."""
    async with rig() as r:
        await r.press("D")
        assert isinstance(r.app.screen, ConfirmDialog)
        assert r.app.focused.id == "no"
        assert "/data/run0.iso" in r.shown() and "100 MiB" in r.shown()
        await r.press("enter")
        assert r.asked("remove_files") == []


async def test_shift_d_then_y_removes_with_files(rig):
    """Yes is one key away, but not enter."""
    async with rig() as r:
        id = r.id("run0.iso")
        await r.press("D", "y")
        assert r.asked("remove_files") == [(id,)]


async def test_confirmation_can_be_switched_off(rig):
    """By the setting, and by nothing else."""
    from tui_downloads.tui.options import ScreenSettings

    async with rig(settings=ScreenSettings(ascii=False, confirm=False)) as r:
        id = r.id("run0.iso")
        await r.press("D")
        assert r.asked("remove_files") == [(id,)]


async def test_r_retries_what_failed(rig):
    """An error that another try may cure is tried again at once."""
    async with rig() as r:
        await r.press("4")
        r.table.move_to_id(r.id("bad.tar"))
        await r.press("r")
        assert r.asked("retry") == [(r.id("bad.tar"),)]


async def test_r_asks_for_a_link_where_the_old_one_is_dead(rig):
    """The new link is set and the download goes on."""
    async with rig() as r:
        await r.press("4")
        id = r.id("gone.tar")
        r.table.move_to_id(id)
        await r.press("r")
        assert isinstance(r.app.screen, RefreshDialog)
        r.app.screen.query_one("SafeInput").value = "https://five.example/new.tar"
        await r.press("enter")
        [(changed, change)] = r.asked("change")
        assert (changed, change.url) == (id, "https://five.example/new.tar")
        assert r.asked("retry") == [(id,)]


async def test_a_refused_link_is_explained_in_the_dialog(rig):
    """Nothing is asked of the engine."""
    async with rig() as r:
        await r.press("r")
        r.app.screen.query_one("SafeInput").value = "nonsense"
        await r.press("enter")
        assert isinstance(r.app.screen, RefreshDialog) and r.asked("change") == []


async def test_shift_r_retries_all_failed(rig, stage):
    """From any pane, however many they are."""
    engine = stage()
    for number in range(1100):
        engine.put(f"https://six.example/{number}", state=State.FAILED, age=900.0)
    async with rig(engine) as r:
        await r.press("R")
        assert len(r.asked("retry")[0]) == 1102


async def test_n_downloads_again(rig):
    """From the history, the same link into the same folder."""
    async with rig() as r:
        await r.press("3")
        r.table.move_to_id(r.id("done-a.txt"))
        await r.press("n")
        [(request,)] = r.asked("add")
        assert (request.url, request.folder) == ("https://four.example/done-a.txt", "/data")


@pytest.mark.parametrize(("key", "where"), [("K", "up"), ("J", "down")])
async def test_order_of_the_queue(rig, key, where):
    """Only what is queued has an order."""
    async with rig() as r:
        await r.press("2", "down", key)
        assert r.asked("move") == [((r.id("queued1.bin"),), where)]
        assert r.name() == "queued1.bin"


@pytest.mark.parametrize(("key", "priority"), [("+", 1), ("-", -1)])
async def test_priority(rig, key, priority):
    """One step a key."""
    async with rig() as r:
        await r.press("2", key)
        [(id, change)] = r.asked("change")
        assert (id, change.priority) == (r.id("queued0.bin"), priority)


async def test_slash_filters_live_with_terms(rig):
    """Rows go while typing, and problems are said."""
    async with rig() as r:
        await r.press("/")
        await r.type("size>1g host:one")
        assert r.names() == ["run1.iso", "run2.iso"]
        await r.type(" nosuch:x")
        assert "nosuch" in r.shown()


async def test_f_filters_by_state(rig):
    """Chosen from a menu."""
    async with rig() as r:
        await r.press("f")
        assert isinstance(r.app.screen, ChoiceDialog)
        await r.press("down", "down", "down", "enter")
        assert r.main.filter.text == "state:transferring"
        assert r.names() == ["run0.iso", "run1.iso", "run2.iso"]


async def test_s_sorts_and_shift_s_turns_round(rig):
    """By name, then from the end."""
    async with rig() as r:
        await r.press("s", "down", "enter")
        assert r.names() == sorted(ACTIVE)
        await r.press("S")
        assert r.names() == sorted(ACTIVE, reverse=True)


async def test_shift_c_chooses_columns(rig):
    """And d puts the usual ones back."""
    async with rig() as r:
        await r.press("C")
        assert isinstance(r.app.screen, SeveralDialog)
        await r.press("down", "space", "enter")
        assert "state" not in r.table.keys and "name" in r.table.keys
        await r.press("C", "d")
        assert "state" in r.table.keys


async def test_m_changes_the_density(rig):
    """Two lines for a download, or one."""
    async with rig() as r:
        await r.press("m")
        assert r.table.row_height == 2
        assert "one.example · /data" in r.shown()


@pytest.mark.parametrize(("key", "text"), [("y", "https://one.example/run0.iso"), ("Y", "/data/run0.iso")])
async def test_copying_goes_through_the_terminal(rig, key, text):
    """The toast promises no more than that it was sent."""
    async with rig() as r:
        await r.press(key)
        assert r.app.clipboard == text
        assert "Sent 1" in r.said[-1]


@pytest.mark.parametrize(("key", "path"), [("o", "/data/done-a.txt"), ("O", "/data")])
async def test_opening_files_and_folders(rig, monkeypatch, key, path):
    """Only finished files are opened."""
    opened = []

    async def fake_open(path: str) -> str:
        opened.append(path)
        return ""

    monkeypatch.setattr(opener, "open_path", fake_open)
    async with rig() as r:
        await r.press("3")
        r.table.move_to_id(r.id("done-a.txt"))
        await r.press(key)
        assert opened == [path]


async def test_opening_is_hidden_over_ssh(rig, monkeypatch):
    """There is no desktop at this end."""
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
    async with rig() as r:
        await r.press("o")
        assert " open" not in r.shown().splitlines()[-1]


async def test_t_edits_the_limits(rig):
    """The dialog takes rates as people write them."""
    async with rig() as r:
        await r.press("t")
        assert isinstance(r.app.screen, LimitsDialog)
        r.app.screen.query_one("#rate").value = "2M"
        r.app.screen.query_one("#downloads").value = "9"
        await r.press("enter")
        assert r.asked("set_limits") == [(Limits(downloads=9, rate=2 << 20),)]


async def test_a_bad_limit_is_explained(rig):
    """Nothing is changed until every field can be used."""
    async with rig() as r:
        await r.press("t")
        r.app.screen.query_one("#rate").value = "fast"
        await r.press("enter")
        assert isinstance(r.app.screen, LimitsDialog) and "500K" in r.shown()


async def test_shift_t_lifts_the_limits_and_puts_them_back(rig, stage):
    """The rates that were lifted are remembered."""
    async with rig(stage(Limits(downloads=3, rate=1000))) as r:
        await r.press("T", "T")
        assert [limits.rate for (limits,) in r.asked("set_limits")] == [0, 1000]


async def test_z_freezes_the_display(rig):
    """Time goes on below."""
    async with rig() as r:
        await r.press("z")
        before = r.table.cursor_view.done
        r.engine.tick(5)
        r.app.pull()
        await r.settle()
        assert r.table.cursor_view.done == before and "FROZEN" in r.shown()
        await r.press("z")
        assert r.table.cursor_view.done > before


@pytest.mark.parametrize("key", ["?", "f1"])
async def test_help_is_made_from_the_bindings(rig, key):
    """Every action is in it."""
    async with rig() as r:
        await r.press(key)
        assert isinstance(r.app.screen, HelpDialog)
        menu = r.app.screen.query_one("OptionList")
        text = "\n".join(str(option.prompt) for option in menu.options)
        assert all(action.title in text for action in ACTIONS)


@pytest.mark.parametrize("key", [":", "ctrl+p"])
async def test_palette_runs_actions(rig, key):
    """Found by a part of its name."""
    async with rig() as r:
        await r.press(key)
        await r.type("retry all")
        await r.pilot.pause(0.5)
        await r.press("enter")
        await r.settle()
        assert len(r.asked("retry")) == 1


async def test_palette_finds_downloads_by_name(rig):
    """And shows the one that is chosen."""
    async with rig() as r:
        await r.press(":")
        await r.type("queued2")
        await r.pilot.pause(0.5)
        await r.press("enter")
        await r.settle()
        assert (r.main.pane, r.name()) == ("queue", "queued2.bin")


async def test_c_clears_finished_from_active_and_u_shows_them(rig):
    """The history keeps them."""
    async with rig() as r:
        r.engine.put("https://six.example/new.txt", state=State.COMPLETE, age=-2)
        r.app.pull()
        await r.settle()
        assert "new.txt" in r.names()
        await r.press("c")
        assert "new.txt" not in r.names()
        await r.press("u")
        assert "new.txt" in r.names()


async def test_c_in_the_history_removes_and_u_brings_back(rig):
    """What the filter shows, no more."""
    async with rig() as r:
        await r.press("3", "/")
        await r.type("done-a")
        id = r.id("done-a.txt")
        await r.press("enter", "c")
        assert r.asked("remove") == [(id,)]
        await r.press("u")
        assert len(r.asked("restore")) == 1


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_quit_is_guarded_while_there_is_work(rig, key):
    """Staying is possible; stopping leaves with success."""
    async with rig() as r:
        await r.press(key)
        assert "not finished" in r.shown()
        await r.press("n")
        assert r.app.screen is r.main
        # What answers the question is not a key of the screen below as well.
        assert r.asked("add") == []
        await r.press(key, "s")
        assert r.app.return_value == 0


async def test_quit_asks_nothing_when_nothing_runs(rig):
    """An idle screen just leaves."""
    from tui_downloads.engine.fake import FakeEngine

    async with rig(FakeEngine()) as r:
        await r.press("q")
        assert r.app.return_value == 0


async def test_quit_can_keep_going_in_the_background(rig):
    """Where the caller knows how."""
    kept = []
    async with rig(keep_in_background=lambda: kept.append(True)) as r:
        await r.press("q", "b")
        assert kept == [True] and r.app.return_value == 0


async def test_f2_switches_between_light_and_dark(rig):
    """Two themes of our own."""
    async with rig() as r:
        await r.press("f2")
        assert r.app.theme == "tui-light"


async def test_f3_opens_the_settings(rig, book):
    """A choice is written and taken over at once."""
    async with rig(book=book) as r:
        await r.press("f3")
        assert isinstance(r.app.screen, SettingsScreen)
        await r.press("down", "enter", "down", "enter")
        assert book.written == [("screen.theme", "light")]
        await r.press("escape")
        assert r.app.theme == "tui-light"


async def test_f4_switches_the_endpoint(rig, switch):
    """Where the caller has one."""
    async with rig(endpoint=switch) as r:
        await r.press("f4")
        assert switch.toggled == 1 and "The endpoint is on." in r.said


async def test_every_binding_has_an_id_and_a_method():
    """So that a keymap can reach each, and no key is dead."""
    from tui_downloads.tui.main_screen import MainScreen

    assert len({action.id for action in ACTIONS}) == len(ACTIONS)
    assert [action.id for action in ACTIONS if not hasattr(MainScreen, f"action_{action.method}")] == []


async def test_no_key_is_bound_twice():
    """A key does one thing."""
    keys = [key for action in ACTIONS for key in action.keys.split(",")]
    assert len(keys) == len(set(keys))


async def test_keymap_moves_a_key(rig):
    """The footer shows the new one."""
    from tui_downloads.tui.options import ScreenSettings

    settings = ScreenSettings(ascii=False, keys={"download.pause": "w"})
    async with rig(settings=settings) as r:
        await r.press("p")
        assert r.asked("pause") == []
        await r.press("w")
        assert len(r.asked("pause")) == 1
        assert "w pause" in r.shown().splitlines()[-1]


@pytest.mark.parametrize(
    ("keys", "possible", "hidden"),
    [((), {"add", "pause", "cancel", "filter"}, {"undo"}), (("d",), {"undo"}, set()),
     (("3",), {"remove", "sort"}, {"pause", "cancel"}), (("5",), {"help", "quit"}, {"pause", "details", "sort"})],
)  # fmt: skip
async def test_the_footer_has_what_is_possible_and_no_more(rig, keys, possible, hidden):
    """Here and now."""
    async with rig(size=(180, 40)) as r:
        await r.press(*keys)
        words = set(r.shown().splitlines()[-1].split())
        assert possible <= words and not hidden & words


async def test_read_only_hides_and_refuses_what_changes(rig):
    """Looking is all that is left."""
    async with rig(read_only=True) as r:
        await r.press("p", "x", "d", "D", "a", "P", "R", "J", "+", "T")
        assert r.engine.calls == [] and r.app.screen is r.main
        assert "pause" not in r.shown().splitlines()[-1]


async def test_pasting_a_link_opens_the_add_dialog(rig):
    """Anywhere on the main screen."""
    from textual import events

    async with rig() as r:
        r.app.post_message(events.Paste("https://seven.example/x.zip\n"))
        await r.settle()
        assert isinstance(r.app.screen, AddDialog)
        assert r.app.screen.query_one("#links").text == "https://seven.example/x.zip"


async def test_links_of_the_command_line_open_the_add_dialog(rig):
    """Filled in, to be confirmed."""
    async with rig(links=["https://seven.example/x.zip"]) as r:
        assert isinstance(r.app.screen, AddDialog)


async def test_refusals_of_the_engine_are_told(rig):
    """One sentence with the next step."""
    async with rig() as r:
        r.engine.change = _refuse
        await r.press("2", "+")
        assert r.said == ["Not like that. Look at the download's state first."]


async def _refuse(id, change):
    from tui_downloads.core.errors import Conflict

    raise Conflict("Not like that.")
