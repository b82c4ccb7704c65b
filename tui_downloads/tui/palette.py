"""The command palette: every action, and every download by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui_downloads.core.snapshots import DownloadView

from .actions import ACTIONS, Action, shown_keys
from .columns import shown_name
from .safe_text import elide, safe_text, words

if TYPE_CHECKING:
    from .app import DownloadsApp

MOST_DOWNLOADS = 50


class PaletteProvider(Provider):
    """Finds actions that are possible now, and downloads of the newest snapshot."""

    @property
    def _app(self) -> DownloadsApp:
        app: DownloadsApp = self.app  # type: ignore[assignment]
        return app

    def _actions(self) -> list[Action]:
        main = self._app.main
        return [action for action in ACTIONS if action.id != "app.palette" and main.possible(action)]

    def _run(self, action: Action) -> Callable[[], Awaitable[None]]:
        return partial(self._app.main.run_method, action.method)

    def _help(self, action: Action) -> str:
        return " ".join(shown_keys(action, self._app.session.settings.keys))

    async def discover(self) -> Hits:
        for action in self._actions():
            yield DiscoveryHit(
                words(action.title, (f"  {self._help(action)}", "$tui-muted")), self._run(action), text=action.title
            )

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._actions():
            score = matcher.match(action.title)
            if score > 0:
                shown = Content.assemble(
                    matcher.highlight(action.title), words((f"  {self._help(action)}", "$tui-muted"))
                )
                yield Hit(score, shown, self._run(action), text=action.title)
        found = 0
        for view in self._app.session.snapshot.downloads.values():
            name = elide(shown_name(view), 60)
            score = matcher.match(name)
            if score > 0 and found < MOST_DOWNLOADS:
                found += 1
                yield Hit(
                    score, words(safe_text(name), (f"  {view.state.value}", "$tui-muted")), partial(self._show, view),
                    text=name,
                )  # fmt: skip

    def _show(self, view: DownloadView) -> None:
        self._app.main.focus_download(view)
