"""Content-Range and Content-Length as servers write them; nothing here raises."""

from __future__ import annotations

import re
from typing import NamedTuple

from .late import late

MAX_SIZE = 2**63 - 1
"""What a file offset can hold; longer claims are not believed."""

_RANGE = re.compile(r"bytes[ \t]+([0-9]{1,19})-([0-9]{1,19})/(?:([0-9]{1,19})|\*)", re.ASCII | re.IGNORECASE)
_UNSATISFIED = late(r"bytes[ \t]+\*/([0-9]{1,19})", re.ASCII | re.IGNORECASE)
_LENGTH = re.compile(r"[0-9]{1,19}", re.ASCII)


class ContentRange(NamedTuple):
    """The half-open span of a 206's body, and the file's size where it is told."""

    start: int
    end: int
    total: int | None


def parse_content_range(value: str) -> ContentRange | None:
    """Read `bytes first-last/total`; None where it is missing or makes no sense."""
    match = _RANGE.fullmatch(value)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    total = None if match[3] is None else int(match[3])
    if last < first or last >= MAX_SIZE or (total is not None and not last < total <= MAX_SIZE):
        return None
    return ContentRange(first, last + 1, total)


def parse_unsatisfied(value: str) -> int | None:
    """Read the size in a 416's `bytes */N`."""
    match = _UNSATISFIED.fullmatch(value)
    size = int(match[1]) if match else None
    return size if size is not None and size <= MAX_SIZE else None


class Lengths(NamedTuple):
    """What the Content-Length fields of an answer say together."""

    value: int | None
    valid: bool = True
    """False for different, negative or absurd lengths."""


NO_LENGTH = Lengths(None)


def parse_length(value: str) -> Lengths:
    """Read one Content-Length; `5, 5` is 5 (RFC 9110, section 8.6)."""
    if not _LENGTH.fullmatch(value):
        values = {part.strip() for part in value.split(",")}
        value = values.pop() if len(values) == 1 else ""
        if not _LENGTH.fullmatch(value):
            return Lengths(None, False)
    number = int(value)
    return Lengths(number) if number <= MAX_SIZE else Lengths(None, False)
