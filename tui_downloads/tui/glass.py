"""What the terminal shows, so that only cells that differ are sent to it.

Textual sends whole lines of a widget, and a screen that is laid out anew three times in a row three times. On a line
of a few kilobytes a second that is the difference between a keypress that is answered and one that is waited for.
"""

from __future__ import annotations

import re
from typing import TextIO

from rich.cells import cell_len

JOINED = 8
"""Cells between two that differ that are sent along: to jump over them would take as many bytes."""
_MOVE = re.compile(r"\x1b\[(\d+);(\d+)H")
_LOOK = re.compile(r"(\x1b\[[\d;:]*m)")
_DRAWN = re.compile(r"(?:\x1b\[[\d;:]*m|[^\x00-\x1f\x7f])*(?:\r?\n)?")
_HARMLESS = re.compile(r"(?:\x1b\[\?(?:2026|25)[hl]|\x1b\][^\x07\x1b]*\x07|\x07)*\Z")
"""What changes no cell: synchronized updates, the cursor's look, titles, notifications, the clipboard, the bell."""
Cell = tuple[str, str]
"""Look and character; the second half of a wide character is empty."""
UNKNOWN: Cell = ("?", "")


class Glass:
    """Lets drawing pass as far as it changes something, and everything else as it is."""

    def __init__(self) -> None:
        self._rows: dict[int, list[Cell]] = {}
        self._cursor: tuple[int, int] | None = None

    def forget(self) -> None:
        """Take nothing for granted; what is drawn next is sent in full."""
        self._rows.clear()
        self._cursor = None

    def passed(self, data: str) -> str:
        """Give what has to be sent so that the terminal shows what it would if all of `data` were."""
        pieces = _MOVE.split(data)
        sent = [self._other(pieces[0])]
        for at in range(1, len(pieces), 3):
            y, x, body = int(pieces[at]), int(pieces[at + 1]), pieces[at + 2]
            drawn = _DRAWN.match(body)
            stop = drawn.end() if drawn else 0
            text = body[:stop].rstrip("\r\n")
            if text:
                sent.append(self._draw(y, x, text))
            elif self._cursor != (y, x):
                self._cursor = (y, x)
                sent.append(f"\x1b[{y};{x}H")
            sent.append(self._other(body[stop:]))
        return "".join(sent)

    def _other(self, text: str) -> str:
        if text and not _HARMLESS.match(text):
            self.forget()
        return text

    def _draw(self, y: int, x: int, text: str) -> str:
        cells = _cells(text)
        row = self._rows.setdefault(y, [])
        if cells is None:
            # Characters that make one another narrower: nobody knows which cell is whose.
            row.clear()
            self._cursor = None
            return f"\x1b[{y};{x}H{text}"
        first, last = x - 1, x - 1 + len(cells)
        row += [UNKNOWN] * (last + 1 - len(row))
        sent = []
        for start, stop in _different(row, cells, first):
            sent.append(f"\x1b[{y};{first + start + 1}H{_written(cells[start:stop])}")
            self._cursor = None
        if sent:
            _break_halves(row, first, last)
            row[first:last] = cells
        return "".join(sent)


def _cells(text: str) -> list[Cell] | None:
    """Take drawn text apart into cells, or give None where its width is not the sum of its characters'."""
    cells: list[Cell] = []
    look = ""
    for part in _LOOK.split(text):
        if part.startswith("\x1b"):
            look = "" if part in ("\x1b[0m", "\x1b[m") else look + part
        elif part.isascii():
            cells += [(look, char) for char in part]
        else:
            before = len(cells)
            for char in part:
                width = cell_len(char)
                if width:
                    cells += [(look, char)] + [(look, "")] * (width - 1)
                elif cells:
                    # A mark sits on the character before it, which has two cells where it is wide.
                    base = -1 if cells[-1][1] else -2
                    cells[base] = (cells[base][0], cells[base][1] + char)
            if len(cells) - before != cell_len(part):
                return None
    return cells


def _different(row: list[Cell], cells: list[Cell], first: int) -> list[tuple[int, int]]:
    """Give spans of cells that are not what the row shows, those that are close joined; wide characters stay whole."""
    spans: list[tuple[int, int]] = []
    for at, cell in enumerate(cells):
        if row[first + at] == cell:
            continue
        start, stop = at, at + 1
        while start and not cells[start][1]:
            start -= 1
        while stop < len(cells) and not cells[stop][1]:
            stop += 1
        if spans and start - spans[-1][1] <= JOINED:
            spans[-1] = (spans[-1][0], max(stop, spans[-1][1]))
        else:
            spans.append((start, stop))
    return spans


def _break_halves(row: list[Cell], first: int, last: int) -> None:
    """Forget halves of wide characters whose other half is drawn over."""
    if first and not row[first][1]:
        row[first - 1] = UNKNOWN
    if last < len(row) and not row[last][1]:
        row[last] = UNKNOWN


def _written(cells: list[Cell]) -> str:
    """Write cells, each look once for its run."""
    written, look = [], ""
    for style, char in cells:
        if style != look:
            written.append(("\x1b[0m" if look else "") + style)
            look = style
        written.append(char)
    return "".join(written) + ("\x1b[0m" if look else "")


class ThroughGlass:
    """A terminal's file behind a `Glass`. `stale` may be set by any thread: what the terminal shows is not known."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._glass = Glass()
        self.stale = False

    def write(self, text: str) -> None:
        if self.stale:
            self.stale = False
            self._glass.forget()
        self._file.write(self._glass.passed(text))

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()
