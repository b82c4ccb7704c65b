"""A question before something is lost; No has the focus."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from tui_downloads.core.snapshots import DownloadView, FileView
from tui_downloads.tui import figures
from tui_downloads.tui.columns import shown_name
from tui_downloads.tui.safe_text import safe_text, words

from .base import Dialog

MOST_LISTED = 200


class ConfirmDialog(Dialog[bool]):
    """Ask yes or no."""

    AUTO_FOCUS = "#no"
    danger = True

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="dialog.yes"),
        Binding("n", "answer(False)", "No", id="dialog.no"),
        Binding("left,right,h,l", "switch", "Switch", show=False, id="dialog.switch"),
    ]
    hints = (("y", "yes", "answer(True)"), ("n", "no", "answer(False)"))

    def __init__(self, heading: str, lead: Content, lines: Sequence[Content], *, yes: str = "Yes") -> None:
        super().__init__()
        self.heading = heading
        self._lead = lead
        self._lines = lines
        self._yes = yes

    def body(self) -> Iterable[Widget]:
        yield Static(self._lead, classes="lead")
        if self._lines:
            # One Static for all lines: a thousand paths are one widget.
            yield VerticalScroll(Static(Content("\n").join(self._lines)), classes="lines", can_focus=False)

    def buttons(self) -> Iterable[Widget]:
        yield Button("No", id="no", compact=True)
        yield Button(Content(self._yes), id="yes", variant="error", compact=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)

    def action_switch(self) -> None:
        self.focus_next("Button")

    def action_leave(self) -> None:
        self.dismiss(False)


def removal(
    views: Sequence[DownloadView], width: int, files: Mapping[str, Sequence[FileView]] | None = None
) -> ConfirmDialog:
    """Ask before files are deleted: every path, and how much it is in all; `files` are those of whole packages."""
    finished = sum(1 for view in views if view.fraction == 1.0)
    total = sum(view.size if view.fraction == 1.0 and view.size else view.done for view in views)
    many = len(views)
    lead = words(
        "Delete ",
        (f"{many} downloads" if many != 1 else "1 download", "bold"),
        f" with {'their' if many != 1 else 'its'} files, {figures.size(total)} in all",
        f", {finished} of them finished?" if finished and many > 1 else "?",
        ("\nThis can't be undone.", "$tui-muted"),
    )
    lines: list[Content] = []
    room = max(20, min(84, width * 96 // 100) - 20)
    rest = 0
    for view in views:
        within = [file for file in (files or {}).get(view.id, ()) if file.done]
        if len(lines) + max(1, len(within)) > MOST_LISTED:
            rest += max(1, len(within))
            continue
        for file in within:
            path = safe_text(f"{view.folder.rstrip('/')}/{file.path}", width=room)
            lines.append(words((f"{figures.size(file.done):>9}  ", "$tui-muted"), path))
        if within:
            continue
        held = view.size if view.fraction == 1.0 and view.size else view.done
        # What has no name yet has no file either; its path would be the folder, which stays.
        where = safe_text(view.path if view.name else f"{shown_name(view)} (no file yet)", width=room)
        lines.append(words((f"{figures.size(held):>9}  ", "$tui-muted"), where))
    if rest:
        lines.append(words((f"and {rest} more", "$tui-muted")))
    return ConfirmDialog("Remove with files", lead, lines, yes="Delete")
