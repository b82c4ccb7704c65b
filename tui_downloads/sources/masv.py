"""MASV packages: a link with a secret means many files behind signed links that expire.

Three questions of the published API: what the link is of, which files the package has, and, for each file when its turn
has come, a signed link that honours ranges. The package's token is kept for the last one and asked for anew when it is
refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.links import parse_link

from .base import MOST_FILES, Dialogue, FileSpec, Question, Reply, Resolved, Source, Wish, absolute, invalid
from .signs import MASV_HOSTS

API = "https://api.massive.app/v1"
LISTING_LIMIT = 128 * 1024 * 1024
LISTING_PAUSE = 5.0
"""Seconds between two listings of a large package, as the API asks for."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")

_MESSAGES = {
    401: (Code.AUTH_REQUIRED, "The package wants a password, or the one given is wrong.",
          "Give the package's password, then retry."),
    403: (Code.AUTH_REQUIRED, "Access to the package is refused: the link's secret is wrong, or it was withdrawn.",
          "Ask the sender for a new link."),
    404: (Code.REMOTE_FILE_NOT_FOUND, "There is no such package.", "Check the link, or ask the sender for a new one."),
    410: (Code.REMOTE_FILE_NOT_FOUND, "The package has expired, or its downloads are used up.",
          "Ask the sender to send it again."),
    429: (Code.RATE_LIMITED, "The package service gets too many requests.", None),
}  # fmt: skip


def claims(url: str) -> bool:
    """Say whether a link is that of a package."""
    link = parse_link(url)
    return link.host in MASV_HOSTS and _ID.fullmatch(link.path.strip("/")) is not None


class Masv(Source):
    """One package. `secrets` may have its password; the setting `masv_api` is the base of the API."""

    name = "MASV package"

    # Mutable state: the package's id and token, once the service told them.
    def __init__(self, wish: Wish) -> None:
        super().__init__(wish)
        self._base = str(wish.settings.get("masv_api") or API).rstrip("/")
        self._package = ""
        self._token = ""

    def resolve(self) -> Dialogue:
        link = yield from self._open()
        url = f"{self._base}/packages/{quote(self._package, safe='')}/files"
        reply = yield Question(url, self._headers(), limit=LISTING_LIMIT, timeout=120.0)
        entries = _json(reply, "the list of files", list)
        if len(entries) > MOST_FILES:
            raise invalid(f"The package lists {len(entries)} files; there may be {MOST_FILES}.")
        files = tuple(file for entry in entries if (file := _file(entry)) is not None)
        if not files:
            raise invalid("The package has no file.")
        name = link.get("name") or link.get("package_name")
        expiry = "".join(char for char in str(link.get("expiry") or "")[:40] if char.isprintable())
        notes = (f"The link expires: {expiry}.",) if expiry else ()
        return Resolved(files, title=name if isinstance(name, str) else "", folder=True, notes=notes)

    def renew(self, key: str) -> Dialogue:
        fresh = not self._token
        if fresh:
            yield from self._open()
        reply = yield self._question(key)
        if reply.status in (401, 403) and not fresh:
            yield from self._open()
            reply = yield self._question(key)
        answer = _json(reply, "a file's link", dict)
        url = answer.get("url")
        link = absolute(self._base, url) if isinstance(url, str) else ""
        if not link:
            raise invalid("The package service gave no link for a file.")
        return Resolved((FileSpec(urls=(link,), renew=key),))

    def _open(self) -> Generator[Question, Reply, dict[str, Any]]:
        """Ask what the link is of, and keep the package's id and token."""
        parts = urlsplit(self.wish.url)
        secret = parse_qs(parts.query).get("secret", [""])[0]
        if not secret:
            raise DownloadError(Code.INVALID_URL, "The package's link lacks its secret; copy the whole link.")
        url = f"{self._base}/links/{quote(parts.path.strip('/'), safe='')}?secret={quote(secret, safe='')}"
        password = self.wish.secrets.get("password", "")
        if any(char in password for char in "\r\n\0"):
            raise DownloadError(Code.AUTH_REQUIRED, "A package's password has no line breaks.")
        reply = yield Question(url, (("X-Link-Password", password),) if password else ())
        link: dict[str, Any] = _json(reply, "the package", dict)
        package, token = link.get("package_id"), link.get("package_token")
        if not isinstance(package, str | int) or not _ID.fullmatch(str(package)):
            raise invalid("The package service named no package.")
        if not isinstance(token, str) or not token.isprintable() or not 0 < len(token) < 8192:
            raise invalid("The package service gave no token.")
        self._package, self._token = str(package), token
        return link

    def _headers(self) -> tuple[tuple[str, str], ...]:
        return (("X-Package-Token", self._token),)

    def _question(self, key: str) -> Question:
        package, file = quote(self._package, safe=""), quote(key, safe="")
        return Question(f"{self._base}/packages/{package}/files/{file}/download", self._headers())


def _json(reply: Reply, what: str, kind: type) -> Any:
    """Give the JSON of an answer.

    Raises:
        DownloadError: what the status means to a user, or SOURCE_INVALID.
    """
    if reply.status != 200:
        raise _refused(reply, what)
    try:
        answer = json.loads(reply.body)
    except (ValueError, RecursionError):
        raise invalid(f"The package service's answer about {what} is not JSON.") from None
    if not isinstance(answer, kind):
        raise invalid(f"The package service's answer about {what} makes no sense.")
    return answer


def _refused(reply: Reply, what: str) -> DownloadError:
    if reply.status in _MESSAGES:
        code, message, step = _MESSAGES[reply.status]
        wait = None
        if reply.status == 429:
            after = reply.headers.get("retry-after")
            wait = max(LISTING_PAUSE, float(after)) if after.isascii() and after.isdigit() else LISTING_PAUSE
        return DownloadError(
            code, message, next_step=step, retry=reply.status == 429, retry_after=wait, status=reply.status
        )
    busy = reply.status >= 500
    code = Code.SERVER_ERROR if busy else Code.SOURCE_INVALID
    message = f"The package service answered {reply.status} when asked for {what}."
    return DownloadError(code, message, retry=busy, status=reply.status)


def _file(entry: Any) -> FileSpec | None:
    """Make a file of one entry of the list; None for what is no file of the sender's."""
    if not isinstance(entry, dict):
        raise invalid("The package's list of files makes no sense.")
    kind, id_, name = entry.get("kind", "file"), entry.get("id"), entry.get("name")
    if isinstance(kind, str) and kind.startswith(("zip_", "directory", "folder")):
        return None
    if not isinstance(id_, str | int) or isinstance(id_, bool) or not isinstance(name, str):
        raise invalid("A file of the package has no id or no name.")
    path, size = entry.get("path"), entry.get("size")
    if isinstance(path, str) and path.strip("/. "):
        # The path is that of the folder, or already ends with the name.
        name = path if re.split(r"[/\\]", path)[-1] == name else f"{path.rstrip('/')}/{name}"
    sound = isinstance(size, int) and not isinstance(size, bool) and 0 <= size < 1 << 62
    return FileSpec(urls=(), path=name, size=size if sound else None, renew=str(id_)[:256])
