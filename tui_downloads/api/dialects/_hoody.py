"""Hoody's words and records, its paths, and the attempts that were refused at once."""

from __future__ import annotations

import os
import re
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from tui_downloads.core.errors import Code
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.links import bare, name_from_link, public
from tui_downloads.core.names import collision_key, numbered, safe_name
from tui_downloads.core.snapshots import DownloadView
from tui_downloads.engine.caller import Caller, contains

STATUS: dict[State, str] = {
    State.QUEUED: "starting",
    State.RESOLVING: "starting",
    State.TRANSFERRING: "downloading",
    State.WAITING: "downloading",
    State.VERIFYING: "downloading",
    State.PAUSING: "downloading",
    State.PAUSED: "downloading",
    State.COMPLETE: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "failed",
}

INVALID_URL, DOMAIN_BLOCKED, TIMED_OUT = "INVALID_URL", "DOMAIN_BLOCKED", "DOWNLOAD_TIMEOUT"
NOT_FOUND, NETWORK, FORBIDDEN = "REMOTE_FILE_NOT_FOUND", "NETWORK_ERROR", "DOWNLOAD_FORBIDDEN"
INVALID_PATH, CANCELLED = "INVALID_PATH", "CANCELLED"

CODES: dict[Code, str] = {
    Code.INVALID_URL: INVALID_URL,
    Code.INVALID_OPTION: NETWORK,
    Code.DOMAIN_BLOCKED: DOMAIN_BLOCKED,
    Code.ADDRESS_BLOCKED: DOMAIN_BLOCKED,
    Code.DOWNLOAD_FORBIDDEN: FORBIDDEN,
    Code.DOWNLOAD_TIMEOUT: TIMED_OUT,
    Code.REMOTE_FILE_NOT_FOUND: NOT_FOUND,
    Code.NETWORK_ERROR: NETWORK,
    Code.DNS_ERROR: NETWORK,
    Code.STALLED: NETWORK,
    Code.TRUNCATED: NETWORK,
    Code.PROXY_ERROR: NETWORK,
    Code.PROXY_AUTH_REQUIRED: NETWORK,
    Code.TLS_ERROR: NETWORK,
    Code.HOST_KEY_UNKNOWN: NETWORK,
    Code.AUTH_REQUIRED: NETWORK,
    Code.RATE_LIMITED: NETWORK,
    Code.SERVER_ERROR: NETWORK,
    Code.HTTP_REFUSED: NETWORK,
    Code.REDIRECT_ERROR: NETWORK,
    Code.PROTOCOL_ERROR: NETWORK,
    Code.NOT_A_FILE: NETWORK,
    Code.UNEXPECTED_CONTENT: NETWORK,
    Code.REMOTE_CHANGED: NETWORK,
    Code.CHECKSUM_MISMATCH: NETWORK,
    Code.SOURCE_INVALID: NETWORK,
    Code.DEPENDENCY_MISSING: NETWORK,
    Code.DISK_FULL: NETWORK,
    Code.DISK_ERROR: NETWORK,
    Code.FOLDER_UNUSABLE: INVALID_PATH,
    Code.FILE_TOO_LARGE: NETWORK,
    Code.FILE_EXISTS: NETWORK,
    Code.PART_LOST: NETWORK,
    Code.IN_USE: NETWORK,
    Code.INTERRUPTED: NETWORK,
    Code.NOT_FOUND: NETWORK,
    Code.INVALID_STATE: NETWORK,
    Code.DUPLICATE: NETWORK,
    Code.QUOTA_EXCEEDED: FORBIDDEN,
    Code.UNAUTHORIZED: FORBIDDEN,
    Code.NO_SERVICE: NETWORK,
    Code.STATE_UNUSABLE: NETWORK,
    Code.INTERNAL: NETWORK,
}
"""Hoody's code for each of ours. Hoody documents five for a download; what has no nearer one is a NETWORK_ERROR."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\\\ud800-\udfff\ufffd]")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_DEEPEST = 64
_LIST_LIMIT = 50_000


class InvalidPath(Exception):
    """A directory that can't be one below the root; its text is for the caller, empty where the usual one will do."""


# ---------------------------------------------------------------- paths


def root_for(caller: Caller, default: str) -> str:
    """Give the folder in which a caller's directories lie."""
    if not caller.folders or (default and contains(caller.folders, default)):
        return os.path.normpath(default)
    return os.path.normpath(caller.folders[0])


def directory_of(path: str, raw: bytes) -> str:
    """Give the directory a request names; empty is the root.

    Raises:
        InvalidPath: it does not decode, climbs, or has a component that no folder has.
    """
    if _BAD_ESCAPE.search(raw):
        raise InvalidPath
    try:
        unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise InvalidPath from None
    text = path.removesuffix("/")
    if not text:
        return ""
    parts = text.split("/")
    if len(parts) > _DEEPEST or _CONTROL.search(text):
        raise InvalidPath
    for part in parts:
        if part in ("", ".", "..") or len(part.encode()) > 255:
            raise InvalidPath
    return text


def folder_of(root: str, directory: str) -> str:
    """Give the folder of a directory, which need not be there yet.

    Raises:
        InvalidPath: a symbolic link leads it out of the root, or a file is in its way.
    """
    folder = os.path.join(root, *directory.split("/")) if directory else root
    try:
        if not contains((root,), folder):
            raise InvalidPath
        there = folder
        while not os.path.lexists(there):
            there = os.path.dirname(there)
        if not os.path.isdir(there):
            raise InvalidPath
    except (OSError, ValueError):
        raise InvalidPath from None
    return folder


def clean_name(filename: str, url: str) -> str:
    """Give the name to use, from what was asked for or from the link.

    Raises:
        ValueError: a path was given, not a name.
    """
    if not filename:
        return name_from_link(url)
    if "/" in filename or _CONTROL.search(filename) or filename in (".", ".."):
        raise ValueError(filename)
    return safe_name(filename)


def free_name(folder: str, name: str, queued: Iterable[str]) -> str:
    """Give the name, or a numbered one, that is free on disk and among those that others will use."""
    keys = {collision_key(other) for other in queued}
    try:
        with os.scandir(folder) as entries:
            for n, entry in enumerate(entries):
                if n >= _LIST_LIMIT:
                    break
                keys.add(collision_key(entry.name))
    except OSError:
        pass  # It is made later; what is wrong with it, the engine will tell.
    n = 0
    while True:
        candidate = numbered(name, n)
        beside = (candidate, f"{candidate}.part", f"{candidate}.part.journal")
        if not any(collision_key(each) in keys or os.path.lexists(os.path.join(folder, each)) for each in beside):
            return candidate
        n += 1


# ---------------------------------------------------------------- records


class Viewer(Struct, frozen=True):
    """Who looks at records, and from where."""

    caller: Caller
    root: str

    def url(self, url: str) -> str:
        """Give a link as the caller may see it."""
        return public(url) if self.caller.admin else bare(url)

    def place(self, folder: str) -> str:
        """Give a folder relative to the root; absolute where it lies elsewhere."""
        folder = os.path.normpath(folder)
        if folder == self.root:
            return ""
        return folder.removeprefix(self.root.rstrip("/") + "/")

    def common(self, view: DownloadView) -> dict[str, Any]:
        """Give the fields that active and past downloads share."""
        directory = self.place(view.folder)
        name = view.name or (name_from_link(view.url) if view.url else view.title or view.kind.value)
        return {
            "id": view.id,
            "filename": name,
            "file_path": f"{directory}/{name}" if directory else name,
            "directory": directory,
            "url": self.url(view.url),
            "status": STATUS[view.state],
        }

    def active(self, view: DownloadView) -> dict[str, Any]:
        """Give the record of a list of active downloads."""
        fraction = view.fraction
        return {
            **self.common(view),
            "current_size": view.done,
            "expected_size": view.size,
            "progress_percentage": None if fraction is None else round(fraction * 100, 2),
            "start_time": int(view.created_at),
        }

    def past(self, view: DownloadView) -> dict[str, Any]:
        """Give the record of the history."""
        return {
            **self.common(view),
            "total_bytes": view.size,
            "start_time": int(view.created_at),
            "end_time": int(view.finished_at or view.created_at),
            "error": error_of(view),
        }

    def refused(self, attempt: Refusal) -> dict[str, Any]:
        """Give the record of an attempt that was refused at once."""
        return {
            "id": attempt.id,
            "filename": attempt.filename,
            "file_path": f"{attempt.directory}/{attempt.filename}",
            "directory": attempt.directory,
            "url": self.url(attempt.url),
            "status": "failed",
            "total_bytes": None,
            "start_time": int(attempt.at),
            "end_time": int(attempt.at),
            "error": attempt.error,
        }


def error_of(view: DownloadView) -> str | None:
    """Give Hoody's code of why a download ended."""
    if view.state is State.CANCELLED:
        return CANCELLED
    if view.state is not State.FAILED:
        return None
    known = view.error.code if view.error else ""
    return CODES[Code(known)] if known in Code.__members__ else NETWORK


def unfinished_names(views: Iterable[DownloadView], folder: str) -> list[str]:
    """List the names that unfinished downloads will use in a folder."""
    return [
        view.name for view in views if view.name and view.state not in ENDED and os.path.normpath(view.folder) == folder
    ]


class Refusal(Struct, frozen=True):
    """An attempt to start that was refused at once."""

    id: str
    filename: str
    directory: str
    url: str
    error: str
    at: float

    def __repr__(self) -> str:
        return f"Refusal({self.id}: {self.error})"


class Refusals:
    """The newest refused attempts of each user; the engine has no record of what it never took."""

    EACH = 200
    USERS = 1000

    def __init__(self) -> None:
        self._of: OrderedDict[str, deque[Refusal]] = OrderedDict()

    def add(self, user: str, refusal: Refusal) -> None:
        """Remember an attempt."""
        self._of.setdefault(user, deque(maxlen=self.EACH)).append(refusal)
        self._of.move_to_end(user)
        while len(self._of) > self.USERS:
            self._of.popitem(last=False)

    def of(self, user: str) -> list[Refusal]:
        """List the attempts of a user, the oldest first."""
        return list(self._of.get(user, ()))
