"""Which bytes of a file are wanted, who fetches them, and what to do about the slow ones.

A plan hands out segments, half-open stretches with a cursor. Workers move the cursor with `advance`, which is all that
happens while data flows: no set is touched until a segment is released. Any order of leases, advances, steals, races
and releases covers every byte exactly once, and nothing is wanted past the end.

While bytes come in, a segment's `end` may shrink under its worker: because its tail was stolen, because a twin that
races it was quicker, or because the size became known. A worker therefore looks at `segment.room` before each write.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from .errors import Code, DownloadError
from .pace import Meter
from .spans import Span, SpanSet

OPEN = 1 << 62
"""The end of a segment of a file whose size is not known."""

SMALLEST = 1 << 20
"""Bytes; no tail is stolen below it, unless so many bytes are more than a second of work."""
CRUMB = 1 << 16
"""Bytes; no tail is stolen below it, however slow."""
GUARD = 1 << 18
"""Bytes beyond a victim's cursor that a write in flight may take; they stay the victim's."""
WORTH = 1.0
"""Seconds that a race must save, and before which a segment is not called slow."""
SPLIT = 0.4
"""Seconds of work; a segment that will end sooner is let alone, a new request would hardly be quicker."""


class Segment:
    """A leased stretch of bytes and its cursor; made by a plan, moved by `Plan.advance`."""

    # Mutable state: the cursor, the end, up to where bytes are counted, the twin of a race, and figures for stealing.
    __slots__ = ("_meter", "_slow_since", "end", "fresh", "leased_at", "live", "moved_at", "position", "start", "twin")

    def __init__(self, start: int, end: int, now: float = 0.0) -> None:
        self.start = start
        self.position = start
        self.end = end
        self.fresh = start
        """Bytes below are counted already, because a twin was here before."""
        self.twin: Segment | None = None
        self.live = True
        self.leased_at = now
        self.moved_at = now
        self._slow_since: float | None = None
        self._meter = Meter(1.0)
        self._meter.note(now, start)

    @property
    def room(self) -> int:
        """How many bytes at the cursor are wanted."""
        return self.end - self.position

    @property
    def finished(self) -> bool:
        """Whether no more bytes are wanted here: all came, the tail was stolen, or a twin was quicker."""
        return self.position >= self.end

    @property
    def open(self) -> bool:
        """Whether the end is not known."""
        return self.end >= OPEN

    @property
    def bound(self) -> int | None:
        """The end, or None where it is not known: what a request may say."""
        return None if self.end >= OPEN else self.end

    def note(self, now: float) -> None:
        """Take a sample of the speed."""
        before = self._meter.total
        self._meter.note(now, self.position)
        if self.position > before:
            self.moved_at = now

    def speed(self, now: float) -> float:
        """Give bytes a second over the last seconds."""
        return self._meter.speed(now)

    def slow(self, now: float, below: float) -> float:
        """Say for how many seconds the speed has been below a value at every call."""
        if now - self.leased_at < WORTH or self.speed(now) >= below:
            self._slow_since = None
            return 0.0
        if self._slow_since is None:
            self._slow_since = now
        return now - self._slow_since

    def __repr__(self) -> str:
        end = "open" if self.open else str(self.end)
        words = "" if self.live else ", released"
        if self.twin is not None:
            words += ", raced"
        return f"<Segment {self.start}-{end} at {self.position}{words}>"


class Plan:
    """The bytes of one file: done, leased, free."""

    # Mutable state: what was done by released segments, the free stretches, the live segments, the count of unique
    # bytes, and the usual speed of a connection.
    __slots__ = ("_done", "_free", "_live", "_usual", "size", "written_total")

    def __init__(self, size: int | None, have: Iterable[tuple[int, int]] = ()) -> None:
        """Plan a file of which some spans are here already.

        Raises:
            ValueError: a span lies outside of the file, or the size is negative.
        """
        self.size = size
        end = OPEN if size is None else size
        self._done = SpanSet(have)
        if end < 0 or any(start < 0 or stop > end for start, stop in self._done):
            raise ValueError(f"spans outside of a file of {size} bytes: {self._done!r}")
        self._free = SpanSet(self._done.gaps(0, end))
        self._live: list[Segment] = []
        self.written_total = self._done.total
        """How many different bytes are done."""
        self._usual = 0.0

    # The hot path.

    def advance(self, segment: Segment, count: int) -> int:
        """Move a cursor over bytes that are written, and say how many of them were wanted."""
        position = segment.position
        room = segment.end - position
        if count >= room:
            count = room
        elif count < 0:
            raise ValueError("a cursor never goes back")
        position += count
        segment.position = position
        fresh = segment.fresh
        if position > fresh:
            self.written_total += position - fresh
            segment.fresh = position
            twin = segment.twin
            if twin is not None:
                twin.fresh = position
                if position >= segment.end:
                    twin.end = twin.position
        return count

    # Leases.

    def lease(self, now: float = 0.0) -> Segment | None:
        """Lease a free stretch, the lowest if nobody is at work, else the longest; None if nothing is free."""
        if not self._free:
            return None
        if self._live:
            start, end = max(self._free, key=lambda span: (span.length, -span.start))
        else:
            start, end = next(iter(self._free))
        self._free.remove(start, end)
        return self._join(Segment(start, end, now))

    def release(self, segment: Segment, now: float | None = None) -> None:
        """Take a segment back: what is done counts, the rest is free again. Doing it twice is harmless."""
        if not segment.live:
            return
        segment.live = False
        self._live.remove(segment)
        self._done.add(segment.start, segment.position)
        twin = segment.twin
        if twin is not None:
            # The twin goes on for both; what it still repeats was counted here.
            segment.twin = twin.twin = None
        else:
            self._free.add(max(segment.position, segment.fresh), segment.end)
        if now is not None and now - segment.leased_at >= WORTH:
            self._usual = (segment.position - segment.start) / (now - segment.leased_at)
        segment.end = segment.position

    def steal(
        self,
        now: float,
        *,
        smallest: int = SMALLEST,
        guard: int = GUARD,
        speed: float | None = None,
    ) -> Segment | None:
        """Cut the lease that would end last in two and lease its tail; None if no tail is worth a request.

        The cut lets both ends finish together if the thief comes at `speed`, by default the siblings' mean. The victim
        keeps every byte below the cut, so a write in flight there stays wanted.
        """
        victims = [s for s in self._live if s.twin is None and not s.open and s.fresh == s.position]
        victims.sort(key=lambda s: self._time_left(s, now), reverse=True)
        for victim in victims:
            cut = self._cut(victim, now, smallest, guard, speed)
            if cut is not None:
                thief = Segment(cut, victim.end, now)
                victim.end = cut
                return self._join(thief)
        return None

    def go_on(self, segment: Segment, end: int) -> bool:
        """Let a segment run on into what lies right behind it, up to `end`, if nobody has brought a byte of that.

        Its connection is at work, and another one that was asked for the same may be refused or never answer.
        """
        here = segment.end
        raced = segment.twin is not None and not segment.finished
        if end <= here or not segment.live or raced or segment.fresh > segment.position:
            return False
        stop = next((stop for start, stop in self._free if start == here), here)
        if stop > here:
            self._free.remove(here, min(end, stop))
        else:
            idle = (s for s in self._live if s.start == s.position == s.fresh == here and s.twin is None)
            other = next((s for s in idle if not s.finished), None)
            if other is None:
                return False
            stop, other.end = other.end, here
            self._free.add(min(end, stop), stop)
        segment.end = min(end, stop)
        if segment.twin is not None:  # the race is won, and its loser has no part in what follows
            segment.twin.twin = None
            segment.twin = None
        return True

    def race(self, now: float, *, force: bool = False) -> Segment | None:
        """Lease the slowest tail once more; unique bytes count once, and the slower twin is told by its `end`.

        None unless a connection of usual speed would come in first by a second, or twice as quickly as the tail has
        left; with `force`, None only where nothing can be raced.
        """
        tails = [s for s in self._live if s.twin is None and not s.open and not s.finished and s.fresh == s.position]
        if not tails:
            return None
        tail = max(tails, key=lambda s: self._time_left(s, now))
        if not force:
            usual = self._others(tail, now)
            left = self._time_left(tail, now)
            if not usual or left - tail.room / usual < WORTH or left < 2 * tail.room / usual:
                return None
        twin = Segment(tail.position, tail.end, now)
        twin.twin, tail.twin = tail, twin
        return self._join(twin)

    def settle(self, size: int) -> None:
        """Fix the size of a file whose size was not known.

        Raises:
            DownloadError: more bytes than that are here, or the size was known to be another.
        """
        beyond = size < 0 or any(s.position > size for s in self._live) or any(span.end > size for span in self._done)
        if beyond or (self.size is not None and self.size != size):
            known = self.written_total if self.size is None else self.size
            raise DownloadError(Code.PROTOCOL_ERROR, f"The server speaks of {size} bytes where {known} are known.")
        self.size = size
        self._free.remove(size, OPEN)
        for segment in self._live:
            segment.end = min(segment.end, size)

    def forget(self, start: int, end: int) -> None:
        """Make bytes free again that turned out wrong; those of live segments stay as they are."""
        doubtful = SpanSet((max(s, start), min(e, end)) for s, e in self._done)
        for segment in self._live:
            doubtful.remove(segment.start, max(segment.end, segment.fresh))
        for span in doubtful:
            self._done.remove(*span)
            self._free.add(*span)
            self.written_total -= span.length

    # What there is to know.

    @property
    def done(self) -> SpanSet:
        """The bytes that cursors have passed: a copy."""
        done = self._done.copy()
        for segment in self._live:
            done.add(segment.start, segment.position)
        return done

    @property
    def complete(self) -> bool:
        return self.size is not None and self.written_total >= self.size

    @property
    def left(self) -> int | None:
        """How many bytes are missing, or None where the size is not known."""
        return None if self.size is None else self.size - self.written_total

    @property
    def live(self) -> tuple[Segment, ...]:
        """The leased segments."""
        return tuple(self._live)

    def free(self) -> list[Span]:
        """List the free stretches."""
        return list(self._free)

    def remaining(self, segment: Segment) -> int | None:
        """Say how many bytes of a segment are wanted, or None where its end is not known."""
        return None if segment.open else max(0, segment.end - max(segment.position, segment.fresh))

    def enough(self) -> list[Segment]:
        """List live segments of which nothing more is wanted; their connections may be closed."""
        return [segment for segment in self._live if segment.finished]

    def note(self, now: float) -> None:
        """Take a sample of every segment's speed; a few times a second is enough."""
        for segment in self._live:
            segment.note(now)

    def stalled(self, now: float, *, silence: float = 10.0, share: float = 0.3, patience: float = 5.0) -> list[Segment]:
        """List segments to be leased again elsewhere: silent for too long, or far behind their siblings for a while.

        The slower a segment, the shorter the while, down to a third. To be asked after every `note`, for it keeps
        the time of slow segments.
        """
        found = []
        for segment in self._live:
            if segment.finished:
                continue
            below = share * self._others(segment, now)
            slow = segment.slow(now, below)
            enough = patience * max(0.3, segment.speed(now) / below) if below else inf
            if now - segment.moved_at >= silence or (slow >= enough and len(self._live) > 1):
                found.append(segment)
        return found

    def _join(self, segment: Segment) -> Segment:
        self._live.append(segment)
        return segment

    def _others(self, segment: Segment | None, now: float) -> float:
        """Give the mean speed of the other segments, or what was usual for those that have ended."""
        speeds = [s.speed(now) for s in self._live if s is not segment and now - s.leased_at >= 0.25]
        speeds = [speed for speed in speeds if speed > 0]
        return sum(speeds) / len(speeds) if speeds else self._usual

    def _time_left(self, segment: Segment, now: float) -> float:
        speed = segment.speed(now)
        if now - segment.leased_at < WORTH:
            # Too early to call it slow: a request takes its time to be answered.
            speed = max(speed, self._others(segment, now))
            return segment.room / speed if speed else float(segment.room)
        return segment.room / speed if speed else inf

    def _cut(self, victim: Segment, now: float, smallest: int, guard: int, speed: float | None) -> int | None:
        """Say where to cut a segment, or None if it is not worth it."""
        own = victim.speed(now)
        thief = speed or self._others(victim, now) or own
        if not own and now - victim.leased_at < WORTH:
            own = thief
        share = own / (own + thief) if own or thief else 0.5
        if (own or thief) and self._time_left(victim, now) < SPLIT:
            return None
        # A slow second is worth a request too, or the last megabyte of a slow server would come through one pipe.
        smallest = max(CRUMB, min(smallest, int(thief))) if thief else smallest
        keep = max(int(victim.room * share), min(guard, max(CRUMB, int(own))))
        return victim.position + keep if victim.room - keep >= smallest else None

    def __repr__(self) -> str:
        """Say the state in words: what is done, who is where, what is free."""
        size = "unknown" if self.size is None else str(self.size)
        parts = [f"{self.written_total} of {size}"]
        for segment in sorted(self._live, key=lambda s: (s.start, s.position)):
            end = "open" if segment.open else str(segment.end)
            parts.append(f"{segment.start}-{end} at {segment.position}" + (" raced" if segment.twin else ""))
        for start, stop in self._free:
            parts.append(f"{start}-{'open' if stop >= OPEN else stop} free")
        return "<Plan " + ", ".join(parts) + ">"
