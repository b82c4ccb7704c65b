"""The log pane: news of the engine, one line each, the newest at the bottom."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec import Struct
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui_downloads.core.lifecycle import State

from . import figures
from .looks import Palette
from .safe_text import elide, fit, visible

KEPT = 2000
WHAT = 14
"""Cells of the longest state with its glyph."""


class Entry(Struct, frozen=True):
    """One line of the log."""

    at: float
    what: str
    text: str
    style: str = "row"
    id: str = ""
    """The download it is about."""
    state: State | None = None
    """What that download became, where the line says so."""


Keep = Callable[[Entry], bool]


class LogView(ScrollView, can_focus=True, inherit_bindings=False):
    """Lines that scroll; it follows the newest until somebody scrolls up.

    What a filter leaves out is kept, and comes back without it.
    """

    DEFAULT_CSS = """
    LogView { height: 1fr; width: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; }
    """

    class Unseen(Message):
        """How many lines came while the view was elsewhere has changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._kept = self._entries
        """The lines that the filter lets through: the same lines where there is none."""
        self._keep: Keep | None = None
        self.unseen = 0
        self.following = True
        self._palette = Palette(self)

    @property
    def lines(self) -> list[str]:
        """The log as text, for tests and copying."""
        return [f"{entry.what} {entry.text}".strip() for entry in self._kept]

    def about(self, id: str) -> list[tuple[float, str]]:
        """Give what became of one download, as far as the log reaches back."""
        return [(entry.at, entry.what) for entry in self._entries if entry.id == id and entry.state]

    def add(self, entry: Entry) -> None:
        """Add a line at the bottom."""
        dropped = self._entries[0] if len(self._entries) == KEPT else None
        self._entries.append(entry)
        if self._keep is not None:
            if dropped is not None and self._kept and self._kept[0] is dropped:
                self._kept.popleft()
            if not self._keep(entry):
                return
            self._kept.append(entry)
        self.virtual_size = Size(self.size.width, len(self._kept))
        if not self.display or not self.following:
            self.unseen += 1
            self.post_message(self.Unseen())
        if self.display:
            self._follow()
            self.refresh()

    def filter(self, keep: Keep | None) -> None:
        """Show only the lines that pass, or all."""
        self._keep = keep
        self._kept = self._entries if keep is None else deque(entry for entry in self._entries if keep(entry))
        self.following = True
        self.virtual_size = Size(self.size.width, len(self._kept))
        if self.display:
            self._follow()
            self.refresh()

    def _follow(self) -> None:
        """Show the newest line, unless somebody looks at older ones."""
        if self.following:
            self.scroll_to(y=max(0, len(self._kept) - self.size.height), animate=False, force=True)

    def seen(self) -> None:
        """Hear that the view came into sight."""
        self.unseen = 0
        self.post_message(self.Unseen())
        self.call_after_refresh(self._follow)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self.display and self.size.height:
            self.following = round(new_value) >= len(self._kept) - self.size.height
            if self.following and self.unseen:
                self.unseen = 0
                self.post_message(self.Unseen())

    def move_by(self, count: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + count, animate=False, force=True)

    def move_to(self, line: int) -> None:
        self.scroll_to(y=max(0, line), animate=False, force=True)

    @property
    def page(self) -> int:
        return max(1, self.size.height - 1)

    def on_resize(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._kept))
        self._follow()

    def _look(self, name: str) -> Style:
        return self._palette["row"] + self._palette[name]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette.clear()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        place = self.scroll_offset.y + y
        row = self._look("row")
        if not self._kept and y == 1:
            said = (
                "Nothing in the log matches; esc clears the filter." if self._entries else "Nothing has happened yet."
            )
            return Strip([Segment(elide(f"   {said}", width), self._look("muted"))]).adjust_cell_length(width, row)
        if place >= len(self._kept):
            return Strip.blank(width, row)
        entry = self._kept[place]
        lead, gap = ("   ", "  ") if width >= 60 else (" ", " ")
        when = f"{lead}{figures.clock(entry.at)}{gap}"
        segments = [
            Segment(when, self._look("muted")),
            Segment(fit(entry.what, WHAT) + " ", self._look(entry.style)),
            Segment(elide(visible(entry.text), max(8, width - len(when) - WHAT - 2)), row),
        ]
        return Strip(segments).adjust_cell_length(width, row)
