"""What an engine does by itself: hooks, categories, names, limits by the clock, and how much it remembers."""

from __future__ import annotations

from msgspec import Struct, field

from tui_downloads.config.settings import Category, HistorySettings, HookSettings, ScheduleRule, Settings


class Rules(Struct, frozen=True):
    """The part of the settings that an engine applies without being asked; nothing of it comes over the API."""

    hooks: HookSettings = field(default_factory=HookSettings)
    categories: tuple[Category, ...] = ()
    schedule: tuple[ScheduleRule, ...] = ()
    name_template: str = ""
    history: HistorySettings = field(default_factory=HistorySettings)

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        """Take the rules out of the settings."""
        return cls(settings.hooks, settings.categories, settings.schedule, settings.name_template, settings.history)
