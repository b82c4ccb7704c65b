"""Disks that come and go: a folder of a disk that is not mounted is never written into its bare mount point."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable

from tui_downloads.core.errors import Code, DownloadError, TuiDownloadsError
from tui_downloads.store.base import Store

KEY = "mounts"
FINE = 1.0
"""Seconds for which a folder that was found mounted is not looked at again: many small files share one."""


def mount_of(folder: str) -> str:
    """Give the mount point that a folder is, or would be, on."""
    path = os.path.realpath(folder)
    while not os.path.ismount(path):
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    return path


def inside(path: str, base: str) -> bool:
    """Say whether a path is a folder or below it."""
    return path == base or path.startswith(base.rstrip("/") + "/")


class Mounts:
    """Remembers the mount points that targets were on, across restarts."""

    # Mutable state: the mount points, the folders that were looked at, and until when those found mounted are believed.
    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: set[str] = set()
        self._seen: set[str] = set()
        self._fine: dict[str, float] = {}

    async def load(self, folders: Iterable[str]) -> None:
        """Take up what earlier sessions knew, as far as these folders of unfinished downloads need it."""
        try:
            told = json.loads(await self._store.setting(KEY) or "[]")
        except (ValueError, TuiDownloadsError):
            told = []
        points = [str(point) for point in told] if isinstance(told, list) else []
        wanted = [os.path.abspath(folder) for folder in set(folders)]
        self._known = {point for point in points if any(inside(folder, point) for folder in wanted)}

    async def note(self, folders: Iterable[str]) -> None:
        """Remember the mount points of new targets; one that is known and gone stays known."""
        fresh = set(folders) - self._seen
        if not fresh:
            return
        points = {mount_of(folder) for folder in fresh if self._missing(folder) is None} - {os.path.sep}
        self._seen |= fresh
        if points <= self._known:
            return
        self._known |= points
        await self._store.remember({KEY: json.dumps(sorted(self._known))})

    def check(self, folder: str) -> None:
        """Refuse a folder whose disk is not mounted.

        Raises:
            DownloadError: FOLDER_UNUSABLE.
        """
        now = time.monotonic()
        if not self._known or now < self._fine.get(folder, 0.0):
            return
        missing = self._missing(folder)
        if missing is not None:
            raise DownloadError(
                Code.FOLDER_UNUSABLE,
                f"The disk of {missing} is not mounted.",
                next_step="Mount it and retry, or choose another folder.",
            )
        self._fine[folder] = now + FINE

    def _missing(self, folder: str) -> str | None:
        path = os.path.abspath(folder)
        return next((point for point in self._known if inside(path, point) and not os.path.ismount(point)), None)
