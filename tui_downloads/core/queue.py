"""Who is next: priority, then owners in turn, then order; hosts that are full or to be left alone are passed over.

The queue knows nothing of running downloads. `pop` asks for each host whether it has a seat, so the limits live in one
place with whoever counts connections. A host without a seat is asked once in a `pop`, however many downloads wait for
it, and nothing is scanned: each command touches a few sorted lists.

Times are those of `now`: the caller chooses the clock, and uses one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import TypeVar

from msgspec import Struct, field

TRIES = 256
"""Hosts without a seat after which `pop` gives up: so many are only full when there is no seat at all."""


Key = TypeVar("Key", tuple[int, float, str], tuple[float, str])


def anyone(host: str) -> bool:
    """Have a seat for every host."""
    return True


class _Entry(Struct, eq=False):
    """One queued download."""

    id: str
    priority: int
    order: float
    host: str
    owner: str
    start_at: float | None
    later: bool = False
    """Its time has not come: it has a place in the line, and is in no lane."""

    @property
    def key(self) -> tuple[int, float, str]:
        return (-self.priority, self.order, self.id)


class _Lane(Struct, eq=False):
    """The downloads of one owner at one priority, by host."""

    hosts: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    """(order, id), sorted."""
    heads: list[tuple[float, str, str]] = field(default_factory=list)
    """A heap of (order, id, host): the first of each host that is not set aside, and stale ones."""


class Queue:
    """The line of downloads that wait for a seat."""

    # Mutable state: the entries by id; the whole line, sorted; the lanes by priority and owner, and of those with
    # something to offer the ring by priority; entries whose time has not come; hosts set aside, full or resting.
    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}
        self._line: list[tuple[int, float, str]] = []
        self._lanes: dict[int, dict[str, _Lane]] = {}
        self._rings: dict[int, OrderedDict[str, None]] = {}
        self._ranks: list[int] = []
        self._later: list[tuple[float, str]] = []
        self._full: set[str] = set()
        self._rests: dict[str, float] = {}
        self._ends: list[tuple[float, str]] = []
        self._aside: dict[str, set[tuple[int, str]]] = {}

    # Coming and going.

    def push(
        self,
        id: str,
        *,
        priority: int = 0,
        order: float | None = None,
        host: str = "",
        owner: str = "local",
        start_at: float | None = None,
    ) -> float:
        """Put a download into the line and give its order; without one it goes behind its priority's last.

        Pushing a download that is here replaces what was known of it.
        """
        self.discard(id)
        if order is None or order != order:
            order = self.bottom(priority)
        self._add(_Entry(id, priority, order, host, owner, start_at))
        return order

    def discard(self, id: str) -> bool:
        """Take a download out of the line; False if it is not in it."""
        entry = self._entries.get(id)
        if entry is None:
            return False
        self._drop(entry)
        return True

    def pop(self, now: float, free: Callable[[str], bool] = anyone) -> str | None:
        """Take out the download that is next, or None while nobody may start.

        `free` says whether a host has a seat; whoever counts seats in all asks only while there is one.
        """
        self._wake(now, free)
        tries = 0
        for rank in list(self._ranks):
            ring = self._rings[rank]
            while ring:
                owner = next(iter(ring))
                lane = self._lanes[-rank][owner]
                while lane.heads and tries < TRIES:
                    entry = self._head(lane)
                    if entry is None:
                        continue
                    if self._rests.get(entry.host, now) <= now and free(entry.host):
                        ring.move_to_end(owner)
                        self._drop(entry)
                        return entry.id
                    heappop(lane.heads)
                    self._set_aside(entry)
                    tries += 1
                if lane.heads:
                    return None
                del ring[owner]
        return None

    def hold(self, host: str, until: float) -> None:
        """Leave a host alone until a time; a time that has passed frees it."""
        self._rests[host] = until
        heappush(self._ends, (until, host))

    def next_due(self, now: float) -> float | None:
        """Give the next time at which a download's or a host's time comes, or None."""
        while self._later and not self._is_later(*self._later[0]):
            heappop(self._later)
        while self._ends and self._rests.get(self._ends[0][1]) != self._ends[0][0]:
            heappop(self._ends)
        times = [heap[0][0] for heap in (self._later, self._ends) if heap]
        return max(now, min(times)) if times else None

    def blocked(self, now: float, most: int) -> dict[str, int]:
        """Count by host, in order of the line, the first downloads that wait for nothing but a seat; at most `most`.

        To be asked when `pop` has given nobody although there are places.
        """
        found: dict[str, int] = {}
        for _, _, id in self._line:
            if most <= 0:
                break
            entry = self._entries[id]
            if not entry.later and self._rests.get(entry.host, now) <= now:
                found[entry.host] = found.get(entry.host, 0) + 1
                most -= 1
        return found

    # Places.

    def place(self, id: str) -> int | None:
        """Give a download's place from 0 in the whole line, or None if it is not in it."""
        entry = self._entries.get(id)
        return None if entry is None else bisect_left(self._line, entry.key)

    def move(self, id: str, to: str | int) -> dict[str, float]:
        """Move a download `up`, `down`, `top`, `bottom` or to a place from 0, and give the orders that changed.

        A download stays within its priority: a place outside goes to the nearest inside.

        Raises:
            KeyError: the download is not in the line.
            ValueError: there is no such direction.
        """
        entry = self._entries[id]
        first, end = self._region(entry.priority)
        here = bisect_left(self._line, entry.key)
        if isinstance(to, int):
            there = to
        elif to in ("up", "down"):
            there = here - 1 if to == "up" else here + 1
        elif to in ("top", "bottom"):
            there = first if to == "top" else end
        else:
            raise ValueError(f"no direction: {to!r}")
        there = min(max(there, first), end - 1)
        if there == here:
            return {}
        self._drop(entry)
        entry.order, changed = self._gap(entry.priority, there)
        self._add(entry)
        changed[id] = entry.order
        return changed

    def top(self, priority: int) -> float:
        """Give an order before everything of a priority."""
        first, end = self._region(priority)
        return 0.0 if first == end else self._line[first][1] - 1

    def bottom(self, priority: int) -> float:
        """Give an order behind everything of a priority."""
        first, end = self._region(priority)
        return 0.0 if first == end else self._line[end - 1][1] + 1

    def __len__(self) -> int:
        return len(self._line)

    def __contains__(self, id: object) -> bool:
        return id in self._entries

    def __iter__(self) -> Iterator[str]:
        """Give the ids in the order of the line; owners' turns are taken into account by `pop` only."""
        return iter([id for _, _, id in self._line])

    # The lists and their upkeep.

    def _add(self, entry: _Entry) -> None:
        self._entries[entry.id] = entry
        _insert(self._line, entry.key)
        entry.later = entry.start_at is not None
        if entry.start_at is not None:
            heappush(self._later, (entry.start_at, entry.id))
        else:
            self._enter_lane(entry)

    def _drop(self, entry: _Entry) -> None:
        del self._entries[entry.id]
        del self._line[bisect_left(self._line, entry.key)]
        if not entry.later:
            self._leave_lane(entry)

    def _enter_lane(self, entry: _Entry) -> None:
        at = (entry.priority, entry.owner)
        if -entry.priority not in self._rings:
            self._rings[-entry.priority] = OrderedDict()
            insort(self._ranks, -entry.priority)
        lane = self._lanes.setdefault(entry.priority, {}).setdefault(entry.owner, _Lane())
        members = lane.hosts.setdefault(entry.host, [])
        _insert(members, (entry.order, entry.id))
        if members[0][1] == entry.id:
            self._offer(at, entry.host)

    def _leave_lane(self, entry: _Entry) -> None:
        at = (entry.priority, entry.owner)
        lane = self._lanes[entry.priority][entry.owner]
        members = lane.hosts[entry.host]
        index = bisect_left(members, (entry.order, entry.id))
        del members[index]
        if not members:
            del lane.hosts[entry.host]
            self._aside.get(entry.host, set()).discard(at)
        elif index == 0:
            self._offer(at, entry.host)
        if not lane.hosts:
            self._close_lane(at)

    def _close_lane(self, at: tuple[int, str]) -> None:
        priority, owner = at
        del self._lanes[priority][owner]
        self._rings[-priority].pop(owner, None)
        if not self._lanes[priority]:
            del self._lanes[priority], self._rings[-priority]
            self._ranks.remove(-priority)

    def _offer(self, at: tuple[int, str], host: str) -> None:
        """Let the first of a host stand for election in its lane, unless the host is set aside."""
        if host in self._aside:
            self._aside[host].add(at)
            return
        priority, owner = at
        lane = self._lanes[priority][owner]
        if len(lane.heads) > 2 * len(lane.hosts) + 64:
            lane.heads = [(*members[0], name) for name, members in lane.hosts.items() if name not in self._aside]
            heapify(lane.heads)
        heappush(lane.heads, (*lane.hosts[host][0], host))
        self._rings[-priority].setdefault(owner)

    def _head(self, lane: _Lane) -> _Entry | None:
        """Give the first entry of a lane; None if what stood there was stale, and is gone."""
        order, id, host = lane.heads[0]
        members = lane.hosts.get(host)
        if members is None or members[0] != (order, id):
            heappop(lane.heads)
            return None
        return self._entries[id]

    # Hosts that are passed over, and entries whose time has not come.

    def _set_aside(self, entry: _Entry) -> None:
        self._aside.setdefault(entry.host, set()).add((entry.priority, entry.owner))
        if entry.host not in self._rests:
            self._full.add(entry.host)

    def _wake(self, now: float, free: Callable[[str], bool]) -> None:
        """Bring back what may start again."""
        while self._later and self._later[0][0] <= now:
            start_at, id = heappop(self._later)
            if self._is_later(start_at, id):
                self._entries[id].later = False
                self._enter_lane(self._entries[id])
        while self._ends and self._ends[0][0] <= now:
            until, host = heappop(self._ends)
            if self._rests.get(host) == until:
                del self._rests[host]
                self._full.add(host)
        for host in [host for host in self._full if free(host)]:
            self._full.discard(host)
            for at in self._aside.pop(host, ()):
                self._offer(at, host)

    def _is_later(self, start_at: float, id: str) -> bool:
        entry = self._entries.get(id)
        return entry is not None and entry.later and entry.start_at == start_at

    # Orders.

    def _region(self, priority: int) -> tuple[int, int]:
        """Give the first place of a priority and the one behind its last."""
        return bisect_left(self._line, (-priority,)), bisect_left(self._line, (-priority + 1,))

    def _gap(self, priority: int, place: int) -> tuple[float, dict[str, float]]:
        """Find an order for a place, and give the neighbours that had to make room."""
        first, end = self._region(priority)
        width = 0
        while True:
            low, high = max(first, place - width), min(end, place + width)
            whole = (low, high) == (first, end)
            before = self._line[low - 1][1] if low > first else None
            after = self._line[high][1] if high < end else None
            orders = _spaced(before, after, high - low + 1, anew=whole and width > 0)
            if orders is not None:
                break
            width = max(8, width * 2)
        order = orders.pop(place - low)
        movers = [self._entries[id] for _, _, id in self._line[low:high]]
        changed = {}
        for entry, value in zip(movers, orders, strict=True):
            self._drop(entry)
            entry.order = changed[entry.id] = value
            self._add(entry)
        return order, changed

    def __repr__(self) -> str:
        return f"<Queue of {len(self)}: {', '.join(list(self)[:8])}{' …' if len(self) > 8 else ''}>"


def _insert(line: list[Key], key: Key) -> None:
    """Insert into a sorted list; most come last, and are not searched a place for."""
    if not line or key > line[-1]:
        line.append(key)
    else:
        insort(line, key)


def _spaced(before: float | None, after: float | None, count: int, *, anew: bool) -> list[float] | None:
    """Give `count` rising orders between two, or None if there is no room for them."""
    if anew or (before is None and after is None):
        return [float(index) for index in range(count)]
    if before is None:
        assert after is not None
        orders = [after - count + index for index in range(count)]
    elif after is None:
        orders = [before + 1 + index for index in range(count)]
    else:
        step = (after - before) / (count + 1)
        orders = [before + step * (index + 1) for index in range(count)]
    fence = [order for order in (before, *orders, after) if order is not None]
    return orders if all(left < right for left, right in pairwise(fence)) else None
