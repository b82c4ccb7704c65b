"""The main screen: what is possible now, files and clipboard, help, palette, quitting."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import BindingType

from tui_downloads.core.lifecycle import ENDED, Move, State, can
from tui_downloads.core.snapshots import DownloadView

from . import bars, opener, opening
from .actions import ACTIONS, BY_METHOD, Action, bindings, shown_keys
from .adding import looks_like_links
from .columns import shown_name
from .desk import count
from .dialogs.choice import Choice, ChoiceDialog
from .line_bar import LineBar
from .package_actions import PackageActions, can_bundle, can_choose
from .safe_text import elide
from .table import DownloadTable

if TYPE_CHECKING:
    from .app import DownloadsApp

NOT_OF_A_ROW = frozenset(
    {
        "download.add", "download.paste", "download.pause_all", "download.retry_all", "download.undo", "download.clear",
        "limits.edit", "limits.toggle",
    }
)  # fmt: skip
"""Actions of the groups Downloads and Queue that are not about what is at the cursor."""
FILTER_KEYS = (("enter", "keep", "filter_take"), ("esc", "clear", "mark_clear"), ("↑↓", "move", ""))
"""What is possible while a filter is typed: every letter belongs to it."""


class MainScreen(PackageActions):
    """Everything that a key of the reference does."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings()]

    @property
    def downloads_app(self) -> DownloadsApp:
        app: DownloadsApp = self.app  # type: ignore[assignment]
        return app

    def say(self, sentence: str, severity: str = "information") -> None:
        self.downloads_app.say(sentence, severity)

    def pull(self) -> None:
        self.downloads_app.pull()

    # What is possible now.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide what is not possible now."""
        known = BY_METHOD.get(action)
        return True if known is None else self.possible(known)

    def possible(self, action: Action) -> bool:
        """Say whether an action would do something."""
        session = self.session
        if action.changes and session.read_only:
            return False
        match action.id:
            case "file.open" | "file.folder":
                return session.local and bool(self.targets())
            case "app.endpoint":
                return session.endpoint is not None
            case "app.settings":
                return session.book is not None
            case "download.undo":
                return bool(session.desk.undos)
            case "queue.up" | "queue.down":
                return any(view.state is State.QUEUED for view in self.targets())
            case "view.details":
                return self.only is None and self.table is not None and self.table.cursor_view is not None
            case "view.sort" | "view.reverse" | "view.columns" | "view.preview":
                return self.pane != "log"
        return self._possible_here(action, self.targets())

    def _possible_here(self, action: Action, views: list[DownloadView]) -> bool:
        match action.id:
            case "download.pause":
                return any(can(view.state, Move.PAUSE) or view.state is State.PAUSED for view in views)
            case "download.cancel":
                return any(can(view.state, Move.CANCEL) for view in views)
            case "download.files":
                return can_choose(views)
            case "download.bundle":
                return can_bundle(views)
            case "download.retry":
                return any(view.state is not State.COMPLETE for view in views)
            case "queue.raise" | "queue.lower":
                return any(view.state not in ENDED for view in views)
            case (
                "download.remove" | "download.remove_files" | "download.again" | "file.copy_url" | "file.copy_path"
            ):  # fmt: skip
                return bool(views)
        if action.group == "Marks" and action.id != "mark.clear":
            return self.table is not None and len(self.table.rows) > 0
        return True

    def show_keys(self) -> None:
        if self.filtering:
            self.key_bar.show(bars.hints(FILTER_KEYS))
            return
        possible = [action for action in ACTIONS if action.short and self.possible(action)]
        if not self.preview.fits():
            possible = [action for action in possible if action.id != "view.preview"]
        self.key_bar.show(bars.key_parts(possible, self.session.settings.keys))

    @on(LineBar.Clicked)
    async def _bar_clicked(self, event: LineBar.Clicked) -> None:
        if event.action == "filter_take":
            self.take_filter()
        else:
            await self.run_method(event.action)

    async def run_method(self, method: str) -> None:
        """Do what a key would do, if it is possible now."""
        action = BY_METHOD.get(method)
        if action is not None and self.possible(action):
            await self.run_action(method)

    async def chosen(self, method: str | None) -> None:
        """Do what was chosen from a menu of actions."""
        if method:
            await self.run_method(method)

    @on(DownloadTable.MenuAsked)
    def action_download_menu(self) -> None:
        """List what can be done with the marked downloads or the one at the cursor."""
        views = self.targets()
        if not views:
            return
        keymap = self.session.settings.keys
        choices = [
            Choice(action.method, action.title, shortcut=shown_keys(action, keymap)[0])
            for action in ACTIONS
            if (action.group in ("Downloads", "Queue", "Files") or action.id == "view.details")
            and action.id not in NOT_OF_A_ROW
            and self.possible(action)
        ]
        heading = elide(shown_name(views[0]), 40) if len(views) == 1 else count(len(views))
        self.app.push_screen(ChoiceDialog(heading, choices), self.chosen)

    # Files and the clipboard.

    def action_file_copy_url(self) -> None:
        self._copy([view.url for view in self.targets()], "link")

    def action_file_copy_path(self) -> None:
        self._copy([view.path for view in self.targets()], "path")

    def _copy(self, texts: list[str], what: str) -> None:
        if texts:
            # OSC 52 is base64, so nothing in a link can break out of it; and nobody learns whether it was taken.
            self.app.copy_to_clipboard("\n".join(texts))
            self.say(f"Sent {count(len(texts), what)} to the terminal's clipboard.")

    def action_file_open(self) -> None:
        views = self.targets()
        if len(views) == 1 and views[0].state is not State.COMPLETE:
            self.say("It is not complete yet; O opens its folder.", "warning")
            return
        self._open([view.path for view in views if view.state is State.COMPLETE][:5])

    def action_file_folder(self) -> None:
        self._open(list(dict.fromkeys(view.folder for view in self.targets()))[:5])

    @work(group="open", exit_on_error=False)
    async def _open(self, paths: list[str]) -> None:
        for path in paths:
            problem = await opener.open_path(path)
            if problem:
                self.say(problem, "warning")

    # The program.

    def action_view_details(self) -> None:
        table = self.table
        view = table.cursor_view if table is not None else None
        if view is not None:
            self.show_details(view)

    def show_details(self, view: DownloadView) -> None:
        """Open the details of a download; until they are left, commands are meant for it."""
        self.only = view
        self.app.push_screen(opening.details(self, view), lambda _: self._details_left())

    def _details_left(self) -> None:
        self.only = None
        self.show_bars()

    @on(DownloadTable.Opened)
    def _row_opened(self) -> None:
        self.action_view_details()

    def action_view_theme(self) -> None:
        self.downloads_app.switch_theme()

    def action_app_help(self) -> None:
        self.app.push_screen(opening.help_dialog(self.session.settings.keys, self.possible), self.chosen)

    def action_app_palette(self) -> None:
        self.app.action_command_palette()

    def action_app_settings(self) -> None:
        if self.session.book is not None:
            self.app.push_screen(opening.settings_screen(self.session.book), self.downloads_app.settings_changed)

    def action_app_endpoint(self) -> None:
        if self.session.endpoint is not None:
            self.ask(self._toggle_endpoint())

    async def _toggle_endpoint(self) -> None:
        assert self.session.endpoint is not None
        self.say(await self.session.endpoint.toggle())

    def action_app_quit(self) -> None:
        """Leave; with unfinished work ask what is to become of it."""
        totals = self.session.snapshot.totals
        busy = totals.active + totals.waiting
        if not busy or self.session.snapshot.info.name == "remote":
            self.app.exit(0)
            return
        choices = [
            Choice("stop", "Stop, resume at the next start", "nothing is lost", shortcut="s"),
            Choice("stay", "Stay", shortcut="n"),
        ]
        if self.session.keep_in_background is not None:
            choices.insert(0, Choice("keep", "Keep going in the background", "attach again any time", shortcut="b"))
        verb = "is" if busy == 1 else "are"
        menu = ChoiceDialog("Quit", choices, lead=f"{count(busy)} {verb} not finished, {totals.queued} queued.")
        self.app.push_screen(menu, self._quit)

    def _quit(self, how: str | None) -> None:
        if how == "keep" and self.session.keep_in_background is not None:
            self.session.keep_in_background()
            self.app.exit(0)
        elif how == "stop":
            self.app.exit(0)

    def take_paste(self, text: str) -> None:
        """Open the add dialog filled in when links are pasted anywhere."""
        if self.session.read_only:
            return
        if looks_like_links(text):
            self.action_download_add(text)
        else:
            self.say("That is not a link; a opens the add dialog.", "warning")
