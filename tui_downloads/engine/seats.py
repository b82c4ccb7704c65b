"""Connections in use, in all and for each host, and what was learned about hosts that refuse."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.retries import Ceiling, HostBook
from tui_downloads.core.snapshots import Limits


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
        return max(0, min(self.limits.connections - self.total, self._most(host) - self.by_host[host]))

    def _most(self, host: str) -> int:
        ceiling = self.ceiling(host)
        return self.limits.per_host if ceiling is None else min(self.limits.per_host, ceiling)

    def fair(self, host: str) -> int:
        """Say how many connections one download may keep while others wait for a seat at its host."""
        waiting = self.waiting.get(host, 0)
        if not waiting:
            return self.limits.connections
        return max(1, self._most(host) // (self.guests[host] + waiting))

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

    def refused(self, host: str, connections: int, error: DownloadError) -> None:
        """Learn that a host refused the last of so many connections."""
        now = time.time()
        self.book.refused(host, connections, now, error.message)
        ceiling = self.book.known(host, now)
        if ceiling is not None:
            self.learned(ceiling)
