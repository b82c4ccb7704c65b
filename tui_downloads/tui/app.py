"""The app: one timer pulls snapshots, one worker follows the news, screens do the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, cast

from msgspec.structs import replace
from textual import events, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.driver import Driver
from textual.screen import Screen
from textual.timer import Timer

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import Event

from .actions import remapped
from .announcer import Announcer
from .columns import STATE_STYLES, shown_name
from .log_view import Entry
from .main_screen import MainScreen
from .palette import PaletteProvider
from .rows import difference
from .safe_text import visible
from .session import Follower, Session
from .themes import DARK, LIGHT, SHORT, shades

RECONNECT = 2.0
JUST_BEFORE = 5.0
"""Seconds before the start from which on what has ended is still shown in Active."""
Severity = Literal["information", "warning", "error"]


class DownloadsApp(App[int], inherit_bindings=False):
    """The screen of an engine."""

    CSS_PATH = "app.tcss"
    TITLE = "tui-downloads"
    COMMANDS: ClassVar[set[type[Provider]]] = {PaletteProvider}  # type: ignore[assignment]
    COMMAND_PALETTE_BINDING = "ctrl+p"
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "leave", "Quit", show=False, id="app.quit"),
        Binding("ctrl+c", "help_quit", show=False, system=True, id="app.interrupt"),
        Binding("ctrl+l", "redraw", show=False, id="app.redraw"),
    ]
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (80, "-medium"), (100, "-roomy"), (120, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-mid"), (30, "-tall")]  # noqa: RUF012

    def __init__(
        self,
        session: Session,
        *,
        links: Sequence[str] = (),
        driver_class: type[Driver] | None = None,
        opened: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class)
        self.session = session
        self._links = tuple(links)
        self._opened = opened
        self._timer: Timer | None = None
        self._sampled = float("-inf")
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self._use_theme(session.settings.theme)
        self._variables = self.get_css_variables()
        self.stylesheet.set_variables(self._variables)
        # What was given on the command line may have ended while the screen was being made.
        session.opened_at = session.clock() - JUST_BEFORE
        session.snapshot = session.desk.engine.snapshot()
        self.set_class(not session.glyphs.frame, "-ascii", update=False)
        self.set_class(session.settings.plain, "-plain", update=False)
        self.main = MainScreen(session)
        self.announcer = Announcer(self._write, session.settings)
        self._take_keys()

    def get_css_variables(self) -> dict[str, str]:
        self.theme_variables = {**super().get_css_variables(), **shades(self.current_theme)}
        return self.theme_variables

    def refresh_css(self, animate: bool = True) -> None:
        """Parse the rules anew, unless the theme says what they were parsed with: at the start it does."""
        variables = self.get_css_variables()
        if variables == self._variables:
            return
        self._variables = variables
        super().refresh_css(animate)

    def get_default_screen(self) -> Screen[None]:
        """Begin with the main screen itself: one below it would be mounted, styled and drawn for nobody."""
        return self.main

    def on_mount(self) -> None:
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.pull()
        self._start_timer()
        self.follow_news()
        self._tell_trouble()
        if self._opened is not None:
            self._opened()
        if self._links and not self.session.read_only:
            self.main.action_download_add("\n".join(self._links))

    # Looking at the engine.

    def _start_timer(self) -> None:
        settings = self.session.settings
        slow = self.session.far or settings.plain or not self.app_focus
        tick = max(settings.tick, settings.slow_tick) if slow else settings.tick
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_interval(tick, self.pull)

    def _watch_app_focus(self, focus: bool) -> None:
        super()._watch_app_focus(focus)
        if self._timer is not None:
            self._start_timer()

    def pull(self) -> None:
        """Take the newest snapshot and show what differs."""
        if self._exit:
            return
        session = self.session
        before = session.snapshot
        snapshot = session.desk.engine.snapshot()
        now = session.clock()
        session.snapshot = snapshot
        if now >= self._sampled + 1 and (snapshot.totals.speed or any(session.speeds)):
            self._sampled = now
            session.speeds.append(snapshot.totals.speed)
        changes = difference(before.downloads, snapshot.downloads)
        failed = self.announcer.take(snapshot, changes, now)
        if failed:
            more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
            self.say(f"Failed: {failed[0]}{more}. 4 shows why.", "warning")
        moving = snapshot.totals.active or snapshot.totals.waiting
        if snapshot is not before or moving or self.main.seen.revision < 0:
            self.main.take(snapshot, changes if self.main.seen is before else None)
            for screen in self.screen_stack:
                if isinstance(screen, Follower):
                    screen.take_news()
        self._repaint_if_behind()

    def _repaint_if_behind(self) -> None:
        caught_up = getattr(self._driver, "caught_up", None)
        if caught_up is not None and caught_up():
            self.screen.refresh(layout=True)

    @work(group="news", exit_on_error=False)
    async def follow_news(self) -> None:
        """Fill the log pane; after a break go on from now."""
        while True:
            try:
                async for event in self.session.desk.engine.events():
                    entry = self._entry(event)
                    if entry is not None:
                        self.main.log_view.add(entry)
            except TuiDownloadsError as error:
                self.main.log_view.add(Entry(self.session.clock(), "connection", error.message, "warning"))
            await asyncio.sleep(RECONNECT)

    def _entry(self, event: Event) -> Entry | None:
        if event.type in ("progress", "file"):
            return None
        view = self.session.snapshot.downloads.get(event.id) or self.session.desk.engine.snapshot().downloads.get(
            event.id
        )
        name = shown_name(view) if view is not None else str(event.data.get("name") or event.id[:8])
        if event.type == "state":
            try:
                state = State(event.state)
            except ValueError:
                return None
            glyph = self.session.glyphs.states[state]
            text = name
            if state is State.FAILED and view is not None and view.error is not None:
                text = f"{name}: {view.error.message}"
            return Entry(event.at, f"{glyph} {state.value}".strip(), text, STATE_STYLES[state], event.id, state)
        if event.type == "gap":
            return Entry(event.at, "gap", "Some news were missed; the list is current.", "warning")
        said = event.data.get("message") or event.data.get("text")
        return Entry(event.at, event.type, f"{name}: {said}" if said else name, "muted", event.id)

    # Speaking.

    def say(self, sentence: str, severity: str = "information") -> None:
        """Show a sentence for a few seconds."""
        self.notify(visible(sentence), severity=cast(Severity, severity), timeout=6, markup=False)

    def _write(self, sequence: str) -> None:
        if self._driver is not None and not self.is_headless:
            self._driver.write(sequence)

    # Looks and settings.

    def _use_theme(self, name: str) -> None:
        chosen = SHORT.get(name, name)
        self.theme = chosen if chosen in self.available_themes else DARK.name

    def _take_keys(self) -> None:
        """Put the user's keys in force."""
        keys, self._trouble = remapped(self.session.settings.keys)
        self.set_keymap(keys)

    def _tell_trouble(self) -> None:
        for sentence in (self.session.settings.trouble, self._trouble):
            if sentence:
                self.say(sentence, "warning")

    def switch_theme(self) -> None:
        """Change between light and dark."""
        self.theme = LIGHT.name if self.current_theme.dark else DARK.name

    def settings_changed(self, changed: bool | None) -> None:
        """Take over what the settings screen wrote."""
        if changed:
            self._take_settings()

    @work(exclusive=True, group="command", exit_on_error=False)
    async def _take_settings(self) -> None:
        book = self.session.book
        if book is None:
            return
        written = await asyncio.to_thread(book.screen)
        settings = replace(written, ascii=self.session.settings.ascii, plain=self.session.settings.plain)
        before = self.session.settings
        self.session.settings = self.announcer.settings = settings
        self.main.settings_changed(before)
        self._use_theme(settings.theme)
        self._take_keys()
        self._tell_trouble()
        self._start_timer()

    def on_paste(self, event: events.Paste) -> None:
        """Take what was pasted where no field took it; a dialog that is open is finished first."""
        if not self.screen.is_modal:
            self.main.take_paste(event.text)

    def action_command_palette(self) -> None:
        """Open the palette; it finds more than commands, and says so."""
        if not CommandPalette.is_open(cast("App[object]", self)):
            self.push_screen(CommandPalette(placeholder="A command, or a download by name…", id="--command-palette"))

    def on_resize(self) -> None:
        """Draw everything anew: what terminals make of lines that were longer differs."""
        self._forget_glass()

    def _forget_glass(self) -> None:
        forget = getattr(self._driver, "forget", None)
        if forget is not None:
            forget()

    def action_redraw(self) -> None:
        """Draw everything, whatever the terminal seems to show."""
        self._forget_glass()
        self.screen.refresh(layout=True)

    def action_leave(self) -> None:
        """Quit from any screen, with the same guard."""
        self.main.action_app_quit()

    def on_unmount(self) -> None:
        self.main.save()
