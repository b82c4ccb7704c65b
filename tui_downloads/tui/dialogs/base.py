"""What dialogs share: an opaque box in the middle, a title, keys that can be clicked, and escape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import OptionList, Static

from tui_downloads.tui.actions import elsewhere
from tui_downloads.tui.line_bar import LineBar, Part
from tui_downloads.tui.safe_text import safe_text, words

T = TypeVar("T")
Hint = tuple[str, str, str]
"""Key, what it does, and the action that a click runs."""


class Dialog(ModalScreen[T]):
    """A box over the screen that gives a result, or None when it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [elsewhere("dialog.leave", "leave")]
    heading = ""
    danger = False
    """Something is lost by saying yes."""
    hints: tuple[Hint, ...] = (("esc", "leave", "leave"),)
    """Keys, at the bottom of the box."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="box danger" if self.danger else "box") as box:
            box.border_title = safe_text(self.heading)
            # Stands in for the border's title where there is no border: in plain mode.
            yield Static(words((self.heading, "bold")), classes="heading")
            yield from self.body()
            with Horizontal(classes="foot"):
                yield LineBar(id="hints")
                yield from self.buttons()

    def on_mount(self) -> None:
        parts: list[Part] = []
        last = len(self.hints) - 1
        for place, (key, label, action) in enumerate(self.hints):
            # The first thing stays longest, then the last, leaving; what is between gives way from the right.
            rank = 1 if place == 0 else 2 if place == last else 2 + place
            gap = "" if place == last else "   "
            parts += [Part(key, "key", action, rank), Part(f" {label}{gap}", "muted", action, rank)]
        self.query_one("#hints", LineBar).show(parts)

    @on(LineBar.Clicked)
    async def _hint_clicked(self, event: LineBar.Clicked) -> None:
        await self.run_action(event.action)

    def body(self) -> Iterable[Widget]:
        """Give what is in the box."""
        raise NotImplementedError

    def buttons(self) -> Iterable[Widget]:
        """Give what stands at the right of the last line."""
        return ()

    def refuse(self, sentence: str) -> None:
        """Say in the dialog why it can't be taken as it is."""
        problem = self.query_one("#problem", Static)
        problem.update(safe_text(sentence, "$error"))
        problem.display = True

    def action_leave(self) -> None:
        self.dismiss(None)


def step(menu: OptionList, by: int) -> None:
    """Move a list's cursor one place down, or up where `by` is negative."""
    if by > 0:
        menu.action_cursor_down()
    else:
        menu.action_cursor_up()


def problem_line() -> Static:
    """Give the line for `refuse`; it takes no room while it has nothing to say."""
    line = Static("", id="problem", classes="problem")
    line.display = False
    return line


def field(label: str, widget: Widget, note: str = "") -> Iterable[Widget]:
    """Give a label and its field for a two-column grid."""
    text = words(label, (f"  {note}", "$tui-muted")) if note else Content(label)
    yield Static(text, classes="label")
    yield widget
