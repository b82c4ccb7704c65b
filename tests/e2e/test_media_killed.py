"""Media through yt-dlp and through our own transfer: `serve` is killed half-way, and every frame is right."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.lives import Lives, page, safe_in, sent
from tests.e2e.service import Home, new_home, until
from tui_downloads.demo.content import digest
from tui_downloads.demo.delivery import Gone
from tui_downloads.demo.paths import file_path
from tui_downloads.demo.server import PracticeServer, serve_in_thread

SIZE = 9_000_000
BEFORE = 10
"""Number of the last segment that a server gives before the kill."""
SEGMENTS = {"hls": ("hls.m3u8", "part"), "dash": ("dash.mpd", "chunk-")}


@pytest.fixture(scope="module")
def film(tmp_path_factory) -> Path:
    """Make a clip of many short segments, as HLS and as DASH."""
    if shutil.which("ffmpeg") is None:
        return Path()
    folder = tmp_path_factory.mktemp("film")

    def make(*arguments: str) -> None:
        subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], cwd=folder, check=True)

    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "5", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    make("-f", "lavfi", "-i", "testsrc=d=24:s=160x90:r=5", "-f", "lavfi", "-i", "sine=d=24", *codec, "clip.mp4")
    make("-i", "clip.mp4", "-c", "copy", "-hls_time", "1", "-hls_list_size", "0",
         "-hls_segment_filename", "part%d.ts", "hls.m3u8")  # fmt: skip
    make("-i", "clip.mp4", "-c", "copy", "-f", "dash", "-seg_duration", "1", "dash.mpd")
    return folder


def frames(path: Path) -> str:
    """Give the digest of every decoded frame; sound has to be there, its priming differs by container."""
    video = ["-map", "0:v", "-fps_mode", "passthrough", "-c:v", "rawvideo", "-f", "hash", "-"]
    command = ["ffmpeg", "-v", "error", "-i", str(path), *video, "-map", "0:a", "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Scene:
    """Two films in segments and a page with a plain file, and what was asked for in each life."""

    def __init__(self, stack: ExitStack, film: Path) -> None:
        self.film = film
        self.place = stack.enter_context(new_home())
        self.origin: PracticeServer = stack.enter_context(serve_in_thread())
        self.lives = Lives(self.place)
        self.open = False
        """Every segment may leave; before, only the first ones may."""
        self.fetched: dict[str, list[str]] = {name: [] for name in SEGMENTS}
        """Segments that left, in their order."""
        self.recorded: dict[str, int] = {}
        """How many segments of each film were safe when yt-dlp was killed."""
        self.first: dict[str, int] = {}
        self.last = 0
        for path in film.iterdir():
            self.origin.script[f"/v/{path.name}"] = self._answer(path)
        link = file_path(SIZE, "clip.mp4", type="video/mp4")
        text = f'<title>A Film</title><video src="{link}"></video>'
        self.origin.script["/watch"] = page(text.encode(), "text/html")

    def _answer(self, path: Path) -> Callable[..., object] | bytes:
        types = {".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml"}
        body = path.read_bytes()
        name = next((name for name, (_, segment) in SEGMENTS.items() if path.name.startswith(segment)), "")
        if not name:
            return page(body, types.get(path.suffix, "application/octet-stream"))

        number = int(path.stem.rpartition("-")[2].removeprefix("part"))

        async def serve(request, channel) -> None:
            while number > BEFORE and not self.open:
                if channel.reader.at_eof():
                    raise Gone
                await asyncio.sleep(0.02)
            self.fetched[name].append(path.name)
            await channel.send(page(body, "application/octet-stream"))
            request.sent = len(body)
            await channel.close()

        return serve

    def live(self) -> None:
        """Add all three, kill while each is half-way, and let the second life finish."""
        lives, origin = self.lives, self.origin
        origin.ration = 2_000_000
        lives.begin()
        for name, (listing, _) in SEGMENTS.items():
            body = {"url": origin.url(f"/v/{listing}"), "kind": "media", "source": {"quality": "best"}}
            lives.add(name, body)
        lives.add("plain", {"url": origin.url("/watch"), "kind": "media", "options": {"connections": 1}})
        lives.wait(lambda wish: self._enough(wish.name), "every film being half-way")
        assert leashed(self.place)
        self.recorded = {name: recorded(lives.folder(name)) for name in SEGMENTS}
        lives.kill()
        until(lambda: not leashed(self.place), "the end of yt-dlp")
        self.first = {name: len(found) for name, found in self.fetched.items()}
        self.last = len(origin.requests)
        self.open, origin.ration = True, None
        lives.begin()
        lives.finish()

    def _enough(self, name: str) -> bool:
        if name == "plain":
            return safe_in(self.lives.folder(name)) >= 1_000_000
        return recorded(self.lives.folder(name)) >= BEFORE // 2


def recorded(folder: Path) -> int:
    """Count the segments that the next life can count on."""
    found = 0
    for path in folder.rglob("*.mark"):
        with contextlib.suppress(OSError, ValueError):
            found += json.loads(path.read_text())["index"]
    return found


def leashed(place: Home) -> list[str]:
    """List the processes that yt-dlp runs in for a home, by their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
            if b"leash.py" in words and str(place.folder).encode() in (entry / "environ").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def scene(film: Path) -> Iterator[Scene | None]:
    """Give what a kill left of every film; nothing without ffmpeg and yt-dlp."""
    if film == Path():
        yield None
        return
    pytest.importorskip("yt_dlp")
    with ExitStack() as stack:
        made = Scene(stack, film)
        made.live()
        yield made


@pytest.mark.servers
@pytest.mark.parametrize("name", list(SEGMENTS))
def test_segmented_media_goes_on_from_its_segments(scene: Scene, server_program, name: str):
    """What was safe is not fetched again, no process outlives its service, and every frame is right."""
    server_program("ffmpeg")
    found = scene.lives.complete(name)
    (made,) = [path for path in scene.lives.folder(name).rglob("*") if path.is_file()]
    assert made.name == found["name"] and found["size"] == made.stat().st_size
    assert frames(made) == frames(scene.film / "clip.mp4") != ""
    before, after = scene.fetched[name][: scene.first[name]], scene.fetched[name][scene.first[name] :]
    # DASH counts its heads as segments; what came after the last look may be fetched again.
    assert len(set(before) & set(after)) <= max(0, len(before) + 2 - scene.recorded[name])


@pytest.mark.servers
def test_a_plain_media_file_of_a_page(scene: Scene, server_program):
    """A page with one file comes through our own transfer, and goes on where the kill left it."""
    server_program("ffmpeg")
    found, kept = scene.lives.complete("plain"), scene.lives.wishes["plain"].kept[-1]
    assert list(scene.lives.tree("plain").values()) == [digest("clip.mp4", SIZE)] and found["name"].endswith(".mp4")
    assert sent(scene.origin, "clip.mp4", scene.last) <= SIZE - kept // 2
