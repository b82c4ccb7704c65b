"""What the preview says fits into what there is."""

from __future__ import annotations

import pytest

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import ConnectionView, DetailView, DownloadView, FileView, Kind
from tui_downloads.tui import preview_text
from tui_downloads.tui.glyphs import ASCII, PLAIN, UNICODE


def download(**fields) -> DownloadView:
    given = {"state": State.TRANSFERRING, "size": 1 << 30, "done": 1 << 29, "name": "a.iso", "speed": 9e6, **fields}
    return DownloadView(id="a", gid="b", kind=Kind.LINK, url="https://h.example/a.iso", folder="/data", **given)


def detail(**fields) -> DetailView:
    connections = tuple(
        ConnectionView(n << 20, n << 20, (n + 1) << 20, 1e6, "https://h.example/", "192.0.2.1:443") for n in range(16)
    )
    return DetailView(download(), connections=connections, spans=((0, 1 << 29),), speeds=(9e6,) * 60, **fields)


def file(number: int, state: str = "complete", **fields) -> FileView:
    return FileView(str(number), f"f{number}", f"d/f{number}", f"f{number}", 1 << 20, 1 << 19, state, **fields)


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII, PLAIN], ids=["unicode", "ascii", "plain"])
@pytest.mark.parametrize(
    ("made", "size"),
    [
        (preview_text.beside, (54, 14)),
        (preview_text.beside, (40, 30)),
        (preview_text.beside, (94, 46)),
        (preview_text.below, (94, 12)),
        (preview_text.below, (144, 24)),
    ],
)
def test_it_fits(size, made, glyphs):
    """No line is longer, and there are no more of them."""
    width, height = size
    log = tuple((float(n), "word " * 30) for n in range(50))
    lines = made(detail(log=log), (), 100.0, width, height, glyphs)
    assert len(lines) <= height and max(line.cell_length for line in lines) <= width


def test_a_package_shows_what_moves_first():
    """And says how many files there are besides."""
    views = [*(file(n) for n in range(5000)), file(5000, "failed"), file(5001, "transferring")]
    said = [line.plain for line in preview_text.files(views, 70, 6)]
    assert "5,000 of 5,002" in said[0]
    assert "d/f5001" in said[1] and "d/f5000" in said[2]
    assert said[5].startswith("4,998 more") and len(said) == 6


def test_what_is_left_out_of_a_package_is_last():
    """It will not be fetched."""
    said = [line.plain for line in preview_text.files([file(1, "queued", selected=False), file(2)], 70, 6)]
    assert "d/f2" in said[1] and "left out" in said[2] and len(said) == 3


def test_an_empty_map_is_left_out():
    """Nothing has come yet, so nothing is said about it."""
    waiting = DetailView(download(state=State.QUEUED, done=0, speed=0.0))
    lines = preview_text.beside(waiting, (), 100.0, 70, 40, UNICODE)
    assert not any("Segments" in line.plain or "Speed" in line.plain for line in lines)
