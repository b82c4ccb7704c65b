"""The three standard streams: whole when we start, quiet when nobody reads them, and their failures told."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TextIO

from tui_downloads.core.errors import Exit

_ASCII = str.maketrans({"━": "=", "·": "-", "…": "...", "“": '"', "”": '"'})


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


def mute(stream: TextIO | None = None) -> None:
    """Let Python end without complaining that what it had still to say on a stream, or stdout, went nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())


def tell(text: str) -> None:
    """Write talk to stderr; where nobody can take it, it is dropped, and the work goes on."""
    try:
        if not (sys.stderr.encoding or "").lower().startswith("utf"):
            text = text.translate(_ASCII)
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        mute(sys.stderr)


def flushed(code: int) -> tuple[int, str]:
    """Write out what is printed; give the exit code, and what went wrong where something did."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        mute()
    except OSError as error:
        mute()
        if not code:  # a failure is told already, most often this one
            return Exit.DISK, unwritten(error)
    return code, ""


def unwritten(error: OSError) -> str:
    """Say that stdout takes nothing, and what to do."""
    return f"The output can't be written: {error.strerror}. Make room, or write it elsewhere."
