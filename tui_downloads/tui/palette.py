"""The command palette: every action, and every download by name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.snapshots import DownloadView

from .actions import ACTIONS, Action, shown_keys
from .columns import shown_name
from .panes import STORE_QUERIES
from .safe_text import elide, safe_text, words

if TYPE_CHECKING:
    from .app import DownloadsApp

MOST_DOWNLOADS = 50
AT_ONCE = 100
"""Names that are looked at between two chances for a key to be taken."""
SHORTEST = 3
"""Characters of a text that is looked for in the history."""


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
        known = self._app.session.snapshot.downloads
        for view, score in await self._named(query, list(known.values())):
            yield self._hit(view, score)
        for view in await self._ended(query):
            if view.id not in known:
                # After what is on the screen, however well it matches.
                yield self._hit(view, 0.01)

    async def _named(self, query: str, views: list[DownloadView]) -> list[tuple[DownloadView, float]]:
        """Find downloads by name: those with every word of the query first, then those with its letters in order."""
        matcher, wanted = self.matcher(query), query.casefold().split()
        plain = [view for view in views if all(word in shown_name(view).casefold() for word in wanted)]
        found = [(view, max(0.1, matcher.match(elide(shown_name(view), 60)))) for view in plain[:MOST_DOWNLOADS]]
        taken = {view.id for view, _ in found}
        for number, view in enumerate(views if len(found) < MOST_DOWNLOADS else ()):
            if number % AT_ONCE == AT_ONCE - 1:
                # Ten thousand names take a while, and the next letter must not wait for them.
                await asyncio.sleep(0)
            score = matcher.match(elide(shown_name(view), 60)) if view.id not in taken else 0
            if score > 0:
                found.append((view, score))
                if len(found) == MOST_DOWNLOADS:
                    break
        return found

    def _hit(self, view: DownloadView, score: float) -> Hit:
        name = elide(shown_name(view), 60)
        shown = words(safe_text(name), (f"  {view.state.value}", "$tui-muted"))
        return Hit(score, shown, partial(self._show, view), text=name)

    async def _ended(self, query: str) -> Sequence[DownloadView]:
        """Find downloads of the history, which the store searches; too short a text would find everything."""
        if len(query.strip()) < SHORTEST:
            return ()
        wanted = replace(STORE_QUERIES["history"], text=query.strip(), limit=MOST_DOWNLOADS)
        try:
            return (await self._app.session.desk.engine.page(wanted)).items
        except TuiDownloadsError:
            return ()

    def _show(self, view: DownloadView) -> None:
        if not self._app.main.focus_download(view):
            # It stands too deep in the history to be loaded, but its details can be shown.
            self._app.main.show_details(view)
