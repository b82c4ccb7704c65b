"""Keys that ask the engine for something, on the marked downloads or the one at the cursor."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace
from textual import work

from tui_downloads.core.errors import Code, TuiDownloadsError
from tui_downloads.core.lifecycle import ENDED, Move, State, can
from tui_downloads.core.links import parse_link
from tui_downloads.core.snapshots import DownloadView, Limits

from . import opening
from .adding import Added
from .desk import Undo, count
from .dialogs.choice import Choice, ChoiceDialog
from .panes import STORE_QUERIES
from .view_actions import ViewActions

LINK_TROUBLE = frozenset(
    {
        Code.AUTH_REQUIRED, Code.HTTP_REFUSED, Code.REMOTE_FILE_NOT_FOUND, Code.UNEXPECTED_CONTENT, Code.INVALID_URL,
        Code.REDIRECT_ERROR, Code.NOT_A_FILE,
    }
)  # fmt: skip
"""Errors that another link may cure and the same one will not."""

MOST_LOOKED_UP = 50
"""Packages whose files are listed before they are deleted; of more than that only the folders are."""


class DownloadActions(ViewActions):
    """The actions of the groups Downloads and Queue."""

    @work(group="command", exit_on_error=False)
    async def ask(self, command: Awaitable[object]) -> None:
        """Run a command of the desk; what the engine refuses as a whole is said, not raised."""
        try:
            await command
        except TuiDownloadsError as error:
            self.say(f"{error.message} {error.next_step}", "error")
        self.pull()

    def pull(self) -> None:
        """Look at the engine at once instead of at the next tick."""
        raise NotImplementedError

    def _ids(self, views: Sequence[DownloadView]) -> list[str]:
        return [view.id for view in views]

    def _done_with_marks(self) -> None:
        if self.table is not None:
            self.table.clear_marks()

    # Adding.

    def action_download_add(self, text: str = "") -> None:
        self.app.push_screen(opening.add_dialog(self.session, text), self._added)

    def action_download_paste(self) -> None:
        """Open the add dialog with what this program copied last; terminals don't let programs read their clipboard."""
        self.action_download_add(self.app.clipboard)

    def _added(self, added: Added | None) -> None:
        if added is None or not added.requests:
            return
        if added.left_out:
            self.say(f"Left out {count(added.left_out, 'line')} that can't be added.", "warning")
        if not added.twins or added.duplicate in ("allow", "existing", "focus"):
            self._add(added, added.duplicate)
            return
        names = count(len(added.twins), "link")
        menu = ChoiceDialog(
            "Here already",
            [
                Choice("existing", "Go on with what is here", "paused and failed ones start again", shortcut="c"),
                Choice("focus", "Show it", "nothing is added twice", shortcut="f"),
                Choice("allow", "Add it again", "under another name", shortcut="a"),
            ],
            lead=f"{names} of {len(added.requests)} can be found in the list already.",
        )
        self.app.push_screen(menu, lambda how: self._add(added, how) if how else None)

    def _add(self, added: Added, how: str) -> None:
        if how == "allow":
            self.ask(self.session.desk.add(added.requests))
            return
        twins = {view.url: view for view in added.twins}
        fresh = [request for request in added.requests if parse_link(request.url).url_without_userinfo not in twins]
        if fresh:
            self.ask(self.session.desk.add([replace(request, duplicate="existing") for request in fresh]))
        if how == "existing":
            for allowed, run in ((Move.RESUME, self.session.desk.resume), (Move.RETRY, self.session.desk.retry)):
                ids = [view.id for view in added.twins if can(view.state, allowed)]
                if ids:
                    self.ask(run(ids))
        if added.twins:
            self.focus_download(added.twins[0])

    def focus_download(self, view: DownloadView) -> bool:
        """Show the pane a download is in, with the cursor on it; say whether it is loaded there."""
        where = "queue" if view.state is State.QUEUED else "active"
        if self.rows[where].index(view.id) is None:
            where = "errors" if view.state is State.FAILED else "history"
        self.show_pane(where)
        return self.tables[where].move_to_id(view.id)

    # Commands on downloads.

    def action_download_pause(self) -> None:
        views = self.targets()
        going = [view for view in views if can(view.state, Move.PAUSE)]
        paused = [view for view in views if view.state is State.PAUSED]
        if going:
            self.ask(self.session.desk.pause(self._ids(going), quiet=len(going) == 1))
        elif paused:
            self.ask(self.session.desk.resume(self._ids(paused), quiet=len(paused) == 1))
        self._done_with_marks()

    def action_download_pause_all(self) -> None:
        views = self.session.snapshot.downloads.values()
        going = [view for view in views if can(view.state, Move.PAUSE)]
        paused = [view for view in views if view.state is State.PAUSED]
        if going:
            self.ask(self.session.desk.pause(self._ids(going)))
        elif paused:
            self.ask(self.session.desk.resume(self._ids(paused)))

    def action_download_cancel(self) -> None:
        views = [view for view in self.targets() if can(view.state, Move.CANCEL)]
        if views:
            self.ask(self.session.desk.cancel(self._ids(views)))
        self._done_with_marks()

    def action_download_remove(self) -> None:
        views = self.targets()
        if views:
            self.ask(self.session.desk.remove(self._ids(views)))
        self._done_with_marks()

    def action_download_remove_files(self) -> None:
        views = self.targets()
        if not views:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.ask(self.session.desk.remove_with_files(self._ids(views)))
                self._done_with_marks()

        packages = [view.id for view in views if view.files_total > 1][:MOST_LOOKED_UP]
        if not self.session.settings.confirm:
            answered(True)
        elif packages:
            self._ask_removal(views, packages, answered)
        else:
            self.app.push_screen(opening.removal(views, self.app.size.width, {}), answered)

    @work(group="command", exit_on_error=False)
    async def _ask_removal(
        self, views: Sequence[DownloadView], packages: Sequence[str], answered: Callable[[bool | None], None]
    ) -> None:
        """Ask with every path; the files of packages are in no list and have to be looked up."""
        files = {}
        for id in packages:
            with contextlib.suppress(TuiDownloadsError):
                files[id] = (await self.session.desk.engine.get(id)).files
        # The key may have been pressed again meanwhile.
        if not self.app.screen.is_modal:
            self.app.push_screen(opening.removal(views, self.app.size.width, files), answered)

    def action_download_retry(self) -> None:
        views = self.targets()
        if len(views) == 1 and views[0].state not in (State.COMPLETE, State.CANCELLED):
            view = views[0]
            if (view.error is None and view.state is not State.WAITING) or _wants_link(view):
                self._refresh_link(view)
                return
        again = [view for view in views if can(view.state, Move.RETRY)]
        if again:
            self.ask(self.session.desk.retry(self._ids(again)))
        self._done_with_marks()

    def _refresh_link(self, view: DownloadView) -> None:
        def answered(url: str | None) -> None:
            if url:
                self.ask(self.session.desk.refresh_link(view, url))
            elif url == "" and can(view.state, Move.RETRY):
                self.ask(self.session.desk.retry([view.id]))

        self.app.push_screen(opening.refresh_dialog(view), answered)

    def action_download_retry_all(self) -> None:
        self.ask(self._retry_all())

    async def _retry_all(self) -> None:
        ids = await self.session.desk.find(STORE_QUERIES["errors"])
        if ids:
            await self.session.desk.retry(ids)
        else:
            self.say("Nothing has failed.")

    def action_download_again(self) -> None:
        views = [view for view in self.targets() if view.url]
        if views:
            self.ask(self.session.desk.again(views))
        self._done_with_marks()

    def action_download_undo(self) -> None:
        self.ask(self.session.desk.undo())

    def action_download_clear(self) -> None:
        """In Active hide what has ended; in History and Errors remove what the filter shows."""
        if self.pane in STORE_QUERIES:
            query = self.filter.query(STORE_QUERIES[self.pane]) if self.filter else STORE_QUERIES[self.pane]
            if self.filter and not self.filter.exact:
                self.say("Mark rows instead: this filter says more than the store can find.", "warning")
                return
            self.ask(self.session.desk.clear(query))
            return
        before = set(self.cleared)
        number = self.clear_active()
        if not number:
            self.say("Nothing here is finished.")
            return

        async def back() -> None:
            self.cleared.clear()
            self.cleared.update(before)
            self.reload_live()

        self.session.desk.remember(Undo("show finished", back))
        self.say(f"Cleared {count(number)} from Active; the history has them. u shows them again.")

    # The queue.

    def _reorder(self, where: str) -> None:
        views = [view for view in self.targets() if view.state is State.QUEUED]
        if views:
            self.ask(self.session.desk.move(self._ids(views), where))

    def action_queue_up(self) -> None:
        self._reorder("up")

    def action_queue_down(self) -> None:
        self._reorder("down")

    def action_queue_raise(self) -> None:
        self.ask(self.session.desk.prioritize(self._unfinished(), 1))

    def action_queue_lower(self) -> None:
        self.ask(self.session.desk.prioritize(self._unfinished(), -1))

    def _unfinished(self) -> list[DownloadView]:
        return [view for view in self.targets() if view.state not in ENDED]

    def action_limits_edit(self) -> None:
        def answered(limits: Limits | None) -> None:
            if limits is not None:
                self.ask(self.session.desk.set_limits(limits))

        self.app.push_screen(opening.limits_dialog(self.session.snapshot.limits), answered)

    def action_limits_toggle(self) -> None:
        self.ask(self.session.desk.toggle_limits(self.session.snapshot.limits))


def _wants_link(view: DownloadView) -> bool:
    return view.error is not None and view.error.code in {code.value for code in LINK_TROUBLE}
