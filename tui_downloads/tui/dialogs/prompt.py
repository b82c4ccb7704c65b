"""One line of text: a new link for a download whose link has expired."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.links import parse_link
from tui_downloads.core.snapshots import DownloadView
from tui_downloads.tui import figures
from tui_downloads.tui.advice import next_step
from tui_downloads.tui.fields import SafeInput
from tui_downloads.tui.safe_text import safe_text, typed, words

from .base import Dialog, problem_line


class RefreshDialog(Dialog[str]):
    """Ask for a fresh link; empty text means to try the old one again."""

    heading = "Retry, or refresh the link"
    AUTO_FOCUS = "SafeInput"
    hints = (("enter", "go on", "take"), ("esc", "leave", "leave"))

    def __init__(self, view: DownloadView) -> None:
        super().__init__()
        self._view = view

    def body(self) -> Iterable[Widget]:
        view = self._view
        lines = [words((safe_text(view.name or view.url, width=64).plain, "bold"))]
        if view.error:
            lines.append(safe_text(view.error.message, "$error"))
            lines.append(safe_text(next_step(view.error), "$tui-muted"))
        kept = f"{figures.size(view.done)} are here; what is the same under a new link is kept." if view.done else ""
        if kept:
            lines.append(words((kept, "$tui-muted")))
        yield Static(Content("\n").join(lines), classes="lead")
        yield SafeInput(value=typed(view.url), placeholder="A fresh link to the same file")
        yield problem_line()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.action_take()

    def action_take(self) -> None:
        text = self.query_one(SafeInput).value.strip()
        if not text or text == self._view.url:
            self.dismiss("")
            return
        try:
            parse_link(text)
        except TuiDownloadsError as error:
            self.refuse(f"{error.message} {error.next_step}")
            return
        self.dismiss(text)
