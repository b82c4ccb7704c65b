"""Menus: choose one thing, or several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from msgspec import Struct
from rich.cells import cell_len
from textual import events, on
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui_downloads.tui.safe_text import pad, safe_text, words

from .base import Dialog, step

ROOM_FOR_NOTES = 70
"""Cells of a terminal below which a line of a menu is its label alone."""


class Choice(Struct, frozen=True):
    """One line of a menu."""

    key: str
    label: str
    note: str = ""
    current: bool = False
    shortcut: str = ""
    """A letter that chooses it at once."""


class ChoiceDialog(Dialog[str]):
    """Choose one of a few lines."""

    AUTO_FOCUS = "OptionList"
    hints = (("enter", "choose", "take"), ("esc", "leave", "leave"))
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "step(1)", show=False, id="list.down"),
        Binding("k", "step(-1)", show=False, id="list.up"),
        Binding("q", "leave", show=False, id="list.leave"),
    ]

    def __init__(self, heading: str, choices: Sequence[Choice], *, lead: str = "") -> None:
        slim = not lead and not any(choice.note for choice in choices)
        super().__init__(classes="-slim" if slim else None)
        self.heading = heading
        self._choices = choices
        self._lead = lead

    def body(self) -> Iterable[Widget]:
        if self._lead:
            yield Static(safe_text(self._lead), classes="lead")
        wide = max(cell_len(choice.label) for choice in self._choices)
        notes = self.app.size.width >= ROOM_FOR_NOTES
        keys = max(len(choice.shortcut) for choice in self._choices)
        options = []
        for choice in self._choices:
            key = f"{choice.shortcut:<{keys}}  " if keys else ("* " if choice.current else "  ")
            note = f"   {choice.note}" if notes and choice.note else ""
            label = pad(choice.label, wide) if note else choice.label
            options.append(Option(words((key, "$accent bold"), label, (note, "$tui-muted"))))
        menu = OptionList(*options, compact=True, markup=False)
        current = next((at for at, choice in enumerate(self._choices) if choice.current), 0)
        menu.highlighted = current
        yield menu

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._choices[event.option_index].key)

    def action_step(self, by: int) -> None:
        step(self.query_one(OptionList), by)

    def action_take(self) -> None:
        self.query_one(OptionList).action_select()

    def on_key(self, event: events.Key) -> None:
        for choice in self._choices:
            if choice.shortcut and choice.shortcut in (event.character, event.key):
                # The key has done its work: the screen below has other plans for it.
                event.stop()
                event.prevent_default()
                self.dismiss(choice.key)
                return


class SeveralDialog(Dialog[tuple[str, ...]]):
    """Choose any number of lines, in the order they are listed."""

    AUTO_FOCUS = "OptionList"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "switch", "Switch", id="dialog.switch"),
        Binding("enter", "take", "Take", priority=True, id="dialog.take"),
        Binding("d", "defaults", id="dialog.defaults"),
        Binding("j", "step(1)", show=False, id="list.down"),
        Binding("k", "step(-1)", show=False, id="list.up"),
    ]

    hints = (
        ("space", "switch", "switch"), ("enter", "take", "take"), ("d", "defaults", "defaults"),
        ("esc", "leave", "leave"),
    )  # fmt: skip

    def __init__(self, heading: str, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.heading = heading
        self._choices = choices
        self._chosen = {choice.key for choice in choices if choice.current}

    def body(self) -> Iterable[Widget]:
        yield OptionList(*(Option(self._line(choice)) for choice in self._choices), compact=True, markup=False)

    def _line(self, choice: Choice) -> Content:
        on = choice.key in self._chosen
        return words(("[x] " if on else "[ ] ", "$accent bold" if on else "$tui-muted"), choice.label)

    @on(OptionList.OptionSelected)
    def _clicked(self) -> None:
        self.action_switch()

    def action_switch(self) -> None:
        menu = self.query_one(OptionList)
        place = menu.highlighted
        if place is not None:
            self._chosen ^= {self._choices[place].key}
            menu.replace_option_prompt_at_index(place, self._line(self._choices[place]))

    def action_step(self, by: int) -> None:
        step(self.query_one(OptionList), by)

    def action_take(self) -> None:
        self.dismiss(tuple(choice.key for choice in self._choices if choice.key in self._chosen))

    def action_defaults(self) -> None:
        self.dismiss(())
