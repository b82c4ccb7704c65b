"""The settings: a list, and what each is about."""

from __future__ import annotations


async def test_a_wide_list_explains_every_line(rig, book):
    """Without visiting it."""
    async with rig(book=book) as r:
        await r.press("f3")
        assert "Colours." in r.shown() and "Ring at the end." in r.shown()


async def test_a_low_list_keeps_lines_for_itself(rig, book):
    """Three settings and the explanation of one fit into twelve lines."""
    async with rig(size=(40, 12), book=book) as r:
        await r.press("f3")
        shown = r.shown()
        assert "How many run at once." in shown and "bell" in shown and "theme" in shown
