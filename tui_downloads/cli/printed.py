"""What commands print: JSON for programs, aligned tables for people, and how a command went for each download."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from tui_downloads import wire
from tui_downloads.core.errors import Exit, TuiDownloadsError
from tui_downloads.core.lifecycle import RUNNING, State
from tui_downloads.core.links import redact
from tui_downloads.core.snapshots import DownloadView
from tui_downloads.engine.base import Outcome

from .chosen import SHORT
from .streams import tell
from .text import duration, fit, plain, size, width

EXIT_ORDER = (
    Exit.INTERNAL, Exit.USAGE, Exit.NOT_FOUND, Exit.NETWORK, Exit.TIMEOUT, Exit.REFUSED, Exit.INTERRUPTED,
    Exit.CHECKSUM, Exit.DISK, Exit.IN_USE, Exit.BLOCKED, Exit.EXISTS, Exit.NO_SERVICE,
)  # fmt: skip
LEAST = 12
"""Cells that are left to the column that gives way."""


def worst(codes: Iterable[int]) -> int:
    """Give the exit code of several causes: the first in the documented order."""
    return min((code for code in codes if code != Exit.OK), key=EXIT_ORDER.index, default=Exit.OK)


def print_json(value: Any) -> None:
    """Write one line of JSON to stdout; field names are those of the native API."""
    sys.stdout.flush()
    data = wire.to_bytes(wire.dump(value))
    if sys.stdout.isatty():
        # JSON may hold C1 controls and bidi overrides as they are; made visible they are JSON's own escapes.
        data = plain(data.decode()).encode()
    sys.stdout.buffer.write(data + b"\n")
    sys.stdout.buffer.flush()


def line(text: str) -> None:
    """Write a line of data to stdout."""
    sys.stdout.write(plain(text) + "\n")


def talk(text: str) -> None:
    """Write a line of talk to stderr."""
    tell(plain(text) + "\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, gives_way: int = -1) -> None:
    """Write an aligned table; on a terminal the column `gives_way` is cut so that lines do not wrap."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(width(row[n]) for row in [list(head), *cells]) for n in range(len(head))]
    gives_way %= len(head)
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        others = sum(widths) - widths[gives_way] + 2 * (len(head) - 1)
        widths[gives_way] = min(widths[gives_way], max(LEAST, columns - others - 1))
    for row in [list(head), *cells]:
        text = "  ".join(fit(cell, widths[n]) for n, cell in enumerate(row))
        sys.stdout.write(text.rstrip() + "\n")


def downloads(views: Sequence[DownloadView]) -> None:
    """Write a list of downloads for people."""
    rows = [
        (
            view.id[:SHORT],
            view.state.value,
            "" if view.progress is None else f"{view.progress * 100:.0f}%",
            size(view.size),
            f"{size(view.speed)}/s" if view.state in RUNNING else "",
            duration(view.eta) if view.state in RUNNING else "",
            label(view),
        )
        for view in views
    ]
    if rows:
        table(("ID", "STATE", "DONE", "SIZE", "SPEED", "LEFT", "NAME"), rows)


def label(view: DownloadView) -> str:
    """Say in a few words which download it is; links without secrets."""
    return view.name or view.title or redact(view.url) or view.kind.value


def moment(at: float | None) -> str:
    """Write a moment in the time of this place."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else ""


def outcomes(found: Sequence[Outcome], *, as_json: bool, gone: str = "") -> int:
    """Tell how a command went for each download, and give the exit code.

    `gone` is what to say of those that are not there any more.
    """
    if as_json:
        print_json(
            {
                "outcomes": [
                    {"id": item.id, "ok": item.ok, "error": item.error, "download": item.download} for item in found
                ]
            }
        )
    for item in found:
        if item.error is not None:
            refused(item.id, item.error)
        elif not as_json:
            view = item.download
            state = gone if view is None else view.state.value
            line(f"{item.id[:SHORT]}  {state:<12}  {'' if view is None else label(view)}".rstrip())
    if not found and not as_json:
        talk("There is nothing to do: no download is in such a state.")
    return worst(item.error.exit for item in found if item.error is not None)


def refused(what: str, error: TuiDownloadsError) -> None:
    """Say that something was refused, and what to do."""
    talk(f"{what[:36] or 'Refused'}: {error.message} {error.next_step}".rstrip())


def cause(view: DownloadView) -> int:
    """Give the exit code that a download's end stands for; a pause is an interruption that can be resumed."""
    if view.state is State.COMPLETE:
        return Exit.OK
    if view.state is State.FAILED:
        return view.error.exit if view.error else Exit.INTERNAL
    return Exit.INTERRUPTED


IDLE = "No service runs: downloads begin when the screen or a service starts (tui-downloads serve --daemon)."
