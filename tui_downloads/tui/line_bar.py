"""A one-line widget of parts; painted only when it says something new, and a part may be clicked."""

from __future__ import annotations

from msgspec import Struct
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from .looks import Palette
from .safe_text import elide, visible


class Part(Struct, frozen=True):
    """Some text in one style."""

    text: str
    style: str = "text"
    action: str = ""
    """What a click does: a method of the main screen."""
    rank: int = 0
    """Parts with a higher rank give way first when the line is full."""
    right: bool = False
    """Stands at the right edge."""


class LineBar(Widget):
    """A line of parts from the left and from the right."""

    DEFAULT_CSS = "LineBar { height: 1; width: 1fr; background: $tui-line; color: $foreground; }"

    class Clicked(Message):
        """A part that does something was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._parts: tuple[Part, ...] = ()
        self._cells: list[tuple[str, str]] = []
        self._hits: list[tuple[int, int, str]] = []
        self._palette = Palette(self)

    def show(self, parts: list[Part]) -> None:
        """Draw these parts; equal ones cost nothing."""
        wanted = tuple(parts)
        if wanted == self._parts:
            return
        self._parts = wanted
        before = self._cells
        self._lay_out()
        # The compositor sends whole lines of a widget, so nothing is won by naming single cells.
        if before != self._cells:
            self.refresh()

    @property
    def text(self) -> str:
        """What the line says, for tests and screen readers."""
        return "".join(cell for cell, _ in self._cells)

    def on_resize(self) -> None:
        self._lay_out()
        self.refresh()

    def _lay_out(self) -> None:
        width = self.size.width
        parts = [Part(visible(p.text), p.style, p.action, p.rank, p.right) for p in self._parts]
        used = sum(cell_len(part.text) for part in parts)
        for rank in sorted({part.rank for part in parts if part.rank}, reverse=True):
            if used <= width:
                break
            parts = [part for part in parts if part.rank != rank]
            used = sum(cell_len(part.text) for part in parts)
        left = [part for part in parts if not part.right]
        right = [part for part in parts if part.right]
        self._cells, self._hits = [], []
        self._place(left, width)
        room = width - sum(cell_len(part.text) for part in right)
        self._cells = self._cells[: max(0, room)] if right else self._cells[:width]
        self._cells += [(" ", "text")] * max(0, room - len(self._cells))
        self._place(right, width)
        self._cells = self._cells[:width] + [(" ", "text")] * (width - len(self._cells))

    def _place(self, parts: list[Part], width: int) -> None:
        for part in parts:
            start = len(self._cells)
            for char in elide(part.text, max(0, width - start)):
                cells = cell_len(char)
                if cells == 0 and self._cells:
                    self._cells[-1] = (self._cells[-1][0] + char, part.style)
                else:
                    # A wide character takes two places; the second is empty.
                    self._cells += [(char, part.style)] + [("", part.style)] * (cells - 1)
            if part.action:
                self._hits.append((start, len(self._cells), part.action))

    def render_line(self, y: int) -> Strip:
        segments: list[Segment] = []
        run, style = "", self._cells[0][1] if self._cells else "text"
        for text, look in self._cells:
            # A blank has no colour of its own and goes with what is before it, unless a background is at stake.
            if look != style and not (text == " " and "chosen" not in (look, style)):
                if run:
                    segments.append(Segment(run, self._look(style)))
                run, style = "", look
            run += text
        if run:
            segments.append(Segment(run, self._look(style)))
        return Strip(segments).adjust_cell_length(self.size.width, self._look("text"))

    def _look(self, name: str) -> Style:
        # What went wrong stands out in a line of many things.
        return self.rich_style + self._palette["alarm" if name == "error" else name]

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette.clear()

    def on_click(self, event: events.Click) -> None:
        for start, stop, action in self._hits:
            if start <= event.x < stop:
                self.post_message(self.Clicked(action))
                return
