"""The promise of bytes: one request, one sink, one answer.

`fetch` follows redirects by its own rules (`core.redirects`), hands the final answer's head to the sink, then its body
in order. It never retries. Whatever goes wrong is raised as a `DownloadError`; a sink's own exception is raised on as
it is. Cancelling the task that awaits `fetch` closes the transfer at once; nothing is written to the sink after that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import IntEnum
from typing import Protocol, runtime_checkable

from msgspec import Struct, field

from tui_downloads.core.resource import Head
from tui_downloads.core.secrecy import Guarded
from tui_downloads.core.spec import Policy


class Reach(Guarded, frozen=True):
    """How a request gets to its server; shared by all requests of a download, hashable and compared as a whole."""

    hidden = frozenset({"proxy_user", "proxy_password", "user", "password", "cookies", "key_password"})

    policy: Policy = field(default_factory=Policy)
    proxy: str | None = None
    """None: environment and NO_PROXY decide; empty: none; else the proxy's URL without credentials."""
    no_proxy: str | None = None
    proxy_user: str = ""
    proxy_password: str = ""
    proxy_filters: bool = False
    """The operator trusts the proxy to check addresses."""
    user: str = ""
    password: str = ""
    cookies: str = ""
    """A Netscape cookie file's text; libcurl's jar scopes it by domain and path."""
    netrc: bool = False
    user_agent: str | None = None
    cacert: str | None = None
    cert: str | None = None
    key: str | None = None
    """The private key of the client certificate, or for SFTP."""
    key_password: str = ""
    ip_version: int | None = None
    interface: str | None = None
    known_hosts: str | None = None
    connect_timeout: float = 30.0
    stall_timeout: float = 60.0
    """Seconds without a byte (while not paused by us) before the transfer is given up as STALLED."""


class Request(Struct, frozen=True):
    """One request. `start` and `end` are a half-open span; only the transport turns them into `bytes=a-b`."""

    url: str
    start: int | None = None
    """None asks for the whole file without a Range field; 0 with `end` None asks `bytes=0-`."""
    end: int | None = None
    if_range: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """The caller's own fields; dropped when a redirect changes the origin."""
    referer: str = ""
    method: str = "GET"
    body: bytes | None = None
    reach: Reach = field(default_factory=Reach)
    fresh: bool = False
    """Use a new connection."""
    header_limit: int = 128 * 1024
    """Bytes of header fields in one answer before it is refused."""
    max_redirects: int = 20

    def __repr__(self) -> str:
        return f"Request({self.method} {self.start}-{self.end})"


class Take(IntEnum):
    """What a sink says to a chunk."""

    MORE = 0
    """Taken; go on."""
    PAUSE = 1
    """Not taken: offer the same chunk again after `Flow.resume()`."""
    ENOUGH = 2
    """Taken as far as wanted: close the transfer, this is no error."""


class Flow(Protocol):
    """The sink's hold on a running transfer; used on the transport's loop only."""

    def resume(self) -> None:
        """Go on after a PAUSE; harmless when not paused or already over."""

    def abort(self, reason: BaseException | None = None) -> None:
        """End the transfer; `fetch` raises `reason`, or returns as after ENOUGH where it is None."""


class Sink(Protocol):
    """Where an answer goes. Called on the transport's loop; must not block for long."""

    def head(self, head: Head, flow: Flow) -> None:
        """Take the final answer's head, before any byte; raising refuses the answer and ends the transfer."""

    def write(self, chunk: bytes) -> Take:
        """Take a chunk of the body (at most 16 KiB or so); raising ends the transfer and `fetch` raises it on."""


@runtime_checkable
class DirectSink(Sink, Protocol):
    """A sink that also takes bytes out of a pipe, without a copy into this process."""

    def room(self) -> int:
        """Give how many of the next bytes may be poured; 0 wants them by `write`."""

    def pour(self, pipe: int, count: int) -> Take:
        """Take exactly `count` bytes out of a pipe; never PAUSE. Raising ends the transfer and `fetch` raises it on."""


class Ended(IntEnum):
    """How a body ended without an error."""

    COMPLETE = 0
    """As its framing said (length, chunks, or TLS close)."""
    CLOSED = 1
    """By closing a plain connection, with no length: not verifiable."""
    ENOUGH = 2
    """Because the sink had enough."""


class Answer(Struct, frozen=True):
    """A finished transfer."""

    head: Head
    received: int
    """Bytes of body that were offered and taken."""
    ended: Ended = Ended.COMPLETE
    reused: bool = False
    """The connection was there before."""
    first_byte: float = 0.0
    """Seconds from the start to the first byte."""


class Features(Struct, frozen=True):
    """What a transport can do, as data."""

    schemes: frozenset[str] = frozenset({"http", "https"})
    http2: bool = False
    http3: bool = False
    version: str = ""


class Transport(ABC):
    """Moves bytes for one event loop; made, used and closed on that loop."""

    features: Features = Features()

    @abstractmethod
    async def fetch(self, request: Request, sink: Sink) -> Answer:
        """Send one request and give its body to the sink.

        Raises:
            DownloadError: with TRUNCATED, STALLED, DNS_ERROR, TLS_ERROR, PROXY_ERROR, NETWORK_ERROR, REDIRECT_ERROR,
                DOMAIN_BLOCKED, ADDRESS_BLOCKED, INVALID_URL, PROTOCOL_ERROR …; a status of 400 and above is no error
                here: it reaches the sink's `head`, which judges it.
        """

    @abstractmethod
    async def close(self) -> None:
        """End every transfer and connection."""
