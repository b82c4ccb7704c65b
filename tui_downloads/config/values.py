"""Reads and writes the values of settings: sizes such as "10M", durations such as "1h30m", times of day."""

from __future__ import annotations

import re

_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([kmgtp]?)(i?b?)(?:/s|ps)?\s*", re.IGNORECASE)
_DURATION = re.compile(r"(\d+(?:\.\d*)?)\s*(ms|s|m|h|d)\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
MOST = 2**62


def parse_size(text: str) -> int:
    """Read a size: K, M, G, T and KiB, MiB … count in 1024s, kB, MB … in 1000s.

    Raises:
        ValueError: with a sentence that says what is expected.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError('a size such as 1048576, "10M" or "1.5G"')
    number, letter, unit = found.groups()
    base = 1000 if unit.lower() == "b" and letter else 1024
    value = float(number) * base ** _POWERS[letter.lower()] if letter or "." in number else int(number)
    if value > MOST:
        raise ValueError("a size below 4 exbibytes")
    return int(value)


def parse_duration(text: str) -> float:
    """Read a duration: seconds, or parts such as 1h30m.

    Raises:
        ValueError: with a sentence that says what is expected.
    """
    stripped = text.strip()
    try:
        value = float(stripped)
    except ValueError:
        value, end = 0.0, 0
        while found := _DURATION.match(stripped, end):
            value += float(found[1]) * _SECONDS[found[2].lower()]
            end = found.end()
        if end != len(stripped) or not stripped:
            raise ValueError('a duration such as 30, "90s" or "1h30m"') from None
    if not 0 <= value < 1e10:
        raise ValueError("a duration from 0 to 300 years")
    return value


def parse_clock(text: str) -> int:
    """Read a time of day as seconds from midnight.

    Raises:
        ValueError: with a sentence that says what is expected.
    """
    found = re.fullmatch(r"\s*(\d{1,2}):(\d{2})(?::(\d{2}))?\s*", text)
    if found is None:
        raise ValueError('a time of day such as "08:30"')
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second)):
        raise ValueError('a time of day such as "08:30"')
    return hour * 3600 + minute * 60 + second


def parse_switch(text: str) -> bool:
    """Read a yes or no of the environment or a flag.

    Raises:
        ValueError: with a sentence that says what is expected.
    """
    word = text.strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("true or false")


def write_size(value: int) -> str | int:
    """Write a size as short as it can be said exactly."""
    for letter in "TGMK":
        unit = 1024 ** _POWERS[letter.lower()]
        if value and value % unit == 0:
            return f"{value // unit}{letter}"
    return value


def write_duration(value: float) -> str | int | float:
    """Write a duration as it is read again."""
    for letter, unit in (("d", 86400), ("h", 3600), ("m", 60)):
        if value >= unit and value % unit == 0:
            return f"{int(value // unit)}{letter}"
    return int(value) if value == int(value) else value


def write_clock(value: int) -> str:
    """Write a time of day."""
    hour, rest = divmod(value, 3600)
    minute, second = divmod(rest, 60)
    return f"{hour:02}:{minute:02}:{second:02}" if second else f"{hour:02}:{minute:02}"
