"""Tab, sort, columns and filter in a small JSON file; losing it loses nothing but comfort."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path

LARGEST = 64 << 10


class FileMemory:
    """A `Memory` in one file, replaced whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._one = threading.Lock()

    def load(self) -> Mapping[str, str]:
        """Give what was saved; an absent, oversized or damaged file is an empty one."""
        try:
            text = self._path.read_bytes()[:LARGEST].decode()
            found = json.loads(text)
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {str(key): value for key, value in found.items() if isinstance(value, str)}

    def save(self, values: Mapping[str, str]) -> None:
        """Write beside and rename; a full disk is not worth a word."""
        beside = self._path.with_name(self._path.name + ".new")
        with self._one, contextlib.suppress(OSError):
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                json.dump(dict(values), file, indent=1, sort_keys=True)
            os.replace(beside, self._path)
