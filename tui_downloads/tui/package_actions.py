"""What is done with files as a whole: which of a package are fetched, and zips of what is finished."""

from __future__ import annotations

from textual import work

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DetailView, DownloadView, Kind
from tui_downloads.core.spec import AddRequest, Change

from . import figures
from .desk import count
from .dialogs.choice import Choice, SeveralDialog
from .download_actions import DownloadActions
from .safe_text import elide, visible

MOST_CHOSEN = 2000
"""Files that are listed to be chosen; of more than that a command line with patterns chooses better."""
NOT_A_SOURCE = frozenset({Kind.BUNDLE, Kind.EXPORT})


def can_choose(views: list[DownloadView]) -> bool:
    """Say whether there is one package whose files may still be chosen."""
    return len(views) == 1 and views[0].files_total > 1 and views[0].state is not State.COMPLETE


def can_bundle(views: list[DownloadView]) -> bool:
    """Say whether a zip can be made of downloads."""
    return any(view.state is State.COMPLETE and view.kind not in NOT_A_SOURCE for view in views)


class PackageActions(DownloadActions):
    """Choosing the files of a package, and bundling."""

    def action_download_bundle(self) -> None:
        """Make a zip of the finished ones, as a download of its own."""
        ids = [view.id for view in self.targets() if view.state is State.COMPLETE and view.kind not in NOT_A_SOURCE]
        if ids:
            self.ask(self.session.desk.add([AddRequest("", kind=Kind.BUNDLE, source={"ids": ids})]))
        self._done_with_marks()

    def action_download_files(self) -> None:
        views = self.targets()
        if can_choose(views):
            self._choose_files(views[0])

    @work(exclusive=True, group="command", exit_on_error=False)
    async def _choose_files(self, view: DownloadView) -> None:
        detail = await self.session.desk.engine.get(view.id)
        if self.app.screen.is_modal:
            return  # the key was pressed again meanwhile
        if len(detail.files) > MOST_CHOSEN:
            self.say(
                f"It has {count(len(detail.files), 'file')}; choose with: change {view.id[:8]} --select", "warning"
            )
            return
        self.app.push_screen(files_dialog(detail), lambda chosen: self._chosen_files(detail, chosen))

    def _chosen_files(self, detail: DetailView, chosen: tuple[str, ...] | None) -> None:
        if chosen is None:
            return
        wanted = frozenset(chosen) or frozenset(file.id for file in detail.files)
        if wanted != frozenset(file.id for file in detail.files if file.selected):
            done = f"{len(wanted)} of {count(len(detail.files), 'file')} will be fetched."
            self.ask(self.session.desk.change(detail.download.id, Change(selected=wanted), done))


def files_dialog(detail: DetailView) -> SeveralDialog:
    """Make the menu of a package's files."""
    choices = [
        Choice(file.id, f"{figures.size(file.size):>9}  {elide(visible(file.path or file.original), 60)}",
               current=file.selected)
        for file in detail.files
    ]  # fmt: skip
    return SeveralDialog("Which files to fetch (none: all)", choices)
