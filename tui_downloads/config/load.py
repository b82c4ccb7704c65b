"""Fills the settings: defaults, then the TOML file, then the environment, then flags."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, replace
from typing import Any

from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.spec import OnConflict

from .checks import CHECKS
from .settings import CHOICES, DAYS, LEAST, LISTS, SECTIONS, Settings
from .values import parse_clock, parse_duration, parse_size, parse_switch

PREFIX = "TUI_DOWNLOADS_"
MOST_BYTES = 4 * 1024 * 1024
"""A settings file beyond this is a mistake."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the settings."""

    message: str
    """One sentence."""
    place: str
    """The file and line, the name of an environment variable, or a flag."""
    next_step: str = "Correct it and try again."

    def error(self) -> RequestError:
        return RequestError(Code.INVALID_OPTION, f"{self.place}: {self.message}", next_step=self.next_step)


def load(
    path: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read the settings; a file that is not there is an empty one.

    `overrides` are flags: dotted keys with values as the file or the environment would write them.

    Raises:
        RequestError: INVALID_OPTION for the first mistake, STATE_UNUSABLE for a file that can't be read.
    """
    settings, problems = examine(path, environ, overrides)
    if problems:
        raise problems[0].error()
    return settings


def examine(
    path: str | os.PathLike[str] | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> tuple[Settings, list[Problem]]:
    """Read the settings and list everything that is wrong; wrong values are left at what they were before.

    Raises:
        RequestError: STATE_UNUSABLE for a file that can't be read.
    """
    reader = Reader()
    if path is not None and (text := _read(os.fspath(path))) is not None:
        reader.file(text, os.fspath(path))
    reader.environment(os.environ if environ is None else environ)
    for key, value in (overrides or {}).items():
        reader.put(key, value, f"--set {key}")
    return reader.settings, reader.problems


def _read(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise RequestError(
            Code.STATE_UNUSABLE,
            f"The settings can't be read ({os.strerror(exc.errno or 0)}): {path}",
            next_step="Check the permissions of the file.",
        ) from exc
    return data.decode("utf-8-sig", "replace") if len(data) <= MOST_BYTES else "\0"


class Reader:
    """Fills one Settings value and collects what is wrong."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.problems: list[Problem] = []

    def file(self, text: str, path: str) -> None:
        """Take a TOML file."""
        # Imported here: a run without a file does not pay for it.
        import tomllib

        try:
            found = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as exc:
            line = re.search(r"at line (\d+)", str(exc))
            place = f"{path}:{line[1]}" if line else path
            self.problems.append(Problem(f"This is not TOML: {one_line(str(exc))}.", place))
            return
        for name, value in found.items():
            if name in SECTIONS and isinstance(value, dict):
                for key, inner in value.items():
                    self.put(f"{name}.{key}", inner, place_of(text, path, name, key))
            else:
                self.put(name, value, place_of(text, path, "", name))

    def environment(self, environ: Mapping[str, str]) -> None:
        """Take `TUI_DOWNLOADS_SECTION_FIELD` variables; others of our prefix are none of our business, unless near."""
        names = variables()
        for name, text in environ.items():
            if not name.startswith(PREFIX):
                continue
            if name in names:
                self.put(names[name], text, name)
            elif near := nearest(name, names, cutoff=0.88):
                self.problems.append(Problem("There is no such setting.", name, f"Did you mean {near}?"))

    def put(self, key: str, value: Any, place: str) -> None:
        """Set one dotted key; a mistake becomes a problem and changes nothing."""
        known = keys()
        if key not in known:
            self._unknown(key, known, place)
            return
        try:
            parsed = parse(key, known[key], value)
        except ValueError as exc:
            but = "" if known[key].metadata.get("secret") else f", not {shown(value)}"
            self.problems.append(Problem(f"{key} must be {exc}{but}.", place))
            return
        except Problems as exc:
            self.problems += [replace(problem, place=place) for problem in exc.found]
            return
        section, _, name = key.rpartition(".")
        if section:
            self.settings = replace(
                self.settings, **{section: replace(getattr(self.settings, section), **{name: parsed})}
            )
        else:
            self.settings = replace(self.settings, **{name: parsed})

    def _unknown(self, key: str, known: Mapping[str, Any], place: str) -> None:
        near = nearest(key, [*known, *SECTIONS])
        step = f"Did you mean {near}?" if near else "See: tui-downloads config show"
        if key in SECTIONS:
            self.problems.append(Problem(f"{key} is a section and must be written as [{key}].", place))
        else:
            self.problems.append(Problem(f"There is no setting {shown(key)}.", place, step))


class Problems(Exception):
    """Several things are wrong in a list of tables."""

    def __init__(self, found: list[Problem]) -> None:
        super().__init__()
        self.found = found


def keys() -> dict[str, Field[Any]]:
    """Give every dotted key with its field."""
    out: dict[str, Field[Any]] = {}
    for each in fields(Settings):
        if each.name in SECTIONS:
            out.update({f"{each.name}.{inner.name}": inner for inner in fields(SECTIONS[each.name])})
        else:
            out[each.name] = each
    return out


def variables() -> dict[str, str]:
    """Give the environment variable of each key that has one; lists of tables have none."""
    return {PREFIX + key.replace(".", "_").upper(): key for key in keys() if key not in LISTS}


def parse(key: str, each: Field[Any], value: Any) -> Any:
    """Read a value as the field's type wants it.

    Raises:
        ValueError: with what is expected.
    """
    kind = str(each.type)
    if kind.endswith(" | None"):
        if value in ("", "none", "default"):
            return None
        kind = kind.removesuffix(" | None")
    if key in LISTS:
        return _tables(key, value)
    parsed = _PARSERS[kind](value)
    if key in CHOICES and any(each not in CHOICES[key] for each in (parsed if kind.startswith("tuple") else [parsed])):
        raise ValueError(("some" if kind.startswith("tuple") else "one") + " of " + ", ".join(CHOICES[key]))
    if parsed and key in CHECKS:
        CHECKS[key](parsed)
    if isinstance(parsed, int | float) and not isinstance(parsed, bool) and parsed < LEAST.get(key, 0):
        raise ValueError(f"at least {LEAST.get(key, 0)}")
    return parsed


def _integer(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("a whole number")
    return value


def _size(value: Any) -> int:
    if isinstance(value, str):
        return parse_size(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError('a size such as 1048576, "10M" or "1.5G"')
    return value


def _duration(value: Any) -> float:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError('a duration such as 30, "90s" or "1h30m"')
    return parse_duration(str(value))


def _clock(value: Any) -> int:
    # TOML has a time of day of its own: start = 08:00:00.
    return parse_clock(value if isinstance(value, str) else str(value))


def _switch(value: Any) -> bool:
    if isinstance(value, str):
        return parse_switch(value)
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("text in quotes")
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        raise ValueError("text without control characters")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part for part in (piece.strip() for piece in value.split(",")) if part]
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise ValueError('a list of texts such as ["a", "b"]')
    return tuple(_text(each) for each in value)


def _conflict(value: Any) -> OnConflict:
    try:
        return OnConflict(value)
    except ValueError:
        raise ValueError("one of " + ", ".join(choice.value for choice in OnConflict)) from None


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "int": _integer,
    "Size": _size,
    "Duration": _duration,
    "Clock": _clock,
    "bool": _switch,
    "str": _text,
    "tuple[str, ...]": _texts,
    "OnConflict": _conflict,
}


def _tables(key: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, Mapping) for each in value):
        raise ValueError(f"written as one or more [[{key}]] tables")
    problems: list[Problem] = []
    out = []
    for number, table in enumerate(value, 1):
        parsed, wrong = _table(LISTS[key], table, f"{key} {number}")
        problems += wrong
        out.append(parsed)
    if problems:
        raise Problems(problems)
    return tuple(out)


def _table(kind: type, table: Mapping[str, Any], title: str) -> tuple[Any, list[Problem]]:
    known = {each.name: each for each in fields(kind)}
    problems, values = [], {}
    for name, value in table.items():
        if name not in known:
            near = nearest(name, known)
            step = f"Did you mean {near}?" if near else "It takes: " + ", ".join(known)
            problems.append(Problem(f"{title} has no field {shown(name)}.", "", step))
            continue
        try:
            values[name] = parse(name, known[name], value)
        except ValueError as exc:
            problems.append(Problem(f"{name} of {title} must be {exc}, not {shown(value)}.", ""))
    for name, each in known.items():
        if each.default is MISSING and name not in table:
            problems.append(Problem(f"{title} needs {name}.", "", f"Add a line: {name} = …"))
    for day in values.get("days", ()):
        if day not in DAYS:
            problems.append(Problem(f"{title}: {shown(day)} is no day.", "", "Days are " + ", ".join(DAYS) + "."))
    return (None if problems else kind(**values)), problems


def nearest(word: str, known: Any, cutoff: float = 0.6) -> str:
    """Give the known word that looks most like this one, or nothing."""
    # Imported here: only mistakes need it.
    import difflib

    found = difflib.get_close_matches(word, list(known), 1, cutoff)
    if not found and "." not in word:
        # A field written without its section.
        found = [name for name in known if name.rpartition(".")[2] == word][:1]
    return found[0] if found else ""


def place_of(text: str, path: str, section: str, key: str) -> str:
    """Find the line of a key, for messages; the file alone where it is written in an unusual way."""
    at = ""
    first = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if header := re.match(r"\[+\s*([^\]]+?)\s*\]+", stripped):
            at = header[1].strip("\"'")
            if not section and at == key:
                first = first or f"{path}:{number}"
        elif found := re.match(r"""(["']?)([\w.-]+)\1\s*=""", stripped):
            name = found[2] if not at else f"{at}.{found[2]}"
            if name == (f"{section}.{key}" if section else key):
                return f"{path}:{number}"
    return first or path


def shown(value: Any) -> str:
    """Show a value in a message: one line, short."""
    return one_line(repr(value))[:60]


def one_line(text: str) -> str:
    """Make a text one line without controls."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip().rstrip(".")
