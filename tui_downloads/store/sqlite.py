"""The store in SQLite: one connection on its own thread, one transaction a command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeVar

import aiosqlite
from msgspec.structs import replace

from tui_downloads.core.download import Download
from tui_downloads.core.errors import Code, RequestError
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DownloadView, Page, Query

from . import history, paging, reading
from .base import HostRow, Intent, Store
from .faults import damaged, translate
from .ledger import Batch, Ledger, many
from .opening import Opened, mark_suspect, open_database
from .order import check_query
from .rows import signed, unsigned

T = TypeVar("T")

SETTLE_AT_ONCE = 256
"""Rows of one step of settling; about 20 ms, so that no command waits longer."""
SETTLE_AFTER = 1.0
"""Seconds of quiet after which ended rows are settled."""
SETTLE_SOONER = 20_000
"""Unsettled rows that are not let grow further while there is no quiet."""
FORGET_AT_ONCE = 500
NOTES_KEPT = 200
EXPORT_AT_ONCE = 500


class _Worker(aiosqlite.Connection):
    """A connection whose thread runs whole pieces of work, so that a transaction is one hop and nothing interleaves."""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        result: T = await self._execute(work, self._conn)  # type: ignore[no-untyped-call]
        return result


class SqliteStore(Store):
    """Remembers downloads in one SQLite file."""

    def __init__(self, path: str | os.PathLike[str], *, patience: float = 10.0) -> None:
        self._path = os.path.abspath(os.fspath(path))  # noqa: PTH100 - a link to the folder stays a link
        self._patience = patience
        self._worker: _Worker | None = None
        self._search = False
        self._ledger = Ledger()
        self._unsettled: list[int] = []
        self._settling: asyncio.Task[None] | None = None
        self._active_at = 0.0

    async def open(self) -> str:
        opened: list[Opened] = []
        refused: list[RequestError] = []

        def connect() -> sqlite3.Connection:
            try:
                opened.append(open_database(self._path, self._patience))
            except RequestError as exc:
                # The thread is ended in good order by closing something; a failed connect would leave it to itself.
                refused.append(exc)
                return sqlite3.connect(":memory:")
            return opened[0].connection

        worker = _Worker(connect, iter_chunk_size=64)
        await worker
        if refused:
            await worker.close()
            raise refused[0]
        self._worker = worker
        self._search = opened[0].search

        def begin(database: sqlite3.Connection) -> tuple[int, list[int]]:
            (last,) = database.execute("SELECT ifnull(max(n), 0) FROM downloads").fetchone()
            return last + 1, history.unsettled(database)

        first, self._unsettled = await self._run(begin)
        self._ledger = Ledger(first)
        self._settle_later()
        return opened[0].sentence

    async def close(self) -> None:
        worker, self._worker = self._worker, None
        if self._settling is not None:
            self._settling.cancel()
            await asyncio.gather(self._settling, return_exceptions=True)
            self._settling = None
        if worker is not None:
            await worker.close()

    async def load(self) -> list[Download]:
        found = await self._run(reading.unfinished)
        for n, download in found:
            self._ledger.enter(n, download)
        return [download for _, download in found]

    async def insert(self, downloads: Sequence[Download]) -> None:
        batch = Batch()
        for place, download in enumerate(downloads, 1):
            self._ledger.add(download, batch)
            if place % 500 == 0:
                # Building rows takes 10 µs each; the loop is let breathe.
                await asyncio.sleep(0)
        await self._write(batch, downloads)

    async def save(self, downloads: Sequence[Download]) -> None:
        batch = await self._changes(downloads)
        await self._write(batch, downloads)

    async def finish(self, downloads: Sequence[Download]) -> None:
        batch = await self._changes(downloads)
        batch.drop_intents = [(download.id,) for download in downloads]
        await self._write(batch, downloads)

    async def _changes(self, downloads: Sequence[Download]) -> Batch:
        batch = Batch()
        if missing := self._ledger.missing(downloads):
            self._ledger.found(await self._run(lambda database: reading.numbers(database, missing)))
            batch.unsettle = self._ledger.numbers(missing)
        for download in downloads:
            self._ledger.change(download, batch)
        return batch

    async def _write(self, batch: Batch, downloads: Sequence[Download]) -> None:
        search = self._search
        try:
            await self._run(lambda database: batch.apply(database, search))
        except RequestError:
            # What is on disk is what was there before, so what is known of these rows is looked up again.
            self._ledger.forget([download.id for download in downloads])
            raise
        if batch.ended:
            self._unsettled += batch.ended
            self._settle_later()

    async def intend(self, intents: Sequence[Intent]) -> None:
        lines = [
            (i.download, i.file, i.folder, i.part, i.target, signed(i.device), signed(i.inode), i.size) for i in intents
        ]

        def work(database: sqlite3.Connection) -> None:
            with history.transaction(database):
                many(database, "INSERT OR REPLACE INTO intents VALUES (?, ?, ?, ?, ?, ?, ?, ?)", lines)

        await self._run(work)

    async def intents(self) -> list[Intent]:
        found = await self._run(reading.intents)
        return [
            Intent(download, file, folder, part, target, unsigned(device), unsigned(inode), size)
            for download, file, folder, part, target, device, inode, size in found
        ]

    async def get(self, id: str) -> Download | None:
        return await self._run(lambda database: reading.one(database, id))

    async def known(self, ids: Sequence[str]) -> set[str]:
        wanted = json.dumps(list(ids))
        return await self._run(lambda database: reading.taken(database, wanted))

    async def delete(self, ids: Sequence[str]) -> None:
        search = self._search

        def work(database: sqlite3.Connection) -> None:
            numbers = list(reading.numbers(database, ids).values())
            with history.transaction(database):
                history.drop(database, numbers, search)

        await self._run(work)
        self._ledger.forget(ids)

    async def page(self, query: Query) -> Page:
        return await self._run(lambda database: paging.page(database, query, self._search))

    async def export(self, query: Query) -> AsyncIterator[DownloadView]:
        check_query(query)
        step = replace(query, limit=EXPORT_AT_ONCE)
        while True:
            wanted = step
            page = await self._run(lambda database: paging.page(database, wanted, self._search, count=False))  # noqa: B023
            for view in page.items:
                yield view
            if page.cursor is None:
                return
            step = replace(step, cursor=page.cursor)

    async def counts(self, owner: str = "") -> dict[State, int]:
        return await self._run(lambda database: paging.counts(database, owner))

    async def forget(self, *, before: float | None = None, states: Sequence[State] = ()) -> int:
        wanted = sorted(state.value for state in (ENDED & set(states) if states else ENDED))
        number, search = 0, self._search

        def work(database: sqlite3.Connection) -> int:
            found = reading.ended_before(database, before, wanted, FORGET_AT_ONCE)
            if found:
                with history.transaction(database):
                    history.drop(database, found, search)
            return len(found)

        # In steps, so that other commands find their turn while a long history goes.
        while dropped := await self._run(work):
            number += dropped
        return number

    async def hosts(self) -> list[HostRow]:
        sql = "SELECT host, ceiling, learned_at, why FROM hosts ORDER BY host"
        return [HostRow(*row) for row in await self._run(lambda database: database.execute(sql).fetchall())]

    async def save_host(self, row: HostRow) -> None:
        line = [(row.host, row.ceiling, row.learned_at, row.why)]
        await self._run(lambda database: many(database, "INSERT OR REPLACE INTO hosts VALUES (?, ?, ?, ?)", line))

    async def notes(self, id: str) -> list[tuple[float, str]]:
        return await self._run(lambda database: reading.notes(database, id))

    async def note(self, id: str, entries: Sequence[tuple[float, str]]) -> None:
        newest = list(entries)[-NOTES_KEPT:]
        await self._run(lambda database: reading.add_notes(database, id, newest, NOTES_KEPT))

    async def setting(self, key: str) -> str | None:
        sql = "SELECT value FROM settings WHERE key = ?"
        row = await self._run(lambda database: database.execute(sql, (_FACE + key,)).fetchone())
        return None if row is None else str(row[0])

    async def remember(self, values: Mapping[str, str]) -> None:
        lines = [(_FACE + key, value) for key, value in values.items()]

        def work(database: sqlite3.Connection) -> None:
            with history.transaction(database):
                many(database, "INSERT OR REPLACE INTO settings VALUES (?, ?)", lines)

        await self._run(work)

    async def settle(self) -> None:
        """Move every ended row into the tables that lists read; happens by itself in quiet moments."""
        search = self._search
        while self._unsettled and self._worker is not None:
            batch = self._unsettled[:SETTLE_AT_ONCE]
            await self._run(lambda database: history.settle(database, batch, search))  # noqa: B023
            del self._unsettled[: len(batch)]

    def _settle_later(self) -> None:
        self._active_at = asyncio.get_running_loop().time()
        if self._unsettled and (self._settling is None or self._settling.done()):
            self._settling = asyncio.create_task(self._settle_in_quiet(), name="store: settle")

    async def _settle_in_quiet(self) -> None:
        loop = asyncio.get_running_loop()
        # Each write moves the moment, so this is a debounce and not a wait for an event.
        while len(self._unsettled) < SETTLE_SOONER and (left := self._active_at + SETTLE_AFTER - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
        # A full disk or the like is told by the commands; settling is tried again after the next one.
        with contextlib.suppress(RequestError):
            await self.settle()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run work on the database's thread; it is done even when the caller is cancelled meanwhile."""
        if self._worker is None:
            raise RequestError(Code.STATE_UNUSABLE, f"The list is not open: {self._path}")
        try:
            return await self._worker.run(work)
        except sqlite3.Error as exc:
            if damaged(exc):
                mark_suspect(self._path)
            raise translate(exc, self._path) from exc


_FACE = "face."
"""Keeps what faces remember apart from the store's own marks."""
