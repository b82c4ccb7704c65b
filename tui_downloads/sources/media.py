"""Media pages: what to ask yt-dlp, and what its answers mean. The process itself belongs to the engine.

Everything that may be secret (the link, header fields, a proxy's password) goes into a configuration that is written to
the process's standard input, and never among its arguments.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.secrecy import Guarded
from tui_downloads.core.snapshots import EMPTY

from .base import absolute, invalid

PRESETS = ("best", "2160p", "1440p", "1080p", "720p", "480p", "360p", "240p")
MOST_ENTRIES = 5000
PROGRESS = "@progress "
_FIELDS = (
    '{"done":%(progress.downloaded_bytes)j,"size":%(progress.total_bytes)j,"about":%(progress.total_bytes_estimate)j,'
)
_TEMPLATE = (
    f"download:{PROGRESS}{_FIELDS}"
    '"status":%(progress.status)j,"format":%(info.format_id)j,"file":%(progress.filename)j,'
    '"fragment":%(progress.fragment_index)j,"fragments":%(progress.fragment_count)j}'
)


class Choice(Struct, frozen=True):
    """What of a page is wanted."""

    quality: str = "best"
    """One of `PRESETS`: that height or lower, else the closest; or `audio`."""
    audio: bool = False
    format_id: str = ""
    subtitles: bool = False
    thumbnail: bool = False

    @classmethod
    def of(cls, options: Mapping[str, Any], preset: str = "best") -> Choice:
        """Read a request's `source`; `preset` is what the settings say.

        Raises:
            DownloadError: INVALID_OPTION for a quality that there is not.
        """
        quality = str(options.get("quality") or preset or "best").lower()
        kind = str(options.get("media_type") or "video").lower()
        audio = kind == "audio" or quality == "audio"
        if quality not in PRESETS and quality != "audio":
            raise DownloadError(Code.INVALID_OPTION, f"The quality is one of {', '.join(PRESETS)} or audio.")
        if kind not in ("video", "audio"):
            raise DownloadError(Code.INVALID_OPTION, "The media type is video or audio.")
        format_id = str(options.get("format_id") or "")
        if len(format_id) > 200 or not format_id.isprintable() or any(char in format_id for char in "\"'\\"):
            raise DownloadError(Code.INVALID_OPTION, "That is no format of yt-dlp's.")
        return cls(
            quality,
            audio,
            format_id,
            bool(options.get("subtitles")),
            bool(options.get("thumbnail")),
        )


class Way(Guarded, frozen=True):
    """How yt-dlp gets to the page: the download's own reach, in its words."""

    hidden = frozenset({"headers", "password", "proxy"})

    headers: tuple[tuple[str, str], ...] = ()
    user: str = ""
    password: str = ""
    proxy: str | None = None
    """With user and password; empty text means none."""
    cookies: str = ""
    """Path of a cookie file."""
    user_agent: str = ""
    referer: str = ""
    source_address: str = ""
    ip_version: int | None = None
    timeout: float = 60.0
    retries: int = 5
    rate: int = 0
    """Bytes a second; 0 is no limit."""


class Entry(Struct, frozen=True):
    """One page of a playlist."""

    url: str
    title: str
    index: int


class Media(Guarded, frozen=True):
    """What a page has."""

    hidden = frozenset({"headers"})

    title: str
    url: str = ""
    """A link to the plain file; empty where only yt-dlp can fetch it."""
    extension: str = ""
    size: int | None = None
    direct: bool = False
    """The link itself is a media file."""
    live: bool = False
    merge: bool = False
    """Picture and sound come apart and have to be put together."""
    headers: tuple[tuple[str, str], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    """title, thumbnail, format_note, duration, extractor."""
    entries: tuple[Entry, ...] = ()
    """Of a playlist."""


def arguments() -> list[str]:
    """Give yt-dlp's arguments: everything else is read from its standard input."""
    return ["--ignore-config", "--config-locations", "-"]


def question(url: str, choice: Choice, way: Way, *, ffmpeg: str = "") -> str:
    """Write the configuration that asks what a page has."""
    lines = [*_common(way, ffmpeg), *_formats(choice, ffmpeg)]
    lines += ["--dump-single-json", "--flat-playlist", "--no-warnings", "--quiet", "--ignore-no-formats-error", url]
    return _text(lines)


def order(url: str, choice: Choice, way: Way, staging: str, *, ffmpeg: str = "") -> str:
    """Write the configuration that fetches a page's media into a folder, as `media.EXTENSION`."""
    lines = [*_common(way, ffmpeg), *_formats(choice, ffmpeg)]
    lines += ["--no-playlist", "--no-mtime", "--continue", "--part", "--newline", "--progress", "--no-warnings"]
    # A figure that is not known shall be JSON too.
    lines += ["--output-na-placeholder", "null"]
    lines += ["--quiet", "--progress-template", _TEMPLATE, "--concurrent-fragments", "4"]
    # The template is ours: neither title nor extension of the page can lead the files elsewhere.
    lines += ["--paths", staging.replace("%", "%%"), "--output", "media.%(ext)s"]
    if choice.subtitles:
        lines += ["--write-subs", "--sub-langs", "all,-live_chat"]
    if choice.thumbnail:
        lines += ["--write-thumbnail"]
    if choice.audio and ffmpeg:
        lines += ["--extract-audio"]
    return _text([*lines, url])


def _common(way: Way, ffmpeg: str) -> list[str]:
    lines = ["--no-cache-dir", "--no-update", "--no-exec", "--no-plugin-dirs", "--color", "never"]
    lines += ["--socket-timeout", f"{way.timeout:g}", "--retries", str(way.retries)]
    lines += ["--fragment-retries", str(way.retries), "--abort-on-unavailable-fragments"]
    lines += ["--ffmpeg-location", ffmpeg] if ffmpeg else []
    for name, value in way.headers:
        lines += ["--add-headers", f"{name}:{value}"]
    if way.user_agent:
        lines += ["--add-headers", f"User-Agent:{way.user_agent}"]
    if way.referer:
        lines += ["--add-headers", f"Referer:{way.referer}"]
    if way.user:
        lines += ["--username", way.user, "--password", way.password]
    if way.proxy is not None:
        lines += ["--proxy", way.proxy]
    if way.cookies:
        lines += ["--cookies", way.cookies]
    if way.source_address:
        lines += ["--source-address", way.source_address]
    if way.ip_version in (4, 6):
        lines += [f"--force-ipv{way.ip_version}"]
    if way.rate:
        lines += ["--limit-rate", str(way.rate)]
    return lines


def _formats(choice: Choice, ffmpeg: str) -> list[str]:
    """Choose by height: yt-dlp's own sorting takes the largest that is not larger, else the smallest that is."""
    if choice.format_id:
        return ["--format", choice.format_id]
    if choice.audio:
        return ["--format", "ba/b" if ffmpeg else "ba"]
    # Without ffmpeg nothing can be put together; a picture without its sound is not what was asked for.
    lines = ["--format", "bv*+ba/b/bv*/ba" if ffmpeg else "b"]
    if choice.quality != "best":
        lines += ["--format-sort", f"res:{choice.quality.removesuffix('p')}"]
    return lines


def _text(lines: list[str]) -> str:
    for line in lines:
        if any(char in line for char in "\r\n\0"):
            raise DownloadError(Code.INVALID_OPTION, "An option of a media page holds a line break.")
    return "".join(f"{shlex.quote(line)}\n" for line in lines)


def parse_media(text: bytes, url: str) -> Media:
    """Read yt-dlp's answer to `question`.

    Raises:
        DownloadError: SOURCE_INVALID where it is none.
    """
    try:
        info = json.loads(text)
    except (ValueError, RecursionError):
        raise invalid("yt-dlp gave no answer that can be read.") from None
    if not isinstance(info, dict):
        raise invalid("yt-dlp gave no answer that can be read.")
    title = _word(info, "title") or _word(info, "id")
    meta = {key: value for key in ("title", "thumbnail", "format_note", "extractor") if (value := _word(info, key))}
    if isinstance(info.get("entries"), list):
        return Media(title, entries=_entries(info["entries"], url), meta=meta)
    if isinstance(info.get("duration"), int | float):
        meta["duration"] = info["duration"]
    if not meta.get("format_note") and (note := _word(info, "resolution") or _word(info, "format")):
        meta["format_note"] = note
    apart = isinstance(info.get("requested_formats"), list) and len(info["requested_formats"]) > 1
    plain = not apart and _word(info, "protocol") in ("http", "https") and not info.get("fragments")
    size = info.get("filesize")
    return Media(
        title=title,
        url=absolute(url, _word(info, "url")) if plain else "",
        extension=_word(info, "ext"),
        size=size if isinstance(size, int) and size >= 0 else None,
        direct=bool(info.get("direct")),
        live=bool(info.get("is_live")),
        merge=apart,
        headers=_headers(info.get("http_headers")),
        meta=meta,
    )


def _word(info: Mapping[str, Any], key: str) -> str:
    value = info.get(key)
    return value[:4096] if isinstance(value, str) else ""


def _headers(told: Any) -> tuple[tuple[str, str], ...]:
    """Keep the fields without which a server refuses the file."""
    if not isinstance(told, dict):
        return ()
    wanted = ("user-agent", "referer", "origin")
    return tuple(
        (name, value)
        for name, value in told.items()
        if name.lower() in wanted and isinstance(value, str) and value.isprintable() and len(value) < 4096
    )


def _entries(told: list[Any], url: str) -> tuple[Entry, ...]:
    """Read a playlist's pages; what has no link is passed over.

    Raises:
        DownloadError: SOURCE_INVALID where there are none or too many.
    """
    found: list[Entry] = []
    for item in told:
        link = absolute(url, _word(item, "webpage_url") or _word(item, "url")) if isinstance(item, dict) else ""
        if link:
            found.append(Entry(link, _word(item, "title"), len(found) + 1))
    if not 0 < len(found) <= MOST_ENTRIES:
        raise invalid(f"The playlist has {len(found)} entries that can be fetched; there may be 1 to {MOST_ENTRIES}.")
    return tuple(found)


class Step(Struct, frozen=True):
    """One line of yt-dlp's progress."""

    file: str
    """Which of the files that make the media; picture and sound are two."""
    done: int
    size: int | None
    exact: bool
    """The size is known, not estimated."""
    finished: bool


def parse_progress(line: str) -> Step | None:
    """Read a line of yt-dlp's output; None for one that is no progress."""
    if not line.startswith(PROGRESS):
        return None
    try:
        told = json.loads(line[len(PROGRESS) :])
    except (ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    size = _count(told.get("size"))
    about = _count(told.get("about"))
    name = told.get("format") or told.get("file") or ""
    finished = told.get("status") == "finished"
    done = _count(told.get("done"))
    return Step(
        str(name), (size or 0) if done is None and finished else done or 0, size or about, size is not None, finished
    )


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e18 else None


def unsupported(error: str) -> bool:
    """Say whether yt-dlp refused because no extractor claims the link."""
    return "unsupported url" in error.lower() or "is not a valid url" in error.lower()


def failure(error: str) -> DownloadError:
    """Say in our words why yt-dlp failed; its own last sentence is quoted."""
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if line.startswith("ERROR:")), lines[-1] if lines else "")
    said = "".join(char for char in said.removeprefix("ERROR:").strip()[:300] if char.isprintable())
    low = error.lower()
    if "ffmpeg" in low or "ffprobe" in low:
        return ffmpeg_missing(said)
    if "requested format is not available" in low:
        return DownloadError(
            Code.SOURCE_INVALID,
            "The page has nothing in the format asked for that can be had without ffmpeg.",
            next_step="Choose another quality, or install ffmpeg, then retry.",
        )
    if "http error 429" in low:
        return DownloadError(Code.RATE_LIMITED, f"The media page gets too many requests: {said}")
    if any(sign in low for sign in ("sign in", "log in", "login", "password", "http error 401", "http error 403")):
        return DownloadError(Code.AUTH_REQUIRED, f"The media page refuses access: {said}")
    if any(sign in low for sign in ("http error 404", "not found", "unavailable", "removed", "private video")):
        return DownloadError(Code.REMOTE_FILE_NOT_FOUND, f"The media is not there: {said}")
    if "no space left" in low:
        return DownloadError(Code.DISK_FULL, "There is no space left for the media.")
    if any(
        sign in low for sign in ("timed out", "unable to download", "connection", "http error 5", "temporary failure")
    ):
        return DownloadError(Code.NETWORK_ERROR, f"yt-dlp could not reach the media: {said}")
    return DownloadError(Code.SOURCE_INVALID, f"yt-dlp could not fetch the media: {said}", resumable=True)


def ffmpeg_missing(detail: str = "") -> DownloadError:
    """Say that ffmpeg is needed."""
    return DownloadError(
        Code.DEPENDENCY_MISSING,
        "ffmpeg is needed to put this media together and was not found." + (f" ({detail})" if detail else ""),
        next_step="Install ffmpeg (for example: apt install ffmpeg, or brew install ffmpeg), then retry.",
    )


def extra_missing() -> DownloadError:
    """Say that yt-dlp is not installed."""
    return DownloadError(
        Code.DEPENDENCY_MISSING,
        "Media pages need yt-dlp, which is not installed.",
        next_step="Install it with: pip install 'tui-downloads[media]', then retry.",
    )
