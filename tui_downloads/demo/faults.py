"""What a practice link asks the server to do: one option of the query, one trait; traits compose.

`?rate=200k&etag=weak&truncate=5000,first=2` is a slow file with a weak ETag, whose first two answers break off.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import parse_qsl

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30}
_SIZE = re.compile(r"(\d+)(|[kKmMgGtT]|[kKmMgG]i)B?")


class BadLink(ValueError):
    """The link is not in the path language; the message says which part and what would be right."""


def read_size(text: str) -> int:
    """Read bytes such as `5000`, `20k`, `3MiB`.

    Raises:
        BadLink: it is not a size.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        raise BadLink(f"not a size: {text!r}; write for example 5000, 20k or 3MiB")
    return int(match[1]) * _UNITS[match[2].lower()]


@dataclass(frozen=True, kw_only=True)
class Troubles:
    """What `first`, `after` and `mid` can spare a request; the defaults are an honest answer."""

    status: int | None = None
    redirect: str | None = None
    """Where to go instead; the status is `code`."""
    hops: int | None = None
    """Redirect to itself N times, then answer."""
    loop: bool = False
    """Redirect to itself for ever."""
    code: int = 302
    html: bool = False
    """A login page instead of the file."""
    norange: bool = False
    """Always 200 and the whole file."""
    unasked: bool = False
    """206 also to a request without Range."""
    wrongrange: str | None = None
    """`shift early total star unit missing reversed small`: what is wrong in Content-Range."""
    shorter: int | None = None
    """A 206 ends N bytes before the end that was asked for."""
    longer: int | None = None
    """A 206 goes on N bytes past the end that was asked for."""
    multipart: bool = False
    """A 206 in multipart/byteranges."""
    encoding: str | None = None
    """`gzip` or `deflate`: the body is coded, asked for or not."""
    chunked: bool = False
    close: bool = False
    """No length; the end is the end of the connection."""
    both: bool = False
    """Content-Length and chunked together; the length is a lie."""
    lengths: str | None = None
    """`differ` (two lengths), `negative` or `junk`."""
    headers: int | None = None
    """About this many bytes of useless headers."""
    truncate: int | None = None
    """Close after N bytes of the body."""
    reset: int | None = None
    """Reset the connection after N bytes of the body."""
    stall: int | None = None
    """Send N bytes of the body and then nothing, for ever."""
    drip: int | None = None
    """One byte of the body every N milliseconds."""
    extra: int | None = None
    """N bytes after the end of the body."""
    nonotify: bool = False
    """Where the answer ends with the connection, end TLS without its close_notify."""


@dataclass(frozen=True, kw_only=True)
class Faults(Troubles):
    """How the answers of one link differ from honest ones: its troubles, and what is in force on every request."""

    rate: int | None = None
    """Bytes per second of one connection."""
    slow: tuple[int, int] | None = None
    """`K:RATE`: only the K-th request of this link runs at RATE."""
    latency: int = 0
    """Milliseconds before the first byte of an answer."""
    etag: str | None = None
    """`weak`, `none`, `each` (another one in each answer) or the literal value."""
    nolm: bool = False
    """Leave Last-Modified out."""
    lm: str | None = None
    """`now` or the literal value of Last-Modified."""
    version: int | None = None
    """Other bytes and other validators under the same name."""
    swap: int | None = None
    """From request K + 1 on, the next version is served."""
    type: str | None = None
    """The Content-Type."""
    disposition: str | None = None
    """The whole Content-Disposition, or just a file name."""
    digest: str | None = None
    """`sha-256`, `sha-512` or `md5` as Repr-Digest; `,wrong` spoils it."""
    auth: str | None = None
    """`user:password` that Basic authentication must give."""
    cap: int | None = None
    """Answer 429 when more than K requests of this link are open at once."""
    capstatus: int = 429
    retry_after: str | None = None
    """Seconds, or `date:SECONDS` to say it as a date, on every refusal."""
    acceptranges: str | None = None
    """The literal Accept-Ranges; `missing` leaves it out."""
    ifrange: str | None = None
    """`ignore` serves the range whatever changed; `fail` always sends the whole file."""
    headstatus: int | None = None
    """HEAD is answered with this status."""
    headlength: int | None = None
    """HEAD tells this length."""

    first: int | None = None
    """Only the first K requests of this link meet the troubles."""
    after: int | None = None
    """The first K requests of this link are spared."""
    mid: bool = False
    """Only requests whose range starts past 0 meet the troubles."""

    def met_by(self, count: int, start: int) -> Faults:
        """Give what request `count` (from 1) for the bytes from `start` meets: all of this, or no troubles."""
        spared = self.first is not None and count > self.first
        spared = spared or (self.after is not None and count <= self.after)
        spared = spared or (self.mid and start == 0)
        return replace(self, **_CALM) if spared else self


_CALM: dict[str, Any] = {field.name: field.default for field in fields(Troubles)}

_CHOICES = {
    "wrongrange": {"shift", "early", "total", "star", "unit", "missing", "reversed", "small"},
    "lengths": {"differ", "negative", "junk"},
    "encoding": {"gzip", "deflate"},
    "ifrange": {"ignore", "fail"},
}
_SIZES = {"rate", "headlength", "shorter", "longer", "headers", "truncate", "reset", "stall", "extra"}
_IGNORED = re.compile(r"token|sig|expires|[xX]-.+")
"""Parameters of signed links: they belong to the link and mean nothing here."""


def _flag(text: str) -> bool:
    return text.lower() not in {"0", "no", "false"}


def _slow(text: str) -> tuple[int, int]:
    which, colon, rate = text.partition(":")
    if not colon:
        raise ValueError("write K:RATE, for example 2:50k")
    return int(which), read_size(rate)


def _reader(name: str, declared: str) -> Callable[[str], Any]:
    if name == "slow":
        return _slow
    if name in _SIZES:
        return read_size
    if declared == "bool":
        return _flag
    return int if declared.startswith("int") else str


_READERS = {field.name: _reader(field.name, str(field.type)) for field in fields(Faults)}


def _pairs(query: str) -> list[tuple[str, str]]:
    """Split the query; `status=503,first=2` is two options in one."""
    pairs: list[tuple[str, str]] = []
    for key, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
        match = re.fullmatch(r"(.*),(first|after)=(\d+)", value)
        pairs.append((key, match[1] if match else value))
        if match:
            pairs.append((match[2], match[3]))
    return pairs


def read_faults(query: str) -> Faults:
    """Read the options of a link.

    Raises:
        BadLink: an option is unknown or its value is not one of its values.
    """
    values: dict[str, Any] = {}
    for key, value in _pairs(query):
        if _IGNORED.fullmatch(key):
            continue
        reader = _READERS.get(key)
        if reader is None:
            raise BadLink(f"no such option: {key!r}; the options are {', '.join(_READERS)}")
        choices = _CHOICES.get(key)
        if choices is not None and value not in choices:
            raise BadLink(f"{key} is one of {', '.join(sorted(choices))}, not {value!r}")
        try:
            values[key] = reader(value)
        except ValueError as exc:
            raise BadLink(f"{key}={value!r}: {exc}") from exc
    return Faults(**values)
