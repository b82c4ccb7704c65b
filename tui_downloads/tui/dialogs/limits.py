"""What may be used at once, changed while running."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from msgspec.structs import replace
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.widget import Widget

from tui_downloads.core.snapshots import Limits
from tui_downloads.tui import figures
from tui_downloads.tui.fields import SafeInput

from .base import Dialog, field, problem_line

RATES = (
    ("rate", "Total speed"),
    ("rate_per_host", "Speed per host"),
    ("rate_per_download", "Speed per download"),
)
COUNTS = (
    ("downloads", "Downloads at once", 1, 1000),
    ("connections", "Connections in all", 1, 10_000),
    ("per_host", "Connections per host", 1, 256),
    ("per_download", "Connections per download", 1, 64),
)
NARROW = 80
"""Cells of a terminal below which long words give way to their beginnings."""


def written(rate: int) -> str:
    """Write a rate as the field takes it."""
    return figures.speed(float(rate)).removesuffix("/s") if rate else ""


class LimitsDialog(Dialog[Limits]):
    """Edit the limits; enter takes them at once."""

    heading = "Limits"
    AUTO_FOCUS = "#rate"
    hints = (("enter", "take", "take"), ("tab", "next", "app.focus_next"), ("esc", "leave", "leave"))
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "take", "Take", priority=True, id="dialog.take")]

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits

    def body(self) -> Iterable[Widget]:
        narrow = self.app.size.width < NARROW
        children: list[Widget] = []
        for name, label in RATES:
            value = written(getattr(self._limits, name))
            children += field(label, SafeInput(value=value, placeholder="none", id=name))
        for name, label, _, _ in COUNTS:
            shown = label.replace("Connections", "Conn.") if narrow else label
            children += field(shown, SafeInput(value=str(getattr(self._limits, name)), type="integer", id=name))
        yield Grid(*children, classes="form")
        yield problem_line()

    def action_take(self) -> None:
        changes: dict[str, int] = {}
        try:
            for name, _ in RATES:
                text = self.query_one(f"#{name}", SafeInput).value
                # A rate that was not touched keeps its exact value; the field shows it rounded.
                old = getattr(self._limits, name)
                changes[name] = old if text == written(old) else figures.parse_rate(text)
            for name, label, low, high in COUNTS:
                changes[name] = _count(self.query_one(f"#{name}", SafeInput).value, label, low, high)
        except ValueError as error:
            self.refuse(str(error))
            return
        self.dismiss(replace(self._limits, **changes))


def _count(text: str, label: str, low: int, high: int) -> int:
    if not text.strip().isascii() or not text.strip().isdigit() or not low <= int(text) <= high:
        raise ValueError(f"{label}: write a number from {low} to {high}.")
    return int(text)
