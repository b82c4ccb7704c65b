"""What a server says about a file: header fields, validators and the resource they describe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

_STRONG = re.compile(r'"[^\x00-\x20"\x7f]+"')
"""An opaque tag of RFC 9110, section 8.8.3, not weak and not empty."""


class Headers:
    """Header fields in the order they came, found without regard to case."""

    __slots__ = ("_last", "_pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        # Only the white space of HTTP is cut: U+00A0 is half a letter where a value is UTF-8 read as Latin-1.
        self._pairs = tuple([(name.lower(), value.strip(" \t\r\n")) for name, value in pairs])
        self._last = dict(self._pairs)

    def get(self, name: str, default: str = "") -> str:
        """Give the last value of a field."""
        return self._last.get(name.lower(), default)

    def all(self, name: str) -> list[str]:
        """Give every value of a field in order."""
        name = name.lower()
        return [value for key, value in self._pairs if key == name]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._last

    def newest(self) -> dict[str, str]:
        """Give the last value of every field, by name."""
        return self._last.copy()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        # Values may carry cookies and signed links, so only the names are shown.
        return "Headers(" + ", ".join(name for name, _ in self._pairs) + ")"


class Head(Struct, frozen=True):
    """The status line and fields of a final answer, before its body."""

    status: int
    """HTTP status; FTP and SFTP are told as 200 and 206."""
    headers: Headers = field(default_factory=Headers)
    reason: str = ""
    url: str = ""
    """Where the answer came from, after redirects, without userinfo."""
    hops: tuple[str, ...] = ()
    """The links that were followed, without userinfo."""
    scheme: str = "http"
    http_version: str = "1.1"
    address: str = ""
    """The peer's IP address and port."""
    tls: bool = False


class Validator(Struct, frozen=True):
    """What tells one version of a file from another (RFC 9110, section 8.8)."""

    etag: str = ""
    """As sent, quotes and W/ included."""
    last_modified: str = ""
    """As sent."""
    strong_date: bool = False
    """Last-Modified is strong: the answer's Date is at least a second later (RFC 9110, section 8.8.2.2)."""

    @property
    def strong_etag(self) -> str:
        """The ETag if it is strong, else empty; `""` is one that some servers send for every file."""
        return self.etag if _STRONG.fullmatch(self.etag) else ""

    @property
    def if_range(self) -> str:
        """What may stand in If-Range: a strong ETag, or a strong date where there is no ETag; else empty."""
        if self.etag:
            return self.strong_etag
        return self.last_modified if self.strong_date else ""

    @property
    def strong(self) -> bool:
        return bool(self.if_range)

    def __str__(self) -> str:
        return self.etag or self.last_modified


class Resource(Struct, frozen=True):
    """What is known of a remote file from its first honest answer."""

    url: str
    """The final link, without userinfo."""
    size: int | None = None
    validator: Validator = field(default_factory=Validator)
    ranges: bool = False
    """A real 206 was seen."""
    name: str = ""
    """A safe name from Content-Disposition or the link; never empty after a judgement."""
    original: str = ""
    """The name as the server gave it, not cleaned."""
    content_type: str = ""
    content_encoding: str = ""
    digests: tuple[tuple[str, str], ...] = ()
    """(algorithm, hex) of the whole file, from Repr-Digest and its like."""
