"""The help page, generated from the bindings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from tui_downloads.tui.actions import ACTIONS, GROUPS, shown_keys
from tui_downloads.tui.safe_text import pad, words

from .base import Dialog

FILTERS = (
    ("ubuntu iso", "both words in name, link, folder or error"),
    ("state:failed,paused", "one of these states"),
    ("host:example  size>1g  age<2d", "fields and comparisons"),
    ("-host:example", "turned round"),
)


class HelpDialog(Dialog[None]):
    """Every key, by group."""

    heading = "Keys"
    AUTO_FOCUS = "VerticalScroll"
    hint = "esc or ? close"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,f1", "leave", show=False),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]

    def __init__(self, keymap: Mapping[str, str]) -> None:
        super().__init__()
        self._keymap = keymap

    def body(self) -> Iterable[Widget]:
        yield VerticalScroll(Static(help_text(self._keymap)), classes="lines")

    def action_scroll(self, by: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)


def help_text(keymap: Mapping[str, str]) -> Content:
    """Write the help."""
    lines: list[Content] = []
    for group in GROUPS:
        lines.append(words((group, "bold $accent")))
        for action in ACTIONS:
            if action.group == group:
                keys = " ".join(shown_keys(action, keymap))
                lines.append(words((f"  {pad(keys, 12)}", "bold"), f"  {action.title}"))
        lines.append(Content(""))
    lines.append(words(("Filter", "bold $accent")))
    lines += [words((f"  {example:<31}", "bold"), f"  {meaning}") for example, meaning in FILTERS]
    lines.append(Content(""))
    lines.append(words(("The mouse works wherever a key does: click, double click, ctrl+click, wheel.", "$tui-muted")))
    return Content("\n").join(lines)
