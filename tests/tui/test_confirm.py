"""What is said before files are deleted."""

from __future__ import annotations

from msgspec.structs import replace

from tui_downloads.core.snapshots import DetailView, FileView
from tui_downloads.tui.dialogs.confirm import MOST_LISTED, ConfirmDialog, removal


def lines(dialog: ConfirmDialog) -> list[str]:
    return [line.plain for line in dialog._lines]


def package(stage, number: int):
    """A package of three files, the last of them not begun."""
    view = next(iter(stage().snapshot().downloads.values()))
    files = [FileView(str(n), f"{n}.jpg", f"sub/{n}.jpg", f"{n}.jpg", 10, 10 * (n < 2), "complete") for n in range(3)]
    return replace(view, id=f"p{number}", name="photos", folder="/data/photos", files_total=3), files


def test_every_file_of_a_package_is_listed(stage):
    """Those that are here, with their whole paths."""
    view, files = package(stage, 0)
    assert [line.split(maxsplit=2)[2] for line in lines(removal([view], 120, {"p0": files}))] == [
        "/data/photos/sub/0.jpg", "/data/photos/sub/1.jpg",
    ]  # fmt: skip


def test_what_is_not_listed_is_counted(stage):
    """Nobody scrolls through a thousand paths."""
    packages = [package(stage, number) for number in range(MOST_LISTED)]
    shown = lines(removal([view for view, _ in packages], 120, {view.id: files for view, files in packages}))
    assert len(shown) == MOST_LISTED + 1 and shown[-1] == f"and {MOST_LISTED} more"


async def test_the_files_are_looked_up_before_it_is_asked(rig, monkeypatch, stage):
    """They stand in no list; pressed twice it asks once."""
    async with rig() as r:
        id = r.id("run0.iso")
        _, files = package(stage, 0)
        fake = r.engine.get
        shown = replace(r.engine._views[id], files_total=3)

        async def get(wanted: str) -> DetailView:
            return replace(await fake(wanted), files=tuple(files))

        monkeypatch.setattr(r.engine, "get", get)
        monkeypatch.setattr(r.main, "targets", lambda: [shown])
        await r.press("D")
        assert isinstance(r.app.screen, ConfirmDialog) and "sub/1.jpg" in r.shown() and r.app.focused.id == "no"
        await r.press("y")
        assert r.asked("remove_files") == [(id,)] and r.app.screen is r.main
