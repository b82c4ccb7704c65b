"""What dialogs share: an opaque box in the middle, a title, and escape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from tui_downloads.tui.safe_text import safe_text, words

T = TypeVar("T")


class Dialog(ModalScreen[T]):
    """A box over the screen that gives a result, or None when it is left."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Close", show=False)]
    heading = ""
    danger = False
    """Something is lost by saying yes."""
    hint = ""
    """Keys, at the bottom of the box."""

    def compose(self) -> ComposeResult:
        with Vertical(classes="box danger" if self.danger else "box") as box:
            box.border_title = safe_text(self.heading)
            yield from self.body()
            if self.hint:
                yield Static(words((self.hint, "$tui-muted")), classes="hint")

    def body(self) -> Iterable[Widget]:
        """Give what is in the box."""
        raise NotImplementedError

    def action_leave(self) -> None:
        self.dismiss(None)


def field(label: str, widget: Widget, note: str = "") -> Iterable[Widget]:
    """Give a label and its field for a two-column grid."""
    text = words(label, (f"  {note}", "$tui-muted")) if note else Content(label)
    yield Static(text, classes="label")
    yield widget
