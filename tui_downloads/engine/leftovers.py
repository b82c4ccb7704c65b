"""Parts that earlier foreground runs left in a folder, found by their link; each folder is read once."""

from __future__ import annotations

import asyncio

from tui_downloads.files.recovery import scan

from .unfinished import Unfinished


class Leftovers:
    """What a `get` may go on from."""

    # Mutable state: for each folder that was read, the paths of its unlocked parts by link.
    def __init__(self) -> None:
        self.folders = Unfinished()
        self._folders: dict[str, dict[str, str]] = {}

    async def take(self, folder: str, url: str) -> str | None:
        """Give the part of a link in a folder, once."""
        parts = self._folders.get(folder)
        if parts is None:
            parts = self._folders[folder] = await asyncio.to_thread(_read, folder)
        return parts.pop(url, None)


def _read(folder: str) -> dict[str, str]:
    return {found.origin.url: found.path for found in scan([folder])}
