"""Bytes of a finished file over HTTP: ranges, conditions, names, and nothing but the file that was meant.

The file is opened component by component below the download's folder and no symbolic link is followed there, so that
what somebody planted in the folder is not served. What is sent is the opened file: a rename meanwhile changes nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import stat
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email.utils import formatdate, parsedate_to_datetime
from typing import Any

from msgspec import Struct
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tui_downloads.core.errors import Conflict, NotFound
from tui_downloads.core.lifecycle import State
from tui_downloads.core.names import content_disposition, content_type
from tui_downloads.core.snapshots import DetailView, FileView

from . import problem as problems
from .dialect import HEAD
from .problem import Problem

CHUNK = 1 << 20
MAX_RANGES = 16
_RANGE = re.compile(r"(\d{0,19})-(\d{0,19})")
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)

Span = tuple[int, int]
"""Half-open."""


class RangeRefused(Exception):
    """No range of the request can be served."""


class NotServable(NotFound):
    """The download has no such finished file.

    `gone` tells that it was finished and is missing on disk, `unfinished` that it is there and may come.
    """

    def __init__(self, message: str, *, gone: bool = False, unfinished: bool = False) -> None:
        super().__init__(message)
        self.gone = gone
        self.unfinished = unfinished


class OpenFile(Struct):
    """An open regular file and what is told about it. Whoever got it closes it, or hands it to a FileAnswer."""

    fd: int
    name: str
    """The name that is offered: the original title's, where there is one."""
    size: int
    modified: float
    etag: str
    type: str
    version: str = ""
    """Tells this content of this file from every other: device, and all that the etag has."""

    def close(self) -> None:
        """Close the file; again is harmless."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def find(detail: DetailView, file: str = "1") -> FileView:
    """Give a finished file of a download.

    Raises:
        NotServable: there is no such file, or it is not finished.
        Conflict: the download is a folder of several files and none was named.
    """
    if file == "" and len(detail.files) > 1:
        raise Conflict("It has several files; ask for one of them.")
    for view in detail.files:
        if view.id == (file or "1"):
            if view.state == "complete" or (detail.download.state is State.COMPLETE and view.selected):
                return view
            raise NotServable("The file is not finished.", unfinished=True)
    unfinished = not detail.files and detail.download.state is not State.COMPLETE
    raise NotServable("There is no such file.", unfinished=unfinished)


async def open_download(detail: DetailView, file: str = "1", *, name: str = "") -> OpenFile:
    """Open a finished file of a download for serving; `name` is what it is to be called.

    Raises:
        NotServable: there is no such file, it is not finished, or it is gone from the disk.
        Conflict: the download is a folder of several files and none was named.
    """
    view = find(detail, file)
    return await asyncio.to_thread(open_below, detail.download.folder, view.path or view.name, name or view.name)


def open_below(folder: str, path: str, name: str) -> OpenFile:
    """Open a regular file below a folder; no component of `path` may be a symbolic link.

    Raises:
        NotServable: it is not there, or not a regular file.
    """
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") or "\0" in part for part in parts):
        raise NotServable("The file is not there.", gone=True)
    fd = -1
    try:
        fd = _walk(folder, parts)
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise NotServable("The file is not there.", gone=True)
        etag = f'"{status.st_ino:x}-{status.st_size:x}-{status.st_mtime_ns:x}"'
        version = f"{status.st_dev:x}-{etag}-{status.st_ctime_ns:x}"
        found = OpenFile(fd, name, status.st_size, status.st_mtime, etag, content_type(name), version)
        fd = -1
        return found
    except (OSError, ValueError):
        raise NotServable("The file is not there.", gone=True) from None
    finally:
        if fd >= 0:
            os.close(fd)


def _walk(folder: str, parts: list[str]) -> int:
    if not hasattr(os, "O_DIRECTORY") or os.open not in os.supports_dir_fd:
        full = os.path.join(folder, *parts)
        if os.path.realpath(full) != os.path.join(os.path.realpath(folder), *parts):
            raise OSError("a link is in the way")
        return os.open(full, os.O_RDONLY | _NO_FOLLOW)
    here = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | _NO_FOLLOW, dir_fd=here)
            os.close(here)
            here = below
        return os.open(parts[-1], os.O_RDONLY | _NO_FOLLOW, dir_fd=here)
    finally:
        os.close(here)


def parse_ranges(header: str, size: int, limit: int = MAX_RANGES) -> list[Span] | None:
    """Read a Range header; None when it is to be ignored, else ordered spans that do not overlap.

    Raises:
        RangeRefused: nothing of it lies in the file, or it has too many ranges.
    """
    unit, equals, rest = header.partition("=")
    if unit.strip().lower() != "bytes" or not equals:
        return None
    asked = rest.split(",")
    if len(asked) > limit:
        raise RangeRefused
    spans: list[Span] = []
    for item in asked:
        found = _RANGE.fullmatch(item.strip())
        if found is None or found[0] == "-":
            return None
        first, last = found.groups()
        if not first:
            start, end = max(0, size - int(last)), size
        else:
            start, end = int(first), min(int(last) + 1, size) if last else size
            if last and int(last) < int(first):
                return None
        if start < end:
            spans.append((start, end))
    if not spans:
        raise RangeRefused
    return _joined(spans)


def _joined(spans: list[Span]) -> list[Span]:
    """Join what overlaps; a client that asks for the same bytes over and over gets them once."""
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def fresh(headers: Mapping[str, str], file: OpenFile) -> int:
    """Judge the conditions of a request (RFC 9110, 13.2.2): 200 go on, 304 or 412."""
    match, since = headers.get("if-match"), headers.get("if-unmodified-since")
    if match is not None:
        if not _matches(match, file.etag, strong=True):
            return 412
    elif since is not None:
        at = _date(since)
        if at is not None and int(file.modified) > at:
            return 412
    none, modified = headers.get("if-none-match"), headers.get("if-modified-since")
    if none is not None:
        return 304 if _matches(none, file.etag) else 200
    if modified is not None:
        at = _date(modified)
        return 304 if at is not None and int(file.modified) <= at else 200
    return 200


def _matches(header: str, etag: str, *, strong: bool = False) -> bool:
    if header.strip() == "*":
        return True
    tags = [tag.strip() for tag in header.split(",")]
    return etag in (tags if strong else [tag.removeprefix("W/") for tag in tags])


def _date(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _range_stands(if_range: str | None, file: OpenFile) -> bool:
    if if_range is None:
        return True
    if if_range.startswith(('"', "W/")):
        return if_range == file.etag
    return if_range == formatdate(file.modified, usegmt=True)


def _native(scope: MutableMapping[str, Any], problem: Problem) -> Response:
    return problems.render(problem)


class FileAnswer(Response):
    """An answer that sends an open file and closes it.

    `render` is how the dialect tells 412 and 416; `alive` is asked before each piece, and the transfer is cut off when
    the session has ended; `fields` are further header fields.
    """

    def __init__(
        self,
        file: OpenFile,
        *,
        attachment: bool = True,
        render: Callable[[MutableMapping[str, Any], Problem], Response] = _native,
        alive: Callable[[], bool] | None = None,
        fields: Mapping[str, str] | None = None,
        max_ranges: int = MAX_RANGES,
    ) -> None:
        self.file = file
        self.status_code = 200
        self.background = None
        self._attachment = attachment
        self._render = render
        self._alive = alive
        self._fields = dict(fields or {})
        self._max_ranges = max_ranges

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._answer(scope, receive, send)
        finally:
            self.file.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        file = self.file
        given = {key.decode("latin-1").lower(): value.decode("latin-1") for key, value in scope["headers"]}
        verdict = fresh(given, file)
        if verdict == 412:
            await self._render(scope, problems.of_status(412, "The file has changed."))(scope, receive, send)
            return
        base = self._base()
        if verdict == 304:
            kept = ("etag", "last-modified", "cache-control", "vary")
            await _start(send, 304, {key: value for key, value in base.items() if key in kept})
            await send({"type": "http.response.body", "body": b""})
            return
        spans: list[Span] | None = None
        if "range" in given and _range_stands(given.get("if-range"), file):
            try:
                spans = parse_ranges(given["range"], file.size, self._max_ranges)
            except RangeRefused:
                refused = problems.of_status(
                    416, "The file has no such range.", {"content-range": f"bytes */{file.size}"}
                )
                await self._render(scope, refused)(scope, receive, send)
                return
        head = scope["method"] == "HEAD" or bool(scope.get(HEAD))
        await self._send(spans, base, head, receive, send)

    def _base(self) -> dict[str, str]:
        file = self.file
        disposition = content_disposition(file.name, "attachment" if self._attachment else "inline")
        return {
            "accept-ranges": "bytes",
            "etag": file.etag,
            "last-modified": formatdate(file.modified, usegmt=True),
            "content-type": file.type,
            "content-disposition": disposition,
            "cache-control": "private, no-cache",
            # What was downloaded is somebody else's page; it gets no script and no origin of ours.
            "content-security-policy": "sandbox; default-src 'none'",
            "x-content-type-options": "nosniff",
            **{key.lower(): value for key, value in self._fields.items()},
        }

    async def _send(
        self, spans: list[Span] | None, base: dict[str, str], head: bool, receive: Receive, send: Send
    ) -> None:
        size = self.file.size
        pieces: list[tuple[bytes, Span]]
        if spans is None:
            pieces, status, tail = [(b"", (0, size))], self.status_code, b""
        elif len(spans) == 1:
            pieces, status, tail = [(b"", spans[0])], 206, b""
            base["content-range"] = f"bytes {spans[0][0]}-{spans[0][1] - 1}/{size}"
        else:
            pieces, tail, base["content-type"] = _multipart(spans, size, base["content-type"])
            status = 206
        total = sum(len(lead) + end - start for lead, (start, end) in pieces) + len(tail)
        base["content-length"] = str(total)
        await _start(send, status, base)
        if head:
            await send({"type": "http.response.body", "body": b""})
            return
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            for lead, (start, end) in pieces:
                if lead:
                    await send({"type": "http.response.body", "body": lead, "more_body": True})
                if not await self._copy(start, end, gone, send):
                    return
            await send({"type": "http.response.body", "body": tail})
        finally:
            gone.cancel()

    async def _copy(self, start: int, end: int, gone: asyncio.Future[None], send: Send) -> bool:
        """Send a span; False when nobody takes it any more.

        Raises:
            OSError: the file became shorter, or the session ended; the server closes the connection.
        """
        fd = self.file.fd
        while start < end:
            if gone.done():
                return False
            if self._alive is not None and not self._alive():
                raise OSError("the session has ended")
            chunk = await asyncio.to_thread(os.pread, fd, min(CHUNK, end - start), start)
            if not chunk:
                raise OSError("the file became shorter while it was sent")
            start += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        return True


def _multipart(spans: list[Span], size: int, type: str) -> tuple[list[tuple[bytes, Span]], bytes, str]:
    boundary = secrets.token_hex(16)
    pieces = []
    for n, (start, end) in enumerate(spans):
        lead = f"--{boundary}\r\nContent-Type: {type}\r\nContent-Range: bytes {start}-{end - 1}/{size}\r\n\r\n"
        pieces.append((("\r\n" if n else "").encode() + lead.encode("latin-1"), (start, end)))
    return pieces, f"\r\n--{boundary}--\r\n".encode(), f"multipart/byteranges; boundary={boundary}"


async def _start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    raw = [(key.encode("latin-1"), value.encode("latin-1", "replace")) for key, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})


async def _disconnected(receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
