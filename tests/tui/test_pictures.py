"""The picture at three sizes, with clock and data frozen."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tui_downloads.tui.options import ScreenSettings
from tui_downloads.tui.run import build

_spec = importlib.util.spec_from_file_location("scene", Path(__file__).with_name("scene.py"))
scene = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(scene)

SIZES = [(40, 12), (80, 24), (120, 40)]


@pytest.mark.parametrize(
    "keys", [(), ("enter",), ("4",), ("D",), ("a",)], ids=["active", "details", "errors", "remove", "add"]
)
@pytest.mark.parametrize("size", SIZES, ids=["40x12", "80x24", "120x40"])
def test_picture(snap_compare, size, keys):
    """Nothing is cut, overlaps or moves without somebody looking."""
    app = build(scene.engine(), settings=ScreenSettings(ascii=False), book=scene.Book(), clock=lambda: scene.NOON)

    async def press(pilot) -> None:
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        busy = [worker for worker in app.workers if worker.group in ("store", "details")]
        if busy:
            await app.workers.wait_for_complete(busy)
        if app.focused is not None and hasattr(app.focused, "cursor_blink"):
            app.focused.cursor_blink = False
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=press)
