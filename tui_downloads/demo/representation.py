"""One version of a practice file, as served: its bytes and its validators."""

from __future__ import annotations

import base64
import hashlib
import mimetypes
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache

from tui_downloads.demo.content import block, digest
from tui_downloads.demo.faults import BadLink, Faults

_BORN = 1_741_000_000
"""When version 0 of every file was last modified: in March 2025, so that the date is a strong validator."""

_DAY = 86_400
_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512", "md5": "md5"}


@dataclass(frozen=True)
class Representation:
    """The bytes to be had under a link at one moment, and what names them."""

    size: int
    read: Callable[[int, int], bytes]
    """Give the bytes of a half-open span."""
    etag: str | None
    modified: str | None
    media_type: str
    encoding: str | None = None
    repr_digest: str | None = None

    def validators(self) -> list[tuple[str, str]]:
        """Give ETag and Last-Modified, as far as there are any."""
        pairs = [("ETag", self.etag), ("Last-Modified", self.modified)]
        return [(name, value) for name, value in pairs if value is not None]


@lru_cache(maxsize=8)
def _coded(name: str, size: int, version: int, coding: str) -> bytes:
    window = 31 if coding == "gzip" else 15
    squeeze = zlib.compressobj(level=1, wbits=window)
    return squeeze.compress(block(name, 0, size, version)) + squeeze.flush()


def _etag(name: str, size: int, version: int, faults: Faults, count: int) -> str | None:
    known = hashlib.sha256(f"{name}\0{size}\0{version}".encode("utf-8", "surrogateescape")).hexdigest()[:16]
    match faults.etag:
        case None:
            return f'"{known}"'
        case "none":
            return None
        case "weak":
            return f'W/"{known}"'
        case "each":
            return f'"{known}-{count}"'
        case literal:
            return literal if '"' in literal else f'"{literal}"'


def _modified(version: int, faults: Faults) -> str | None:
    if faults.nolm:
        return None
    if faults.lm == "now":
        return formatdate(usegmt=True)
    return faults.lm or formatdate(_BORN + version * _DAY, usegmt=True)


def _repr_digest(name: str, size: int, version: int, wish: str) -> str:
    algo, _, spoilt = wish.partition(",")
    if algo not in _ALGORITHMS or spoilt not in {"", "wrong"}:
        raise BadLink(f"digest is one of {', '.join(_ALGORITHMS)}, with or without ',wrong', not {wish!r}")
    raw = bytes.fromhex(digest(name, size, _ALGORITHMS[algo], version))
    if spoilt:
        raw = bytes([raw[0] ^ 1]) + raw[1:]
    return f"{algo}=:{base64.b64encode(raw).decode()}:"


def represent(name: str, size: int, version: int, faults: Faults, count: int) -> Representation:
    """Give what request number `count` for a file finds there.

    Raises:
        BadLink: the digest that the link wants is not one of ours.
    """
    if faults.encoding:
        body = _coded(name, size, version, faults.encoding)
        length, read = len(body), lambda start, stop: body[start:stop]
    else:
        length, read = size, lambda start, stop: block(name, start, stop, version)
    return Representation(
        size=length,
        read=read,
        etag=_etag(name, size, version, faults, count),
        modified=_modified(version, faults),
        media_type=faults.type or mimetypes.guess_type(name)[0] or "application/octet-stream",
        encoding=faults.encoding,
        repr_digest=_repr_digest(name, size, version, faults.digest) if faults.digest else None,
    )
