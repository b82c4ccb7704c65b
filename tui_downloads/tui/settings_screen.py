"""The settings: each with its explanation, written to the same file, comments kept."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from tui_downloads.core.errors import TuiDownloadsError

from .actions import elsewhere
from .dialogs.base import step
from .dialogs.choice import Choice, ChoiceDialog
from .fields import SafeInput
from .line_bar import LineBar, Part
from .options import SettingEntry, SettingsBook
from .safe_text import elide, elide_end, pad, safe_text, typed, visible, words

WIDE, VALUE = 108, 26
"""Cells of a line from which on it holds the explanation, too, and those of the value before it."""
LOW = 20
"""Lines of a terminal below which the list needs every one."""


class SettingsScreen(Screen[bool]):
    """A list of settings, the explanation of the one at the cursor, and a line to change it. Gives whether any was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        elsewhere("settings.leave", "leave"),
        Binding("j", "step(1)", show=False, id="list.down"),
        Binding("k", "step(-1)", show=False, id="list.up"),
        elsewhere("settings.restore", "restore"),
    ]

    def __init__(self, book: SettingsBook) -> None:
        super().__init__()
        self._book = book
        self._entries: list[SettingEntry] = []
        self._places: list[SettingEntry | None] = []
        self._changed = False
        self._writing = asyncio.Lock()
        """Held while a value goes into the file: leaving waits for it, and so does the next one."""

    def compose(self) -> ComposeResult:
        yield LineBar(id="tabs")
        yield OptionList(id="settings", compact=True, markup=False)
        with Vertical(id="explained"):
            yield VerticalScroll(Static("", id="explanation"), can_focus=False)
            yield SafeInput(id="value")
            yield Static("", id="problem", classes="problem")
        yield LineBar(id="keys")

    def on_mount(self) -> None:
        self.query_one("#value").display = False
        self._open()
        self.query_one(OptionList).focus()
        self._bars()

    def on_resize(self) -> None:
        if self._entries:
            self._fill(self.query_one(OptionList).highlighted or 1)
        self._bars()

    def _bars(self) -> None:
        title = [Part("  Settings  ", "strong"), Part(f"{self._book.path} ", "muted", right=True, rank=1)]
        self.query_one("#tabs", LineBar).show(title)
        keys = [("enter", "change", "change"), ("r", "default", "restore"), ("esc", "back", "leave")]
        parts = [Part(" ")]
        for key, label, action in keys:
            parts += [Part(key, "key", action), Part(f" {label}  ", "muted", action)]
        self.query_one("#keys", LineBar).show(parts)

    def _fill(self, place: int) -> None:
        menu = self.query_one(OptionList)
        width = max(24, self.size.width - 4)
        name_width = min(max([20, *(len(_short(entry)) for entry in self._entries)]) + 2, width // 2)
        options: list[Option] = []
        self._places = []
        group = ""
        for entry in self._entries:
            if entry.group != group:
                if group:
                    options.append(Option(words(" "), disabled=True))
                    self._places.append(None)
                group = entry.group
                options.append(Option(words((f" {group}", "bold $accent")), disabled=True))
                self._places.append(None)
            name = pad(elide("  " + _short(entry), name_width), name_width)
            touched = entry.value != entry.default
            room = width - name_width - 2
            value = elide(visible(entry.value) or "–", VALUE - 2 if width >= WIDE else room)
            look = "bold" if touched else "$tui-muted"
            if width >= WIDE:
                # There is room for what each is about, so that nobody has to visit every line.
                said = elide_end(visible(entry.explanation), room - VALUE)
                options.append(Option(words(name, (pad(value, VALUE), look), (said, "$tui-muted"))))
            else:
                options.append(Option(words(name, (value, look))))
            self._places.append(entry)
        menu.clear_options()
        menu.add_options(options)
        menu.highlighted = min(place, len(options) - 1) if options else None

    @property
    def _low(self) -> bool:
        return self.size.height < LOW

    @property
    def entry(self) -> SettingEntry | None:
        """The setting at the cursor."""
        place = self.query_one(OptionList).highlighted
        return self._places[place] if place is not None and place < len(self._places) else None

    @on(OptionList.OptionHighlighted)
    def _explain(self) -> None:
        entry = self.entry
        if entry is None:
            return
        later = "" if entry.live else "   from the next start on"
        lines = [words((entry.key, "bold"), (later, "$warning"))]
        lines.append(words(entry.explanation, ("   from the next start on" if self._low and later else "", "$warning")))
        known = f"default: {visible(entry.default) or '–'}"
        if entry.choices:
            known += "   one of: " + ", ".join(entry.choices)
        lines.append(words((known, "$tui-muted")))
        if self._low:
            # The name is read at the cursor; the lines are needed for the list.
            del lines[0]
        self.query_one("#explanation", Static).update(Content("\n").join(lines))
        self._tell("")

    @on(OptionList.OptionSelected)
    def _edit(self) -> None:
        entry = self.entry
        if entry is None:
            return
        if entry.toggle:
            self._write(entry, "false" if entry.value == "true" else "true")
        elif entry.choices:
            choices = [Choice(choice, choice or "–", current=choice == entry.value) for choice in entry.choices]
            self.app.push_screen(ChoiceDialog(entry.key, choices), self._chosen)
        else:
            box = self.query_one("#value", SafeInput)
            # A secret is not shown; what is typed replaces it, and nothing typed leaves it.
            box.password = entry.secret
            box.value = "" if entry.secret else typed(entry.value)
            box.placeholder = "type a new one; r takes it away" if entry.secret else visible(entry.default)
            box.display = True
            box.focus()

    def _chosen(self, value: str | None) -> None:
        if value is not None and self.entry is not None:
            self._write(self.entry, value)

    @on(Input.Submitted, "#value")
    def _typed(self, event: Input.Submitted) -> None:
        if self.entry is not None:
            self._write(self.entry, event.value)

    @work(group="command", exit_on_error=False)
    async def _write(self, entry: SettingEntry, value: str, *, restore: bool = False) -> None:
        async with self._writing:
            if entry.secret and not value and not restore:
                self._close_box()
                return
            try:
                await asyncio.to_thread(self._book.write, entry.key, value)
            except TuiDownloadsError as error:
                self._tell(f"{error.message} {error.next_step}")
                return
            self._changed = True
            await self._read(self.query_one(OptionList).highlighted or 1)
            if self.query_one("#value").display:
                self._close_box()

    @work(exclusive=True, group="command", exit_on_error=False)
    async def _open(self) -> None:
        await self._read(1)

    async def _read(self, place: int) -> None:
        self._entries = list(await asyncio.to_thread(self._book.entries))
        self._fill(place)

    def _tell(self, problem: str) -> None:
        line = self.query_one("#problem", Static)
        line.update(safe_text(problem, "$error"))
        line.display = bool(problem)

    def _close_box(self) -> None:
        self.query_one("#value").display = False
        self.query_one(OptionList).focus()

    @on(LineBar.Clicked)
    async def _bar_clicked(self, event: LineBar.Clicked) -> None:
        await self.run_action(event.action)

    def action_change(self) -> None:
        """Change the setting at the cursor, or take what was typed."""
        box = self.query_one("#value", SafeInput)
        if box.display and self.entry is not None:
            self._write(self.entry, box.value)
        else:
            self._edit()

    def action_restore(self) -> None:
        if self.entry is not None:
            self._write(self.entry, self.entry.default, restore=True)

    def action_step(self, by: int) -> None:
        step(self.query_one(OptionList), by)

    async def action_leave(self) -> None:
        if self.query_one("#value").display:
            self._close_box()
            return
        await asyncio.sleep(0)  # a write that was just asked for takes its turn
        async with self._writing:
            self.dismiss(self._changed)


def _short(entry: SettingEntry) -> str:
    """Give a setting's name below its group."""
    return entry.key.removeprefix(f"{entry.group.lower()}.").replace("_", " ")
