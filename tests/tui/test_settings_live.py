"""What the settings screen writes is in the file and in force at once; secrets are not shown."""

from __future__ import annotations

import pytest

from tui_downloads.tui.settings_book import FileBook


@pytest.fixture
def file(tmp_path):
    """A settings file with a comment of the user's."""
    path = tmp_path / "config.toml"
    path.write_text("# mine\n[screen]\ntheme = 'dark' # calm\n")
    return path


async def go_to(r, key: str) -> None:
    """Put the cursor on a setting."""
    screen = r.app.screen
    screen.query_one("OptionList").highlighted = [entry.key if entry else "" for entry in screen._places].index(key)
    await r.settle()


async def test_density_and_columns_are_in_force_at_once(rig, file):
    """And comments stay."""
    async with rig(book=FileBook(str(file))) as r:
        await r.press("f3")
        await go_to(r, "screen.columns")
        await r.press("enter")
        await r.type("name,size")
        await r.press("enter")
        await go_to(r, "screen.density")
        await r.press("enter")
        await r.press("j", "enter", "escape")
        assert r.app.screen is r.main
        assert r.table.keys == ("name", "size") and r.table.row_height == 2
    assert "# mine" in file.read_text() and "# calm" in file.read_text()


async def test_a_secret_is_typed_hidden_and_nothing_typed_leaves_it(rig, file):
    """A proxy's password is not for the eyes of who stands behind."""
    book = FileBook(str(file))
    async with rig(book=book) as r:
        await r.press("f3")
        await go_to(r, "proxy.http")
        await r.press("enter")
        await r.type("http://me:hunter2@proxy.example:1")
        assert "hunter2" not in r.shown()
        await r.press("enter")
        assert "hunter2" in file.read_text() and "hunter2" not in r.shown()
        await r.press("enter", "enter")
        assert "hunter2" in file.read_text()
        await r.press("r")
        assert "hunter2" not in file.read_text()


async def test_a_refused_value_is_explained_and_nothing_is_written(rig, file):
    """The line stays open for another try."""
    async with rig(book=FileBook(str(file))) as r:
        await r.press("f3")
        await go_to(r, "downloads")
        await r.press("enter", "end", *"x", "enter")
        assert r.app.screen.query_one("#problem").display and "downloads" not in file.read_text()
