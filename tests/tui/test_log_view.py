"""The log shows what is new, and stays where somebody reads."""

from __future__ import annotations

from tui_downloads.core.lifecycle import State
from tui_downloads.tui.log_view import KEPT, Entry


def fill(log, first: int, last: int) -> None:
    for number in range(first, last):
        log.add(Entry(float(number), "state", f"line {number}"))


async def test_the_log_opens_at_its_newest_line(rig):
    """However much has happened before."""
    async with rig(size=(80, 24)) as r:
        fill(r.main.log_view, 0, 100)
        await r.press("5")
        assert "line 99" in r.shown() and "line 10 " not in r.shown()


async def test_who_reads_older_lines_is_left_alone(rig):
    """Until the end is in sight again."""
    async with rig(size=(80, 24)) as r:
        fill(r.main.log_view, 0, 100)
        await r.press("5", "g")
        fill(r.main.log_view, 100, 110)
        await r.settle()
        assert "line 0" in r.shown() and r.main.log_view.unseen == 10
        await r.press("G")
        assert "line 109" in r.shown() and r.main.log_view.unseen == 0
        fill(r.main.log_view, 110, 120)
        await r.settle()
        assert "line 119" in r.shown()


async def test_the_filter_key_filters_the_log(rig):
    """By words, and by what a line says has become of a download; the others come back with esc."""
    async with rig() as r:
        log = r.main.log_view
        for number in range(20):
            state = State.FAILED if number % 5 == 0 else State.COMPLETE
            log.add(Entry(float(number), state.value, f"file{number}.iso", id=f"x{number}", state=state))
        await r.press("5", "/")
        await r.type("FILE1")
        assert len(log.lines) == 11 and "file2.iso" not in r.shown()
        await r.type(" state:failed")
        assert log.lines == ["failed file10.iso", "failed file15.iso"]
        log.add(Entry(30.0, "complete", "file18.iso", state=State.COMPLETE))
        log.add(Entry(31.0, "failed", "file100.iso", state=State.FAILED))
        await r.settle()
        assert len(log.lines) == 3 and "filter: FILE1 state:failed" in r.main.tab_bar.text
        await r.press("enter", "escape")
        assert len(log.lines) == 22 and "file2.iso" in r.shown()


async def test_a_filter_without_a_match_says_so(rig):
    """And names the key that clears it."""
    async with rig() as r:
        fill(r.main.log_view, 0, 10)
        await r.press("5", "/")
        await r.type("nowhere")
        assert "esc clears the filter" in r.shown()


async def test_a_filtered_log_forgets_its_oldest_lines_too(rig):
    """It holds no more than the whole one does."""
    async with rig() as r:
        log = r.main.log_view
        log.filter(lambda entry: entry.at % 2 == 0)
        fill(log, 0, KEPT + 10)
        assert len(log.lines) == KEPT // 2 and log.lines[0] == "state line 10"


async def test_terms_look_at_the_download_a_line_is_about(rig):
    """As long as the list has it."""
    async with rig() as r:
        for name in ("run0.iso", "held.zip"):
            r.main.log_view.add(Entry(1.0, "added", name, id=r.id(name)))
        r.main.set_filter("host:two.example")
        assert r.main.log_view.lines == ["added held.zip"]
