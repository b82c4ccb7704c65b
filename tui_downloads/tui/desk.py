"""What the screen asks the engine, and how it answers the user: outcomes become sentences, removals can be undone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from tui_downloads.core.errors import TuiDownloadsError
from tui_downloads.core.snapshots import DownloadView, Limits, Query
from tui_downloads.core.spec import AddRequest, Change
from tui_downloads.engine.base import Engine, Outcome

Say = Callable[[str, str], None]
"""(sentence, severity)"""
MOST_UNDOS = 50
MOST_FOUND = 10_000


class Undo(Struct, frozen=True):
    """A step back."""

    label: str
    run: Callable[[], Awaitable[None]]


def count(number: int, noun: str = "download") -> str:
    """Write how many, with the plural where it belongs."""
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


class Desk:
    """Commands with a sentence for the user at the end. Only errors that are ours to expect are caught."""

    def __init__(self, engine: Engine, say: Say) -> None:
        self.engine = engine
        self._say = say
        self.undos: list[Undo] = []
        self._limits_before: Limits | None = None

    def _tell(self, outcomes: Sequence[Outcome], done: str) -> list[Outcome]:
        good = [outcome for outcome in outcomes if outcome.ok]
        bad = [outcome for outcome in outcomes if outcome.error is not None]
        if good and done:
            self._say(f"{done} {count(len(good))}.", "information")
        reasons: dict[str, int] = {}
        for outcome in bad:
            assert outcome.error is not None
            sentence = f"{outcome.error.message} {outcome.error.next_step}"
            reasons[sentence] = reasons.get(sentence, 0) + 1
        for sentence, times in list(reasons.items())[:3]:
            self._say(sentence if times == 1 else f"{times} ×: {sentence}", "warning")
        return good

    def remember(self, undo: Undo) -> None:
        """Keep a step back, the newest first."""
        self.undos.append(undo)
        del self.undos[:-MOST_UNDOS]

    async def undo(self) -> None:
        if not self.undos:
            self._say("There is nothing to undo.", "information")
            return
        step = self.undos.pop()
        await step.run()

    async def pause(self, ids: Sequence[str], *, quiet: bool = False) -> None:
        self._tell(await self.engine.pause(ids), "" if quiet else "Paused")

    async def resume(self, ids: Sequence[str], *, quiet: bool = False) -> None:
        self._tell(await self.engine.resume(ids), "" if quiet else "Resumed")

    async def cancel(self, ids: Sequence[str]) -> None:
        self._tell(await self.engine.cancel(ids), "Cancelled, kept in the history:")

    async def retry(self, ids: Sequence[str]) -> None:
        self._tell(await self.engine.retry(ids), "Trying again:")

    async def remove(self, ids: Sequence[str], *, what: str = "Removed") -> None:
        """Remove from the list; `u` brings back what the engine still knows."""
        gone = [outcome.id for outcome in self._tell(await self.engine.remove(ids), "")]
        if not gone:
            return

        async def back() -> None:
            self._tell(await self.engine.restore(gone), "Brought back")

        self.remember(Undo(f"bring back {count(len(gone))}", back))
        self._say(f"{what} {count(len(gone))}; u brings it back for a minute.", "information")

    async def remove_with_files(self, ids: Sequence[str]) -> None:
        self._tell(await self.engine.remove(ids, files=True), "Removed with files:")

    async def find(self, query: Query) -> list[str]:
        """Give the ids of what a query finds, at most so many that a command can take them at once."""
        ids: list[str] = []
        cursor = None
        while len(ids) < MOST_FOUND:
            page = await self.engine.page(replace(query, limit=1000, cursor=cursor))
            ids += [view.id for view in page.items]
            cursor = page.cursor
            if cursor is None:
                break
        return ids

    async def clear(self, query: Query) -> None:
        """Remove everything ended that a query finds, files excepted."""
        ids = await self.find(query)
        if ids:
            await self.remove(ids, what="Cleared")
        else:
            self._say("Nothing here is finished.", "information")

    async def move(self, ids: Sequence[str], where: str) -> None:
        self._tell(await self.engine.move(ids, where), "")

    async def prioritize(self, views: Sequence[DownloadView], step: int) -> None:
        for view in views:
            await self.change(view.id, Change(priority=max(-9, min(9, view.priority + step))))

    async def change(self, id: str, change: Change, done: str = "") -> bool:
        """Change one download; say whether it was accepted."""
        try:
            await self.engine.change(id, change)
        except TuiDownloadsError as error:
            self._say(f"{error.message} {error.next_step}", "warning")
            return False
        if done:
            self._say(done, "information")
        return True

    async def refresh_link(self, view: DownloadView, url: str) -> None:
        """Give a download a new link and let it go on; its bytes are kept where they prove to be the same."""
        if await self.change(view.id, Change(url=url)):
            again = self.engine.retry if view.error or view.waiting else self.engine.resume
            self._tell(await again([view.id]), "New link for")

    async def add(self, requests: Sequence[AddRequest]) -> list[Outcome]:
        return self._tell(await self.engine.add(requests), "Added")

    async def again(self, views: Sequence[DownloadView]) -> None:
        requests = [
            AddRequest(view.url, folder=view.folder, name=view.name or None, mirrors=view.mirrors) for view in views
        ]
        self._tell(await self.engine.add(requests), "Downloading again:")

    async def set_limits(self, limits: Limits) -> None:
        try:
            await self.engine.set_limits(limits)
        except TuiDownloadsError as error:
            self._say(f"{error.message} {error.next_step}", "warning")

    async def toggle_limits(self, now: Limits) -> None:
        """Lift the rates, or put back the ones that were lifted."""
        if now.rate or now.rate_per_host or now.rate_per_download:
            self._limits_before = now
            await self.set_limits(replace(now, rate=0, rate_per_host=0, rate_per_download=0))
            self._say("Limits are off; T puts them back.", "information")
        elif self._limits_before is not None:
            old = self._limits_before
            await self.set_limits(
                replace(now, rate=old.rate, rate_per_host=old.rate_per_host, rate_per_download=old.rate_per_download)
            )
            self._say("Limits are on.", "information")
        else:
            self._say("No limits are set; t sets them.", "information")
