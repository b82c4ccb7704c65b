"""The settings that may be changed over the API: checked as a whole, written into the file, in force at once."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec.structs import fields

from tui_downloads.config import edit
from tui_downloads.config.load import Reader, keys
from tui_downloads.config.settings import CHOICES, LEAST, REMOTE, Settings
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.snapshots import Limits

MOST = 1_000_000_000
WORD = "^[a-z0-9][a-z0-9-]{0,31}$"
NULL = {"type": "null"}

NAMES = tuple(sorted(REMOTE - {field.name for field in fields(Limits)}))
"""Limits have a place of their own."""


def schemas() -> dict[str, dict[str, Any]]:
    """Say in JSON Schema what each setting may be; null takes it out of the file again."""
    return {name: {"anyOf": [_schema(name), NULL]} for name in NAMES}


def _schema(name: str) -> dict[str, Any]:
    kind = str(keys()[name].type).removesuffix(" | None")
    if name in CHOICES:
        return {"type": "string", "enum": list(CHOICES[name])}
    if kind == "bool":
        return {"type": "boolean"}
    if kind == "str":
        return {"type": "string", "pattern": WORD}
    return {"type": "integer" if kind == "int" else "number", "minimum": LEAST.get(name, 0), "maximum": MOST}


class AfarSettings:
    """Reads and changes them; `settings` gives those in force, `changed` puts those of the file in force."""

    def __init__(self, path: str, settings: Callable[[], Settings], changed: Callable[[], Awaitable[None]]) -> None:
        self._path = path
        self._settings = settings
        self._changed = changed
        # Two changes at once would each write over the other's file.
        self._writing = asyncio.Lock()

    def read(self) -> dict[str, Any]:
        """Give every setting by its dotted name."""
        return {name: self._value(name) for name in NAMES}

    def _value(self, name: str) -> Any:
        section, _, field = name.rpartition(".")
        settings: Any = self._settings()
        return getattr(getattr(settings, section) if section else settings, field)

    async def change(self, wanted: Mapping[str, Any]) -> None:
        """Set some.

        Raises:
            RequestError: INVALID_OPTION; nothing was changed. STATE_UNUSABLE; the file can't be written.
        """
        clean = {name: _checked(name, value) for name, value in wanted.items()}
        async with self._writing:
            for name, value in clean.items():
                await asyncio.to_thread(edit.write, self._path, name, value)
            await self._changed()


def _checked(name: str, value: Any) -> Any:
    """Give a value as the file is to hold it.

    Raises:
        RequestError: INVALID_OPTION.
    """
    if value is None:
        return None
    kind, choices = _schema(name), CHOICES.get(name)
    match kind["type"]:
        case "string":
            fine = isinstance(value, str) and bool(value in choices if choices else re.fullmatch(WORD, value))
        case "boolean":
            fine = isinstance(value, bool)
        case _:
            if kind["type"] == "integer" and isinstance(value, float) and value.is_integer():
                value = int(value)
            number = int if kind["type"] == "integer" else int | float
            fine = isinstance(value, number) and not isinstance(value, bool) and kind["minimum"] <= value <= MOST
    reader = Reader()
    if fine:
        reader.put(name, value, "The value")
    if not fine or reader.problems:
        raise RequestError(Code.INVALID_OPTION, f"{name}: this value can't be used.")
    return value
