"""Text for terminals and pipes: sizes, durations, and names that can do no harm."""

from __future__ import annotations

import unicodedata

_BIDI = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """Make controls, bidi overrides, line separators and lone surrogates visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(char) for char in text)


def _visible(char: str) -> str:
    if char in _BIDI or unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp"):
        return f"\\u{ord(char):04x}"
    return char


def size(count: float | None) -> str:
    """Write bytes as people read them; `?` when they are not known."""
    if count is None:
        return "?"
    import humanize  # when the first size is shown, not when the first byte is asked for

    return humanize.naturalsize(count, binary=True).replace("Bytes", "B").replace("Byte", "B")


def duration(seconds: float | None) -> str:
    """Write seconds as 12s, 3m05s, 2h10m or 4d03h; `-` when they are not known."""
    if seconds is None:
        return "-"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def width(text: str) -> int:
    """Count the cells of a text in a terminal, nearly enough for padding."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def fit(text: str, cells: int) -> str:
    """Cut a text in the middle, keeping its extension, and pad it to a number of cells."""
    text = plain(text)
    if width(text) > cells:
        tail = min(12, cells // 3)
        head = cells - tail - 1
        left, right = "", ""
        for char in text:
            if width(left + char) > head:
                break
            left += char
        for char in reversed(text):
            if width(char + right) > tail:
                break
            right = char + right
        text = f"{left}…{right}"
    return text + " " * max(0, cells - width(text))
