"""The three standard streams: whole when we start, quiet when nobody reads them, and their failures told."""

from __future__ import annotations

import contextlib
import os
import sys

from tui_downloads.core.errors import Exit


def repair() -> None:
    """Give what was started without stdin, stdout or stderr an empty one.

    Otherwise the first files we open would get their numbers, and whatever is printed would go into a download.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def mute() -> None:
    """Let Python end without complaining that what it had still to say went nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def flushed(code: int) -> tuple[int, str]:
    """Write out what is printed; give the exit code, and what went wrong where something did."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        mute()
    except OSError as error:
        mute()
        if not code:  # a failure is told already, most often this one
            return Exit.DISK, f"The output can't be written: {error.strerror}. Make room, or write it elsewhere."
    return code, ""
