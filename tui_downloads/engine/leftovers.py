"""Parts that earlier foreground runs left in a folder, found by their link; each folder is read once."""

from __future__ import annotations

import asyncio

from tui_downloads.files.recovery import scan, sweep

from .superseded import ASIDE
from .transfers import marked
from .unfinished import Unfinished


class Leftovers:
    """What a `get` may go on from."""

    # Mutable state: for each folder that was read, the paths of its unlocked parts by link.
    def __init__(self) -> None:
        self.folders = Unfinished()
        self._folders: dict[str, dict[str, list[str]]] = {}

    async def take(self, folder: str, link: str) -> list[str]:
        """Give the parts of a link in a folder, once: the one to go on from, then those of versions before it."""
        parts = self._folders.get(folder)
        if parts is None:
            parts = self._folders[folder] = await asyncio.to_thread(_read, folder)
        return parts.pop(marked(link), []) if parts else []


def _read(folder: str) -> dict[str, list[str]]:
    current: dict[str, str] = {}
    aside: dict[str, list[str]] = {}
    sweep(folder)
    for found in scan([folder]):
        if ASIDE in found.origin.extra:
            aside.setdefault(found.origin.url, []).append(found.path)
        else:
            current[found.origin.url] = found.path
    links = dict.fromkeys([*current, *aside])
    return {url: [*([current[url]] if url in current else []), *aside.get(url, [])] for url in links}
