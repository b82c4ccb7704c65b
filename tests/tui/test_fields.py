"""Fields: folders are completed, and what is typed or pasted is safe to draw."""

from __future__ import annotations

import pytest

from tui_downloads.tui.fields import FolderSuggester, clean_lines


@pytest.mark.parametrize(("typed", "offered"), [("is", "isos/"), ("isos/de", "isos/debian/"), ("x", None), ("", None),
                                                ("note", None)])  # fmt: skip
async def test_folders_below_the_download_folder_are_completed(tmp_path, typed, offered):
    """One level at a time; files are none."""
    (tmp_path / "isos" / "debian").mkdir(parents=True)
    (tmp_path / "note.txt").touch()
    assert await FolderSuggester(lambda: str(tmp_path)).get_suggestion(typed) == offered


async def test_absolute_folders_and_those_at_home_are_completed(tmp_path, monkeypatch):
    """Wherever the download folder is."""
    (tmp_path / "films").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    suggester = FolderSuggester(lambda: "/nowhere")
    assert await suggester.get_suggestion(f"{tmp_path}/fi") == f"{tmp_path}/films/"
    assert await suggester.get_suggestion("~/fi") == "~/films/"


async def test_the_right_arrow_takes_the_offered_folder(rig, stage, tmp_path):
    """In the add dialog."""
    (tmp_path / "isos").mkdir()
    engine = stage()
    engine.tell_about(folder=str(tmp_path))
    async with rig(engine) as r:
        await r.press("a")
        folder = r.app.screen.query_one("#folder")
        folder.focus()
        await r.type("is")
        await folder.suggester._get_suggestion(folder, "is")
        await r.settle()
        await r.press("right")
        assert folder.value == "isos/"


def test_lines_keep_their_breaks_and_lose_what_is_not_seen():
    """Escape sequences and direction marks."""
    assert clean_lines("a\x1b[31mb\n\u202ec") == "a[31mb\nc"
