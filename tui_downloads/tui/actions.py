"""Every action of the main screen: its binding, its words for help, palette and footer, and when it is possible.

This table is the one place. Bindings, the help page, the command palette and the footer are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from textual.binding import Binding

KEY_NAMES = {
    "slash": "/", "question_mark": "?", "colon": ":", "asterisk": "*", "left_square_bracket": "[",
    "right_square_bracket": "]", "plus": "+", "minus": "-", "escape": "esc", "pageup": "PgUp", "pagedown": "PgDn",
    "delete": "del", "up": "↑", "down": "↓", "home": "Home", "end": "End", "ctrl+p": "^p", "ctrl+q": "^q",
    "ctrl+u": "^u", "ctrl+d": "^d", "shift+tab": "⇧tab", "f1": "F1", "equals_sign": "=", "underscore": "_",
}  # fmt: skip


class Action(Struct, frozen=True):
    """One thing that can be done on the main screen."""

    id: str
    """Of its binding, for keymaps; also the name of the method `action_…` with dots as underscores."""
    keys: str
    """Comma separated, the first is the one that is shown."""
    title: str
    """In help and palette."""
    group: str
    short: str = ""
    """In the footer; empty keeps it out."""
    changes: bool = False
    """Asks the engine to change something, so a read-only screen hides it."""

    @property
    def method(self) -> str:
        return self.id.replace(".", "_")


ACTIONS: tuple[Action, ...] = (
    Action("download.add", "a", "Add downloads", "Downloads", "add", changes=True),
    Action("download.paste", "A", "Add from the clipboard", "Downloads", changes=True),
    Action("download.pause", "p", "Pause or resume the marked", "Downloads", "pause", changes=True),
    Action("download.pause_all", "P", "Pause or resume all", "Downloads", changes=True),
    Action("download.cancel", "x", "Cancel, keep in the history", "Downloads", "cancel", changes=True),
    Action("download.remove", "d,delete", "Remove from the list (can be undone)", "Downloads", "remove", changes=True),
    Action("download.remove_files", "D", "Remove with files (asks)", "Downloads", changes=True),
    Action("download.retry", "r", "Retry, or refresh the link", "Downloads", "retry", changes=True),
    Action("download.retry_all", "R", "Retry all failed", "Downloads", changes=True),
    Action("download.again", "n", "Download again", "Downloads", changes=True),
    Action("download.files", "e", "Choose the files of a package", "Downloads", changes=True),
    Action("download.bundle", "b", "Make a zip of what is finished", "Downloads", changes=True),
    Action("download.undo", "u", "Undo", "Downloads", "undo", changes=True),
    Action("download.clear", "c", "Clear finished (can be undone)", "Downloads", changes=True),
    Action("queue.up", "K", "Move up in the queue", "Queue", changes=True),
    Action("queue.down", "J", "Move down in the queue", "Queue", changes=True),
    Action("queue.raise", "+,equals_sign", "Raise priority", "Queue", changes=True),
    Action("queue.lower", "-", "Lower priority", "Queue", changes=True),
    Action("limits.edit", "t", "Limits", "Queue", "limits", changes=True),
    Action("limits.toggle", "T", "Limits on or off", "Queue", changes=True),
    Action("view.details", "enter", "Details", "View", "details"),
    Action("view.preview", "w", "Preview beside the list, on or off", "View", "preview"),
    Action("view.filter", "/", "Filter by text and terms", "View", "filter"),
    Action("view.filter_state", "f", "Filter by state", "View"),
    Action("view.sort", "s", "Sort by", "View", "sort"),
    Action("view.reverse", "S", "Reverse the order", "View"),
    Action("view.columns", "C", "Choose columns", "View"),
    Action("view.density", "m", "Compact or comfortable rows", "View"),
    Action("view.freeze", "z", "Freeze the display", "View"),
    Action("view.theme", "F2", "Light or dark", "View"),
    Action("pane.active", "1", "Active", "Panes"),
    Action("pane.queue", "2", "Queue", "Panes"),
    Action("pane.history", "3", "History", "Panes"),
    Action("pane.errors", "4", "Errors", "Panes"),
    Action("pane.log", "5", "Log", "Panes"),
    Action("pane.next", "tab,right_square_bracket", "Next pane", "Panes"),
    Action("pane.previous", "shift+tab,left_square_bracket", "Previous pane", "Panes"),
    Action("file.copy_url", "y", "Copy the link", "Files"),
    Action("file.copy_path", "Y", "Copy the path", "Files"),
    Action("file.open", "o", "Open the file", "Files", "open"),
    Action("file.folder", "O", "Open the folder", "Files"),
    Action("mark.toggle", "space", "Mark and advance", "Marks", "mark"),
    Action("mark.range", "v", "Mark a range", "Marks"),
    Action("mark.all", "*", "Mark all", "Marks"),
    Action("mark.invert", "i", "Invert marks", "Marks"),
    Action("mark.clear", "escape", "Clear marks, then filter", "Marks"),
    Action("move.down", "down,j", "Down", "Move"),
    Action("move.up", "up,k", "Up", "Move"),
    Action("move.top", "g,home", "First", "Move"),
    Action("move.bottom", "G,end", "Last", "Move"),
    Action("move.page_down", "pagedown,ctrl+d", "Page down", "Move"),
    Action("move.page_up", "pageup,ctrl+u", "Page up", "Move"),
    Action("app.palette", ":,ctrl+p", "Command palette", "Program", "commands"),
    Action("app.settings", "F3", "Settings", "Program"),
    Action("app.endpoint", "F4", "HTTP endpoint on or off", "Program", changes=True),
    Action("app.help", "?,F1", "Help", "Program", "help"),
    Action("app.quit", "q,ctrl+q", "Quit", "Program", "quit"),
)
ELSEWHERE: tuple[Action, ...] = (
    Action("details.next", "right_square_bracket,tab", "Next page", "Details"),
    Action("details.previous", "left_square_bracket,shift+tab", "Previous page", "Details"),
    Action("details.leave", "escape,q,enter", "Back to the list", "Details"),
    Action("add.take", "f10,ctrl+s", "Add what stands in the dialog", "Dialogs"),
    Action("add.options", "ctrl+d", "On to the folder and other options", "Dialogs"),
    Action("dialog.take", "enter", "Take what is chosen", "Dialogs"),
    Action("dialog.leave", "escape", "Leave and change nothing", "Dialogs"),
    Action("settings.restore", "r", "Back to the default", "Settings"),
    Action("settings.leave", "escape,q,f3", "Back to the list", "Settings"),
)
"""Keys of the other screens, for help and keymap; each of those screens says itself what they do there."""
BY_ID = {action.id: action for action in ACTIONS}
BY_METHOD = {action.method: action for action in ACTIONS}
GROUPS = tuple(dict.fromkeys(action.group for action in ACTIONS))


MINOR = frozenset(
    (
        "list.down", "list.up", "list.leave", "dialog.switch", "dialog.defaults", "dialog.yes", "dialog.no",
        "details.page_1", "details.page_2", "details.page_3", "details.page_4", "help.leave", "app.interrupt",
        "app.redraw",
    )
)  # fmt: skip
"""Ids of keys that help does not list: the usual ones of lists and buttons."""


def textual_keys(keys: str) -> str:
    """Write keys as Textual names them: only single letters have a case."""
    return ",".join(key.strip().lower() if len(key.strip()) > 1 else key.strip() for key in keys.split(","))


def remapped(keymap: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Give a user's keymap as Textual takes it, and say which ids in it name nothing."""
    known = {*BY_ID, *MINOR, *(action.id for action in ELSEWHERE)}
    unknown = sorted(set(keymap) - known)
    said = f"The keymap names no action with {', '.join(unknown[:3])}; ? lists all." if unknown else ""
    return {id: textual_keys(keys) for id, keys in keymap.items() if id in known}, said


def elsewhere(id: str, method: str) -> Binding:
    """Make the binding of another screen's key."""
    action = next(action for action in ELSEWHERE if action.id == id)
    return Binding(textual_keys(action.keys), method, action.title, id=id)


def bindings() -> list[Binding]:
    """Make the bindings of the main screen."""
    return [
        Binding(
            textual_keys(action.keys),
            action.method,
            action.title,
            id=action.id,
            show=bool(action.short),
        )
        for action in ACTIONS
    ]


def shown_keys(action: Action, keymap: Mapping[str, str]) -> list[str]:
    """Give the keys of an action as they are written on the screen, the user's choice first."""
    keys = keymap.get(action.id, action.keys)
    return [KEY_NAMES.get(key.strip().lower() if len(key) > 1 else key, key.strip()) for key in keys.split(",") if key]
