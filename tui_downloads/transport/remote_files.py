"""FTP, FTPS and SFTP told as HTTP: a head for what has none."""

from __future__ import annotations

import re

import pycurl

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.late import late
from tui_downloads.core.resource import Head, Headers

from .base import Answer, Ended, Request, Take
from .exchange import Exchange, Hold

_SCHEMES = frozenset({"ftp", "ftps", "ftpes", "sftp"})
_BEYOND = {31, 33, 36}
"""libcurl's codes for a start past the file's end (and for a server that does not resume)."""
_SENSELESS = late(rb"^213[ \t]+-", re.MULTILINE)


class Cut:
    """The span that is wanted of a file server's body, and what libcurl said about the file."""

    __slots__ = ("left", "request", "scheme", "size", "took", "write")

    def __init__(self, request: Request, scheme: str) -> None:
        self.request = request
        self.scheme = scheme
        self.left = -1 if request.end is None else request.end - (request.start or 0)
        self.took = 0
        self.size: int | None = None

    def bind(self, exchange: Exchange) -> None:
        """Stand before the sink, so that nothing after the span's end reaches it."""
        self.write = exchange.write
        if self.left >= 0:
            exchange.write = self._take

    def _take(self, chunk: bytes) -> Take:
        kept = chunk[: self.left]
        take = self.write(kept) if kept else Take.MORE
        if take == Take.PAUSE:
            return take
        self.left -= len(kept)
        self.took += len(kept)
        return Take.ENOUGH if take or not self.left else Take.MORE

    def answer(self, exchange: Exchange, ended: Ended) -> Answer:
        """Give the answer; a span that is complete was no early end."""
        assert exchange.head is not None
        counted = self.request.end is not None
        if counted and not self.left:
            ended = Ended.COMPLETE
        return Answer(
            exchange.head,
            self.took if counted else exchange.received,
            ended,
            # FTP opens a connection for each body beside the one that is kept.
            exchange.curl.getinfo(pycurl.NUM_CONNECTS) <= (self.scheme != "sftp"),
            exchange.curl.getinfo(pycurl.STARTTRANSFER_TIME_T) / 1e6,
        )


def answers_as_file(scheme: str, exchange: Exchange) -> bool:
    """Say whether an answer comes without an HTTP head; an HTTP proxy gives FTP files with one."""
    return scheme in _SCHEMES and not asks_for_all(scheme, exchange)


def asks_for_all(scheme: str, exchange: Exchange) -> bool:
    """Say whether parts are better not asked for: squid gives other bytes of an FTP file than it says it does."""
    return scheme == "ftp" and exchange.proxied and not exchange.tunnel


def spoken(url: str) -> str:
    """Give a link as libcurl writes it, which knows no scheme of its own for FTP that turns to TLS."""
    return "ftp" + url[5:] if url.startswith("ftpes:") else url


def start_file(exchange: Exchange, request: Request) -> None:
    """Make an exchange ready for a file server."""
    curl = exchange.curl
    scheme = exchange.url.partition(":")[0]
    cut = Cut(request, scheme)
    exchange.cut = cut
    curl.setopt(pycurl.OPT_FILETIME, 1)
    curl.setopt(pycurl.FTP_RESPONSE_TIMEOUT, max(1, int(exchange.patience)))
    curl.setopt(pycurl.USE_SSL, pycurl.USESSL_ALL if scheme == "ftpes" else pycurl.USESSL_NONE)
    curl.setopt(pycurl.URL, spoken(exchange.url))
    exchange.open_file = lambda which: _open(which, cut)
    if request.end is not None:
        # Only an open-ended range tells the whole size, so the end is ours to cut. Over FTP libcurl would also wait
        # at a span's end for the server's word on it, and hold the loop meanwhile.
        exchange.set["range"] = f"{request.start or 0}-"
        curl.setopt(pycurl.RANGE, f"{request.start or 0}-")


def _open(exchange: Exchange, cut: Cut) -> Head:
    curl = exchange.curl
    exchange.driver.meet_file_server(exchange)
    # What FTP still has to say is its word on the end, for which libcurl holds the loop.
    curl.setopt(pycurl.FTP_RESPONSE_TIMEOUT, 1)
    length = int(curl.getinfo(pycurl.CONTENT_LENGTH_DOWNLOAD_T))
    stamp = int(curl.getinfo(pycurl.FILETIME_T))
    request = cut.request
    size = size_from_replies(exchange.lines)
    if _SENSELESS.search(b"".join(exchange.lines)):
        # Servers of 32 bits tell large files so; libcurl would believe the digits, and end there.
        raise DownloadError(Code.PROTOCOL_ERROR, "The FTP server tells a size below zero.", retry=False)
    if exchange.future.done() and request.method != "HEAD":
        length = 0  # the transfer has ended well without a byte
    if size is None and length >= 0:
        size = (request.start or 0) + length
    cut.size = size
    head = file_head(request, size, stamp, exchange)
    if head.status == 206:
        cut.bind(exchange)
    return head


def file_head(request: Request, size: int | None, stamp: int, exchange: Exchange) -> Head:
    """Build the head of a file server's answer."""
    pairs: list[tuple[str, str]] = []
    status, start, end = 200, request.start, request.end
    if start is not None and size is not None and start >= size > 0:
        status = 416
        pairs.append(("Content-Range", f"bytes */{size}"))
    elif start is not None and size != 0 and (size is not None or end is not None):
        status = 206
        end = min(side for side in (size, end) if side is not None)
        pairs.append(("Content-Range", f"bytes {start}-{end - 1}/{'*' if size is None else size}"))
        pairs.append(("Content-Length", str(end - start)))
    elif size is not None:
        pairs.append(("Content-Length", str(size)))
    if stamp >= 0:
        from email.utils import formatdate  # 5 ms that only FTP and SFTP need

        pairs.append(("Last-Modified", formatdate(stamp, usegmt=True)))
    scheme = exchange.url.partition(":")[0]
    return Head(
        status,
        Headers(pairs),
        "",
        exchange.url,
        exchange.hops,
        scheme,
        "",
        exchange.address,
        scheme != "ftp",
    )


def size_from_replies(lines: list[bytes]) -> int | None:
    """Find the file's size among an FTP server's replies; MDTM is answered with 213 too, by a date of 14 digits."""
    found = None
    for line in b"".join(lines).splitlines():
        told = re.fullmatch(rb"Content-Length: ([0-9]{1,19})", line)
        if told is not None:  # libcurl's own words where only the head is wanted
            return int(told[1])
        match = re.fullmatch(rb"213[ \t]+([0-9]{1,19})(\.[0-9]+)?\s*", line)
        if match is not None and match[2] is None and not re.fullmatch(rb"(?:19|20)[0-9]{12}", match[1]):
            found = int(match[1])
    return found


def does_not_resume(exchange: Exchange, request: Request, code: int) -> bool:
    """Say whether an FTP server refused to begin within a file."""
    if code != pycurl.E_FTP_COULDNT_USE_REST or exchange.failure is not None or not request.start:
        return False
    size = size_from_replies(exchange.lines)
    return size is None or request.start < size


def came_whole(exchange: Exchange, code: int) -> bool:
    """Say whether nothing but an FTP server's last word is missing from a file of known size."""
    cut = exchange.cut
    if not isinstance(cut, Cut) or code != pycurl.E_OPERATION_TIMEDOUT or cut.size is None or exchange.head is None:
        return False
    return exchange.received == cut.size - (cut.request.start or 0)


def past_the_end(exchange: Exchange, request: Request, code: int) -> bool:
    """Tell the sink a 416 where a file server refused a start past the file's end; say whether that was so."""
    cut = exchange.cut
    if not isinstance(cut, Cut) or exchange.head is not None or code not in _BEYOND or not request.start:
        return False
    size = size_from_replies(exchange.lines)
    if size is None:
        match = re.search(r"file size \((\d+)\)", exchange.message)
        size = int(match[1]) if match else None
    if size is None and "larger than end" in exchange.message:
        size = request.start  # libcurl's words, over SFTP, for a start exactly at the end
    if size is None or request.start < size:
        return False
    scheme = cut.scheme
    exchange.head = head = Head(
        416,
        Headers([("Content-Range", f"bytes */{size}")]),
        url=exchange.url,
        hops=exchange.hops,
        scheme=scheme,
        http_version="",
        address=exchange.address,
        tls=scheme != "ftp",
    )
    try:
        exchange.sink.head(head, Hold(exchange))
    except BaseException as exc:
        exchange.fail(exc)
    return True
