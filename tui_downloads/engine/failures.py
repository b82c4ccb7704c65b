"""From an error to what the list, the screen and the API say of it."""

from __future__ import annotations

import time

from tui_downloads.core.errors import DownloadError
from tui_downloads.core.snapshots import ErrorView


def view_of(error: DownloadError) -> ErrorView:
    """Freeze an error for outsiders."""
    return ErrorView(
        code=error.code.value,
        message=error.message,
        fault=error.fault.value,
        next_step=error.next_step,
        resumable=error.resumable,
        exit=error.exit,
        at=time.time(),
        status=error.status,
    )
