"""Half-open spans of bytes and sets of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Span(NamedTuple):
    """Bytes from `start` up to but not including `end`."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


class SpanSet:
    """Disjoint, sorted, merged spans."""

    # Mutable state: two sorted lists of equal length, the starts and the ends.
    __slots__ = ("_ends", "_starts")

    def __init__(self, spans: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in spans:
            self.add(start, end)

    def add(self, start: int, end: int) -> None:
        """Join a span to the set; an empty one changes nothing."""
        if start >= end:
            return
        starts, ends = self._starts, self._ends
        # The usual case while data flows: the last span grows, or a new one begins behind it.
        low = bisect_right(ends, start - 1)
        high = bisect_right(starts, end)
        if low < high:
            start = min(start, starts[low])
            end = max(end, ends[high - 1])
        starts[low:high] = [start]
        ends[low:high] = [end]

    def remove(self, start: int, end: int) -> None:
        """Cut a span out of the set."""
        if start >= end:
            return
        kept = []
        for left, right in self:
            if right <= start or left >= end:
                kept.append(Span(left, right))
                continue
            if left < start:
                kept.append(Span(left, start))
            if right > end:
                kept.append(Span(end, right))
        self._starts = [span.start for span in kept]
        self._ends = [span.end for span in kept]

    def covers(self, start: int, end: int) -> bool:
        """Say whether every byte of a span is in the set."""
        if start >= end:
            return True
        index = bisect_right(self._starts, start) - 1
        return index >= 0 and self._ends[index] >= end

    def gaps(self, start: int, end: int) -> list[Span]:
        """List what is missing between two offsets."""
        found = []
        at = start
        for left, right in self:
            if right <= at:
                continue
            if left >= end:
                break
            if left > at:
                found.append(Span(at, left))
            at = right
        if at < end:
            found.append(Span(at, end))
        return found

    @property
    def total(self) -> int:
        """How many bytes are in the set."""
        return sum(self._ends) - sum(self._starts)

    def copy(self) -> SpanSet:
        other = SpanSet()
        other._starts = self._starts[:]
        other._ends = self._ends[:]
        return other

    def __iter__(self) -> Iterator[Span]:
        return iter([Span(start, end) for start, end in zip(self._starts, self._ends, strict=True)])

    def __len__(self) -> int:
        return len(self._starts)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpanSet):
            return NotImplemented
        return self._starts == other._starts and self._ends == other._ends

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "SpanSet(" + ", ".join(f"{start}-{end}" for start, end in self) + ")"
