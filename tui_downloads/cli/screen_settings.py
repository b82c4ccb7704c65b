"""Between the settings file and the screen: its own settings, the settings it may write, what it remembers."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping, Sequence

from tui_downloads.config import document, edit
from tui_downloads.config import paths as folders
from tui_downloads.config.load import load, parse
from tui_downloads.config.settings import CHOICES, Settings
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.tui.options import Memory, ScreenSettings, SettingEntry, SettingsBook

REMEMBERED = "screen.json"


def screen_of(settings: Settings) -> ScreenSettings:
    """Give the screen its settings.

    Raises:
        RequestError: the keymap file can't be read.
    """
    screen = settings.screen
    return ScreenSettings(
        theme=screen.theme,
        density=screen.density,
        ascii=screen.ascii,
        plain=screen.plain,
        tick=screen.tick,
        slow_tick=screen.slow_tick,
        confirm=screen.confirm,
        columns=screen.columns,
        keys=_keys(screen.keys),
        bell=screen.bell,
        notify=screen.notify,
        progress=screen.progress,
        title=screen.title,
    )


def _keys(path: str) -> Mapping[str, str]:
    path = os.path.expanduser(path) or folders.find().keys_file
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise RequestError(Code.INVALID_OPTION, f"The keymap can't be read: {path}: {error}") from None
    table = found.get("keys", found)
    return {name: keys if isinstance(keys, str) else ",".join(keys) for name, keys in table.items()}


class Book:
    """The settings screen's door to the settings file."""

    def __init__(self) -> None:
        self._path = folders.find().settings_file

    @property
    def path(self) -> str:
        return self._path

    def entries(self) -> Sequence[SettingEntry]:
        """List every setting with its explanation and its value."""
        settings = load(self._path)
        usual = Settings()
        return [
            SettingEntry(
                key=entry.key,
                group=entry.section or "general",
                explanation=entry.explanation,
                value=document.shown_setting(settings, entry),
                default=document.shown_setting(usual, entry),
                choices=CHOICES.get(entry.key, ()),
                live=entry.live,
                toggle=isinstance(edit.value_of(usual, entry.key), bool),
            )
            for entry in document.documentation()
            if not entry.section.startswith(("categories", "schedule"))
        ]

    def write(self, key: str, value: str) -> None:
        """Write a value into the file; comments stay."""
        edit.write(self._path, key, value)

    def screen(self) -> ScreenSettings:
        return screen_of(load(self._path))


class FileMemory:
    """Remembers small values of the screen in the state folder."""

    def __init__(self, path: str) -> None:
        self._path = path

    def load(self) -> Mapping[str, str]:
        try:
            with open(self._path, encoding="utf-8") as file:
                found = json.load(file)
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def save(self, values: Mapping[str, str]) -> None:
        beside = f"{self._path}.{os.getpid()}"
        try:
            fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(fd, "w", encoding="utf-8") as file:
                json.dump(dict(values), file)
            os.replace(beside, self._path)
        except OSError:
            pass  # comfort only: a full disk must not keep anybody from leaving


def memory_of() -> Memory:
    """Give the screen's memory."""
    return FileMemory(os.path.join(folders.find().state, REMEMBERED))


def book_of() -> SettingsBook:
    """Give the settings screen its file."""
    return Book()


def checked(key: str, value: str) -> object:
    """Check a value as the file would be checked, without writing it."""
    from tui_downloads.config.load import keys

    return parse(key, keys()[key], value)
