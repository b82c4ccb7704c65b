"""The scene of the pictures: real downloads from the practice server by the real engine, recorded at one moment.

The recording is kept in a file, so that the same screen gives the same pictures, byte by byte, on every run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tui_downloads.cli.house import House
from tui_downloads.config.paths import HOME
from tui_downloads.core.lifecycle import ENDED as ENDED_STATES
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DetailView, DownloadView, Event, Page, Query, Snapshot
from tui_downloads.core.spec import AddRequest, Options
from tui_downloads.demo.paths import file_path
from tui_downloads.demo.server import PracticeServer, serve_in_thread
from tui_downloads.engine.fake_listing import list_page
from tui_downloads.tui.settings_book import FileBook

FOLDER = Path("/tmp/tui-downloads-demo")
"""A fixed place, because its name is in the pictures."""
PORT = 8080
MB = 1_000_000
SETTINGS = f"""# The settings of the demo.
folder = "{FOLDER}/downloads"
downloads = 12
connections = 80
rate = "120M"
timeout = "4s"
retries = 1

[screen]
bell = true
"""

ENDED: tuple[tuple[str, str, int, Mapping[str, object]], ...] = (
    ("old-releases", "ubuntu-22.04.5-desktop-amd64.iso", 180 * MB, {}),
    ("archive", "2026-09-10-raspios-trixie-arm64-lite.img.xz", 51 * MB, {}),
    ("python", "Python-3.14.0.tar.xz", 23 * MB, {}),
    ("mirror", "gutenberg-2026-de.zip", 120 * MB, {"digest": "sha-256"}),
    ("lectures", "Analysis II — Vorlesung 07.mp4", 64 * MB, {}),
    ("releases", "ubuntu-24.04.1-live-server-amd64.iso", 260 * MB, {"digest": "sha-512"}),
    ("releases", "SHA256SUMS", 1_204, {}),
    ("cdn", "nightly-build-4411.zip", 21 * MB, {}),
    ("zenodo", "coral-reef-survey-part-01.zip", 110 * MB, {}),
    ("fonts", "noto-cjk-2026.1.tar.gz", 17 * MB, {}),
)
FAILED: tuple[tuple[str, str, int, Mapping[str, object]], ...] = (
    ("example", "slides.key", 14 * MB, {"status": 404}),
    ("media", "quarterly-report.pdf", 14 * MB, {"status": 403}),
    ("mirror", "debian-13.1.0-amd64-DVD-1.iso", 370 * MB, {"truncate": 9 * MB, "norange": True}),
    ("intranet", "members-only.zip", 8 * MB, {"auth": "ada:lovelace"}),
    ("files", "traffic-2025.parquet", 18 * MB, {"checksum": "sha256:" + "4b" * 32}),
    ("portal", "setup-installer.exe", 31 * MB, {"html": True}),
)
GOING: tuple[tuple[str, str, int, Mapping[str, object]], ...] = (
    ("releases", "ubuntu-24.04.1-desktop-amd64.iso", 420 * MB, {"rate": 900_000}),
    ("dumps", "enwiki-20261101-pages-articles-multistream.xml.bz2", 1_900 * MB, {"rate": 450_000}),
    ("models", "model-00003-of-00008.safetensors", 490 * MB, {"rate": 1_300_000, "cap": 6}),
    ("seismo", "地震観測データ-2026年9月.tar.zst", 135 * MB, {"rate": 500_000, "cap": 2}),
    ("archive", "night_train_1946_restored.mkv", 310 * MB, {"rate": 300_000, "cap": 4}),
    ("ensembl", "homo_sapiens-chr7.vcf.gz", 190 * MB, {"rate": 250_000}),
    ("cdn", "city-builder-2-soundtrack.flac.zip", 61 * MB, {"rate": 200_000, "cap": 3}),
    ("maps", "europe-contours-z14.mbtiles", 3_820 * MB, {"rate": 400_000}),
    ("data", "microdata-person-records-österreich.parquet", 63 * MB, {"rate": 1_000_000, "cap": 1, "norange": True}),
    ("files", "router-ax-9.2.1.bin", 35 * MB, {"rate": 600_000, "cap": 1}),
    ("photos", "iceland-2026-originals.tar", 1_270 * MB, {"rate": 350_000, "cap": 4}),
)
STANDING: tuple[tuple[str, str, int, Mapping[str, object]], ...] = (
    ("api", "annual-2025-export.csv.gz", 310 * MB, {"status": 429, "retry_after": 300}),
)
HELD = ("video", "keynote-2160p.mp4", 220 * MB, {"rate": 900_000})
QUEUED = (
    ("blender", "blender-4.5.3-linux-x64.tar.xz", 390 * MB), ("kernel", "linux-6.17.tar.xz", 150 * MB),
    ("zenodo", "coral-reef-survey-part-02.zip", 1_100 * MB), ("zenodo", "coral-reef-survey-part-03.zip", 1_060 * MB),
    ("ensembl", "Homo_sapiens.GRCh38.dna.toplevel.fa.gz", 1_300 * MB), ("planet", "planet-261116.osm.pbf", 3_900 * MB),
)  # fmt: skip
SECONDS = 32
"""How long the downloads run before they are recorded."""


class Recording(Struct, frozen=True):
    """What an engine showed at one moment, and what it could have been asked."""

    at: float
    shown: Snapshot
    details: dict[str, DetailView]
    history: tuple[DownloadView, ...]
    """Every download that has ended by then, as the store gives it."""
    news: tuple[Event, ...]
    speeds: tuple[float, ...]
    links: dict[str, str]
    """Name to link, for pictures that type links."""


class Still:
    """An engine that stands still: it shows a recording, and pages of it."""

    def __init__(self, recording: Recording, book: FileBook) -> None:
        self.recording = recording
        self.book = book

    @property
    def at(self) -> float:
        return self.recording.at

    def snapshot(self) -> Snapshot:
        return self.recording.shown

    async def get(self, id: str) -> DetailView:
        known = self.recording.details.get(id)
        return known or DetailView(next(view for view in self.recording.history if view.id == id))

    async def page(self, query: Query) -> Page:
        return list_page([*self.recording.shown.downloads.values(), *self.recording.history], query)

    async def events(self, after: int | None = None) -> AsyncIterator[Event]:
        for event in self.recording.news:
            yield event
        await asyncio.Event().wait()


@contextmanager
def _stage() -> Iterator[Path]:
    """Make the place that the pictures name, with its settings file, and take it away again."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "config").mkdir(parents=True)
    file = FOLDER / "config" / "config.toml"
    file.write_text(SETTINGS)
    try:
        yield file
    finally:
        shutil.rmtree(FOLDER, ignore_errors=True)


@contextmanager
def kept(file: Path) -> Iterator[Still]:
    """Give the scene as it was recorded."""
    with _stage() as settings:
        yield Still(msgspec.json.decode(file.read_bytes(), type=Recording), FileBook(str(settings)))


def record(file: Path) -> None:
    """Let the scene play and write down how it stood in the end."""
    with _stage(), serve_in_thread(port=PORT) as server:
        os.environ[HOME] = str(FOLDER)
        recording = asyncio.run(_perform(server))
    file.write_bytes(msgspec.json.format(msgspec.json.encode(recording, enc_hook=dict), indent=1) + b"\n")


async def _perform(server: PracticeServer) -> Recording:
    house = House.open()
    await house.engine.start()
    try:
        return await _play(house, server)
    finally:
        await house.engine.close()


def link(server: PracticeServer, host: str, name: str, size: int, **options: object) -> str:
    """Write a link; every name under `localhost` is this machine."""
    return server.url(file_path(size, name, **options)).replace("127.0.0.1", f"{host}.localhost")


async def _play(house: House, server: PracticeServer) -> Recording:
    engine = house.engine
    news: list[Event] = []

    async def listen() -> None:
        async for event in engine.events():
            news.append(event)

    listener = asyncio.create_task(listen())
    await _end(engine, server, ENDED, 1)
    await _end(engine, server, FAILED, 5)
    links = {name: link(server, host, name, size, **more) for host, name, size, more in (HELD, *STANDING, *GOING)}
    held = links[HELD[1]]
    outcomes = await engine.add([AddRequest(url) for url in links.values()])
    waiting = [AddRequest(link(server, host, name, size, rate=700_000)) for host, name, size in QUEUED]
    await engine.add([replace(request, priority=2 * (not at)) for at, request in enumerate(waiting)])
    speeds: list[float] = []
    for second in range(SECONDS):
        await asyncio.sleep(1)
        speeds.append(engine.snapshot().totals.speed)
        if second == SECONDS - 7:
            await engine.pause([o.id for o, url in zip(outcomes, links.values(), strict=True) if url == held])
    listener.cancel()
    # One thing after the other, at once: what is asked later has gone on by then.
    shown, at = engine.snapshot(), time.time()
    details = {id: await engine.get(id) for id in shown.downloads}
    ended = (await engine.page(Query(states=ENDED_STATES, limit=1000))).items
    history = tuple(view for view in ended if view.id not in shown.downloads)
    return Recording(at, shown, details, history, tuple(news), tuple(speeds), links)


async def _end(engine: Any, server: PracticeServer, items: Any, at_once: int) -> None:
    """Add these and wait until each has ended; one at a time gives the history an order."""
    for first in range(0, len(items), at_once):
        requests = []
        for host, name, size, more in items[first : first + at_once]:
            options = {key: value for key, value in more.items() if key != "checksum"}
            checksum = more.get("checksum")
            chosen = Options(checksum=str(checksum) if checksum else None)
            requests.append(AddRequest(link(server, host, name, size, **options), options=chosen))
        outcomes = await engine.add(requests)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            views = [engine.snapshot().downloads.get(outcome.id) for outcome in outcomes]
            if all(view is None or view.state in (State.COMPLETE, State.FAILED) for view in views):
                break
            await asyncio.sleep(0.1)
