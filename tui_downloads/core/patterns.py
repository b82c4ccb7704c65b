"""Patterns in links: `[001-100]`, `[a-f]`, `[0-100:10]` and `{one,two}`, expanded in order, with a bound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from math import prod

from .errors import Code, DownloadError

MOST = 100_000
"""Links that one pattern may mean."""
MOST_TEXT = 64 * 1024 * 1024
"""Characters of all of them, about."""
_RANGE = re.compile(r"\[(?:([0-9]{1,18})-([0-9]{1,18})|([a-z])-([a-z])|([A-Z])-([A-Z]))(?::([0-9]{1,9}))?\]", re.ASCII)
_CHOICE = re.compile(r"\{([^{}]*,[^{}]*)\}")
_PART = re.compile(f"{_RANGE.pattern}|{_CHOICE.pattern}", re.ASCII)


class Words:
    """What a part of a pattern stands for; a range is not spelt out before it is used."""

    __slots__ = ("_size", "_start", "_step", "_texts", "_width")

    def __init__(self, texts: tuple[str, ...] = (), *, start: int = 0, step: int = 1, size: int = 0, width: int = 0):
        self._texts, self._start, self._step, self._width = texts, start, step, width
        self._size = len(texts) or size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[str]:
        if self._texts:
            return iter(self._texts)
        return (str(self._start + index * self._step).zfill(self._width) for index in range(self._size))


def expand(text: str, *, most: int = MOST) -> list[str]:
    """List what a pattern means, the last part counting fastest; a text without one means itself.

    Raises:
        DownloadError: INVALID_URL for a pattern that means more than `most` links.
    """
    parts: list[Words] = []
    at = 0
    for match in _PART.finditer(text):
        if match.start() > at:
            parts.append(Words((text[at : match.start()],)))
        parts.append(_words(match))
        at = match.end()
    if at < len(text) or not parts:
        parts.append(Words((text[at:],)))
    count = prod(len(part) for part in parts)
    if count > most or count * len(text) > MOST_TEXT:
        raise DownloadError(
            Code.INVALID_URL, f"The pattern means {count} links; there may be {most}, or fewer long ones."
        )
    return ["".join(words) for words in product(*parts)]


def _words(match: re.Match[str]) -> Words:
    first, last, low, low_end, high, high_end, step, choice = match.groups()
    if choice is not None:
        return Words(tuple(choice.split(",")))
    stride = max(1, int(step or 1))
    if first is not None:
        start, end = int(first), int(last)
        width = len(first) if first.startswith("0") or len(first) == len(last) else 0
        size = abs(end - start) // stride + 1
        return Words(start=start, step=stride if end >= start else -stride, size=size, width=width)
    begin, stop = ord(low or high), ord(low_end or high_end)
    letters = range(begin, stop + 1, stride) if stop >= begin else range(begin, stop - 1, -stride)
    return Words(tuple(map(chr, letters)))
