"""How fast bytes come and how fast they may: averages, estimates, token buckets and fair shares of a limit."""

from __future__ import annotations

from collections import Counter
from math import exp, inf

from msgspec import Struct

BURST_SECONDS = 0.3
"""How much of its rate is saved up while nobody takes: a busy machine's pauses are made up for, in ten seconds by less
than a thirtieth."""
BURST_LEAST = 16 * 1024
"""The smallest burst: libcurl hands over up to 16 KiB at once."""
LONGEST_WAIT = 0.5
"""Nobody is sent to sleep for longer, because limits change while they sleep."""
SHORTEST_WAIT = 0.001
_CRUMB = 1e-3
"""Bytes that are not worth another round of arithmetic."""
ETA_LIMIT = 365 * 86400.0
"""An estimate beyond a year says nothing."""


class Meter:
    """An exponential average of speed that is right from its first samples on."""

    # Mutable state: the last sample, the average, and how much of the average rests on samples (0 to 1).
    __slots__ = ("_at", "_average", "_weight", "seconds", "total")

    def __init__(self, seconds: float = 10.0) -> None:
        self.seconds = seconds
        self._at: float | None = None
        self.total = 0
        """The bytes of the last sample."""
        self._average = 0.0
        self._weight = 0.0

    def note(self, now: float, total: int) -> None:
        """Take in how many bytes there are in all; a smaller total than before starts the average again."""
        if self._at is None or total < self.total:
            self._at, self.total = now, total
            self._average = self._weight = 0.0
            return
        passed = now - self._at
        if passed <= 0:
            # Nothing can be said about no time; the bytes count with the next sample.
            return
        keep = exp(-passed / self.seconds)
        self._average = self._average * keep + (total - self.total) / passed * (1 - keep)
        self._weight = self._weight * keep + 1 - keep
        self._at, self.total = now, total

    def speed(self, now: float) -> float:
        """Give bytes a second; it sinks while no sample comes."""
        if self._at is None or not self._weight:
            return 0.0
        keep = exp(-max(0.0, now - self._at) / self.seconds)
        return self._average * keep / (self._weight * keep + 1 - keep)

    def __repr__(self) -> str:
        return f"<Meter {self.total} bytes>"


def eta(remaining: int | None, speed: float) -> float | None:
    """Estimate the seconds that are left, or None where nothing sensible can be said."""
    if remaining is None or remaining < 0:
        return None
    if remaining == 0:
        return 0.0
    if speed <= 0 or remaining / speed > ETA_LIMIT:
        return None
    return remaining / speed


class Bucket:
    """A token bucket; rate 0 is no limit. It begins empty, so that a start is no burst."""

    # Mutable state: the tokens (negative after `spend`) and when they were last counted.
    __slots__ = ("_at", "_tokens", "rate")

    def __init__(self, rate: int = 0) -> None:
        self.rate = rate
        """Bytes a second; may be set at any time."""
        self._tokens = 0.0
        self._at: float | None = None

    @property
    def burst(self) -> float:
        return max(BURST_LEAST, self.rate * BURST_SECONDS)

    def take(self, now: float, want: int) -> tuple[int, float]:
        """Grant up to `want` bytes, and say how long to wait when nothing is granted."""
        if self.rate <= 0:
            self._at, self._tokens = now, 0.0
            return want, 0.0
        self._fill(now)
        granted = min(want, int(self._tokens))
        if granted > 0 or want <= 0:
            granted = max(0, granted)
            self._tokens -= granted
            return granted, 0.0
        aim = min(want, self.burst)
        return 0, min(LONGEST_WAIT, max(SHORTEST_WAIT, (aim - self._tokens) / self.rate))

    def spend(self, now: float, count: int) -> float:
        """Account for bytes that are here already, and say how long to wait before more are asked for."""
        if self.rate <= 0:
            self._at, self._tokens = now, 0.0
            return 0.0
        self._fill(now)
        self._tokens -= count
        return 0.0 if self._tokens >= 0 else max(SHORTEST_WAIT, -self._tokens / self.rate)

    def _fill(self, now: float) -> None:
        if self._at is not None and now > self._at:
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now if self._at is None else max(self._at, now)

    def __repr__(self) -> str:
        return f"<Bucket {self.rate} B/s, {int(self._tokens)} saved>" if self.rate > 0 else "<Bucket without limit>"


class _Account(Struct, eq=False):
    """One download in a Share: what it may still take; negative while it pays for what it took early."""

    host: str
    limit: int
    tokens: float = 0.0
    rate: float = 0.0
    """What the last fillings came to, in bytes a second."""


class Share:
    """Global, per-host and per-download limits taken together.

    Each filling hands the elapsed time's bytes to the downloads evenly. A download that can't take its part, because
    of its own limit, its host's, or because its account is full, leaves the rest to the others. So the limit is used
    up while anybody is hungry, and never exceeded by more than the bursts.
    """

    STEP = 0.004
    """Seconds between fillings: a call in between costs no arithmetic."""

    # Mutable state: the three rates, the accounts, and when they were last filled.
    __slots__ = ("_accounts", "_at", "_on_host", "per_download", "per_host", "rate")

    def __init__(self, rate: int = 0, per_host: int = 0, per_download: int = 0) -> None:
        self._accounts: dict[str, _Account] = {}
        self._on_host: dict[str, int] = {}
        self._at: float | None = None
        self.rate = rate
        self.per_host = per_host
        self.per_download = per_download

    def change(self, rate: int, per_host: int, per_download: int) -> None:
        """Set other limits; they hold from the next filling on. 0 is no limit."""
        self.rate, self.per_host, self.per_download = rate, per_host, per_download

    def enter(self, key: str, host: str, limit: int = 0) -> None:
        """Let a download take part; entering again changes its host and limit."""
        known = self._accounts.get(key)
        if known is not None:
            self._count(known.host, -1)
            known.host, known.limit = host, limit
        else:
            self._accounts[key] = _Account(host, limit)
        self._count(host, 1)

    def limit(self, key: str, rate: int) -> None:
        """Set a download's own limit; 0 is none."""
        if key in self._accounts:
            self._accounts[key].limit = rate

    def leave(self, key: str) -> None:
        """Take a download out; what it saved is lost, what it owes is forgiven."""
        account = self._accounts.pop(key, None)
        if account is not None:
            self._count(account.host, -1)

    def take(self, now: float, key: str, want: int) -> tuple[int, float]:
        """Grant up to `want` bytes, and say how long to wait when nothing is granted.

        A download that has left, or that no limit concerns, gets all it wants.
        """
        account = self._accounts.get(key)
        if account is None or not self._limited(account):
            return want, 0.0
        self._fill(now)
        granted = min(want, int(account.tokens))
        if granted > 0 or want <= 0:
            granted = max(0, granted)
            account.tokens -= granted
            return granted, 0.0
        return 0, self._wait(account, min(want, self._burst(account)) - account.tokens)

    def spend(self, now: float, key: str, count: int) -> float:
        """Account for bytes that are here already, and say how long to wait before more are asked for."""
        account = self._accounts.get(key)
        if account is None or not self._limited(account):
            return 0.0
        self._fill(now)
        account.tokens -= count
        return 0.0 if account.tokens >= 0 else self._wait(account, -account.tokens)

    def wait(self, now: float, key: str) -> float:
        """Say how long a download has to wait until it has paid; 0 when it may go on."""
        account = self._accounts.get(key)
        if account is None or not self._limited(account):
            return 0.0
        self._fill(now)
        return 0.0 if account.tokens >= 0 else self._wait(account, -account.tokens)

    def _count(self, host: str, change: int) -> None:
        count = self._on_host.get(host, 0) + change
        if count:
            self._on_host[host] = count
        else:
            del self._on_host[host]

    def _own(self, account: _Account) -> float:
        return min((rate for rate in (account.limit, self.per_download) if rate > 0), default=inf)

    def _limited(self, account: _Account) -> bool:
        return self.rate > 0 or self.per_host > 0 or self.per_download > 0 or account.limit > 0

    def _fair(self, account: _Account) -> float:
        """Give the rate of a download if everybody took an even part."""
        fair = self._own(account)
        if self.rate > 0:
            fair = min(fair, self.rate / len(self._accounts))
        if self.per_host > 0:
            fair = min(fair, self.per_host / self._on_host[account.host])
        return fair

    def _burst(self, account: _Account) -> float:
        return max(BURST_LEAST, self._fair(account) * BURST_SECONDS)

    def _wait(self, account: _Account, missing: float) -> float:
        rate = max(account.rate, self._fair(account), 1.0)
        return min(LONGEST_WAIT, max(SHORTEST_WAIT, missing / rate))

    def _fill(self, now: float) -> None:
        if self._at is None:
            self._at = now
            return
        passed = now - self._at
        if passed < self.STEP:
            return
        self._at = now
        limited = [account for account in self._accounts.values() if self._limited(account)]
        needs = {
            id(account): min(self._burst(account) - account.tokens, self._own(account) * passed) for account in limited
        }
        before = [account.tokens for account in limited]
        self._pour([account for account in limited if needs[id(account)] > 0], needs, passed)
        keep = exp(-passed)
        for account, tokens in zip(limited, before, strict=True):
            account.rate = account.rate * keep + (account.tokens - tokens) / passed * (1 - keep)

    def _pour(self, hungry: list[_Account], needs: dict[int, float], passed: float) -> None:
        """Raise all hungry accounts together until each is full or a limit above it is used up."""
        left = self.rate * passed if self.rate > 0 else inf
        budget = self.per_host * passed if self.per_host > 0 else inf
        hosts = dict.fromkeys((account.host for account in hungry), budget)
        while hungry and left > _CRUMB:
            guests = Counter(account.host for account in hungry)
            step = min(left / len(hungry), *(hosts[host] / count for host, count in guests.items()))
            step = min(step, *(needs[id(account)] for account in hungry))
            for account in hungry:
                account.tokens += step
                needs[id(account)] -= step
                hosts[account.host] -= step
            left -= step * len(hungry)
            hungry = [a for a in hungry if needs[id(a)] > _CRUMB and hosts[a.host] > _CRUMB]

    def __repr__(self) -> str:
        return f"<Share of {self.rate} B/s among {len(self._accounts)}>"
