"""Opening a file or folder with the desktop's own program."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path


def program() -> str | None:
    """Give the desktop's opener, or None where there is no desktop."""
    return shutil.which("open" if sys.platform == "darwin" else "xdg-open")


async def open_path(path: str) -> str:
    """Open an absolute path and give a sentence when it can't be done, else empty text."""
    if not Path(path).is_absolute() or not await asyncio.to_thread(Path(path).exists):
        return "It is not on this machine's disk."
    opener = program()
    if opener is None:
        return "There is no desktop to open it with; Y copies its path."
    quiet = asyncio.subprocess.DEVNULL
    # Nothing may write to the terminal, and nobody waits for the program to end.
    process = await asyncio.create_subprocess_exec(
        opener, path, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        status = await asyncio.wait_for(process.wait(), 5)
    except TimeoutError:
        return ""
    return "" if status == 0 else "The desktop could not open it."
