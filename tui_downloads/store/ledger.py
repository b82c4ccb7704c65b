"""Turns changed downloads into the rows that have to be written, and into no more than those."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from msgspec import Struct, field

from tui_downloads.core.download import Download
from tui_downloads.core.lifecycle import ENDED
from tui_downloads.core.snapshots import Kind
from tui_downloads.core.spec import AddRequest

from . import history, rows
from .signed import write_links


class Entry(Struct):
    """What was last written of a download that has not ended."""

    n: int
    url: str = ""
    kind: Kind | None = None
    """A link turns out to be a package."""
    request: AddRequest | None = None
    """The very object that was written; requests are frozen, so another object is a change."""
    sources: list[rows.Row] = field(default_factory=list)
    """Of each file, what rarely changes."""
    living: list[rows.Row] = field(default_factory=list)
    """Of each file, what often changes; kept only where there are several files."""
    plain: bool = False
    """The only file has no row of its own."""
    known: bool = True
    """What the rows of its files say is known; not so after a look-up."""


class Batch(Struct):
    """Rows of one transaction. Filled on the engine's loop, applied on the database's thread."""

    insert: list[rows.Row] = field(default_factory=list)
    update: list[rows.Row] = field(default_factory=list)
    requests: list[rows.Row] = field(default_factory=list)
    secrets: list[tuple[int, str]] = field(default_factory=list)
    no_secrets: list[tuple[int]] = field(default_factory=list)
    update_files: list[rows.Row] = field(default_factory=list)
    replace_files: list[rows.Row] = field(default_factory=list)
    links: list[tuple[int, int, str]] = field(default_factory=list)
    no_links: list[tuple[int, int]] = field(default_factory=list)
    drop_files: list[tuple[int, int]] = field(default_factory=list)
    drop_intents: list[tuple[str]] = field(default_factory=list)
    unsettle: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    """Rows to settle later."""

    def apply(self, database: sqlite3.Connection, search: bool) -> None:
        """Write everything in one transaction."""
        with history.transaction(database):
            if self.unsettle:
                history.unsettle(database, self.unsettle, search)
            many(database, rows.INSERT, self.insert)
            many(database, rows.UPDATE, self.update)
            many(database, rows.UPDATE_REQUEST, self.requests)
            many(database, "INSERT OR REPLACE INTO credentials (download, secret) VALUES (?, ?)", self.secrets)
            many(database, "DELETE FROM credentials WHERE download = ?", self.no_secrets)
            many(database, rows.UPDATE_FILE, self.update_files)
            many(database, rows.REPLACE_FILE, self.replace_files)
            many(database, "DELETE FROM links WHERE download = ? AND place = ?", self.no_links)
            many(database, "INSERT OR REPLACE INTO links (download, place, secret) VALUES (?, ?, ?)", self.links)
            many(database, "DELETE FROM files WHERE download = ? AND place >= ?", self.drop_files)
            many(database, "DELETE FROM links WHERE download = ? AND place >= ?", self.drop_files)
            many(database, "DELETE FROM intents WHERE download = ?", self.drop_intents)


def many(database: sqlite3.Connection, sql: str, lines: Sequence[rows.Row]) -> None:
    """Run a statement for each row; rows that SQLite can't take as they are, are made so."""
    if not lines:
        return
    database.execute("SAVEPOINT many")
    try:
        database.executemany(sql, lines)
    except (UnicodeEncodeError, OverflowError):
        # Rows before the odd one were written; the savepoint takes them back, so that none is written twice.
        database.execute("ROLLBACK TO many")
        database.executemany(sql, [rows.clean(line) for line in lines])
    database.execute("RELEASE many")


class Ledger:
    """Knows the row of each unfinished download and what it says."""

    def __init__(self, next_n: int = 1) -> None:
        self._next = next_n
        self._entries: dict[str, Entry] = {}

    def enter(self, n: int, download: Download) -> None:
        """Note a download as it was read."""
        if download.state not in ENDED:
            self._entries[download.id] = self._entry(n, download)

    def missing(self, downloads: Iterable[Download]) -> list[str]:
        """List the ids whose rows have to be looked up before they can be written."""
        return [download.id for download in downloads if download.id not in self._entries]

    def found(self, numbers: dict[str, int]) -> None:
        """Take the rows that were looked up; what they say is not known, so they will be written in full."""
        for id_, n in numbers.items():
            self._entries.setdefault(id_, Entry(n, known=False))

    def numbers(self, ids: Iterable[str]) -> list[int]:
        """Give the rows of those ids that have one."""
        return [entry.n for id_ in ids if (entry := self._entries.get(id_)) is not None]

    def forget(self, ids: Iterable[str]) -> None:
        """Drop what is known, after a delete or a failed transaction."""
        for id_ in ids:
            self._entries.pop(id_, None)

    def add(self, download: Download, batch: Batch) -> None:
        """Put a new download into a batch."""
        n = self._next
        self._next += 1
        plain = rows.plain_of(download)
        batch.insert.append(rows.fixed(n, download) + rows.living(download, plain))
        self._secret(n, download.request, batch, new=True)
        if not plain:
            for place in range(len(download.files)):
                self._whole_file(n, place, download, batch, new=True)
        if download.state in ENDED:
            batch.ended.append(n)
        else:
            self._entries[download.id] = self._entry(n, download)

    def change(self, download: Download, batch: Batch) -> None:
        """Put the changes of a download into a batch; a download without a row is left out."""
        entry = self._entries.get(download.id)
        if entry is None:
            return
        n, plain = entry.n, rows.plain_of(download)
        batch.update.append((*rows.living(download, plain), n))
        if download.request is not entry.request or download.url != entry.url or download.kind is not entry.kind:
            batch.requests.append((rows.write_request(download), rows.shown(download.url), download.kind.value, n))
            self._secret(n, download.request, batch, new=False)
            entry.request, entry.url, entry.kind = download.request, download.url, download.kind
        if not plain:
            self._files(entry, download, batch)
        elif not entry.plain:
            batch.drop_files.append((n, 0))
            entry.sources, entry.living, entry.known = [], [], True
        entry.plain = plain > 0
        if download.state in ENDED:
            batch.ended.append(n)
            del self._entries[download.id]

    def _files(self, entry: Entry, download: Download, batch: Batch) -> None:
        files, sources, n = download.files, entry.sources, entry.n
        several = len(files) > 1
        if not several:
            entry.living = []
        for place, file in enumerate(files):
            source = rows.file_source(file)
            if place >= len(sources) or sources[place] != source:
                self._whole_file(n, place, download, batch, new=place >= len(sources) and entry.known)
                sources[place : place + 1] = [source]
                if several:
                    entry.living[place : place + 1] = [rows.file_living(file)]
                continue
            living = rows.file_living(file)
            if several:
                if place < len(entry.living) and entry.living[place] == living:
                    continue
                entry.living[place : place + 1] = [living]
            batch.update_files.append((*living, n, place))
        if len(files) < len(sources) or not entry.known:
            batch.drop_files.append((n, len(files)))
            del sources[len(files) :]
            del entry.living[len(files) :]
            entry.known = True

    @staticmethod
    def _whole_file(n: int, place: int, download: Download, batch: Batch, *, new: bool) -> None:
        file = download.files[place]
        source = rows.write_source(file)
        batch.replace_files.append((*rows.file_living(file), n, place, file.id, source))
        links = write_links(file)
        if links is not None:
            batch.links.append((n, place, links))
        elif not new:
            batch.no_links.append((n, place))

    @staticmethod
    def _secret(n: int, request: AddRequest, batch: Batch, *, new: bool) -> None:
        secret = rows.write_secret(request)
        if secret is not None:
            batch.secrets.append((n, secret))
        elif not new:
            batch.no_secrets.append((n,))

    @staticmethod
    def _entry(n: int, download: Download) -> Entry:
        files = download.files
        if rows.plain_of(download):
            return Entry(n, download.url, download.kind, download.request, plain=True)
        return Entry(
            n,
            download.url,
            download.kind,
            download.request,
            [rows.file_source(file) for file in files],
            [rows.file_living(file) for file in files] if len(files) > 1 else [],
        )
