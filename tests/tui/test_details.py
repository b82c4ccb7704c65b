"""Details show everything about one download and follow it."""

from __future__ import annotations

import pytest

from tui_downloads.tui.details import DetailsScreen


async def test_overview_has_facts_map_and_graph(rig):
    """On one page."""
    async with rig() as r:
        r.engine.tick(3)
        await r.press("enter")
        shown = r.shown()
        for word in ("Link", "Validator", "Segments", "Connections", "Speed", "/data/run0.iso"):
            assert word in shown


@pytest.mark.parametrize(("keys", "word"), [(("]",), "Connections  "), (("3",), "Files"), (("[",), "  added")])
async def test_brackets_and_digits_change_the_page(rig, keys, word):
    """Overview, connections, files, log."""
    async with rig() as r:
        await r.press("enter", *keys)
        assert word in r.shown()


async def test_keys_act_on_the_download_that_is_shown(rig):
    """Marks elsewhere do not matter."""
    async with rig() as r:
        await r.press("space", "j", "enter", "p")
        assert r.asked("pause") == [(r.id("run2.iso"),)]
        assert isinstance(r.app.screen, DetailsScreen)


async def test_figures_follow_the_engine(rig):
    """At every tick."""
    async with rig() as r:
        await r.press("enter")
        before = r.main.only.done
        r.engine.tick(1)
        r.app.pull()
        await r.settle()
        assert r.main.only.done > before


async def test_a_failure_says_cause_fault_and_next_step(rig):
    """On top of everything else."""
    async with rig() as r:
        await r.press("4")
        r.table.move_to_id(r.id("bad.tar"))
        await r.press("enter")
        for word in ("STALLED", "fault: network", "Next step"):
            assert word in r.shown()


async def test_the_details_survive_that_the_download_is_removed(rig):
    """The last that was known stays."""
    async with rig() as r:
        await r.press("enter", "d")
        r.app.pull()
        await r.settle()
        assert "run0.iso" in r.shown()


async def test_what_is_complete_is_all_here(rig):
    """Its connections are gone, its segments are not."""
    async with rig() as r:
        await r.press("3")
        r.table.move_to_id(r.id("done-a.txt"))
        await r.press("enter")
        assert "1 span" in r.shown() and "░░" not in r.shown()


async def test_what_is_paused_has_no_false_map(rig):
    """Which bytes are here is not known while nothing runs; how many are is."""
    async with rig() as r:
        r.table.move_to_id(r.id("held.zip"))
        await r.press("enter")
        shown = r.shown()
        assert "5.00 MiB are here" in shown or "span" in shown


async def test_the_log_tells_the_states_of_the_session(rig):
    """Beside what the engine notes."""
    async with rig() as r:
        await r.press("p")
        await r.pilot.pause(0.1)
        await r.press("enter", "4")
        assert "paus" in r.shown().split("added")[0]


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
@pytest.mark.parametrize("keys", [("G",), ("j",) * 8, ("pagedown", "ctrl+d") * 3])
async def test_what_is_below_the_fold_can_be_reached(rig, size, keys):
    """On a narrow terminal the pictures stand below the facts."""
    async with rig(size=size) as r:
        r.engine.tick(3)
        await r.press("enter")
        assert "peak" not in r.shown()
        await r.press(*keys)
        assert ("peak" in r.shown()) or (keys[0] == "j" and "Segments" in r.shown())


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 12)])
async def test_a_map_is_as_wide_as_its_page(rig, size):
    """A line of it that is broken is a map that can't be read."""
    async with rig(size=size) as r:
        r.engine.tick(3)
        await r.press("enter", "2")
        lines = [line.strip(" ▁▂▃▄▅▆▇") for line in r.shown().split("\n") if "░" in line and "missing" not in line]
        assert len({len(line) for line in lines}) == 1


async def test_the_footer_gives_way_key_by_key(rig):
    """Where it is narrow, what is used most stays beside the way back."""
    async with rig(size=(60, 20)) as r:
        await r.press("enter")
        last = r.shown().splitlines()[-1]
        assert "p pause" in last and "esc back" in last and "help" not in last


async def test_every_connection_can_be_scrolled_to(rig):
    """On a page that scrolls none is left out."""
    async with rig(size=(80, 24)) as r:
        r.engine.tick(3)
        await r.press("enter")
        said = str(r.app.screen.query_one("#pictures").content)
        views = (await r.engine.get(r.id("run0.iso"))).connections
        assert len(views) > 1 and f"\n{len(views):>2}  " in said
