"""Which names of a folder are taken, under the rule that holds on every system: case makes no second name."""

from __future__ import annotations

import os
import time

from tui_downloads.core.names import collision_key, numbered

from .folder import Folder

STALE = 2.0
"""Seconds after which a listing is read again."""
LIST_LIMIT = 50_000
"""Entries above which a folder is not listed; its exact names are still never replaced."""
NUMBER_LIMIT = 100_000


class Taken:
    """The names of one folder. It helps to choose; the file system alone decides, when the name is claimed."""

    # Mutable state: the names, their keys, and for each name the number that was given last.
    __slots__ = ("_at", "_keys", "_last", "_names")

    def __init__(self, folder_fd: int) -> None:
        self._at = time.monotonic()
        names: list[str] = []
        with os.scandir(folder_fd) as entries:
            for entry in entries:
                names.append(entry.name)
                if len(names) > LIST_LIMIT:
                    break
        self._names = set(names)
        self._keys = {collision_key(name): name for name in names}
        self._last: dict[str, int] = {}

    @property
    def stale(self) -> bool:
        return time.monotonic() - self._at > STALE

    def exact(self, name: str) -> bool:
        """Say whether this very name was seen."""
        return name in self._names

    def variant(self, name: str) -> str | None:
        """Give another spelling of the name that was seen, or None; None too when the name itself was seen."""
        return None if name in self._names else self._keys.get(collision_key(name))

    def add(self, name: str) -> None:
        """Note a name that is there."""
        self._names.add(name)
        self._keys[collision_key(name)] = name

    def next(self, name: str) -> str:
        """Give the next numbered name that was not seen, under any spelling; each call gives another one."""
        number = self._last.get(name, 0)
        while number < NUMBER_LIMIT:
            number += 1
            candidate = numbered(name, number)
            if candidate not in self._names and collision_key(candidate) not in self._keys:
                break
        self._last[name] = number
        return candidate


class Known:
    """Listings of the folders that are written to just then, kept for a moment between batches."""

    __slots__ = ("_folders",)

    def __init__(self) -> None:
        self._folders: dict[tuple[int, int], Taken] = {}

    def of(self, folder: Folder) -> Taken:
        """Give the names taken in a folder."""
        status = os.fstat(folder.fd)
        key = (status.st_dev, status.st_ino)
        taken = self._folders.get(key)
        if taken is None or taken.stale:
            if len(self._folders) >= 16:
                self._folders.clear()
            taken = self._folders[key] = Taken(folder.fd)
        return taken
