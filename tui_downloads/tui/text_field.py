"""A field of several lines; apart from the others because its widget is slow to import."""

from __future__ import annotations

from textual import events
from textual.strip import Strip
from textual.widgets import TextArea

from .fields import clean_lines


class SafeTextArea(TextArea):
    """Several lines of text that are safe to draw; tab leaves the field."""

    DEFAULT_CSS = """
    SafeTextArea { border: none; padding: 0 1; background: $tui-field; scrollbar-size-vertical: 1; }
    SafeTextArea:focus { border: none; background: $tui-field-focus; }
    """

    def render_line(self, y: int) -> Strip:
        # Textual wraps the placeholder to the width there is, and can't where there is none.
        return super().render_line(y) if self.content_size.width else Strip.blank(self.size.width)

    async def _on_paste(self, event: events.Paste) -> None:
        event.text = clean_lines(event.text)
        await super()._on_paste(event)
