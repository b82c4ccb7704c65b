"""`resume`: let paused downloads go on."""

from __future__ import annotations

from tui_downloads.core.lifecycle import State

from .acting import acting

command = acting(
    "resume", "resume", "Let paused downloads go on.", frozenset({State.PAUSED, State.PAUSING}), needs_service=True
)
