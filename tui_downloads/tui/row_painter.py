"""Drawing the lines of a table. Few long runs of one style: each run costs 45 bytes of colour on the wire."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from .columns import Cell, Placed
from .glyphs import Glyphs
from .safe_text import elide, pad

PREFIX = 3
"""Cells for the cursor, the mark and a gap."""
Row = tuple[str, tuple[Cell, ...], str, bool, bool]
"""Id, cells, second line, at the cursor, marked: what a row looks like."""


class RowPainter:
    """Turns what a row looks like into strips; `style` gives the look of a name."""

    def __init__(self, style: Callable[[str], Style], glyphs: Glyphs) -> None:
        self._style = style
        self._glyphs = glyphs

    def row(self, row: Row, width: int, gap: int, cursor: str) -> Strip:
        """Draw the first line of a row; `cursor` names the look of the row at the cursor."""
        _, cells, _, at_cursor, marked = row
        glyphs = self._glyphs
        lead = (glyphs.cursor if at_cursor else " ") + (glyphs.mark if marked else " ") + " "
        runs: list[tuple[str, str]] = [(lead, "accent" if at_cursor or marked else "")]
        for number, (text, style) in enumerate(cells):
            if number:
                _join(runs, " " * gap, "")
            if style.startswith("bar-"):
                cut = text.find(glyphs.empty) if glyphs.empty else -1
                cut = len(text) if cut < 0 else cut
                _join(runs, text[:cut], style[4:])
                # On the colour of the cursor what is faint could not be seen.
                _join(runs, text[cut:], "muted" if at_cursor else "faint")
            else:
                _join(runs, text, "marked" if marked and style == "" else style)
        return self._strip(runs, width, self.base(at_cursor, cursor))

    def second(self, row: Row, width: int, cursor: str) -> Strip:
        """Draw the second line of a comfortable row."""
        lead = self._glyphs.cursor if row[3] else " "
        return self._strip([(lead, "accent"), (" " * (PREFIX + 1) + row[2], "muted")], width, self.base(row[3], cursor))

    def base(self, at_cursor: bool, cursor: str) -> Style:
        base = self._style("row")
        return base + self._style(cursor) if at_cursor else base

    def _strip(self, runs: Sequence[tuple[str, str]], width: int, base: Style) -> Strip:
        segments = [Segment(text, base + self._style(style) if style else base) for text, style in runs if text]
        return Strip(segments).adjust_cell_length(width, base)

    def header(self, placed: Sequence[Placed], width: int, gap: int, sort: str, *, reverse: bool) -> Strip:
        """Draw the titles, an arrow at the one that is sorted by."""
        glyphs = self._glyphs
        parts = [" " * PREFIX]
        for number, entry in enumerate(placed):
            title = entry.column.title
            if sort and entry.column.sort == sort:
                arrow = glyphs.down if reverse else glyphs.up
                title = f"{elide(title, max(1, entry.width - len(arrow)), dots='')}{arrow}"
            parts.append(" " * (gap if number else 0))
            parts.append(pad(elide(title, entry.width, dots=""), entry.width, right=entry.column.right))
        return self._strip([("".join(parts), "muted")], width, self._style("row"))

    def empty(self, lines: Sequence[str], y: int, width: int, height: int) -> Strip:
        """Draw a line of what an empty table says: a title and hints, as one block in the upper third."""
        base = self._style("row")
        top = max(2, (height - len(lines)) // 3)
        if not lines or not top <= y < top + len(lines):
            return Strip.blank(width, base)
        text = elide(lines[y - top], width - 2, dots=self._glyphs.dots)
        block = min(width - 2, max(len(line) for line in lines))
        style = "strong" if y == top else "muted"
        return self._strip([(" " * ((width - block) // 2), ""), (text, style)], width, base)


def _join(runs: list[tuple[str, str]], text: str, style: str) -> None:
    """Add text to the runs; blanks have no colour of their own, so they go with what is before them."""
    if not text:
        return
    before, look = runs[-1]
    if look == style or text.isspace():
        runs[-1] = (before + text, look)
    elif before.isspace():
        runs[-1] = (before + text, style)
    else:
        runs.append((text, style))
