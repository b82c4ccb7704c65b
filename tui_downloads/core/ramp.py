"""How many connections one download should use: up quickly while it pays, down when the server refuses."""

from __future__ import annotations

from collections import deque

WINDOW = 0.25
"""Seconds of measuring between two steps."""
QUICK = 0.05
"""Seconds between two steps while each connection is slow: waiting for proof would cost more than the try."""
SLOW = 32 << 20
"""Bytes a second of one connection below which more connections are tried without proof."""
FAST = 256 << 20
"""Bytes a second of one connection above which the machine is the limit, and more connections only cost."""
GAIN = 0.8
"""The part of the added share that has to arrive for the next step."""
SHORT = 1.0
"""Seconds; work that ends sooner is not worth another connection."""
STRETCH = 2 << 20
"""Bytes each connection should have before it; less where bytes are slow."""
RECOVERS = 600.0
"""Seconds after a refusal after which twice as many connections are tried again."""
CALM = 1.0
"""Seconds in which further refusals belong to the first: connections of one step are refused together."""


class Ramp:
    """The target of one download: 1, then +1, +2, +4 … while it pays, never above `cap` and `ceiling`."""

    # Mutable state: the target, the last step (when, how large, the speed and count before), recent samples of
    # (time, bytes), whether steps have stopped to pay, and the last refusal.
    __slots__ = ("_base", "_began", "_refused_at", "_samples", "_settled", "_step", "_target", "cap", "ceiling")

    def __init__(self, cap: int, ceiling: int | None = None) -> None:
        self.cap = cap
        """What the user allows; may be set at any time."""
        self.ceiling = ceiling
        """What the server is known to allow this download, or None."""
        self._target = 1
        self._step = 1
        self._base: tuple[int, float] | None = None
        self._began: float | None = None
        self._settled = False
        self._samples: deque[tuple[float, int]] = deque()
        self._refused_at: float | None = None

    def start_at(self, target: int) -> None:
        """Begin with as many connections as the user asked for, without proof that each one helps."""
        self._target = max(1, target)

    @property
    def target(self) -> int:
        """The latest decision."""
        return max(1, min(self._target, self._limit))

    @property
    def climbing(self) -> bool:
        """Whether another step may come soon, so that it pays to ask often."""
        return not self._settled and self._target < self._limit

    @property
    def _limit(self) -> int:
        return self.cap if self.ceiling is None else min(self.cap, self.ceiling)

    def want(self, now: float, *, total: int, connections: int, remaining: int | None) -> int:
        """Say how many connections there should be; to be asked every `QUICK` seconds while it is climbing.

        `total` is how many bytes have come in all, `connections` how many are delivering (those that still wait for
        their answer left out), `remaining` how many bytes are missing, None where that is not known.
        """
        self._recover(now)
        if connections < 1 or remaining is None:
            return self.target
        self._sample(now, total)
        if self._began is None:
            self._began = now
        passed = now - self._began
        if passed < QUICK or self._target >= self._limit:
            return self.target
        speed = self._speed()
        each = speed / connections
        if each < SLOW:
            ready = passed >= QUICK
        else:
            ready = passed >= WINDOW and connections >= self._target and not self._settled and self._pays(speed)
        if ready and each < FAST and self._room(speed, each, remaining):
            self._base = (connections, speed)
            self._target = min(self._limit, self._target + self._step)
            self._step *= 2
            self._began = now
        return self.target

    def refused(self, now: float, connections: int | None = None) -> int:
        """Halve the target because the server refused a connection, and say what it is; it is the new ceiling.

        `connections` is how many were open, the refused one included; without it the target counts.
        """
        if self._refused_at is None or now - self._refused_at >= CALM:
            self._refused_at = now
            self.ceiling = max(1, (connections or self.target) // 2)
            self._target = min(self._target, self.ceiling)
        return self.target

    def _recover(self, now: float) -> None:
        """Let a refusal that was long ago count for less."""
        if self._refused_at is not None and self.ceiling is not None and now - self._refused_at >= RECOVERS:
            self.ceiling *= 2
            self._refused_at = now if self.ceiling < self.cap else None

    def _sample(self, now: float, total: int) -> None:
        samples = self._samples
        if samples and total < samples[-1][1]:
            samples.clear()
        samples.append((now, total))
        # One sample older than the window stays, so that the span is never shorter than it.
        while len(samples) > 2 and now - samples[1][0] >= QUICK:
            samples.popleft()

    def _speed(self) -> float:
        """Give the speed of the last moments only: a server's opening burst must not look like its rate."""
        (then, before), (now, total) = self._samples[0], self._samples[-1]
        return (total - before) / (now - then) if now > then else 0.0

    def _pays(self, speed: float) -> bool:
        """Judge the last step: did the added connections bring their share?"""
        if self._base is None:
            return True
        count, before = self._base
        added = (self._target - count) / count
        pays = before <= 0 or added <= 0 or speed / before - 1 >= GAIN * added
        self._settled = not pays
        return pays

    def _room(self, speed: float, each: float, remaining: int) -> bool:
        """Say whether enough is left for another connection."""
        if speed > 0 and remaining / speed < SHORT:
            return False
        stretch = min(STRETCH, max(STRETCH // 8, int(2 * each)))
        return remaining >= stretch * (self._target + 1)

    def __repr__(self) -> str:
        words = ", settled" if self._settled else ""
        return f"<Ramp {self.target} of {self._limit}{words}>"
