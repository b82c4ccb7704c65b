"""What to do next, said for somebody who sits at the screen: keys and settings instead of options of a command."""

from __future__ import annotations

from collections.abc import Mapping

from tui_downloads.core.errors import TRAITS, Code
from tui_downloads.core.snapshots import ErrorView

from .safe_text import visible

STEPS: Mapping[str, str] = {
    Code.AUTH_REQUIRED: "r takes a new link, or one with user:password@.",
    Code.REMOTE_FILE_NOT_FOUND: "Check the link; r takes a new one.",
    Code.STALLED: "Retry, or set a longer timeout (F3).",
    Code.DOWNLOAD_TIMEOUT: "Retry; what is here is kept. F3 has max time.",
    Code.TLS_ERROR: "Check the clock, and the server's certificate.",
    Code.FOLDER_UNUSABLE: "Add it with another folder, or fix this one's permissions.",
    Code.FILE_EXISTS: "n downloads it again; give it another name.",
    Code.INTERRUPTED: "Retry to go on.",
}


def next_step(error: ErrorView) -> str:
    """Give the next step; one that was written for this very failure stays as it is."""
    said = STEPS.get(error.code)
    if said is not None and error.next_step == TRAITS[Code(error.code)].next_step:
        return said
    return visible(error.next_step)
