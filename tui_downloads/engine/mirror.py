"""One link of a file: how to reach it, what it said of itself, and whether it may go on."""

from __future__ import annotations

from msgspec import Struct, field

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.resource import Resource, Validator
from tui_downloads.core.spans import SpanSet
from tui_downloads.transport.base import Reach, Request


class Mirror(Struct, eq=False):
    """A link and what was learned about it; validators belong to it and are never shared with another."""

    url: str
    """Without userinfo."""
    host: str
    """Host and port, the key of seats and ceilings."""
    reach: Reach
    headers: tuple[tuple[str, str], ...] = ()
    referer: str = ""
    resource: Resource | None = None
    validator: Validator = field(default_factory=Validator)
    proven: bool = False
    """Its bytes agreed with ours, or it is the one we began with."""
    plain: bool = False
    """Ask without a Range field: its ranges are not to be trusted."""
    no_if_range: bool = False
    """It answers If-Range with the whole file although nothing changed: validators are compared instead."""
    fresh: bool = False
    """The next request takes a new connection."""
    strikes: int = 0
    """Senseless answers so far."""
    crumbs: int = 0
    """Answers in a row that held next to nothing of what was asked for."""
    failures: int = 0
    retry_at: float = 0.0
    """Monotonic seconds before which it is left alone."""
    dead: DownloadError | None = None
    lied: bool = False
    doubted: bool = False
    """It may have brought the bytes of a bad piece."""
    wrote: SpanSet = field(default_factory=SpanSet)
    """What it brought, kept only where several links bring one file."""

    @property
    def if_range(self) -> str:
        """What a request for a further part sends in If-Range."""
        return "" if self.plain or self.no_if_range else self.validator.if_range

    def request(self, start: int | None, end: int | None, *, if_range: str = "") -> Request:
        """Make the request for a span of this mirror's file."""
        fresh, self.fresh = self.fresh, False
        return Request(
            self.url,
            start=None if self.plain else start,
            end=None if self.plain else end,
            if_range=if_range,
            headers=self.headers,
            referer=self.referer,
            reach=self.reach,
            fresh=fresh,
        )

    def usable(self, now: float) -> bool:
        return self.dead is None and now >= self.retry_at
