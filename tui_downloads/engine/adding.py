"""From a wish to a record: links checked, secrets moved apart, folders and options judged before anything is stored."""

from __future__ import annotations

import os
import re
import time

from msgspec.structs import replace

from tui_downloads.core import policy
from tui_downloads.core.digests import parse_checksum
from tui_downloads.core.download import Download, FileRecord
from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.links import Link, parse_link
from tui_downloads.core.names import safe_name
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import AddRequest, Change, Credentials, Options

GID = re.compile(r"[0-9a-f]{16}")
MOST_CONNECTIONS = 64


class Adding:
    """Judges wishes by the engine's folders and makes records of them."""

    def __init__(self, folder: str, forbidden: tuple[str, ...]) -> None:
        self.folder = folder
        self._forbidden = tuple(os.path.realpath(path) for path in forbidden)
        self._folders: dict[tuple[str | None, tuple[str, ...]], str] = {}
        self._options: Options | None = None

    def record(self, request: AddRequest, *, position: float, now: float | None = None) -> Download:
        """Make the record of a wish; nothing is stored and nothing is touched on disk.

        Raises:
            DownloadError: INVALID_URL, DOMAIN_BLOCKED, FOLDER_UNUSABLE, INVALID_OPTION or DOWNLOAD_FORBIDDEN.
        """
        kind = request.kind or Kind.LINK
        url, host = "", ""
        if request.url or kind in (Kind.LINK, Kind.PACKAGE, Kind.MEDIA):
            link = parse_link(request.url)
            policy.check_domain(link.host, request.policy)
            request = _secrets_apart(request, link)
            url, host = link.url_without_userinfo, f"{link.host}:{link.port}"
        for mirror in request.mirrors:
            policy.check_domain(parse_link(mirror).host, request.policy)
        self.check_options(request.options)
        if request.name is not None:
            name = safe_name(request.name)
            if name != request.name:
                request = replace(request, name=name)
        folder = self.target(request.folder, request.policy.folders)
        id = new_id()
        gid = request.gid or id[:8] + id[9:13] + id[14:18]
        if request.gid and not GID.fullmatch(gid):
            raise DownloadError(Code.INVALID_OPTION, "A gid has 16 hexadecimal digits.")
        download = Download(
            id=id,
            gid=gid,
            kind=kind,
            request=request,
            url=url,
            folder=folder,
            name=request.name or "",
            state=State.PAUSED if request.paused else State.QUEUED,
            created_at=time.time() if now is None else now,
            position=position,
            host=host,
            title=request.title,
            priority=request.priority,
            limit=request.options.limit,
            checksum=request.options.checksum,
            meta=dict(request.meta),
        )
        if kind is Kind.LINK:
            download.files = [FileRecord(path=request.name or "")]
        return download

    def target(self, folder: str | None, allowed: tuple[str, ...]) -> str:
        """Give the absolute folder of a wish, judged by real path (S3 to S5).

        Raises:
            DownloadError: FOLDER_UNUSABLE when it is ours, DOWNLOAD_FORBIDDEN when the caller may not use it.
        """
        known = self._folders.get((folder, allowed))
        if known is not None:
            return known
        if folder is not None and ("\0" in folder or "\n" in folder):
            raise DownloadError(Code.FOLDER_UNUSABLE, "The folder's name holds control characters.")
        path = os.path.abspath(os.path.join(self.folder, os.path.expanduser(folder or "")))
        real = os.path.realpath(path)
        for ours in self._forbidden:
            if real == ours or _inside(real, ours):
                raise DownloadError(Code.FOLDER_UNUSABLE, f"{path} belongs to tui-downloads itself.")
        if allowed and not any(real == base or _inside(real, base) for base in map(os.path.realpath, allowed)):
            raise DownloadError(Code.DOWNLOAD_FORBIDDEN, "This caller may not use that folder.")
        if len(self._folders) < 1000:
            self._folders[folder, allowed] = path
        return path

    def check_options(self, options: Options) -> None:
        """Refuse options that make no sense.

        Raises:
            DownloadError: INVALID_OPTION, naming the option.
        """
        if options is self._options:
            return
        if options.checksum:
            parse_checksum(options.checksum)
        if options.connections is not None and not 1 <= options.connections <= MOST_CONNECTIONS:
            raise DownloadError(Code.INVALID_OPTION, f"connections must be between 1 and {MOST_CONNECTIONS}.")
        for field in ("timeout", "connect_timeout", "max_time"):
            value = getattr(options, field)
            if value is not None and not 0 < value < 1e9:
                raise DownloadError(Code.INVALID_OPTION, f"{field} must be a positive number of seconds.")
        if options.retries is not None and options.retries < 0:
            raise DownloadError(Code.INVALID_OPTION, "retries can't be negative.")
        if options.limit < 0 or options.min_rate < 0:
            raise DownloadError(Code.INVALID_OPTION, "A rate can't be negative.")
        if options.ip_version not in (None, 4, 6):
            raise DownloadError(Code.INVALID_OPTION, "ip_version must be 4 or 6.")
        self._options = options

    def check_change(self, change: Change) -> None:
        """Refuse a change that makes no sense.

        Raises:
            DownloadError: nothing may be changed.
        """
        self.check_options(
            Options(
                connections=change.connections,
                checksum=change.checksum or None,
                max_time=change.max_time,
                limit=change.limit or 0,
            )
        )


def new_id() -> str:
    """Give a UUID4 as text, in a quarter of the time that the library takes."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _inside(path: str, base: str) -> bool:
    try:
        return os.path.commonpath([path, base]) == base
    except ValueError:
        return False


def _secrets_apart(request: AddRequest, link: Link) -> AddRequest:
    """Move userinfo of the link into the credentials."""
    if not (link.user or link.password):
        return request
    secrets: Credentials = replace(request.credentials, user=link.user, password=link.password)
    return replace(request, url=link.url_without_userinfo, credentials=secrets)
