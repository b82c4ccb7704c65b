"""A frozen scene for pictures: plausible downloads in every state, on an engine that pretends."""

from __future__ import annotations

from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import EngineInfo, Limits, Proof, Waiting
from tui_downloads.engine.fake import FakeEngine
from tui_downloads.engine.fake_stage import error_view
from tui_downloads.engine.fake_transfer import Script
from tui_downloads.tui.options import ScreenSettings, SettingEntry

MIB, GIB = 1 << 20, 1 << 30
NOON = 1_790_000_000.0 - 1_790_000_000.0 % 86_400 + 12 * 3600 + 34 * 60

RUNNING = (
    ("https://releases.ubuntu.com/24.04.1/ubuntu-24.04.1-desktop-amd64.iso", 5.8 * GIB, 0.63, 42.1 * MIB, 8),
    ("https://dumps.wikimedia.org/enwiki/20260901/enwiki-20260901-pages-articles-multistream.xml.bz2", 22.4 * GIB, 0.31,
     18.4 * MIB, 3),
    ("https://huggingface.co/openmodel/resolve/main/model-00003-of-00008.safetensors", 4.9 * GIB, 0.88, 31.6 * MIB, 8),
    ("https://data.seismo.example.org/2026/地震観測データ-2026年9月.tar.zst", 1.35 * GIB, 0.47, 6.2 * MIB, 4),
    ("https://archive.org/download/night-train-1946/night_train_1946_restored.mkv", 3.1 * GIB, 0.12, 3.9 * MIB, 6),
    ("https://ftp.ensembl.org/pub/release-115/variation/homo_sapiens-chr7.vcf.gz", 1.9 * GIB, 0.55, 7.4 * MIB, 8),
    ("https://cdn.example.com/store/city-builder-2-soundtrack.flac.zip", 1.1 * GIB, 0.71, 4.8 * MIB, 4),
    ("https://maps.example.org/tiles/europe-contours-z14.mbtiles", 38.2 * GIB, 0.08, 9.6 * MIB, 8),
    ("https://data.example.gov/census/2025/microdata-person-records.parquet", 6.3 * GIB, 0.39, 5.1 * MIB, 6),
    ("https://files.example.net/firmware/router-ax-9.2.1.bin", 61 * MIB, 0.83, 1.2 * MIB, 2),
    ("https://mirror.example.edu/debian/pool/main/f/firefox/firefox_143.0-1_amd64.deb", 74 * MIB, 0.26, 880 * 1024, 1),
    ("https://photos.example.com/albums/iceland-2026/originals.tar", 12.7 * GIB, 0.77, 2.4 * MIB, 4),
    ("sftp://backup.example.net/nightly/postgres-2026-09-21.dump", 870 * MIB, 0.94, 11.0 * MIB, 1),
)  # fmt: skip
QUEUED = (
    "https://download.blender.org/release/Blender4.5/blender-4.5.3-linux-x64.tar.xz",
    "https://cdn.kernel.org/pub/linux/kernel/v6.x/linux-6.17.tar.xz",
    "https://zenodo.org/records/1284/files/coral-reef-survey-images-part-01.zip",
    "https://zenodo.org/records/1284/files/coral-reef-survey-images-part-02.zip",
    "https://zenodo.org/records/1284/files/coral-reef-survey-images-part-03.zip",
    "https://ftp.ensembl.org/pub/release-115/fasta/homo_sapiens/dna/Homo_sapiens.GRCh38.dna.toplevel.fa.gz",
    "https://planet.openstreetmap.org/pbf/planet-260914.osm.pbf",
)
ENDED = (
    ("https://archive.raspberrypi.com/os/2026-09-10-raspios-trixie-arm64-lite.img.xz", 512 * MIB, State.COMPLETE),
    ("https://www.python.org/ftp/python/3.14.0/Python-3.14.0.tar.xz", 23 * MIB, State.COMPLETE),
    ("https://mirror.example.edu/gutenberg/gutenberg-2026-de.zip", 1.9 * GIB, State.COMPLETE),
    ("https://files.example.org/lectures/Analysis II — Vorlesung 07.mp4", 640 * MIB, State.COMPLETE),
    ("https://cdn.example.com/nightly/build-4411.zip", 210 * MIB, State.CANCELLED),
    ("https://releases.ubuntu.com/24.04.1/SHA256SUMS", 1_204, State.COMPLETE),
    ("https://releases.ubuntu.com/24.04.1/ubuntu-24.04.1-live-server-amd64.iso", 2.6 * GIB, State.COMPLETE),
    ("https://old-releases.ubuntu.com/releases/22.04/ubuntu-22.04-desktop-amd64.iso", 3.4 * GIB, State.COMPLETE),
)
FAILED = (
    ("https://mirror.example.edu/isos/debian-13.1.0-amd64-DVD-1.iso", 3.7 * GIB, 0.41, Code.STALLED,
     "mirror.example.edu sent no byte for 60 seconds."),
    ("https://media.example.com/s/8f2c/quarterly-report.pdf", 14 * MIB, 0.0, Code.AUTH_REQUIRED,
     "The link has expired (403)."),
    ("https://files.example.net/datasets/traffic-2025.parquet", 880 * MIB, 1.0, Code.CHECKSUM_MISMATCH,
     "sha256 is 9f31…c2, expected 4b77…0e."),
    ("https://example.org/gone/slides.key", None, 0.0, Code.REMOTE_FILE_NOT_FOUND, "The server says 404: not found."),
)  # fmt: skip


def engine() -> FakeEngine:
    """Set the stage."""
    fake = FakeEngine(
        clock=lambda: NOON,
        limits=Limits(downloads=14, rate=160 * MIB),
        folder="/home/ada/Downloads",
        info=EngineInfo(
            name="embedded", version="1", folder="/home/ada/Downloads", free=int(412.6 * GIB), endpoint="127.0.0.1:8080"
        ),
    )
    for number, (url, size, part, rate, connections) in enumerate(RUNNING):
        script = Script(size=int(size), rate=rate, connections=connections, wobble=0.25)
        id = fake.put(
            url, state=State.TRANSFERRING, script=script, done=int(size * part), age=900 - 60 * number,
            connections=connections, eta=size * (1 - part) / rate, attempts=1,
        )  # fmt: skip
        _history(fake, id, rate)
    _standing(fake)
    for number, url in enumerate(QUEUED):
        fake.put(url, age=500 - number, priority=2 if number == 0 else 0)
    for number, (url, size, state) in enumerate(ENDED):
        script = Script(size=int(size))
        proof = Proof.CHECKSUM if number % 3 == 0 else Proof.DIGEST
        done = int(size * 0.4) if state is State.CANCELLED else int(size)
        id = fake.put(url, state=state, script=script, done=done, age=7200.0 * (number + 1), proof=proof)
    for number, (url, size, part, code, message) in enumerate(FAILED):
        script = Script(size=int(size) if size else None)
        fake.put(
            url, state=State.FAILED, script=script, done=int((size or 0) * part), age=3000.0 * (number + 1),
            error=error_view(code, message, NOON - 1500 * (number + 1)), attempts=5 - number,
        )  # fmt: skip
    return fake


def _history(fake: FakeEngine, id: str, rate: float) -> None:
    transfer = fake._transfers[id]
    for second in range(240):
        transfer.sample(1.0, transfer.speed(0) * min(1.0, 0.15 + second / 20))
    for age, sentence in (
        (861, "queued → resolving"), (860, "The server accepts ranges; the validator is strong."),
        (860, "resolving → transferring"), (858, "4 connections"), (856, "8 connections"),
        (412, "Connection 3 was slow: its rest was given to a new one."),
    ):  # fmt: skip
        fake.note(id, sentence, NOON - age)


def _standing(fake: FakeEngine) -> None:
    fake.put(
        "https://api.example.com/export/annual-2025.csv.gz", state=State.WAITING, script=Script(size=int(310 * MIB)),
        done=int(84 * MIB), age=640,
        waiting=Waiting("The server asks to wait (429).", NOON + 47, 2),
    )  # fmt: skip
    fake.put("https://cdn.example.com/game/assets-hd.pak", state=State.VERIFYING, script=Script(size=int(7.2 * GIB)),
             done=int(7.2 * GIB), age=620, checksum="sha256:" + "4b" * 32)  # fmt: skip
    fake.put("https://video.example.org/talks/keynote-2160p.mp4", state=State.PAUSED,
             script=Script(size=int(2.2 * GIB)), done=int(1.3 * GIB), age=600)  # fmt: skip


class Book:
    """Settings for pictures and tests; written nowhere."""

    path = "~/.config/tui-downloads/config.toml"

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.written: list[tuple[str, str]] = []

    def entries(self) -> list[SettingEntry]:
        return [
            SettingEntry(key, group, text, self.values.get(key, value), default, choices, live, toggle)
            for key, group, text, value, default, choices, live, toggle in SETTINGS
        ]

    def write(self, key: str, value: str) -> None:
        self.written.append((key, value))
        self.values[key] = value

    def screen(self) -> ScreenSettings:
        return ScreenSettings(theme=self.values.get("screen.theme", "dark"))


SETTINGS = (
    ("folder", "Downloads", "Where files go, unless a category or the add dialog says otherwise.",
     "/home/ada/Downloads",
     "~/Downloads", (), True, False),
    ("downloads", "Downloads", "How many downloads run at once.", "6", "5", (), True, False),
    ("per_download", "Downloads", "Connections that one download may open.", "8", "8", (), True, False),
    ("per_host", "Downloads", "Connections that one host gets, over all downloads.", "16", "16", (), True, False),
    ("rate", "Downloads", "Bytes a second for everything; 0 is no limit.", "120M", "0", (), True, False),
    ("retries", "Downloads", "How often a failed attempt is repeated before the download fails.", "5", "5", (), True,
     False),
    ("on_conflict", "Downloads", "What happens when the name is taken.", "rename", "rename",
     ("rename", "skip", "overwrite"), True, False),
    ("proxy.all", "Network", "Proxy for every scheme, as a URL.", "", "", (), True, False),
    ("policy.private", "Network", "Whether private and loopback addresses may be reached.", "true", "true", (), True,
     True),
    ("endpoint.listen", "Endpoint", "Where the HTTP endpoint listens; a list of ADDRESS:PORT.",
     "127.0.0.1:8080", "", (),
     False, False),
    ("screen.theme", "Screen", "Colours: dark, light, or a theme that Textual brings.", "dark", "dark",
     ("dark", "light", "nord", "gruvbox", "textual-ansi"), True, False),
    ("screen.density", "Screen", "One line for a download, or two.", "compact", "compact", ("compact", "comfortable"),
     True, False),
    ("screen.bell", "Screen", "Ring the terminal's bell when a download ends.", "false", "false", (), True, True),
    ("screen.keys", "Screen", "A file that gives actions other keys, by binding id.", "keys.toml",
     "", (), False, False),
)  # fmt: skip
