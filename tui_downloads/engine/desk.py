"""The engine's commands, on the engine's loop: pause, resume, cancel, retry, remove, move, change; and its life."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tui_downloads import __version__
from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, Conflict, NotFound, RequestError, TuiDownloadsError
from tui_downloads.core.lifecycle import ENDED, RUNNING, Move, State, can
from tui_downloads.core.retries import Ceiling
from tui_downloads.core.snapshots import DownloadView, EngineInfo, Limits
from tui_downloads.core.spec import Change
from tui_downloads.files.space import free
from tui_downloads.store import auto as stores
from tui_downloads.store.base import HostRow
from tui_downloads.transport import auto as transports

from .adding import Adding
from .base import Outcome
from .changing import Changing
from .cleaner import Cleaner
from .digesting import Digests
from .gate import Gates
from .hub import Hub
from .intake import BREATH, Intake
from .leftovers import Leftovers
from .listing import Listing
from .manager import Manager
from .recovery import Recovery
from .removing import Removing
from .resolver import Resolver
from .seats import Seats
from .services import Defaults, Services
from .ticker import Ticker
from .views import Views

if TYPE_CHECKING:
    from .embedded import Setup
    from .rules import Rules
    from .standing import Standing

Command = Callable[[Download], Awaitable[None]]
SPACE_EVERY = 5.0


class Desk:
    """Takes commands; made, used and closed on the engine's loop."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        info = EngineInfo(name=setup.name, version=__version__, folder=setup.folder)
        self.views = Views(info, setup.limits)
        self.services = Services(
            transport=transports.create(),
            store=stores.create(setup.database),
            hub=Hub(),
            seats=Seats(setup.limits),
            gates=Gates(setup.limits),
            defaults=replace(setup.defaults, folder=setup.folder),
            digests=Digests(),
            leftovers=Leftovers() if setup.foreground else None,
        )
        self.adding = Adding(setup.folder, setup.forbidden)
        self.manager = Manager(self.services, self.views, Resolver(setup.extras))
        self.manager.idle = setup.idle
        self.ticker = Ticker(self.manager)
        self.manager.ticker = self.ticker
        self.views.forgotten = self.manager.evicted
        self.intake = Intake(self.manager, self.adding)
        self.listing = Listing(self.manager, setup)
        self.changing = Changing(self.manager, self.adding)
        self.removing = Removing(self.manager)
        self.recovery = Recovery(self.manager, setup)
        self.cleaner = Cleaner(self, float(setup.extras.get("bundle_keep", 0)))
        self._space: asyncio.Task[None] | None = None
        self._cleaning: asyncio.Task[None] | None = None
        self.standing = self._standing(setup.rules) if setup.rules is not None else None

    def _standing(self, rules: Rules) -> Standing:
        # Imported only where there are rules: a `get` has none, and its first byte does not wait for this.
        from .standing import Standing

        return Standing(self, rules)

    # Life ...........................................................................................................

    async def open(self) -> None:
        """Open the store and take up what was left."""
        notice = await self.services.store.open()
        try:
            await self._take_up(notice)
        except BaseException:
            await self.services.store.close()
            raise

    async def _take_up(self, notice: str) -> None:
        self.views.begin()
        rows = await self.services.store.hosts()
        self.services.seats.remember(Ceiling(row.host, row.ceiling, row.learned_at, row.why) for row in rows)
        self.services.seats.learned = self._learned
        await self.recovery.take_up(damaged=bool(notice))
        if notice:
            self.services.hub.emit("log", "", "", {"message": notice})
        if not self.setup.foreground:
            self._space = asyncio.get_running_loop().create_task(self._watch_space())
            self._cleaning = asyncio.get_running_loop().create_task(self.cleaner.run())
            if self.standing is not None:
                await self.standing.start()
        self.views.publish()
        self.manager.pump_soon()

    def _learned(self, ceiling: Ceiling) -> None:
        row = HostRow(ceiling.host, ceiling.connections, ceiling.learned_at, ceiling.reason)
        self.manager.background(self.services.store.save_host(row))

    async def _watch_space(self) -> None:
        while True:
            room = await asyncio.to_thread(free, self.setup.folder)
            if room != self.views.info.free and self.views.watched:
                self.views.describe(free=room)
            await asyncio.sleep(SPACE_EVERY)

    async def close(self) -> None:
        """Stop with a checkpoint."""
        for task in (self._space, self._cleaning):
            if task is not None:
                task.cancel()
        self.ticker.close()
        if self.standing is not None:
            self.standing.schedule.close()
        await self.manager.close()
        if self.standing is not None:
            await self.standing.hooks.close()
        await self.removing.close()
        await self.services.transport.close()
        try:
            await self.recovery.hand_in()
        finally:
            if self.standing is not None:
                await self.standing.retention.close()
            await self.services.store.close()
            self.services.digests.close()
            self.services.hub.close()
            self.views.close()

    # Commands over many .............................................................................................

    async def _each(self, ids: Sequence[str], command: Command) -> list[Outcome]:
        outcomes = await _all(self._one(id, command) for id in ids)
        self.views.publish()
        return outcomes

    async def _one(self, id: str, command: Command) -> Outcome:
        try:
            download = await self.listing.find(id)
            await command(download)
        except TuiDownloadsError as error:
            return Outcome(id, error)
        return Outcome(download.id, None, self.views.view(download))

    async def pause(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._flushed(await self._each(ids, self._pause))

    async def _flushed(self, outcomes: list[Outcome]) -> list[Outcome]:
        await self.manager.flush()
        return outcomes

    async def _settled(self, download: Download) -> None:
        """Wait for a completion under way: it can't be taken back."""
        if len(download.files) == 1:
            await self.services.committer.settled(download.id)

    async def _pause(self, download: Download) -> None:
        await self._settled(download)
        if download.state in (State.PAUSED, State.PAUSING):
            return
        self.manager.move(download, Move.PAUSE)
        self.manager.alarms.drop(download.id)
        await self.manager.drained(download)

    async def resume(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._flushed(await self._each(ids, self._resume))

    async def _resume(self, download: Download) -> None:
        await self.manager.drained(download)
        if download.state in (State.QUEUED, *RUNNING):
            return
        if download.state is State.WAITING:
            self.manager.move(download, Move.RETRY)
            return
        self.manager.move(download, Move.RESUME)

    async def cancel(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._flushed(await self._each(ids, self._cancel))

    async def _cancel(self, download: Download) -> None:
        await self._settled(download)
        if not can(download.state, Move.CANCEL):
            raise Conflict(f"A {download.state.value} download can't be cancelled.")
        self.manager.alarms.drop(download.id)
        running = download.id in self.manager.runners
        self.manager.move(download, Move.CANCEL)
        if running:
            await self.manager.halt([download])
        self.views.ended(download)

    async def retry(self, ids: Sequence[str]) -> list[Outcome]:
        return await self._flushed(await self._each(ids, self._retry))

    async def _retry(self, download: Download) -> None:
        if download.state in ENDED:
            await self.manager.halt([download])  # a cancelled run may still make its bytes safe
        if not can(download.state, Move.RETRY):
            raise Conflict(f"A {download.state.value} download can't be retried.")
        if download.state in ENDED:
            download.active_seconds = 0.0
        self.manager.alarms.drop(download.id)
        if download.id not in self.manager.downloads:
            self.manager.adopt(download)
        for file in download.files:
            if file.state == "failed":
                file.state, file.error = "queued", None
        self.views.add(download)
        download.position = self.manager.register.reserve(1)
        self.manager.move(download, Move.RETRY)

    async def remove(self, ids: Sequence[str], *, files: bool = False) -> list[Outcome]:
        command = self.removing.remove_with_files if files else self.removing.remove
        outcomes = await _all(self._removed(id, command) for id in ids)
        await self.removing.commit()
        self.views.publish()
        return outcomes

    async def _removed(self, id: str, command: Command) -> Outcome:
        try:
            download = await self.listing.find(id)
            await self._settled(download)
            await command(download)
        except TuiDownloadsError as error:
            return Outcome(id, error)
        return Outcome(download.id)

    async def restore(self, ids: Sequence[str]) -> list[Outcome]:
        outcomes = [await self._restored(id) for id in ids]
        self.views.publish()
        return outcomes

    async def _restored(self, id: str) -> Outcome:
        outcome = await self.removing.restore(id)
        if not isinstance(outcome.error, NotFound):
            return outcome
        try:
            await self.listing.find(id)
        except TuiDownloadsError:
            return outcome
        return Outcome(id, Conflict(f"{id} is in the list; there is no removal to undo."))

    async def move(self, ids: Sequence[str], where: str | int) -> list[Outcome]:
        outcomes = []
        # Moved to the top, the first of several shall stay the first.
        order = list(reversed(ids)) if where in ("top", "down") else list(ids)
        for id in order:
            outcomes.append(await self._one(id, lambda download: self._move(download, where)))
        self.views.publish()
        return await self._flushed(outcomes)

    async def _move(self, download: Download, where: str | int) -> None:
        if download.id not in self.manager.queue:
            raise Conflict(f"A {download.state.value} download has no place in the queue.")
        try:
            changed = self.manager.queue.move(download.id, where)
        except ValueError as error:
            raise RequestError(Code.INVALID_OPTION, f"Where to? {error}; up, down, top, bottom or a number.") from None
        for id, order in changed.items():
            moved = self.manager.downloads[id]
            moved.position = order
            self.manager.save_soon(moved)
            self.views.touch(moved)

    async def change(self, id: str, change: Change) -> DownloadView:
        download = await self.listing.find(id)
        await self._settled(download)
        await self.changing.change(download, change)
        await self.manager.flush()
        self.views.publish()
        return download.view()

    # The rest .......................................................................................................

    async def set_limits(self, limits: Limits) -> None:
        if limits.downloads < 1 or limits.connections < 1 or limits.per_host < 1 or limits.per_download < 1:
            raise RequestError(Code.INVALID_OPTION, "At least one download and one connection must be allowed.")
        if min(limits.rate, limits.rate_per_host, limits.rate_per_download) < 0:
            raise RequestError(Code.INVALID_OPTION, "A rate can't be negative; 0 is no limit.")
        if self.standing is not None:
            self.standing.schedule.set_base(limits)
        await self.apply_limits(limits)

    async def apply_limits(self, limits: Limits) -> None:
        """Put limits in force, whoever decided them."""
        self.services.seats.limits = limits
        self.services.gates.change(limits)
        self.views.limits = limits
        self.views.describe()
        self.manager.trim()
        self.views.publish()
        self.manager.pump_soon()

    async def set_defaults(self, defaults: Defaults) -> None:
        defaults = replace(defaults, folder=self.setup.folder)
        self.services.defaults = defaults
        self.manager.reaches.change(defaults)

    async def tell(self, facts: Mapping[str, str]) -> None:
        self.views.describe(**facts)
        self.views.publish()

    async def set_rules(self, rules: Rules) -> None:
        if self.standing is None:
            self.standing = self._standing(rules)
            await self.standing.start()
        else:
            await self.standing.change(rules)

    async def drop_rows(self, ids: Sequence[str]) -> None:
        """Drop ended downloads by id; their files stay."""
        for id in ids:
            self.views.drop(id)
            self.services.hub.emit("removed", id)
        await self.services.store.delete(ids)
        self.views.publish()

    async def forget(self, *, before: float | None = None, states: Sequence[str] = ()) -> int:
        wanted = [State(state) for state in states] or list(ENDED)
        await self.manager.flush()
        for download in list(self.manager.downloads.values()):
            old = before is None or (download.finished_at or 0) < before
            if download.state in wanted and download.state in ENDED and old:
                self.views.drop(download.id)
                self.services.hub.emit("removed", download.id)
        count = await self.services.store.forget(before=before, states=wanted)
        self.views.publish()
        return count


async def _all(commands: Iterable[Coroutine[Any, Any, Outcome]]) -> list[Outcome]:
    """Give a command to many at once; whatever runs gets its turns between them."""
    tasks = []
    loop = asyncio.get_running_loop()
    for number, command in enumerate(commands, 1):
        tasks.append(loop.create_task(command))
        if number % BREATH == 0:
            await asyncio.sleep(0)
    return [await task for task in tasks]
