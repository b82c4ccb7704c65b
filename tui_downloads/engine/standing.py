"""Everything that an engine does by its rules: hooks, names, the schedule and the history's length, kept together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui_downloads.core.names import check_template

from .hooks import Hooks
from .naming import Naming
from .retention import Retention
from .rules import Rules
from .schedule import Schedule

if TYPE_CHECKING:
    from .desk import Desk


class Standing:
    """The rules in force, and who applies them."""

    # Mutable state: none of its own; each keeper has its part of the rules.
    def __init__(self, desk: Desk, rules: Rules) -> None:
        check_template(rules.name_template)
        self.naming = Naming(desk.adding, rules.categories, rules.name_template)
        self.hooks = Hooks(desk.manager, desk.services.transport, rules.hooks)
        self.schedule = Schedule(desk.views.limits, rules.schedule, desk.apply_limits)
        self.retention = Retention(desk, rules.history)
        desk.manager.naming = self.naming
        desk.manager.listeners.append(self.hooks.listen)

    async def start(self) -> None:
        """Begin to follow the clock."""
        await self.schedule.start()
        self.retention.start()

    async def change(self, rules: Rules) -> None:
        """Take other rules.

        Raises:
            RequestError: INVALID_OPTION; nothing was changed.
        """
        self.naming.change(rules.categories, rules.name_template)
        self.hooks.settings = rules.hooks
        self.retention.settings = rules.history
        await self.schedule.change(rules.schedule)
        await self.retention.prune()
