"""What an ended yt-dlp left of a file is gone on with from its last mark, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tui_downloads.engine import fragments

WISH = ["hls-240", 24]


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    """Give an empty folder."""
    folder = tmp_path / "staging"
    folder.mkdir()
    return folder


def left(folder: Path, content: bytes, mark: dict[str, Any] | None, beside: str = "torn {") -> tuple[Path, Path]:
    """Write what an ended yt-dlp left."""
    part, note = folder / "media.mp4.part", folder / "media.mp4.ytdl"
    part.write_bytes(content)
    note.write_text(beside)
    (folder / "media.mp4.part-Frag7").write_bytes(b"half")
    (folder / "media.mp4.part-Frag8.part").write_bytes(b"half")
    if mark is not None:
        (folder / "media.mp4.part.mark").write_text(json.dumps(mark))
    fragments.settle(str(part), str(note), WISH)
    return part, note


@pytest.mark.parametrize("beside", ["torn {", "", '{"downloader": {"current_fragment": {"index": 9}}}'])
def test_a_file_is_cut_at_its_last_mark_and_the_number_put_right(staging: Path, beside: str):
    """Whatever yt-dlp's own note says: a fragment that came after the mark is fetched again, none is left out."""
    part, note = left(staging, b"12345678 and a fragment", {"index": 3, "length": 8, "wish": WISH}, beside)
    assert part.read_bytes() == b"12345678"
    assert json.loads(note.read_text())["downloader"]["current_fragment"]["index"] == 3
    assert sorted(path.name for path in staging.iterdir()) == ["media.mp4.part", "media.mp4.part.mark", note.name]


@pytest.mark.parametrize(
    "mark",
    [
        None,
        {"index": 3, "length": 24, "wish": WISH},
        {"index": 0, "length": 8, "wish": WISH},
        {"index": 3, "length": 8, "wish": ["hls-1080", 24]},
        {"index": 3, "length": 8, "wish": ["hls-240", 25]},
        {"index": "x", "length": 8, "wish": WISH},
        [3],
    ],
)
def test_without_a_mark_that_fits_it_begins_again(staging: Path, mark):
    """None, one of more than is here, one of another format or of another list of fragments, one that is no mark."""
    left(staging, b"12345678", mark)
    assert list(staging.iterdir()) == []


def test_a_mark_is_of_bytes_that_are_in_the_file(staging: Path):
    """It holds the number of fragments, where the file ended, and of what it is."""
    path = staging / "media.mp4.part"
    with path.open("wb") as stream:
        ctx = {"tmpfilename": str(path), "dest_stream": stream, "wish": WISH, "extra_state": {}}
        stream.write(b"12345")
        fragments.mark(ctx, 2)
    assert json.loads((staging / "media.mp4.part.mark").read_text()) == {"index": 2, "length": 5, "wish": WISH}


def test_what_is_more_than_a_file_has_no_mark(staging: Path):
    """Live streams and packed subtitles begin again."""
    path = staging / "media.vtt.part"
    (staging / "media.vtt.part.mark").write_text("{}")
    with path.open("wb") as stream:
        fragments.mark({"tmpfilename": str(path), "dest_stream": stream, "extra_state": {"window": 1}}, 2)
    assert [found.name for found in staging.iterdir()] == ["media.vtt.part"]


def test_the_guard_fits_the_yt_dlp_that_is_installed():
    """In a process of its own, for it changes yt-dlp's classes."""
    pytest.importorskip("yt_dlp")
    asked = "from tui_downloads.engine.fragments import guard; raise SystemExit(0 if guard() else 1)"
    assert subprocess.run([sys.executable, "-c", asked], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_without_the_guard_a_staging_folder_is_emptied(staging: Path):
    """All but the mark of a foreground run: what can't be trusted is not gone on with."""
    asked = "from tui_downloads.engine import leash; leash._empty('.')"
    (staging / "media.mp4.part").write_bytes(b"old")
    (staging / ".mark").write_bytes(b"")
    (staging / "sub").mkdir()
    environment = {"PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", asked], cwd=staging, env=environment, check=True)
    assert [path.name for path in staging.iterdir()] == [".mark"]
