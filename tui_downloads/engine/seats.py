"""Connections in use, in all and for each host, and what was learned about hosts that refuse."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.retries import Ceiling, HostBook
from tui_downloads.core.snapshots import Limits

OF_THE_HOST = frozenset({429, 503})
"""Statuses that speak of the client's requests as a whole; any other refusal may be about one path."""


class Seats:
    """Counts connections against the limits and the ceilings of hosts."""

    # Mutable state: the two counts, and the book of hosts.
    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.total = 0
        self.by_host: Counter[str] = Counter()
        self.guests: Counter[str] = Counter()
        """Running downloads by host."""
        self.waiting: dict[str, int] = {}
        """Downloads that could run but for a seat at their host."""
        self.leaving: Counter[str] = Counter()
        """Connections by host that were told to end because fewer are allowed."""
        self.freed: Callable[[], None] = lambda: None
        """Told when a seat is free that somebody waits for."""
        self.book = HostBook()
        self.learned: Callable[[Ceiling], None] = lambda _: None
        """Told of each new ceiling, to store it."""

    def remember(self, ceilings: Iterable[Ceiling]) -> None:
        """Take up what earlier sessions learned."""
        self.book = HostBook(ceilings)

    def ceiling(self, host: str) -> int | None:
        """Give how many connections a host is known to bear, or None."""
        return self.book.ceiling(host, time.time())

    def free(self, host: str) -> int:
        """Say how many more connections a host may have at this moment."""
        return max(0, min(self.limits.connections - self.total, self.most(host) - self.by_host[host]))

    def most(self, host: str) -> int:
        """Say how many connections a host may have, by the limits and by what was learned."""
        ceiling = self.ceiling(host)
        return self.limits.per_host if ceiling is None else min(self.limits.per_host, ceiling)

    def fair(self, host: str) -> int:
        """Say how many connections one download may keep while others wait for a seat at its host."""
        waiting = self.waiting.get(host, 0)
        if not waiting:
            return self.limits.connections
        return max(1, self.most(host) // (self.guests[host] + waiting))

    def over(self, host: str) -> int:
        """Say how many connections of a host have to go because the limits are lower than they were.

        What a host was learned to refuse closes nothing: connections that deliver are the ones it accepted.
        """
        staying = self.by_host[host] - self.leaving[host]
        in_all = self.total - self.leaving.total() - self.limits.connections
        return max(0, staying - self.limits.per_host, in_all)

    def dismiss(self, host: str) -> None:
        """A connection is told to end; it has its seat until it has."""
        self.leaving[host] += 1

    def dismissed(self, host: str) -> None:
        """A connection that was told to end has ended; its seat is given back apart from this."""
        self.leaving[host] -= 1
        if self.leaving[host] <= 0:
            del self.leaving[host]

    def admit(self, host: str) -> None:
        """A download begins to run: it has a seat of its own."""
        self.guests[host] += 1
        self.sit(host)

    def leave(self, host: str) -> None:
        """A download has ended its run."""
        self.guests[host] -= 1
        if self.guests[host] <= 0:
            del self.guests[host]
        self.give(host)

    def take(self, host: str) -> bool:
        """Take a connection if there is one."""
        if self.free(host) <= 0:
            return False
        self.sit(host)
        return True

    def sit(self, host: str) -> None:
        """Take a connection that was found free."""
        self.total += 1
        self.by_host[host] += 1

    def give(self, host: str) -> None:
        """Give a connection back."""
        self.total -= 1
        if self.by_host[host] <= 1:
            del self.by_host[host]
        else:
            self.by_host[host] -= 1
        if self.waiting.get(host):
            self.freed()

    def refused(self, host: str, connections: int, error: DownloadError, path: str) -> None:
        """Learn that a host refused the last of so many connections to a path."""
        now = time.time()
        before = self.book.known(host, now)
        self.book.refused(host, connections, now, error.message, path="" if error.status in OF_THE_HOST else path)
        ceiling = self.book.known(host, now)
        if ceiling is not None and ceiling is not before:
            self.learned(ceiling)
