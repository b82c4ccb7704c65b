"""Limits by the time of day: the rule that holds lies over the limits that were set, until it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from tui_downloads.config.settings import ScheduleRule
from tui_downloads.core.snapshots import Limits

LOOK = 15.0
"""Seconds between two looks at the clock; short, because clocks are set and machines sleep."""


def overlaid(limits: Limits, rule: ScheduleRule | None) -> Limits:
    """Give limits with a rule over them."""
    if rule is None:
        return limits
    return replace(
        limits,
        rate=limits.rate if rule.rate is None else rule.rate,
        downloads=limits.downloads if rule.downloads is None else rule.downloads,
    )


def rule_at(rules: tuple[ScheduleRule, ...], now: float) -> ScheduleRule | None:
    """Give the first rule that holds at epoch seconds, by the local clock."""
    if not rules:
        return None
    local = time.localtime(now)
    second = local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec
    return next((rule for rule in rules if rule.holds(local.tm_wday, second)), None)


class Schedule:
    """Applies the rule that holds; limits set by hand hold until the next change of rule."""

    # Mutable state: the limits without a rule, the rules, the rule in force, and the task that looks at the clock.
    def __init__(
        self,
        limits: Limits,
        rules: tuple[ScheduleRule, ...],
        apply: Callable[[Limits], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.base = limits
        self._rules = rules
        self._apply = apply
        self._clock = clock
        self._rule: ScheduleRule | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Apply what holds, and follow the clock from here on."""
        await self.look()
        self._follow()

    def _follow(self) -> None:
        if self._rules and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def change(self, rules: tuple[ScheduleRule, ...]) -> None:
        """Take other rules."""
        self._rules = rules
        await self.look()
        self._follow()

    def set_base(self, limits: Limits) -> None:
        """Remember limits that were set by hand."""
        self.base = limits

    async def look(self) -> None:
        """Apply the rule that holds if it is another one than before."""
        rule = rule_at(self._rules, self._clock())
        if rule != self._rule:
            self._rule = rule
            await self._apply(overlaid(self.base, rule))

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            await self.look()

    def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
