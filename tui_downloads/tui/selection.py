"""Marks and ranges over the rows of a table, kept by id so that they survive sorting."""

from __future__ import annotations

from .rows import RowSource


class Selection:
    """Which downloads are marked. The mutable state is the marks and, while a range is open, its anchor and members."""

    def __init__(self) -> None:
        self.marks: set[str] = set()
        self._anchor: str | None = None
        self._range: set[str] = set()

    @property
    def marked(self) -> set[str]:
        """Marked ids, an open range included."""
        return self.marks | self._range

    @property
    def ranging(self) -> bool:
        return self._anchor is not None

    def __contains__(self, id: str) -> bool:
        return id in self.marks or id in self._range

    def toggle(self, id: str) -> None:
        self.marks ^= {id}

    def all(self, rows: RowSource) -> None:
        """Mark every loaded row, or none if all are marked."""
        every = {view.id for view in rows.between(0, len(rows))}
        self.marks = set() if self.marks >= every else every

    def invert(self, rows: RowSource) -> None:
        self.marks = {view.id for view in rows.between(0, len(rows))} ^ self.marks

    def range(self, rows: RowSource, cursor: int, id: str) -> None:
        """Open a range at the cursor, or keep the one that is open."""
        if self._anchor is None:
            self._anchor = id or None
            self.stretch(rows, cursor)
        else:
            self.marks |= self._range
            self._anchor, self._range = None, set()

    def stretch(self, rows: RowSource, cursor: int) -> None:
        """Let an open range reach to the cursor."""
        if self._anchor is None:
            return
        start = rows.index(self._anchor)
        if start is None:
            self._anchor, self._range = None, set()
            return
        low, high = sorted((start, cursor))
        self._range = {view.id for view in rows.between(low, high + 1)}

    def clear(self) -> bool:
        """Drop everything; say whether there was anything."""
        had = bool(self.marks or self._anchor)
        self.marks, self._anchor, self._range = set(), None, set()
        return had

    def prune(self, rows: RowSource) -> None:
        """Forget marks of downloads that are not in the rows."""
        if self.marks:
            self.marks = {id for id in self.marks if rows.index(id) is not None}
