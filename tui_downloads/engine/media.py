"""Media pages: plain files come through our own transfer, everything else through yt-dlp in a process of its own.

yt-dlp writes into a staging folder beside the target, which a pause or a crash leaves as it is and the next run goes on
from. What it made gets its name as every other file does: flushed, an intent stored, named without replacing anything.

yt-dlp opens its own connections, which this program's address policy can't see. So only callers whose policy allows
everything have it run for them; for others a link is fetched when it leads to a plain media file.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from collections.abc import Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec import Struct
from msgspec.structs import replace

from tui_downloads.core.content_types import essence
from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.lifecycle import Move, State
from tui_downloads.core.names import safe_name
from tui_downloads.core.spec import OnConflict
from tui_downloads.files import flush
from tui_downloads.files.base import Landing, Published
from tui_downloads.files.claim import temporary
from tui_downloads.files.faults import told
from tui_downloads.files.publish import Ready, land
from tui_downloads.sources import media as pages
from tui_downloads.sources.base import FileSpec, Question
from tui_downloads.sources.media import Choice, Media, Step, Way
from tui_downloads.store.base import Intent

from . import ytdlp
from .layout import claim_folder, lay_out, place_in
from .package import PackageRunner
from .resolver import ask
from .staging import KEY, staging_of

if TYPE_CHECKING:
    from .runner import Runner, Work

PLAIN = ("video/", "audio/", "image/", "application/octet-stream", "application/ogg", "application/zip")
LANES = 2
"""Pages of one playlist that are fetched at once."""


class Means(Struct, frozen=True):
    """With what one download's pages are fetched."""

    choice: Choice
    way: Way
    ffmpeg: str


def ffmpeg_path(extras: Mapping[str, Any]) -> str:
    """Find ffmpeg: where the settings say, else in the path; empty where there is none."""
    return getattr(extras.get("media"), "ffmpeg", "") or shutil.which("ffmpeg") or ""


def means_of(runner: Runner, extras: Mapping[str, Any]) -> Means:
    """Gather with what a download's pages are fetched.

    Raises:
        DownloadError: INVALID_OPTION.
    """
    download = runner.download
    preset = getattr(extras.get("media"), "preset", "") or "best"
    request = download.request
    reach = runner.manager.reaches.of(request)
    proxy = reach.proxy
    if proxy and reach.proxy_user:
        parts = urlsplit(proxy)
        login = f"{quote(reach.proxy_user, safe='')}:{quote(reach.proxy_password, safe='')}"
        proxy = urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}"))
    limits = runner.services.seats.limits
    rates = [rate for rate in (download.limit, limits.rate, limits.rate_per_download) if rate]
    retries = runner.services.defaults.retries if request.options.retries is None else request.options.retries
    way = Way(
        headers=request.credentials.headers,
        user=reach.user,
        password=reach.password,
        proxy=proxy,
        user_agent=reach.user_agent or "",
        referer=request.options.referer or "",
        ip_version=reach.ip_version,
        timeout=reach.stall_timeout,
        retries=retries,
        rate=min(rates, default=0),
    )
    return Means(Choice.of(request.source, preset), way, ffmpeg_path(extras))


async def resolve_media(runner: Runner, extras: Mapping[str, Any]) -> Work | None:
    """Find out what a page has; None where it is a plain file, which our own transfer fetches.

    Raises:
        DownloadError: DEPENDENCY_MISSING, DOWNLOAD_FORBIDDEN, or what yt-dlp says.
    """
    download = runner.download
    means = means_of(runner, extras)
    if _restricted(download):
        await _plain_or_forbidden(runner)
        return None
    if len(download.files) > 1 and download.meta.get("playlist_total"):
        return Playlist(runner, means)
    if download.meta.get("plain"):
        return None
    if not ytdlp.installed():
        raise pages.extra_missing()
    try:
        found = await probe(download.url, means)
    except ytdlp.Unclaimed:
        _as_plain(download)
        return None
    if len(found.entries) > 1:
        await _lay_out(runner, found)
        return Playlist(runner, means)
    url = download.url
    if found.entries:
        url = found.entries[0].url
        found = await probe(url, means)
    _describe(runner, found)
    if found.direct:
        _as_plain(download)
        return None
    if not download.files:
        download.files = [FileRecord()]
    file = download.files[0]
    if plain_enough(found, means):
        file.path = download.request.name or named(found, download)
        file.urls = (found.url,)
        runner.file_headers[file.id] = found.headers
        return None
    return Page(runner, means, url, found)


async def probe(url: str, means: Means) -> Media:
    """Ask yt-dlp what a page has.

    Raises:
        DownloadError: what it says.
    """
    question = pages.question(url, means.choice, means.way, ffmpeg=means.ffmpeg)
    try:
        text = await ytdlp.answer(question)
    except DownloadError as error:
        raise _explained(error, means) from None
    found = await asyncio.to_thread(pages.parse_media, text, url)
    if found.merge and not means.ffmpeg:
        raise pages.ffmpeg_missing()
    return found


def _explained(error: DownloadError, means: Means) -> DownloadError:
    """Name ffmpeg where its absence is why nothing fits."""
    if not means.ffmpeg and error.code is Code.SOURCE_INVALID and "without ffmpeg" in error.message:
        return pages.ffmpeg_missing()
    return error


def plain_enough(found: Media, means: Means) -> bool:
    """Say whether our own transfer can fetch it: one file over HTTP, and nothing to be made of it."""
    choice = means.choice
    return bool(found.url) and not (found.live or choice.subtitles or choice.thumbnail or choice.audio)


def named(found: Media, download: Download) -> str:
    """Name a file after its title."""
    title = found.title or download.title or "media"
    return safe_name(f"{title}.{found.extension}" if found.extension else title)


def _restricted(download: Download) -> bool:
    policy = download.request.policy
    return not policy.private or bool(policy.allowed) or bool(policy.blocked)


async def _plain_or_forbidden(runner: Runner) -> None:
    """For a caller with a policy: a plain media file is fetched by us, under that policy; pages are not.

    Raises:
        DownloadError: DOWNLOAD_FORBIDDEN, or what the network says.
    """
    download = runner.download
    if download.meta.get("plain"):
        return
    reach = runner.manager.reaches.of(download.request)
    question = Question(download.url, download.request.credentials.headers, method="HEAD")
    reply = await ask(runner.services.transport, question, reach)
    kind = essence(reply.headers.get("content-type"))
    attached = reply.headers.get("content-disposition").lower().startswith("attachment")
    if reply.status >= 400 or attached or kind.startswith(PLAIN):
        _as_plain(download)
        return
    raise DownloadError(
        Code.DOWNLOAD_FORBIDDEN,
        "Media pages are fetched by another program, which can't keep this caller's address policy.",
        next_step="Give the link of the media file itself, or ask the operator for leave to reach every address.",
    )


def _as_plain(download: Download) -> None:
    download.meta["plain"] = True
    download.files = [download.files[0] if download.files else FileRecord(path=download.request.name or "")]


def _describe(runner: Runner, found: Media) -> None:
    download = runner.download
    download.meta.update(found.meta)
    download.title = download.title or found.title
    runner.manager.save_soon(download)
    runner.manager.touch(download)


async def _lay_out(runner: Runner, found: Media) -> None:
    """Make the files of a playlist: one for each page, in a folder named after it."""
    download, request = runner.download, runner.download.request
    conflict = request.options.on_conflict or runner.services.defaults.on_conflict
    title = request.name or found.title
    width = len(str(len(found.entries)))
    specs = [
        FileSpec(urls=(), path=f"{entry.index:0{width}} {entry.title or 'media'}".replace("/", " "), renew=entry.url)
        for entry in found.entries
    ]
    files = lay_out(specs, select=request.source.get("select"))
    name = await asyncio.to_thread(claim_folder, download.folder, title, download.url, conflict)
    download.files = place_in(name, files)
    download.name = name
    download.meta["playlist_total"] = len(found.entries)
    _describe(runner, found)


class Fetch:
    """One page's media on its way, and then its files given their names."""

    # Mutable state: for each part of the media (picture, sound) its bytes done and in all.
    def __init__(self, runner: Runner, means: Means, url: str, file: FileRecord) -> None:
        self._runner = runner
        self._means = means
        self._url = url
        self._file = file
        self._steps: dict[str, tuple[int, int | None]] = {}

    async def run(self) -> list[str]:
        """Have yt-dlp fetch the media into the staging folder, and list what it made, the media first.

        Raises:
            DownloadError: what it says.
        """
        staging = await asyncio.to_thread(self._stage)
        means = self._means
        order = pages.order(self._url, means.choice, means.way, staging, ffmpeg=means.ffmpeg)
        try:
            await ytdlp.follow(order, staging, self._step)
        except DownloadError as error:
            raise _explained(error, means) from None
        made = await asyncio.to_thread(made_in, staging)
        if not made:
            raise DownloadError(Code.SOURCE_INVALID, "yt-dlp ended without a file.", retry=False)
        return made

    def _stage(self) -> str:
        """Make the staging folder, or take up the one that an earlier foreground run of the same wish left."""
        download, left = self._runner.download, self._runner.services.leftovers
        wish = f"{self._url} {self._means.choice}"
        if left is not None and KEY not in download.meta:
            download.meta[KEY] = blake2b(f"{download.url} {self._means.choice}".encode(), digest_size=16).hexdigest()
        staging = staging_of(download, self._file)
        with told(download.folder):
            os.makedirs(staging, mode=0o700, exist_ok=True)
        if left is not None and not left.folders.resume(staging, wish):
            left.folders.begin(staging, wish)
            if not left.folders.holds(staging):
                raise DownloadError(Code.IN_USE, "Another run fetches this media into the same folder.", retry=False)
        return staging

    def _step(self, step: Step) -> None:
        before = self._steps.get(step.file, (0, None))[0]
        # Threads of its own tell out of order; only the end of a part may correct it.
        self._steps[step.file] = (step.done if step.finished else max(before, step.done), step.size)
        sizes = [size for _, size in self._steps.values()]
        self._file.done = sum(done for done, _ in self._steps.values())
        self._file.size = None if None in sizes else sum(size or 0 for size in sizes)


def made_in(staging: str) -> list[str]:
    """List the finished files of a staging folder, the largest that is neither picture nor subtitle first."""
    beside = (".jpg", ".jpeg", ".png", ".webp", ".vtt", ".srt", ".ass", ".ttml", ".lrc", ".json", ".json3", ".srv3")
    found = []
    with os.scandir(staging) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            if entry.name.startswith("."):
                continue  # the mark of a foreground run
            if stat.S_ISREG(status.st_mode) and not entry.name.endswith((".part", ".ytdl", ".mark", ".temp", ".tmp")):
                found.append((entry.name.lower().endswith(beside), -status.st_size, entry.path))
    return [path for _, _, path in sorted(found) if ".part-Frag" not in path]


async def publish(runner: Runner, file: FileRecord, made: list[str], stem: str, folder: str) -> list[Published]:
    """Give what yt-dlp made its names: `stem` with each file's own ending; the media first.

    Raises:
        DownloadError: what the disk says.
    """
    download, services = runner.download, runner.services
    conflict = download.request.options.on_conflict or services.defaults.on_conflict
    published: list[Published] = []
    for path in made:
        ending = os.path.basename(path).removeprefix("media")
        name = safe_name(stem + ending)
        landing = await asyncio.to_thread(_landing, download, file, path, folder, name)
        if not published:
            await services.store.intend([_intent(landing)])
        ready = Ready(folder, name, conflict if not published else OnConflict.RENAME)
        (outcome,) = await asyncio.to_thread(land, [ready], [landing])
        if isinstance(outcome, DownloadError):
            raise outcome
        published.append(outcome)
    if services.leftovers is not None:
        services.leftovers.folders.end(staging_of(download, file))
    shutil.rmtree(staging_of(download, file), ignore_errors=True)
    return published


def _landing(download: Download, file: FileRecord, path: str, folder: str, name: str) -> Landing:
    """Flush a file and take it out of the staging folder, to where it only lacks its name."""
    with told(folder):
        os.makedirs(folder, exist_ok=True)
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            flush.data(fd)
            status = os.fstat(fd)
        finally:
            os.close(fd)
        waiting = temporary()
        os.rename(path, os.path.join(folder, waiting))
    return Landing(download.id, file.id, folder, waiting, name, status.st_dev, status.st_ino, status.st_size)


def _intent(landing: Landing) -> Intent:
    return Intent(
        landing.download, landing.file, landing.folder, landing.part, landing.target, landing.device, landing.inode,
        landing.size,
    )  # fmt: skip


class Page:
    """One page through yt-dlp, from its first byte to its name."""

    def __init__(self, runner: Runner, means: Means, url: str, found: Media) -> None:
        self._runner = runner
        self._download = runner.download
        self._found = found
        self._file = runner.download.files[0]
        self._fetch = Fetch(runner, means, url, self._file)

    @property
    def done(self) -> int:
        self._download.size = self._file.size
        return self._file.done

    async def run(self) -> None:
        download, manager, file = self._download, self._runner.manager, self._file
        stem = download.request.name or named(replace(self._found, extension=""), download)
        download.name = download.name or stem
        file.state = "transferring"
        manager.move(download, Move.BEGIN)
        made = await self._fetch.run()
        manager.move(download, Move.VERIFY)
        ending = os.path.splitext(made[0])[1]
        published = await publish(self._runner, file, made, stem.removesuffix(ending), download.folder)
        self._finished(published)
        if download.state in (State.VERIFYING, State.TRANSFERRING):
            manager.endings.completed_package(self._runner)
        await self._runner.services.store.finish([download])

    def _finished(self, published: list[Published]) -> None:
        download, file = self._download, self._file
        file.path = download.name = published[0].name
        file.state, file.part = "complete", None
        file.size = file.done = download.size = download.done = os.path.getsize(published[0].path)
        for number, beside in enumerate(published[1:], 2):
            size = os.path.getsize(beside.path)
            download.files.append(FileRecord(str(number), beside.name, size=size, done=size, state="complete"))
        # Subtitles and pictures are files of the download, but not what was asked for.
        download.meta["members"] = (1, 1)


class Playlist(PackageRunner):
    """The pages of a playlist, a few at once, each a file of the package."""

    def __init__(self, runner: Runner, means: Means) -> None:
        super().__init__(runner)
        self._means = means
        self.lanes = LANES

    @property
    def done(self) -> int:
        running = {transfer.file.id: transfer.done for transfer in self._runner.transfers}
        return sum(running.get(file.id, file.done) for file in self._download.files)

    async def _once(self, file: FileRecord) -> None:
        download, runner = self._download, self._runner
        found = await probe(file.renew, self._means)
        root, _, name = file.path.rpartition("/")
        stem = name if not found.extension else name.removesuffix(f".{found.extension}")
        if plain_enough(found, self._means):
            file.path = f"{root}/{safe_name(f'{stem}.{found.extension}' if found.extension else stem)}"
            file.urls = (found.url,)
            runner.file_headers[file.id] = found.headers
            await super()._once(file)
            return
        made = await Fetch(runner, self._means, file.renew, file).run()
        published = await publish(runner, file, made, stem, os.path.join(download.folder, root))
        file.path = f"{root}/{published[0].name}"
        file.size = file.done = os.path.getsize(published[0].path)
        file.state = "complete"
        await runner.services.store.finish([download])
        self._tell(file)
