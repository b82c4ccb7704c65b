"""Numbers as the screen writes them: short, aligned, with their unit."""

from __future__ import annotations

import math
import time
from functools import lru_cache

UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


@lru_cache(maxsize=4096)
def size(count: int | None) -> str:
    """Write bytes with three digits that matter: `1.42 GiB`."""
    if count is None:
        return "?"
    value = float(count)
    unit = 0
    while abs(value) >= 1000 and unit < len(UNITS) - 1:
        value /= 1024
        unit += 1
    if unit == 0:
        return f"{count} B"
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {UNITS[unit]}"


def speed(rate: float) -> str:
    """Write bytes a second; nothing for a standstill."""
    if rate < 1:
        return ""
    # Three digits that flicker cost bytes and calm: below 10 one digit after the point is enough.
    value, unit = rate, 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value /= 1024
        unit += 1
    return f"{value:.{1 if value < 99.95 and unit else 0}f} {UNITS[unit]}/s"


def percent(fraction: float | None) -> str:
    """Write how much is done, rounded down so that 100% means all."""
    if fraction is None:
        return ""
    return f"{math.floor(fraction * 100)}%"


def duration(seconds: float | None) -> str:
    """Write a span of time in at most six cells: `0:42`, `12:08`, `3h 05m`, `2d 04h`."""
    if seconds is None or seconds != seconds or seconds < 0 or seconds == math.inf:
        return ""
    whole = int(seconds + 0.5)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02d}m"
    days = whole // 86400
    return f"{days}d {whole % 86400 // 3600:02d}h" if days < 100 else f"{days}d"


def clock(at: float | None) -> str:
    """Write an instant as local time of day."""
    return "" if at is None else time.strftime("%H:%M:%S", time.localtime(at))


def moment(at: float | None, now: float) -> str:
    """Write an instant: the time for today, else the date; always 12 cells or fewer."""
    if at is None:
        return ""
    then, today = time.localtime(at), time.localtime(now)
    if then[:3] == today[:3]:
        return time.strftime("%H:%M", then)
    if then[0] == today[0]:
        return time.strftime("%d %b %H:%M", then)
    return time.strftime("%d %b %Y", then)


def rate_limit(rate: int) -> str:
    """Write a limit; 0 is none."""
    return speed(float(rate)) if rate else "no limit"


def parse_rate(text: str) -> int:
    """Read a limit such as `2M`, `500 KiB/s`, `none`; bytes a second.

    Raises:
        ValueError: it is not a rate; the message says what is.
    """
    cleaned = text.strip().lower().removesuffix("/s").strip()
    if cleaned in ("", "0", "none", "no limit", "off", "unlimited"):
        return 0
    number = cleaned.rstrip("kmgtib ")
    unit = cleaned[len(number) :].strip()[:1]
    power = "bkmgt".find(unit) if unit else 0
    try:
        value = float(number) * 1024 ** max(0, power)
    except ValueError:
        raise ValueError("Write a rate such as 500K, 2M or 1.5G; empty is no limit.") from None
    if not 0 <= value < 1 << 50:
        raise ValueError("Write a rate between 0 and 1T.")
    return int(value)
