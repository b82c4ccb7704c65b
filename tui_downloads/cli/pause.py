"""`pause`: stop downloads for now; what is here stays."""

from __future__ import annotations

from tui_downloads.core.lifecycle import RUNNING, State

from .acting import acting

command = acting(
    "pause", "pause", "Pause downloads; what is here stays.", RUNNING | {State.QUEUED, State.WAITING, State.PAUSING}
)
