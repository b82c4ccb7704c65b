"""A table of downloads drawn line by line: only rows that look different are painted again."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from tui_downloads.core.snapshots import DownloadView

from . import columns
from .columns import GAP, Context, Placed
from .glyphs import Glyphs
from .looks import Palette
from .marking import Marking
from .row_painter import PREFIX, Row, RowPainter
from .rows import LiveRows, RowSource
from .selection import Selection


class DownloadTable(Marking, can_focus=True, inherit_bindings=False):
    """Rows of downloads with a cursor and marks that follow ids, not places."""

    DEFAULT_CSS = """
    DownloadTable { height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    class Opened(Message):
        """Enter or a double click on a row."""

    class MenuAsked(Message):
        """A right click on a row."""

    class SortAsked(Message):
        """A click on a title."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    class NearEnd(Message):
        """Rows that are not loaded came into sight."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, DownloadTable.NearEnd)

    def __init__(self, rows: RowSource, keys: Sequence[str], glyphs: Glyphs, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.rows = rows
        self.glyphs = glyphs
        self.keys = tuple(keys)
        self.sort_shown = ""
        self.reverse_shown = False
        self.comfortable = False
        self.now = 0.0
        self.empty: tuple[str, ...] = ()
        """What an empty table says: a title and lines."""
        self.selection = Selection()
        self._cursor = 0
        self._cursor_id = ""
        self._placed: list[Placed] = []
        self._gap = GAP
        self._shown: dict[int, Row] = {}
        self._strips: dict[Row, Strip] = {}
        self._palette = Palette(self)
        self._painter = RowPainter(self._palette.__getitem__, glyphs)

    # What others may ask.

    @property
    def cursor_id(self) -> str:
        """The download at the cursor, or empty text."""
        return self._cursor_id

    @property
    def cursor_view(self) -> DownloadView | None:
        return self.rows.view(self._cursor) if len(self.rows) else None

    @property
    def row_height(self) -> int:
        return 2 if self.comfortable else 1

    # What others may tell.

    def show_columns(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        self.relayout()

    def relayout(self) -> None:
        """Place the columns anew and paint everything."""
        self._gap = 2 if self.size.width >= 132 else GAP
        room = max(1, self.size.width - PREFIX - GAP)
        self._placed = columns.place(self.keys, room, self.glyphs, self._gap)
        self._strips.clear()
        self._shown.clear()
        self._resize_virtual()
        self.refresh()

    def rows_changed(self, now: float) -> None:
        """Take in that rows came, went or moved; the cursor stays on its download."""
        self.now = now
        place = self.rows.index(self._cursor_id) if self._cursor_id else None
        if place is None:
            place = min(self._cursor, max(0, len(self.rows) - 1))
        if isinstance(self.rows, LiveRows):
            self.selection.prune(self.rows)
        lost = self._cursor_id and self.rows.index(self._cursor_id) is None
        self._cursor = place
        self._take_cursor_id()
        self._resize_virtual()
        if lost or self._on_screen(place):
            self._scroll_to_cursor()
        self.repaint_changed()

    def figures_changed(self, now: float) -> None:
        """Paint the visible rows that look different."""
        self.now = now
        self.repaint_changed()

    def repaint_changed(self) -> None:
        """Compare each visible row with what is on the screen and refresh the rows that differ."""
        if not self._placed or not self.size.height:
            return
        regions = []
        first, last = self._window()
        shown = self._shown
        for index in range(first, last):
            row = self._row(index)
            if shown.get(index) == row:
                continue
            # The compositor sends whole lines of a widget, so nothing is won by naming single cells.
            regions.append(self._row_region(index))
            shown[index] = row
        gone = [index for index in shown if not first <= index < last]
        for index in gone:
            del shown[index]
        if len(self.rows) < last or not len(self.rows):
            self.refresh()
        elif regions:
            self.refresh(*regions)

    def move_to(self, index: int) -> None:
        """Put the cursor on a place and bring it into sight."""
        count = len(self.rows)
        index = max(0, min(index, count - 1)) if count else 0
        self._cursor = index
        self._take_cursor_id()
        self.selection.stretch(self.rows, self._cursor)
        self._scroll_to_cursor()
        self.repaint_changed()
        self.post_message(self.Moved())

    def move_by(self, count: int) -> None:
        self.move_to(self._cursor + count)

    def move_to_id(self, id: str) -> bool:
        """Put the cursor on a download, if it is here."""
        place = self.rows.index(id)
        if place is None:
            return False
        self.move_to(place)
        return True

    def _take_cursor_id(self) -> None:
        view = self.rows.view(self._cursor) if len(self.rows) else None
        self._cursor_id = view.id if view is not None else ""

    # Geometry.

    @property
    def page(self) -> int:
        """Rows that are on the screen at once."""
        return max(1, (self.size.height - 1) // self.row_height)

    def _window(self) -> tuple[int, int]:
        top = self.scroll_offset.y // self.row_height
        return top, min(len(self.rows), top + self.page + 2)

    def _on_screen(self, index: int) -> bool:
        first = self.scroll_offset.y // self.row_height
        return first - 1 <= index <= first + self.page + 1

    def _resize_virtual(self) -> None:
        size = Size(self.size.width, len(self.rows) * self.row_height + 1)
        if size != self.virtual_size:
            self.virtual_size = size

    def _scroll_to_cursor(self) -> None:
        line, height = self._cursor * self.row_height, self.row_height
        top, room = self.scroll_offset.y, max(height, self.size.height - 1)
        if line < top:
            self.scroll_to(y=line, animate=False, force=True)
        elif line + height > top + room:
            self.scroll_to(y=line + height - room, animate=False, force=True)

    def _row_region(self, index: int) -> Region:
        y = index * self.row_height + 1 - self.scroll_offset.y
        # The title line is not scrolled, so a row that slid under it begins below.
        top = max(1, y)
        return Region(0, top, self.size.width, max(0, y + self.row_height - top))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._shown.clear()
            self.post_message(self.NearEnd())

    def on_resize(self) -> None:
        self.relayout()
        self._scroll_to_cursor()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette.clear()
        self._strips.clear()

    # Drawing.

    def _row(self, index: int) -> Row:
        view = self.rows.view(index)
        at_cursor = index == self._cursor
        if view is None:
            return ("", ((self.glyphs.dots, "muted"),), "", at_cursor, False)
        ordinal = len(self.rows) - index if self.reverse_shown else index + 1
        context = Context(self.now, self.glyphs, ordinal if self.sort_shown == "position" else 0)
        second = ""
        if self.comfortable:
            second = columns.second_line(view, max(1, self.size.width - PREFIX - 3), context)
        marked = view.id in self.selection
        return (view.id, columns.cells(view, self._placed, context), second, at_cursor, marked)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._painter.header(self._placed, width, self._gap, self.sort_shown, reverse=self.reverse_shown)
        if not len(self.rows):
            # What is still being loaded is not said to be empty.
            lines = self.empty if getattr(self.rows, "loaded", True) else ()
            return self._painter.empty(lines, y, width, self.size.height)
        index, line = divmod(self.scroll_offset.y + y - 1, self.row_height)
        if index >= len(self.rows):
            return Strip.blank(width, self._palette["row"])
        row = self._row(index)
        self._shown[index] = row
        cursor = "cursor" if self.has_focus else "cursor-idle"
        if line:
            return self._painter.second(row, width, cursor)
        strip = self._strips.get(row)
        if strip is None:
            if len(self._strips) > 512:
                self._strips.clear()
            strip = self._strips[row] = self._painter.row(row, width, self._gap, cursor)
        return strip

    # The mouse.

    def on_click(self, event: events.Click) -> None:
        place = event.get_content_offset(self)
        if place is None:
            return
        if place.y == 0:
            x = place.x - PREFIX
            for entry in self._placed:
                if entry.start <= x < entry.start + entry.width and entry.column.sort:
                    self.post_message(self.SortAsked(entry.column.sort))
            return
        index = (self.scroll_offset.y + place.y - 1) // self.row_height
        if index >= len(self.rows):
            return
        if event.shift and not self.ranging:
            self.range_marks()
        self.move_to(index)
        if event.button == 3:
            if self._cursor_id not in self.selection:
                # Who points at one row means that one, and not what is marked elsewhere.
                self.clear_marks()
            self.post_message(self.MenuAsked())
        elif event.ctrl or place.x < PREFIX:
            self.mark()
        elif event.chain == 2:
            self.post_message(self.Opened())

    def on_focus(self) -> None:
        self._repaint_cursor()

    def on_blur(self) -> None:
        self._repaint_cursor()

    def _repaint_cursor(self) -> None:
        self._strips.clear()
        if len(self.rows):
            self.refresh(self._row_region(self._cursor))
