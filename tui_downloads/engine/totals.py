"""Counts of views by state."""

from __future__ import annotations

from collections.abc import Mapping

from tui_downloads.core.lifecycle import RUNNING, State
from tui_downloads.core.snapshots import DownloadView, Totals


def counted_as(state: State) -> str:
    """Give the field of Totals that a state is counted in."""
    if state in RUNNING:
        return "active"
    return "paused" if state is State.PAUSING else state.value


def count(views: Mapping[str, DownloadView]) -> Totals:
    """Count states and add up speeds."""
    totals = dict.fromkeys(Totals.__struct_fields__, 0)
    speed = 0.0
    for view in views.values():
        name = counted_as(view.state)
        totals[name] += 1
        speed += view.speed
        totals["connections"] += view.connections
    del totals["speed"]
    return Totals(speed=speed, **totals)
