"""Writes single settings into the TOML file, comments kept, and says which changes take effect at once."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from typing import Any

import tomlkit
from msgspec import Struct
from tomlkit.exceptions import TOMLKitError

from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.spec import OnConflict

from .load import Reader, examine, keys, load, parse
from .paths import make_private
from .settings import LISTS, Settings


class Difference(Struct, frozen=True):
    """One setting that is not what it was."""

    key: str
    before: Any
    after: Any
    live: bool
    """It takes effect while the program runs."""


def write(path: str | os.PathLike[str], key: str, value: Any) -> Settings:
    """Check a value, write it into the file, and give the file's settings; None takes the key out again.

    The file is replaced in one step with mode 0600; a link to it stays a link.

    Raises:
        RequestError: INVALID_OPTION for an unknown key or a wrong value, STATE_UNUSABLE for a file that can't be
            written; the file is as it was.
    """
    target = os.path.realpath(os.fspath(path))
    _check(key, value)
    document = _document(target)
    section, _, name = key.rpartition(".")
    table: Any = document
    if section:
        if section not in document and value is not None:
            document[section] = tomlkit.table()
        table = document.get(section, {})
    if value is None:
        if name in table:
            del table[name]
    else:
        table[name] = _plain(key, value)
    text = tomlkit.dumps(document)
    reader = Reader()
    reader.file(text, target)
    # Other mistakes of the file are not made worse by writing this; only its own would be.
    for problem in reader.problems:
        if key in problem.message or "not TOML" in problem.message:
            raise problem.error()
    _replace(target, text)
    return reader.settings


def _check(key: str, value: Any) -> None:
    reader = Reader()
    if value is None and key in keys():
        return
    reader.put(key, value, "The value")
    if reader.problems:
        raise reader.problems[0].error()


def _plain(key: str, value: Any) -> Any:
    """Give a value as the file holds it: a number stays as it was written, a text becomes what the field holds."""
    if key in LISTS:
        return [dict(table) for table in value]
    if not isinstance(value, str):
        return value.value if isinstance(value, OnConflict) else list(value) if isinstance(value, tuple) else value
    parsed = parse(key, keys()[key], value)
    if isinstance(parsed, OnConflict):
        return parsed.value
    if isinstance(parsed, tuple):
        return list(parsed)
    if isinstance(parsed, bool):
        return parsed
    if isinstance(parsed, int | float):
        # "10M" says more than 10485760; plain digits become a number.
        with contextlib.suppress(ValueError):
            return int(value)
    return value if parsed is not None else ""


def _document(path: str) -> tomlkit.TOMLDocument:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return tomlkit.parse(file.read())
    except FileNotFoundError:
        return tomlkit.document()
    except (TOMLKitError, UnicodeDecodeError) as exc:
        _, problems = examine(path, {})
        if problems:
            raise problems[0].error() from exc
        raise RequestError(Code.INVALID_OPTION, f"{path}: This is not TOML.") from exc
    except OSError as exc:
        raise _unwritable(path, exc) from exc


def _replace(path: str, text: str) -> None:
    folder = os.path.dirname(path)
    temporary = ""
    try:
        if not os.path.isdir(folder):
            make_private(folder)
        # mkstemp makes the file 0600 and refuses to follow a planted name.
        handle, temporary = tempfile.mkstemp(prefix=".config-", suffix=".toml", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as exc:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise _unwritable(path, exc) from exc


def _unwritable(path: str, exc: OSError) -> RequestError:
    return RequestError(
        Code.STATE_UNUSABLE,
        f"The settings can't be written ({os.strerror(exc.errno or 0)}): {path}",
        next_step="Check the permissions and the free space of the folder; the file is as it was.",
    )


def reload(
    path: str | os.PathLike[str] | None,
    current: Settings,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Settings, list[Difference]]:
    """Read the settings again and say what changed.

    Raises:
        RequestError: the file has a mistake; the current settings stay in force.
    """
    settings = load(path, environ, overrides)
    return settings, differences(current, settings)


def differences(before: Settings, after: Settings) -> list[Difference]:
    """List the settings that differ."""
    out = []
    for key, each in keys().items():
        old, new = value_of(before, key), value_of(after, key)
        if old != new:
            out.append(Difference(key, old, new, each.metadata.get("live", True)))
    return out


def value_of(settings: Settings, key: str) -> Any:
    """Give the value of a dotted key."""
    section, _, name = key.rpartition(".")
    return getattr(getattr(settings, section) if section else settings, name)
