"""The preview: the download at the cursor as the details show it, beside or below the table, live.

It asks the engine for one download at a time, never while keys repeat, and paints only lines that look different.
"""

from __future__ import annotations

import asyncio
import time

from textual import events, work
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.visual import Visual
from textual.widget import Widget

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.snapshots import DetailView, DownloadView

from . import preview_text
from .log_view import LogView
from .safe_text import words
from .session import Session
from .table import DownloadTable

REST = 0.08
"""Seconds without a key before a download at the cursor is looked up."""
FILES_A_SECOND = 2000
"""A package is looked up less often the more files it has: listing them is work for the engine."""
NOTHING = words(("Nothing is at the cursor.", "$tui-muted"))

BESIDE = (150, 20)
"""Columns and rows from which on it stands beside the table, unless it is switched off."""
BELOW = (100, 30)
"""Columns and rows from which on it stands below the table, where it was asked for."""


def placement(width: int, height: int, chosen: bool | None, *, plain: bool = False) -> str:
    """Say where the preview stands: `beside`, `below`, or nowhere; `chosen` is None until somebody chose."""
    if chosen is False or (chosen is None and plain):
        # A screen reader would read two things at once.
        return ""
    if width >= BESIDE[0] and height >= BESIDE[1]:
        return "beside"
    return "below" if chosen and width >= BELOW[0] and height >= BELOW[1] else ""


class Preview(Widget):
    """Lines about one download."""

    # Mutable state: what is shown, what is to be looked up and not before when, and the lines as they are drawn.
    def __init__(self, session: Session, log: LogView, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.where = ""
        self._session = session
        self._log = log
        self._detail: DetailView | None = None
        self._view: DownloadView | None = None
        self._wanted: DownloadView | None = None
        self._not_before = 0.0
        self._loading = False
        self._lines: list[Content] = []
        self._strips: dict[int, Strip] = {}

    @property
    def text(self) -> str:
        """What it says, for tests and screen readers."""
        return "\n".join(line.plain for line in self._lines)

    def follow(self, view: DownloadView | None) -> None:
        """Show a download; one that looks as before costs nothing."""
        before, self._view = self._view, view
        if view is None:
            self._detail = self._wanted = None
            self.draw()
        elif before is None or before.id != view.id:
            self._not_before = time.monotonic() + REST
            self._load_soon(view)
        elif before is not view:
            self._load_soon(view)
        elif view.waiting is not None:
            # It says how long the wait still is.
            self.draw()

    def _load_soon(self, view: DownloadView) -> None:
        self._wanted = view
        if not self._loading:
            self._loading = True
            self._load()

    @work(group="details", exit_on_error=False)
    async def _load(self) -> None:
        try:
            while self._wanted is not None:
                wait = self._not_before - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
                    continue
                view, self._wanted = self._wanted, None
                try:
                    self._detail = await self._session.desk.engine.get(view.id)
                except TuiDownloadsError:
                    # It was removed, or the service is away: what the list knows is shown.
                    self._detail = DetailView(view)
                self._not_before = time.monotonic() + len(self._detail.files) // 100 * 100 / FILES_A_SECOND
                if self._view is not None:
                    self.draw()
        finally:
            self._loading = False

    def on_click(self, event: events.Click) -> None:
        if event.chain == 2 and self._view is not None:
            self.post_message(DownloadTable.Opened())

    def on_resize(self) -> None:
        self._lines = []
        self.draw()

    def draw(self) -> None:
        """Write the lines anew and paint those that differ."""
        width, height = self.size.width, self.size.height
        if not width or not height:
            return
        lines = self._said(width, height)
        before, self._lines = self._lines, lines
        regions = []
        for y in range(max(len(before), len(lines))):
            if y < len(before) and y < len(lines) and _same(before[y], lines[y]):
                continue
            self._strips.pop(y, None)
            regions.append(Region(0, y, width, 1))
        if regions:
            self.refresh(*regions)

    def _said(self, width: int, height: int) -> list[Content]:
        detail = self._detail
        if detail is None:
            return [NOTHING] if self._view is None else []
        made = preview_text.below if self.where == "below" else preview_text.beside
        news = self._log.about(detail.download.id)
        return made(detail, news, self._session.clock(), width, height, self._session.glyphs)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        strip = self._strips.get(y)
        if strip is None:
            style = self.visual_style
            line = self._lines[y] if y < len(self._lines) else Content("")
            made = Visual.to_strips(self, line, width, 1, style, apply_selection=False)
            drawn = made[0] if made else Strip([])
            strip = self._strips[y] = drawn.adjust_cell_length(width, style.rich_style)
        return strip


def _same(left: Content, right: Content) -> bool:
    """Compare text and looks; Content itself compares only the text."""
    return left.plain == right.plain and left.spans == right.spans
