"""Screens and dialogs that most sessions never open: each is imported when it is, which saves 100 ms at the start."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tui_downloads.core.snapshots import DownloadView, FileView, Limits

from .actions import Action
from .options import SettingsBook
from .session import Session

if TYPE_CHECKING:
    from .details import DetailsScreen
    from .dialogs.add import AddDialog
    from .dialogs.confirm import ConfirmDialog
    from .dialogs.help import HelpDialog
    from .dialogs.limits import LimitsDialog
    from .dialogs.prompt import RefreshDialog
    from .main_screen import MainScreen
    from .settings_screen import SettingsScreen


def add_dialog(session: Session, text: str) -> AddDialog:
    from .dialogs.add import AddDialog

    snapshot = session.snapshot
    return AddDialog(text, snapshot.downloads, snapshot.info.folder, session.glyphs, session.clock())


def removal(views: Sequence[DownloadView], width: int, files: Mapping[str, Sequence[FileView]]) -> ConfirmDialog:
    from .dialogs import confirm

    return confirm.removal(views, width, files)


def help_dialog(keymap: Mapping[str, str], possible: Callable[[Action], bool]) -> HelpDialog:
    from .dialogs.help import HelpDialog

    return HelpDialog(keymap, possible)


def limits_dialog(limits: Limits) -> LimitsDialog:
    from .dialogs.limits import LimitsDialog

    return LimitsDialog(limits)


def refresh_dialog(view: DownloadView) -> RefreshDialog:
    from .dialogs.prompt import RefreshDialog

    return RefreshDialog(view)


def settings_screen(book: SettingsBook) -> SettingsScreen:
    from .settings_screen import SettingsScreen

    return SettingsScreen(book)


def details(main: MainScreen, view: DownloadView) -> DetailsScreen:
    from .details import DetailsScreen

    return DetailsScreen(main, view)
