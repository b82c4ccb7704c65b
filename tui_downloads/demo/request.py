"""What a client asked, as it came over the wire, and what became of it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field

from tui_downloads.demo.paths import split_target

_ONE_RANGE = re.compile(r"bytes=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)


class Unsatisfiable(ValueError):
    """The range asks for nothing that is there: 416."""


@dataclass
class Request:
    """One request; the server fills in `answered` and `sent` while it answers."""

    method: str
    target: str
    """As it was sent: the path with its query, or a whole link when we are somebody's proxy."""
    path: str
    query: str
    headers: dict[str, str] = field(repr=False)
    """Names in lower case; values of a repeated header are joined with a comma."""
    body: bytes = field(default=b"", repr=False)
    connection: int = 0
    """Number of the connection, from 1."""
    at: float = 0.0
    """When it came, on the monotonic clock."""
    answered: int = 0
    """The status sent, 0 before there is one."""
    sent: int = 0
    """Bytes of the body that were handed to the network; the client has no more than these."""

    @property
    def range(self) -> str | None:
        """Give the Range header."""
        return self.headers.get("range")

    @property
    def start(self) -> int:
        """Give the first offset that is wanted, 0 for the whole file and for a suffix."""
        match = _ONE_RANGE.fullmatch(self.range or "")
        return int(match[1]) if match and match[1] else 0

    def span_of(self, size: int) -> tuple[int, int] | None:
        """Give the half-open span that Range selects of `size` bytes; None without one that we understand.

        Raises:
            Unsatisfiable: nothing of the range is in the file.
        """
        match = _ONE_RANGE.fullmatch(self.range or "")
        if match is None or not (match[1] or match[2]):
            return None
        if not match[1]:
            start, stop = max(0, size - int(match[2])), size
        else:
            start, stop = int(match[1]), int(match[2]) + 1 if match[2] else size
            if match[2] and stop <= start:
                return None  # RFC 9110 14.1.1: last before first is no range at all
        if start >= min(stop, size):
            raise Unsatisfiable(self.range)
        return start, min(stop, size)

    def knows(self, login: str, header: str = "authorization") -> bool:
        """Say whether the request gives `user:password` by Basic authentication."""
        scheme, _, given = self.headers.get(header, "").partition(" ")
        return scheme.lower() == "basic" and given.strip() == base64.b64encode(login.encode()).decode()


def read_head(raw: bytes) -> Request:
    """Read the head of a request, up to and without its blank line.

    Raises:
        ValueError: it is not HTTP.
    """
    line, *rest = raw.decode("latin-1").split("\r\n")
    method, target, protocol = line.split(" ")
    if not protocol.startswith("HTTP/1."):
        raise ValueError(f"not HTTP/1: {protocol!r}")
    headers: dict[str, str] = {}
    for text in filter(None, rest):
        name, colon, value = text.partition(":")
        if not colon:
            raise ValueError(f"not a header: {text!r}")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    path, query = split_target(target)
    return Request(method, target, path, query, headers)
