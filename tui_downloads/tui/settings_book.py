"""The settings file as the settings screen needs it: text in, text out, checked by the config room."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui_downloads.config import load
from tui_downloads.config.settings import LISTS, Settings

from .options import ScreenSettings, SettingEntry

if TYPE_CHECKING:
    from tui_downloads.config import document

TOP = "downloads"
"""The group of settings that stand at the top of the file."""


class FileBook:
    """A `SettingsBook` over one TOML file; `changed` hears of every setting that was written."""

    def __init__(self, path: str, changed: Callable[[Settings], object] | None = None) -> None:
        self._path = path
        self._changed = changed

    @property
    def path(self) -> str:
        return self._path

    def _settings(self) -> Settings:
        return load.examine(self._path)[0]

    def entries(self) -> list[SettingEntry]:
        """List what can be written as text, of secrets whether they are set; tables are left to the file."""
        from tui_downloads.config import document

        settings = self._settings()
        found = []
        for entry in document.documentation():
            if entry.key in LISTS or entry.section in LISTS:
                continue
            found.append(
                SettingEntry(
                    entry.key,
                    (entry.section or TOP).capitalize(),
                    entry.explanation,
                    _bare(document.shown_setting(settings, entry)).replace("not set", ""),
                    _bare(entry.shown_default),
                    entry.choices,
                    entry.live,
                    toggle=isinstance(entry.default, bool),
                    secret=entry.secret,
                )
            )
        return found

    def write(self, key: str, value: str) -> None:
        """Check a value and write it; the default takes the key out of the file again."""
        # Slow to import, and most sessions change no setting.
        from tui_downloads.config import document, edit

        entry = next(entry for entry in document.documentation() if entry.key == key)
        settings = edit.write(self._path, key, None if value == _bare(entry.shown_default) else _typed(value, entry))
        if self._changed is not None:
            self._changed(settings)

    def screen(self) -> ScreenSettings:
        return screen_settings(self._settings(), self._path)


def screen_settings(settings: Settings, path: str = "") -> ScreenSettings:
    """Give the screen's part of the settings, with the keymap file read; a damaged keymap is an empty one, and told."""
    screen = settings.screen
    keys, trouble = keymap(screen.keys or (str(Path(path).with_name("keys.toml")) if path else ""))
    return ScreenSettings(
        theme=screen.theme,
        density=screen.density,
        ascii=screen.ascii,
        plain=screen.plain,
        tick=float(screen.tick),
        slow_tick=float(screen.slow_tick),
        confirm=screen.confirm,
        columns=tuple(screen.columns),
        keys=keys,
        trouble=trouble or ("" if keys or not screen.keys else f"{screen.keys} is not there or names no key."),
        bell=screen.bell,
        notify=screen.notify,
        progress=screen.progress,
        title=screen.title,
    )


def keymap(path: str) -> tuple[Mapping[str, str], str]:
    """Read `binding = "key,key"` lines, and say what is wrong with the file; dotted ids may be written as tables."""
    if not path:
        return {}, ""
    try:
        with Path(path).expanduser().open("rb") as file:
            found = tomllib.load(file)
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f"{path} can't be read: {error.strerror}. The usual keys are in force."
    except ValueError as error:
        return {}, f"{path} is not valid TOML: {error}. The usual keys are in force."
    keys: dict[str, str] = {}
    for name, value in found.items():
        inner = value if isinstance(value, dict) else {"": value}
        for end, text in inner.items():
            if isinstance(text, str):
                keys[f"{name}.{end}" if end else name] = text
    return keys, ""


def _bare(text: str) -> str:
    if text in ("unset", "[]"):
        return ""
    return text[1:-1].replace('\\"', '"').replace("\\\\", "\\") if text.startswith('"') else text


def _typed(text: str, entry: document.Entry) -> Any:
    """Give the value that the file should hold."""
    if isinstance(entry.default, bool):
        return text.strip().lower() == "true"
    if isinstance(entry.default, tuple):
        with contextlib.suppress(tomllib.TOMLDecodeError):
            # As the file has it: the only way to write a part with a comma in it.
            found = tomllib.loads(f"value = {text}")["value"]
            if isinstance(found, list):
                return found
        return [part.strip().strip('"') for part in text.strip().strip("[]").split(",") if part.strip()]
    if text.strip() == "" and entry.default is None:
        return None
    return int(text) if text.strip().isascii() and text.strip().isdigit() else text
