"""The help page, generated from the bindings; a line that is chosen does what its key does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widget import Widget
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui_downloads.tui.actions import ACTIONS, ELSEWHERE, GROUPS, Action, shown_keys
from tui_downloads.tui.safe_text import elide_end, pad, words

from .base import Dialog, step

KEYS, TITLE, LEFT = 13, 38, 30
NARROW, FEW_KEYS = 60, 6
WIDE = 92
"""Cells of a terminal from which on the ids are shown, too."""
FILTERS = (
    ("ubuntu iso", "both words in name, link, folder or error"),
    ("state:failed,paused", "one of these states"),
    ("host:example  size>1g  age<2d", "fields and comparisons"),
    ("-host:example", "turned round"),
)
MOUSE = (
    ("click", "move there; on a title: sort by it"),
    ("ctrl+click, or the left edge", "mark"),
    ("shift+click", "mark a range"),
    ("double click", "details"),
    ("right click", "everything that can be done with it"),
)


class HelpDialog(Dialog[str]):
    """Every key, by group. Gives the method of the action that was chosen."""

    heading = "Keys"
    AUTO_FOCUS = "OptionList"
    hints = (("enter", "do it", "take"), ("esc", "close", "leave"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,q,f1", "leave", show=False, id="help.leave"),
        Binding("j", "step(1)", show=False, id="list.down"),
        Binding("k", "step(-1)", show=False, id="list.up"),
    ]

    def __init__(self, keymap: Mapping[str, str], possible: Callable[[Action], bool] = lambda action: True) -> None:
        super().__init__()
        self._keymap = keymap
        self._possible = possible

    def body(self) -> Iterable[Widget]:
        options: list[Option] = []
        for group in GROUPS:
            options.append(_head(group, first=not options))
            for action in ACTIONS:
                if action.group == group:
                    options.append(self._line(action))
        for group in dict.fromkeys(action.group for action in ELSEWHERE):
            options.append(_head(group))
            options += [self._line(action) for action in ELSEWHERE if action.group == group]
        for title, pairs in (("Filter", FILTERS), ("Mouse", MOUSE)):
            options.append(_head(title))
            options += [Option(words((f"  {pad(left, LEFT)}", "bold"), f" {right}")) for left, right in pairs]
        yield OptionList(*options, compact=True, markup=False)

    def _line(self, action: Action) -> Option:
        keys = " ".join(shown_keys(action, self._keymap))
        here = action not in ELSEWHERE
        can = not here or self._possible(action)
        look = ("bold", "") if can else ("$tui-muted", "$tui-muted")
        # The id is what a keymap file calls it.
        id = action.id if self.app.size.width >= WIDE else ""
        title = pad(action.title, TITLE) if id else action.title
        narrow = self.app.size.width < NARROW
        left = f" {pad(keys, FEW_KEYS)}" if narrow else f"  {pad(keys, KEYS)}"
        if narrow:
            title = elide_end(title, max(12, self.app.size.width - len(left) - 8))
        text = words((left, look[0]), (title, look[1]), (id, "$tui-muted"))
        return Option(text, id=action.method if here else None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id is not None:
            self.dismiss(event.option_id)

    def action_take(self) -> None:
        self.query_one(OptionList).action_select()

    def action_step(self, by: int) -> None:
        step(self.query_one(OptionList), by)


def _head(text: str, *, first: bool = False) -> Option:
    return Option(words("" if first else "\n", (text, "bold $accent")), disabled=True)
