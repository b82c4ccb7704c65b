"""What is answered to a request: decided here without a socket, sent by `delivery`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import Enum
from http import HTTPStatus
from time import time

from tui_downloads.demo.faults import Faults
from tui_downloads.demo.paths import PracticeFile
from tui_downloads.demo.representation import Representation, represent
from tui_downloads.demo.request import Request, Unsatisfiable

_BOUNDARY = "practice-part"
_LOGIN_PAGE = b"""<!doctype html><html><head><title>Sign in</title></head><body><h1>Please sign in</h1>
<form method="post"><input name="user"><input name="password" type="password"></form></body></html>
"""


class Framing(Enum):
    """How the client is told where the body ends."""

    LENGTH = "Content-Length"
    CHUNKED = "chunked"
    CLOSE = "the end of the connection"
    BOTH = "chunked, and a Content-Length that lies"


@dataclass(frozen=True)
class Body:
    """Bytes to be read piece by piece while they are sent."""

    length: int
    read: Callable[[int, int], bytes] = field(repr=False)

    @classmethod
    def of(cls, data: bytes) -> Body:
        """Wrap bytes that are there."""
        return cls(len(data), lambda start, stop: data[start:stop])


@dataclass(frozen=True)
class Answer:
    """A status, its headers and a body, and the faults that the delivery commits on it."""

    status: int
    headers: list[tuple[str, str]]
    body: Body
    framing: Framing = Framing.LENGTH
    told: int | None = None
    """The Content-Length told in place of the true one."""
    faults: Faults = field(default_factory=Faults)

    def head(self) -> bytes:
        """Write the status line and the headers."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = "Practice"
        pairs = [*self.headers, *self._framing_headers()]
        text = "".join(f"{name}: {_one_line(value)}\r\n" for name, value in pairs)
        return f"HTTP/1.1 {self.status} {phrase}\r\n{text}\r\n".encode("utf-8", "surrogateescape")

    def _framing_headers(self) -> list[tuple[str, str]]:
        if self.status in (204, 304):
            return []
        length = self.body.length if self.told is None else self.told
        match self.framing:
            case Framing.CHUNKED:
                return [("Transfer-Encoding", "chunked")]
            case Framing.BOTH:
                return [("Content-Length", str(length // 2)), ("Transfer-Encoding", "chunked")]
            case Framing.CLOSE:
                return [("Connection", "close")]
            case Framing.LENGTH:
                lies = {"differ": [f"{length}", f"{length + 1}"], "negative": ["-5"], "junk": [f"{length}x"]}
                return [("Content-Length", value) for value in lies.get(self.faults.lengths or "", [f"{length}"])]


@dataclass(frozen=True)
class Visit:
    """What the server remembers that matters for one answer."""

    count: int
    """Which request for this link it is, from 1."""
    busy: int
    """How many requests for this link are open, this one among them."""
    version: int
    """Which version of the file is served."""


def _one_line(value: str) -> str:
    return re.sub(r"[\r\n\0]", " ", value)


def plain(status: int, text: str, *headers: tuple[str, str]) -> Answer:
    """Give a short answer in plain text."""
    body = Body.of(b"" if status in (204, 205, 304) else f"{text}\n".encode("utf-8", "surrogateescape"))
    kind = [] if status in (204, 205, 304) else [("Content-Type", "text/plain; charset=utf-8")]
    return Answer(status, [("Date", formatdate(usegmt=True)), *kind, *headers], body)


def _wait(faults: Faults) -> list[tuple[str, str]]:
    """Give Retry-After, in seconds or as a date."""
    if faults.retry_after is None:
        return []
    form, _, seconds = faults.retry_after.partition(":")
    value = formatdate(time() + float(seconds or 0), usegmt=True) if form == "date" else faults.retry_after
    return [("Retry-After", value)]


def _refuse(status: int, text: str, faults: Faults, *headers: tuple[str, str]) -> Answer:
    realm = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}.get(status)
    ask = [(realm, 'Basic realm="practice"')] if realm else []
    return plain(status, text, *ask, *_wait(faults), *headers)


def _redirection(request: Request, faults: Faults) -> Answer | None:
    target: str | None = None
    if faults.redirect:
        target = faults.redirect
    elif faults.loop:
        target = request.target
    elif faults.hops:
        target = re.sub(r"(?<=[?&]hops=)\d+", str(faults.hops - 1), request.target)
    return plain(faults.code, f"See {target}", ("Location", target)) if target else None


def _refusal(request: Request, file: PracticeFile, faults: Faults, visit: Visit) -> Answer | None:
    """Give the answer that stands in place of the file, if any."""
    if faults.cap is not None and visit.busy > faults.cap:
        return _refuse(faults.capstatus, f"At most {faults.cap} connections at once.", faults)
    if faults.auth is not None and not request.knows(faults.auth):
        return _refuse(401, "Who are you?", faults)
    if (elsewhere := _redirection(request, faults)) is not None:
        return elsewhere
    status = faults.headstatus if request.method == "HEAD" and faults.headstatus else faults.status
    if status is not None:
        extent = [("Content-Range", f"bytes */{file.size}")] if status == 416 else []
        return _refuse(status, f"Practice answer {status}.", faults, *extent)
    if faults.html:
        return Answer(200, [("Content-Type", "text/html; charset=utf-8")], Body.of(_LOGIN_PAGE))
    return None


def _common_headers(file: PracticeFile, shown: Representation, faults: Faults) -> list[tuple[str, str]]:
    headers = [("Date", formatdate(usegmt=True)), ("Content-Type", shown.media_type), *shown.validators()]
    if faults.acceptranges != "missing":
        headers.append(("Accept-Ranges", faults.acceptranges or ("none" if faults.norange else "bytes")))
    if faults.disposition is not None:
        whole = ";" in faults.disposition or "=" in faults.disposition
        headers.append(("Content-Disposition", faults.disposition if whole else _attachment(faults.disposition)))
    if shown.encoding:
        headers.append(("Content-Encoding", shown.encoding))
    if shown.repr_digest:
        headers.append(("Repr-Digest", shown.repr_digest))
    if faults.headers:
        lines, rest = divmod(faults.headers, 1000)
        headers += [(f"X-Practice-{number}", "x" * 1000) for number in range(lines)]
        headers += [("X-Practice-Rest", "x" * rest)] if rest else []
    return headers


def _attachment(name: str) -> str:
    return f'attachment; filename="{name}"'


def _unchanged(request: Request, shown: Representation) -> bool:
    """Say whether If-None-Match or If-Modified-Since calls for 304."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        known = (shown.etag or "").removeprefix("W/")
        return tags.strip() == "*" or (known != "" and known in [t.strip().removeprefix("W/") for t in tags.split(",")])
    return shown.modified is not None and request.headers.get("if-modified-since") == shown.modified


def _range_allowed(request: Request, shown: Representation, faults: Faults) -> bool:
    """Say whether If-Range lets the range count: a strong ETag or the exact date (RFC 9110 13.1.5)."""
    condition = request.headers.get("if-range")
    if condition is None or faults.ifrange == "ignore":
        return not faults.norange
    if faults.norange or faults.ifrange == "fail":
        return False
    strong = shown.etag if shown.etag and not shown.etag.startswith("W/") else None
    return condition in (strong, shown.modified)


def _content_range(start: int, stop: int, size: int, wrong: str | None) -> str | None:
    match wrong:
        case "missing":
            return None
        case "total":
            return f"bytes {start}-{stop - 1}/{size + 1}"
        case "small":
            return f"bytes {start}-{stop - 1}/{stop - 1}"
        case "star":
            return f"bytes {start}-{stop - 1}/*"
        case "unit":
            return f"items {start}-{stop - 1}/{size}"
        case "reversed":
            return f"bytes {stop}-{start}/{size}"
        case _:
            return f"bytes {start}-{stop - 1}/{size}"


def _served_span(start: int, stop: int, size: int, faults: Faults) -> tuple[int, int]:
    """Give the span that is really served for the span that was asked for; never an empty one."""
    if faults.wrongrange == "shift":
        start = min(start + 1, stop - 1)
    elif faults.wrongrange == "early":
        start = max(0, start - 1000)
    stop = min(size, stop + (faults.longer or 0))
    return start, max(start + 1, stop - (faults.shorter or 0))


def _part_of(shown: Representation, start: int, stop: int) -> Body:
    return Body(stop - start, lambda one, other: shown.read(start + one, start + other))


def _partial(shown: Representation, asked: tuple[int, int], faults: Faults) -> tuple[list[tuple[str, str]], Body]:
    start, stop = _served_span(*asked, shown.size, faults)
    extent = _content_range(start, stop, shown.size, faults.wrongrange)
    body = _part_of(shown, start, stop)
    if not faults.multipart:
        return ([("Content-Range", extent)] if extent else []), body
    opening = f"--{_BOUNDARY}\r\nContent-Type: {shown.media_type}\r\nContent-Range: {extent}\r\n\r\n".encode()
    ending = f"\r\n--{_BOUNDARY}--\r\n".encode()
    kind = ("Content-Type", f"multipart/byteranges; boundary={_BOUNDARY}")
    return [kind], Body.of(opening + body.read(0, body.length) + ending)


def _framing(faults: Faults) -> Framing:
    if faults.both:
        return Framing.BOTH
    if faults.chunked:
        return Framing.CHUNKED
    return Framing.CLOSE if faults.close else Framing.LENGTH


def answer_file(request: Request, file: PracticeFile, visit: Visit) -> Answer:
    """Decide the answer to a request for a file."""
    faults = file.faults.met_by(visit.count, request.start)
    refusal = _refusal(request, file, faults, visit)
    if refusal is not None:
        return refusal
    shown = represent(file.name, file.size, visit.version, faults, visit.count)
    headers = _common_headers(file, shown, faults)
    if _unchanged(request, shown):
        return Answer(304, headers, Body.of(b""))
    try:
        asked = request.span_of(shown.size) if _range_allowed(request, shown, faults) else None
    except Unsatisfiable:
        return plain(416, "There is nothing there.", ("Content-Range", f"bytes */{shown.size}"), *shown.validators())
    if asked is None and faults.unasked and shown.size:
        asked = (0, shown.size)
    status, body = 200, Body(shown.size, shown.read)
    if asked is not None:
        extra, body = _partial(shown, asked, faults)
        replaced = {name for name, _ in extra}
        status, headers = 206, [pair for pair in headers if pair[0] not in replaced] + extra
    told = faults.headlength if request.method == "HEAD" else None
    return Answer(status, headers, body, _framing(faults), told, faults)
