"""`retry`: queue failed and cancelled downloads again; waiting ones try at once."""

from __future__ import annotations

from tui_downloads.core.lifecycle import State

from .acting import acting

command = acting(
    "retry",
    "retry",
    "Queue failed and cancelled downloads again; waiting ones try at once.",
    frozenset({State.FAILED, State.CANCELLED, State.WAITING}),
    needs_service=True,
)
