"""Marking rows: what space, v, * and i do to a table, whatever it draws."""

from __future__ import annotations

from textual.message import Message
from textual.scroll_view import ScrollView

from .rows import RowSource
from .selection import Selection


class Marking(ScrollView, inherit_bindings=False):
    """The half of a table that knows which rows are marked; the other half draws them and moves the cursor."""

    rows: RowSource
    selection: Selection
    _cursor: int
    _cursor_id: str

    class Moved(Message, bubble=True):
        """The cursor or the marks are elsewhere."""

        def can_replace(self, message: Message) -> bool:
            return isinstance(message, Marking.Moved)

    def repaint_changed(self) -> None:
        """Paint what looks different from before."""
        raise NotImplementedError

    @property
    def marked(self) -> set[str]:
        """Marked ids, an unfinished range included."""
        return self.selection.marked

    @property
    def ranging(self) -> bool:
        return self.selection.ranging

    def mark(self) -> None:
        """Mark or unmark the download at the cursor."""
        if self._cursor_id:
            self.selection.toggle(self._cursor_id)
            self._marks_changed()

    def mark_all(self) -> None:
        self.selection.all(self.rows)
        self._marks_changed()

    def invert_marks(self) -> None:
        self.selection.invert(self.rows)
        self._marks_changed()

    def range_marks(self) -> None:
        """Begin a range at the cursor, or keep the one that is open."""
        self.selection.range(self.rows, self._cursor, self._cursor_id)
        self._marks_changed()

    def clear_marks(self) -> bool:
        """Drop marks and range; say whether there were any."""
        had = self.selection.clear()
        if had:
            self._marks_changed()
        return had

    def _marks_changed(self) -> None:
        self.repaint_changed()
        self.post_message(self.Moved())
