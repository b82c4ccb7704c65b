"""Media through yt-dlp and through our own transfer, on pages, HLS and DASH that ffmpeg made and we serve."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import Policy
from tui_downloads.demo.content import digest
from tui_downloads.engine import media as engine_media
from tui_downloads.engine import ytdlp
from tui_downloads.sources.media import Choice, Way

pytestmark = pytest.mark.servers
TYPES = {".mp4": "video/mp4", ".m3u8": "application/vnd.apple.mpegurl", ".ts": "video/mp2t",
         ".mpd": "application/dash+xml", ".m4s": "video/iso.segment"}  # fmt: skip


@pytest.fixture(autouse=True)
def dependencies(server_program):
    """Skip without yt-dlp and ffmpeg."""
    if not ytdlp.installed():
        if os.environ.get("REQUIRE_SERVERS") == "1":
            pytest.fail("yt-dlp is not installed")
        pytest.skip("yt-dlp is not installed")
    server_program("ffmpeg")


@pytest.fixture(scope="session")
def clips(tmp_path_factory) -> Path:
    """Make a clip in two heights, as files, as HLS and as DASH; nothing where the tests are skipped."""
    folder = tmp_path_factory.mktemp("clips")
    if shutil.which("ffmpeg") is None:
        return folder

    def make(*arguments: str) -> None:
        subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], cwd=folder, check=True)

    sources = ["-f", "lavfi", "-i", "testsrc=d=4:s=426x240:r=10", "-f", "lavfi", "-i", "sine=d=4"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    make(*sources, *codec, "clip.mp4")
    for height, width in ((240, 426), (120, 212)):
        make("-i", "clip.mp4", *codec, "-vf", f"scale={width}:{height}", "-hls_time", "1", "-hls_list_size", "0",
             "-hls_segment_filename", f"h{height}_%d.ts", f"h{height}.m3u8")  # fmt: skip
    (folder / "master.m3u8").write_text(
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=200000,RESOLUTION=212x120\nh120.m3u8\n"
        "#EXT-X-STREAM-INF:BANDWIDTH=400000,RESOLUTION=426x240\nh240.m3u8\n"
    )
    make("-i", "clip.mp4", *codec, "-f", "dash", "-seg_duration", "1", "dash.mpd")
    return folder


def page(body: bytes, content_type: str) -> bytes:
    head = (
        f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@pytest.fixture
def site(bench, clips):
    """Serve the clips under /v/, and pages that show them."""
    script = bench.server.script
    for path in clips.iterdir():
        script[f"/v/{path.name}"] = page(path.read_bytes(), TYPES.get(path.suffix, "application/octet-stream"))
    script["/watch"] = page(
        b'<html><head><title>My: Clip</title></head><video src="/v/clip.mp4"></video></html>', "text/html"
    )
    script["/live"] = page(b'<html><title>Live</title><video><source src="/v/master.m3u8" type="application/x-mpegURL">'
                           b"</video></html>", "text/html")  # fmt: skip
    return bench


def height(path: Path) -> int:
    shown = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=height", "-of", "csv=p=0", path],
        capture_output=True, check=True, text=True)  # fmt: skip
    return int(shown.stdout.split()[0].strip(","))


async def media(bench, path: str, **fields) -> str:
    source = {
        key: fields.pop(key)
        for key in ("quality", "media_type", "format_id", "subtitles", "thumbnail")
        if key in fields
    }
    return await bench.add(bench.server.url(path), kind=Kind.MEDIA, source=source, **fields)


async def test_a_page_with_one_plain_file_comes_through_our_own_transfer(site, clips):
    """yt-dlp says where the file is, we fetch it, and it has the page's title."""
    view = await site.complete(await media(site, "/watch"))
    assert view.name.endswith(".mp4") and view.title and view.kind is Kind.MEDIA
    assert (site.folder / view.name).read_bytes() == (clips / "clip.mp4").read_bytes()
    agents = [request.headers.get("range", "") for request in site.server.requests if request.path == "/v/clip.mp4"]
    assert "bytes=0-" in agents


@pytest.mark.parametrize("quality,expected", [("best", 240), ("240p", 240), ("360p", 240), ("1080p", 240)])
async def test_hls_comes_in_the_height_asked_for_or_lower(site, quality, expected):
    """The preset chooses the variant; progress was told on the way."""
    view = await site.complete(await media(site, "/v/master.m3u8", quality=quality))
    assert height(site.folder / view.name) == expected and view.size == view.done > 0
    assert [name for name in site.names() if name.startswith(".")] == []


LADDER = (2160, 1440, 1080, 720, 480, 360, 240)
CHOICES = [
    (LADDER, {"best": 2160, "1080p": 1080, "240p": 240}),
    ((1500, 900, 400), {"best": 1500, "1440p": 900, "720p": 400, "360p": 400}),
    ((4320,), {"240p": 4320}),
]  # fmt: skip


@pytest.mark.parametrize(
    "ladder,quality,expected", [(ladder, *pair) for ladder, wanted in CHOICES for pair in wanted.items()]
)
async def test_a_preset_takes_that_height_or_lower_else_the_closest(site, ladder, quality, expected):
    """Of a page that offers several heights, the largest that is not larger; where all are larger, the smallest."""
    variants = "".join(
        f"#EXT-X-STREAM-INF:BANDWIDTH={height * 1000},RESOLUTION={height * 16 // 9}x{height}\nh240.m3u8?{height}\n"
        for height in ladder
    )
    site.server.script["/v/ladder.m3u8"] = page(f"#EXTM3U\n{variants}".encode(), "application/vnd.apple.mpegurl")
    means = engine_media.Means(Choice.of({"quality": quality}), Way(timeout=10.0), "ffmpeg")
    found = await engine_media.probe(site.server.url("/v/ladder.m3u8"), means)
    assert found.meta["format_note"] == f"{expected * 16 // 9}x{expected}"


async def test_subtitles_and_thumbnail_lie_beside_the_media(site):
    """On request they are kept under the media's name, and without they are not asked for."""
    site.server.script["/v/s.vtt"] = page(b"WEBVTT\n\n00:00.000 --> 00:02.000\nHello\n", "text/vtt")
    site.server.script["/v/p.jpg"] = page(b"\xff\xd8\xff\xe0picture", "image/jpeg")
    site.server.script["/told"] = page(
        b'<title>Told</title><video poster="/v/p.jpg"><source src="/v/clip.mp4">'
        b'<track kind="subtitles" src="/v/s.vtt" srclang="en"></video>', "text/html")  # fmt: skip
    view = await site.complete(await media(site, "/told", subtitles=True, thumbnail=True))
    stem = view.name.removesuffix(".mp4")
    assert site.names() == sorted([view.name, f"{stem}.en.vtt", f"{stem}.jpg"])
    assert [(file.name, file.state) for file in (await site.detail(view.id)).files[1:]] == [
        (name, "complete") for name in site.names() if name != view.name]  # fmt: skip
    asked = len(site.server.requests)
    await site.complete(await media(site, "/told"))
    assert not [request for request in site.server.requests[asked:] if request.path in ("/v/s.vtt", "/v/p.jpg")]


async def test_dash_is_put_together(site):
    """Picture and sound come apart and end as one file."""
    view = await site.complete(await media(site, "/v/dash.mpd"))
    assert height(site.folder / view.name) == 240
    shown = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0",
                            site.folder / view.name], capture_output=True, text=True, check=True)  # fmt: skip
    assert set(shown.stdout.split()) == {"video", "audio"}


async def test_audio_only_has_no_picture(site):
    """The sound alone is taken out."""
    view = await site.complete(await media(site, "/v/dash.mpd", media_type="audio"))
    shown = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_type", "-of", "csv=p=0",
                            site.folder / view.name], capture_output=True, text=True, check=True)  # fmt: skip
    assert shown.stdout.split() == ["audio"]


async def test_a_link_that_no_extractor_claims_is_a_plain_file(site):
    """A file that is no media comes as it is."""
    view = await site.complete(await site.add(site.server.file(500_000, "data.bin"), kind=Kind.MEDIA))
    assert site.digest("data.bin") == digest("data.bin", 500_000) and view.kind is Kind.MEDIA


async def test_cancel_kills_the_process_and_remove_cleans_up(site):
    """No yt-dlp survives its download, and what it left goes when the download does."""

    async def drip(request, channel) -> None:
        await channel.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000
        )
        await channel.silence()

    site.server.script["/v/h240_1.ts"] = drip
    id = await media(site, "/v/master.m3u8", quality="240p")
    await site.until(id, lambda view: view.state is State.TRANSFERRING and view.done > 0)
    await site.engine.pause([id])
    assert (await site.get(id)).state is State.PAUSED
    assert not _children()
    assert [name for name in site.names() if name.startswith(".tui-downloads-media-")]
    await site.engine.remove([id], files=True)
    assert site.names() == []


async def test_pause_and_resume_goes_on_from_what_is_there(site, clips):
    """Segments that were whole are not fetched again."""
    body = page((clips / "h240_2.ts").read_bytes(), "video/mp2t")

    async def hang(request, channel) -> None:
        await channel.silence()

    site.server.script["/v/h240_2.ts"] = hang
    id = await media(site, "/v/h240.m3u8")
    await site.until(id, lambda view: any(site.folder.rglob("*.mark")))
    await site.engine.pause([id])
    site.server.script["/v/h240_2.ts"] = body
    await site.engine.resume([id])
    view = await site.complete(id)
    assert height(site.folder / view.name) == 240
    first = [request for request in site.server.requests if request.path == "/v/h240_0.ts"]
    assert len(first) <= 2  # one may be the extractor's own look


def _children() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "stat").read_text().split()[3] == str(os.getpid()):
                    line = (entry / "cmdline").read_text()
                    if "leash.py" in line:
                        found.append(line)
            except OSError:
                continue
    return found


async def test_a_caller_with_a_policy_gets_plain_files_only(site):
    """yt-dlp's connections can't be checked, so it is not run for a restricted caller."""
    policy = Policy(blocked=("evil.test",))
    view = await site.failed(await media(site, "/watch", policy=policy))
    assert (
        view.error.code == "DOWNLOAD_FORBIDDEN"
        and "which can't keep this caller's address policy" in view.error.message
    )
    assert "link of the media file itself" in view.error.next_step
    await site.complete(await media(site, "/v/clip.mp4", policy=policy))


async def test_without_ffmpeg_what_needs_it_is_refused_by_name(site, monkeypatch):
    """DASH has to be put together; the error says with what."""
    monkeypatch.setattr("tui_downloads.engine.media.ffmpeg_path", lambda extras: "")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    view = await site.failed(await media(site, "/v/dash.mpd"))
    assert view.error.code == "DEPENDENCY_MISSING", view.error
    assert "ffmpeg" in view.error.message


async def test_without_yt_dlp_the_extra_is_named(site, monkeypatch):
    """The next step is the command that installs it."""
    monkeypatch.setattr(ytdlp, "installed", lambda: False)
    view = await site.failed(await media(site, "/watch"))
    assert view.error.code == "DEPENDENCY_MISSING" and "pip install" in view.error.next_step


async def test_a_quality_that_there_is_not_is_refused(site):
    """The error lists the presets."""
    view = await site.failed(await media(site, "/watch", quality="9000p"))
    assert view.error.code == "INVALID_OPTION" and "720p" in view.error.message


async def test_the_link_and_its_login_are_no_arguments(site, monkeypatch):
    """S20: nobody reads a secret in the list of processes."""
    seen = []
    real = asyncio.create_subprocess_exec

    async def spy(*arguments, **options):
        seen.append(" ".join(map(str, arguments)))
        return await real(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    await site.complete(await media(site, "/watch?token=canary"))
    assert seen and not [line for line in seen if "canary" in line or "watch" in line]


RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>My List</title>
<item><title>One</title><link>{base}/watch</link></item>
<item><title>Two</title><link>{base}/v/master.m3u8</link></item></channel></rss>"""


async def test_a_playlist_is_a_package_of_its_pages(site):
    """Each page is a file with a number and a title, by whichever way it comes."""
    base = site.server.url("/").rstrip("/")
    site.server.script["/feed"] = page(RSS.format(base=base).encode(), "application/rss+xml")
    id = await media(site, "/feed")
    view = await site.complete(id)
    assert (view.name, view.files_total, view.files_done, view.meta["playlist_total"]) == ("My List", 2, 2, 2)
    names = sorted(os.listdir(site.folder / "My List"))
    assert len(names) == 2 and names[0].startswith("1 One") and names[1].startswith("2 Two")
