"""What `get` and `add` take for links that mean more than a plain file: packages, media pages, lists."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import click
from msgspec.structs import replace

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import AddRequest

QUALITIES = ("best", "2160p", "1440p", "1080p", "720p", "480p", "360p", "240p", "audio")
LARGEST_LIST = 16 * 1024 * 1024
LONGEST_PASSWORD = 4096

OPTIONS: list[Callable[[Any], Any]] = [
    click.option("--kind", type=click.Choice(["link", "package", "media"]), help="What the links are. [as they look]"),
    click.option("-R", "--recursive", is_flag=True, help="A directory listing: every file in it and below."),
    click.option("--depth", type=click.IntRange(1, 50), metavar="N", help="Folders below each other. [5]"),
    click.option("--include", multiple=True, metavar="GLOB", help="Of a listing only these, such as '*.iso'."),
    click.option("--exclude", multiple=True, metavar="GLOB", help="Of a listing not these."),
    click.option("--select", multiple=True, metavar="WHICH", help="Of a package only these: number, path or glob."),
    click.option("-M", "--list-file", multiple=True, metavar="FILE", help="A metalink or manifest of this machine."),
    click.option("--password-file", metavar="FILE", help="File with a package's password."),
    click.option("--verify", type=click.Choice(["auto"]), help="Look for checksum and signature beside the link."),
    click.option("--quality", type=click.Choice(QUALITIES), metavar="PRESET", help="Of a media page: best, 720p, …"),
    click.option("--format", "format_id", metavar="ID", help="Of a media page: one of yt-dlp's own formats."),
    click.option("--subtitles", is_flag=True, help="Of a media page: keep them beside it."),
    click.option("--thumbnail", is_flag=True, help="Of a media page: keep it beside it."),
]

_LISTING = ("depth", "include", "exclude")
_MEDIA = ("quality", "format_id", "subtitles", "thumbnail")


def with_package(base: AddRequest, values: dict[str, Any]) -> AddRequest:
    """Put what was said of packages and media pages into a wish.

    Raises:
        click.UsageError: options that do not go together.
        DownloadError: INVALID_OPTION for a password file that can't be read.
    """
    kind = Kind(values["kind"]) if values["kind"] else None
    listing, media = _said(values, _LISTING), _said(values, _MEDIA)
    if listing and not values["recursive"]:
        raise click.UsageError("--depth, --include and --exclude go with --recursive.")
    if media and (values["recursive"] or kind in (Kind.LINK, Kind.PACKAGE)):
        raise click.UsageError("--quality, --format, --subtitles and --thumbnail go with media pages only.")
    if values["recursive"]:
        if kind not in (None, Kind.PACKAGE):
            raise click.UsageError("--recursive goes with packages only.")
        kind, listing["format"] = Kind.PACKAGE, "listing"
    kind = Kind.MEDIA if media else kind
    source = {**listing, **media, **_said(values, ("select",))}
    if values["verify"]:
        base = replace(base, options=replace(base.options, verify=values["verify"]))
    if values["password_file"]:
        secrets = replace(base.credentials, extra={"password": password_in(values["password_file"])})
        base = replace(base, credentials=secrets)
    return replace(base, kind=kind or base.kind, source={**base.source, **source})


def _said(values: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Give the options that were given a value, as JSON would have them."""
    return {name: list(value) if isinstance(value, tuple) else value for name in names if (value := values[name])}


def password_in(path: str) -> str:
    """Read a password: the file's first line.

    Raises:
        DownloadError: INVALID_OPTION; it can't be read, or is empty.
    """
    password = _text(path, LONGEST_PASSWORD, "password").partition("\n")[0].rstrip("\r")
    if not password:
        raise DownloadError(Code.INVALID_OPTION, f"The password file {path} begins with an empty line.")
    return password


def listed(base: AddRequest, paths: tuple[str, ...]) -> Iterator[AddRequest]:
    """Make a wish of each metalink or manifest of this machine; its first link stands for the whole.

    Raises:
        DownloadError: INVALID_OPTION for a file that can't be read, SOURCE_INVALID for one that is no list.
    """
    for path in paths:
        from tui_downloads.sources import manifest, metalink  # parsers that no plain link needs

        text = _text(path, LARGEST_LIST, "list")
        body = text.encode("utf-8", "replace")
        xml = metalink.looks_like("", body) or body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"
        resolved = (metalink if xml else manifest).parse(body, "")
        source = {**base.source, "metalink" if xml else "manifest": text}
        title = resolved.title or os.path.basename(path).rpartition(".")[0]
        yield replace(base, url=resolved.files[0].urls[0], source=source, title=title)


def _text(path: str, most: int, what: str) -> str:
    try:
        with open(path, "rb") as file:
            body = file.read(most + 1)
    except OSError as error:
        raise DownloadError(Code.INVALID_OPTION, f"The {what} {path} can't be read: {error.strerror}.") from None
    if len(body) > most:
        raise DownloadError(Code.INVALID_OPTION, f"The {what} {path} is larger than {most:,} bytes.")
    return body.decode("utf-8", "replace")
