"""What the API is told by whoever starts it; none of it can be set over the API."""

from __future__ import annotations

from msgspec import Struct


class ApiSettings(Struct, frozen=True):
    """How the API behaves. Sizes are bytes, times are seconds."""

    allow_hosts: tuple[str, ...] = ()
    """Names, besides loopback and the listener's own address, under which the API may be asked for."""
    allow_origins: tuple[str, ...] = ()
    """Web origins (`https://example.org`) whose pages may use the API."""
    allow_download: bool = True
    """Downloads may be started through Hoody's GET at the combined root."""
    strict_hoody_download: bool = False
    """The same for the strict mount and for strict listeners (`--allow-download`)."""
    max_url: int = 16 * 1024
    max_headers: int = 100
    max_header_bytes: int = 32 * 1024
    max_body: int = 8 * 1024 * 1024
    header_deadline: float = 15.0
    """From the first byte of a connection, or the end of the request before, to the end of the header."""
    body_deadline: float = 30.0
    write_deadline: float = 30.0
    """A reader that takes less than 8 KiB of a waiting answer in this time is cut off."""
    idle_deadline: float = 30.0
    """A kept-alive connection without a request is closed after this."""
    max_connections: int = 512
    max_connections_per_peer: int = 192
    """Of one address over TCP, an IPv6 /64 being one; less than all, so that nobody alone can shut the others out."""
    max_bulk: int = 10_000
    """Downloads or ids in one request."""
    max_subscribers: int = 256
    max_subscribers_per_user: int = 128
    heartbeat: float = 15.0
    subscriber_deadline: float = 20.0
    """A subscriber that takes nothing for this long is dropped."""
    progress_interval: float = 0.25
    max_ranges: int = 16
    link_seconds: float = 600.0
    """A signed file link is good for this long."""
    ticket_seconds: float = 3600.0
    failures: int = 10
    """Failed authentications of one peer before they are answered late."""
    failure_refill: float = 6.0
    """Seconds that give one back."""
    failure_delay: float = 1.0
    """How late."""
    idempotency_seconds: float = 24 * 3600.0
    idempotency_keys: int = 10_000
    masv_api: str = "https://api.massive.app/v1"
    alfresco_max_content: int = 2_152_852_358
    """Bytes a zip may hold; 0 and below mean no limit."""
    alfresco_cleaner_age: float = 3600.0
    aria2_secret: str = ""
    """aria2's own token besides the tokens of this service; empty means only those."""
    hoody_max_running: int = 0
    """Running jobs past which Hoody's start is answered with 429; 0 is no limit."""

    def __repr__(self) -> str:
        return "ApiSettings(…)"
