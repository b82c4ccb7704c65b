"""A pretended transfer: bytes that arrive by arithmetic, the same every time."""

from __future__ import annotations

import itertools
import math
from collections import deque

from msgspec import Struct, field

from tui_downloads.core.errors import Code
from tui_downloads.core.snapshots import ConnectionView
from tui_downloads.core.spans import SpanSet

LOG_KEPT = 200
SPEEDS_KEPT = 300


class Script(Struct, frozen=True):
    """What a pretended server does with one link."""

    size: int | None = 64 << 20
    rate: float = 8 << 20
    """Bytes a second over all connections."""
    connections: int = 4
    wobble: float = 0.15
    """How far the rate swings around its mean, as a part of it; 0 is a steady rate."""
    name: str | None = None
    """The name the server gives."""
    fail_at: int | None = None
    """Bytes after which it fails with `code`; 0 fails at the first answer."""
    code: Code = Code.NETWORK_ERROR
    wait: float | None = None
    """Where given, a failure is waited out this many seconds once and then does not happen again."""
    validator: str | None = '"5f3c-64a1b2c3"'
    content_type: str = "application/octet-stream"
    address: str = "203.0.113.7:443"


class Transfer(Struct):
    """The moving part of one pretended download."""

    script: Script
    phase: float = 0.0
    """Where in its swing the rate begins."""
    segments: list[list[int]] = field(default_factory=list)
    """[start, position, end] for each connection."""
    speeds: deque[float] = field(default_factory=lambda: deque(maxlen=SPEEDS_KEPT))
    log: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=LOG_KEPT))
    waited: bool = False
    clock: float = 0.0
    unsampled: float = 0.0

    def begin(self, connections: int, done: int) -> None:
        """Cut the file into segments; bytes already done are spread evenly over them."""
        size = self.script.size
        if size is None:
            self.segments = [[0, done, done]]
            return
        count = max(1, min(connections, size or 1))
        edges = [size * n // count for n in range(count + 1)]
        self.segments = [[a, a, b] for a, b in itertools.pairwise(edges)]
        self.advance(done)

    def advance(self, count: int) -> int:
        """Move the segments on by `count` bytes in all and say how many fitted."""
        if self.script.size is None:
            self.segments[0][1] += count
            return count
        left = count
        while left > 0:
            open_ = [segment for segment in self.segments if segment[1] < segment[2]]
            if not open_:
                break
            for index, segment in enumerate(open_):
                # Uneven on purpose, so that the segment map looks like a real one.
                share = (
                    left if index == len(open_) - 1 else left * (5 + (segment[0] // 7 + index) % 4) // 8 // len(open_)
                )
                step = min(max(1, share), segment[2] - segment[1], left)
                segment[1] += step
                left -= step
                if left <= 0:
                    break
        return count - left

    def speed(self, limit: int) -> float:
        """Give the rate of this moment."""
        swing = math.sin(self.clock / 3.1 + self.phase) * 0.7 + math.sin(self.clock / 1.3 + self.phase * 2) * 0.3
        rate = max(0.0, self.script.rate * (1 + self.script.wobble * swing))
        return min(rate, float(limit)) if limit else rate

    def sample(self, seconds: float, speed: float) -> None:
        """Remember one speed for each whole second."""
        self.clock += seconds
        self.unsampled += seconds
        while self.unsampled >= 1:
            self.speeds.append(speed)
            self.unsampled -= 1

    def connections(self, speed: float, url: str) -> tuple[ConnectionView, ...]:
        """Show the connections that still have something to fetch."""
        whole = self.script.size is not None
        live = [segment for segment in self.segments if not whole or segment[1] < segment[2]]
        return tuple(
            ConnectionView(a, p, b if whole else None, speed / len(live), url, self.script.address) for a, p, b in live
        )

    def spans(self) -> tuple[tuple[int, int], ...]:
        """Show what is written, as half-open spans."""
        found = SpanSet((a, p) for a, p, _ in self.segments if p > a)
        return tuple((span[0], span[1]) for span in found)
