"""From a download's record to what a transfer needs: its mirrors and its settings, everything decided."""

from __future__ import annotations

from tui_downloads.core.digests import parse_checksum
from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.links import parse_link, redact
from tui_downloads.core.snapshots import Limits

from .mirror import Mirror
from .reach import Reaches, stranger
from .services import FileSettings, Services


def host_of(url: str) -> str:
    """Give the key under which a link's server is counted: host and port.

    Raises:
        DownloadError: INVALID_URL.
    """
    link = parse_link(url)
    return f"{link.host}:{link.port}"


def marked(url: str) -> str:
    """Give a link as journals hold it: of the secrets of its query only a fingerprint, which tells links apart."""
    shown = redact(url)
    if shown == url:
        return url
    from hashlib import blake2b

    return f"{shown}#{blake2b(url.encode(), digest_size=8).hexdigest()}"


def mirrors_of(
    download: Download, file: FileRecord, reaches: Reaches, fields: tuple[tuple[str, str], ...] = ()
) -> list[Mirror]:
    """Make the mirrors of a file, the best first.

    A link that a list named, and not the user, gets the user's login and fields only at the origin they were given for.
    `fields` are those that the file's source wants sent.
    """
    request = download.request
    reach = reaches.of(request)
    headers = request.credentials.headers
    referer = request.options.referer or ""
    if not file.urls:
        urls = (download.url, *request.mirrors)
        if len(urls) == 1:
            return [Mirror(download.url, download.host, reach, headers, referer)]
        return [Mirror(url, host_of(url), reaches.of(request, url), headers, referer) for url in urls]
    own = parse_link(download.url).origin if download.url else None
    told = {download.url, *request.mirrors}
    mirrors = []
    for url in file.urls:
        link = parse_link(url)
        host = f"{link.host}:{link.port}"
        if url in told or link.origin == own:
            mirrors.append(Mirror(url, host, reaches.of(request, url), (*fields, *headers), referer))
        else:
            mirrors.append(Mirror(url, host, stranger(reaches.of(request, url)), fields))
    return mirrors


def file_settings(download: Download, file: FileRecord, services: Services, limits: Limits) -> FileSettings:
    """Decide how a file is fetched, from the download's options and the engine's defaults."""
    options, defaults = download.request.options, services.defaults
    single = len(download.files) == 1
    checksum = None
    if single and options.checksum:
        parsed = parse_checksum(options.checksum)
        checksum = (parsed.algorithm, parsed.hex)
    folder, name = download.folder, (download.request.name or None) if single else None
    if single and name is None and file.urls and "/" not in file.path:
        name = file.path or None  # the name that a list gave
    if not single or (file.path and "/" in file.path):
        inner, _, name = file.path.rpartition("/")
        folder = f"{download.folder}/{inner}" if inner else download.folder
    return FileSettings(
        folder=folder,
        name=name,
        connections=options.connections or limits.per_download,
        connections_chosen=options.connections is not None,
        on_conflict=options.on_conflict or defaults.on_conflict,
        retries=defaults.retries if options.retries is None else options.retries,
        checksum=checksum,
        min_rate=options.min_rate,
    )
