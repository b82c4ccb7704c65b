"""Where the preview stands on the main screen, whether it does, and what it follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Container

if TYPE_CHECKING:
    from .pane_screen import PaneScreen
    from .preview import Preview

NARROWEST = 100
"""Columns below which there is never one."""


class Previewing:
    """Keeps the preview of a screen in its place; until it is first shown there is none."""

    # Mutable state: what was chosen (None until somebody does) and the widget, once there is one.
    def __init__(self, screen: PaneScreen) -> None:
        self._screen = screen
        self.chosen: bool | None = None
        self.widget: Preview | None = None

    @property
    def remembered(self) -> str:
        """What was chosen, for the memory."""
        return "" if self.chosen is None else "yes" if self.chosen else "no"

    def recall(self, text: str) -> None:
        self.chosen = {"yes": True, "no": False}.get(text)

    @property
    def shown(self) -> bool:
        return self.widget is not None and bool(self.widget.display)

    def fits(self) -> bool:
        """Say whether the window has room for it."""
        return bool(self._place(chosen=True))

    def _place(self, *, chosen: bool | None) -> str:
        # Imported when it is first asked for: a small window never has one.
        size = self._screen.app.size
        if size.width < NARROWEST:
            return ""
        from .preview import placement

        return placement(size.width, size.height, chosen, plain=self._screen.session.settings.plain)

    def switch(self) -> bool:
        """Show or hide it; say whether there is room for it."""
        if not self.fits():
            return False
        self.chosen = not self.shown
        self.arrange()
        self._screen.memory.soon()
        return True

    def arrange(self) -> None:
        """Put it where the window has room for it, beside a pane with a table."""
        where = self._place(chosen=self.chosen) if self._screen.table is not None else ""
        panes = self._screen.query_one("#panes", Container)
        panes.set_class(where == "beside", "-beside")
        if where and self.widget is None:
            from .preview import Preview

            self.widget = Preview(self._screen.session, self._screen.log_view, id="preview")
            self.widget.where = where
            panes.mount(self.widget)
        if self.widget is not None:
            self.widget.where = where
            self.widget.display = bool(where)
        self.follow()

    def follow(self) -> None:
        """Let it show what is at the cursor, if anybody can see it."""
        widget, table = self.widget, self._screen.table
        if widget is not None and widget.display and table is not None and self._screen.is_current:
            widget.follow(table.cursor_view)
