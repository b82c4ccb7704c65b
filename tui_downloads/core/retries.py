"""When to try again: waits that grow, what a server asks for, and what was learned about hosts that refuse."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from msgspec import Struct

from .conditions import parse_http_date
from .errors import Code, DownloadError
from .late import late

LONGEST_PAUSE = 3600.0
"""Seconds; a server that asks for more is asked again sooner."""
MUCH = 64
"""Connections that nobody opens to one host: a ceiling that has doubled to so many is forgotten."""
CEILING_DOUBLES = 3600.0
"""Seconds after which twice as many connections are tried again: a busy hour must not slow a host for a day."""
BURST_OF_REFUSALS = 1.0
"""Seconds in which refusals belong together: connections that were opened together are refused together."""
DOUBTS = 1000
"""Hosts of which a single refusal is remembered."""
PATIENCE = 8
"""Tries at least for a server that only asks us to wait."""
ONCE = frozenset({404, 410, 421})
"""Statuses that are tried once more: a mirror behind the name may lag, a connection may lead to the wrong host."""

_SECONDS = late(r"[0-9]{1,40}(\.[0-9]{0,40})?", re.ASCII)


def parse_retry_after(text: str, now: float) -> float | None:
    """Read a Retry-After field, seconds or an HTTP-date, as seconds from `now` (epoch); None if it says nothing."""
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_PAUSE)
    if not text or len(text) > 64 or not text.isascii():
        return None
    then = parse_http_date(text)
    if then is None:
        return None
    return min(max(0.0, then - now), LONGEST_PAUSE)


class Backoff(Struct, frozen=True):
    """Exponential waits with full jitter."""

    base: float = 1.0
    cap: float = 300.0

    def wait(self, tries: int, random: float) -> float:
        """Give the seconds before the next try: `tries` have failed, from 1 on; `random` is between 0 and 1."""
        return random * self.most(tries)

    def most(self, tries: int) -> float:
        """Give the longest that the wait may be."""
        # The exponent is bounded before the power, which would overflow.
        return min(self.cap, self.base * 2.0 ** min(max(0, tries - 1), 60))


class Retry(Struct, frozen=True):
    """Try again after a wait."""

    wait: float
    tries: int
    """How many tries have failed, this one included where it counts; the count for the next decision."""
    asked: bool = False
    """The server named the time."""


class GiveUp(Struct, frozen=True):
    """Trying again by itself would not help, or was tried often enough."""

    error: DownloadError
    tries: int = 0


def decide(
    error: DownloadError,
    tries: int,
    random: float,
    *,
    retries: int = 5,
    online: bool = True,
    backoff: Backoff | None = None,
) -> Retry | GiveUp:
    """Decide after a failed try: `tries` failed in a row before it without a byte of progress, `retries` are allowed.

    While the network is down no try is spent. What the server asks for wins over our own wait, with a little jitter
    on top so that everybody does not come back at the same instant.
    """
    backoff = backoff or Backoff()
    allowed = _allowed(error, retries)
    if not allowed:
        return GiveUp(error, tries + 1)
    if not online:
        return Retry(backoff.wait(tries + 1, random), tries)
    tries += 1
    if tries > allowed:
        return GiveUp(error, tries)
    if error.retry_after is not None:
        asked = min(max(0.0, error.retry_after), LONGEST_PAUSE)
        return Retry(asked + random * min(1.0, 0.1 * asked), tries, asked=True)
    return Retry(backoff.wait(tries, random), tries)


def _allowed(error: DownloadError, retries: int) -> int:
    """Say how many tries more an error is worth."""
    if error.status in ONCE or (error.code is Code.REMOTE_FILE_NOT_FOUND and error.status is None):
        return min(retries, 1)
    if not error.retry:
        return 0
    if error.code is Code.RATE_LIMITED and retries > 0:
        return max(retries, PATIENCE)
    return retries


class Ceiling(Struct, frozen=True):
    """How many connections a host is known to allow, and how that is known."""

    host: str
    connections: int
    learned_at: float
    """Epoch seconds."""
    reason: str = ""

    def __str__(self) -> str:
        connections = "1 connection" if self.connections == 1 else f"{self.connections} connections"
        return f"{self.host} is asked with at most {connections}" + (f": {self.reason}" if self.reason else "")


class HostBook:
    """What was learned about hosts: ceilings 8, 4, 2, 1 where connections were refused, and times to come back."""

    # Mutable state: the ceilings and the times, by host, and refusals that one path alone may have made.
    def __init__(self, ceilings: Iterable[Ceiling] = ()) -> None:
        self._ceilings = {ceiling.host: ceiling for ceiling in ceilings}
        self._later: dict[str, float] = {}
        self._doubts: dict[str, tuple[str, float]] = {}

    def ceiling(self, host: str, now: float) -> int | None:
        """Give how many connections a host is believed to allow, or None if nothing is known."""
        known = self.known(host, now)
        return None if known is None else known.connections << _doublings(known, now)

    def known(self, host: str, now: float) -> Ceiling | None:
        """Give a host's ceiling as it was learned, with its reason, while it is remembered."""
        known = self._ceilings.get(host)
        # A clock that was set back must not make a ceiling eternal.
        if known is not None and not 0 <= now - known.learned_at < _lasts(known):
            del self._ceilings[host]
            return None
        return known

    def refused(self, host: str, connections: int, now: float, reason: str = "", *, path: str = "") -> int | None:
        """Learn that a host refused the last of so many connections, and give its ceiling.

        A refusal that may be about one `path` alone (a 403 is as often about a link as about a host) is believed of the
        host when a second path is refused too; until then None is given where nothing else is known.
        """
        known = self.known(host, now)
        if known is not None and now - known.learned_at < BURST_OF_REFUSALS:
            return known.connections
        if path and not self._seconded(host, path, now):
            return self.ceiling(host, now)
        below = max(1, connections // 2)
        if known is not None:
            below = min(below, known.connections << _doublings(known, now))
        self._ceilings[host] = Ceiling(host, below, now, reason)
        return below

    def _seconded(self, host: str, path: str, now: float) -> bool:
        """Say whether another path was refused not long ago; if not, remember this one."""
        other, at = self._doubts.get(host, ("", 0.0))
        if other and other != path and 0 <= now - at < CEILING_DOUBLES:
            del self._doubts[host]
            return True
        if len(self._doubts) >= DOUBTS:
            self._doubts.clear()
        self._doubts[host] = (path, now)
        return False

    def hold(self, host: str, until: float) -> None:
        """Remember when a host may be asked again; an earlier time than is known changes nothing."""
        self._later[host] = max(until, self._later.get(host, until))

    def retry_at(self, host: str, now: float) -> float | None:
        """Give the time at which a host may be asked again, or None if it may be asked."""
        until = self._later.get(host)
        if until is not None and until <= now:
            del self._later[host]
            return None
        return until

    def forget(self, host: str) -> None:
        """Believe nothing of a host."""
        self._ceilings.pop(host, None)
        self._later.pop(host, None)
        self._doubts.pop(host, None)

    def explain(self, host: str, now: float) -> str:
        """Say in a sentence what limits a host, or give empty text."""
        known = self.known(host, now)
        if known is None:
            return ""
        doublings = _doublings(known, now)
        if doublings:
            known = Ceiling(host, known.connections << doublings, known.learned_at, known.reason)
        minutes = max(1, round((CEILING_DOUBLES - (now - known.learned_at) % CEILING_DOUBLES) / 60))
        hours = max(1, round((known.learned_at + _lasts(self._ceilings[host]) - now) / 3600))
        return f"{known}; twice as many are tried in {minutes} min, forgotten in {hours} h."

    def __iter__(self) -> Iterator[Ceiling]:
        """Give the ceilings, to be stored."""
        return iter(list(self._ceilings.values()))


def _doublings(known: Ceiling, now: float) -> int:
    """Say how often a ceiling has doubled since it was learned."""
    return int((now - known.learned_at) / CEILING_DOUBLES)


def _lasts(known: Ceiling) -> float:
    """Give the seconds for which a ceiling is remembered."""
    return CEILING_DOUBLES * max(1, (MUCH // max(1, known.connections)).bit_length() - 1)
