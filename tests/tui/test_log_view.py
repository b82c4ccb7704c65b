"""The log shows what is new, and stays where somebody reads."""

from __future__ import annotations

from tui_downloads.tui.log_view import Entry


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
