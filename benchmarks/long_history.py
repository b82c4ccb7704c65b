"""Makes a store with a long history, quickly: some rows go in through the store, SQL multiplies them.

The store is kept in the temporary folder for the next run; every row, index and trigram of it is what the store itself
would have written, only the time in between is missing.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

from store import Names

from tui_downloads.store.history import SETTLE, teach
from tui_downloads.store.migrations import MIGRATIONS
from tui_downloads.store.sqlite import SqliteStore

SEED = 10_000
APART = "id gid name url created_at finished_at position settled".split()
INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"


def history(rows: int) -> Path:
    """Give the database with that many ended downloads; made at the first call.

    Raises:
        OSError: there is no room for it.
    """
    schema = hashlib.sha256("\n".join(name for name, _ in MIGRATIONS).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"tui-downloads-benchmarks-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"history-{rows}-{schema}.db"
    if not path.exists():
        beside = folder / f"{path.name}.new"
        for old in folder.glob(f"history-{rows}-*"):
            old.unlink()
        asyncio.run(_seed(beside, min(rows, SEED)))
        _multiply(beside, rows)
        beside.rename(path)
    return path


def copy(rows: int, to: Path) -> None:
    """Put a copy where an engine may write to it."""
    shutil.copyfile(history(rows), to)


async def _seed(path: Path, rows: int) -> None:
    names = Names()
    store = SqliteStore(str(path))
    await store.open()
    downloads = [names.download(number) for number in range(rows)]
    for download in downloads:
        names.end(download)
    await store.insert(downloads)
    await store.settle()
    await store.close()


def _multiply(path: Path, rows: int) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    try:
        teach(database)
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA cache_size = -1000000")
        indexes = database.execute(INDEXES).fetchall()
        for name, _ in indexes:
            database.execute(f'DROP INDEX "{name}"')
        columns = [row[1] for row in database.execute("PRAGMA table_info(downloads)") if row[1] not in ("n", *APART)]
        rest = ", ".join(columns)
        database.execute("BEGIN")
        for copy in range(1, -(-rows // SEED)):
            # A copy has a name and a moment of its own, so that neither order nor search finds it with its model.
            database.execute(
                f"INSERT INTO downloads ({', '.join(APART)}, {rest}) SELECT "  # noqa: S608 - names of our own columns
                "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a'"
                " || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))), lower(hex(randomblob(8))),"
                f" replace(name, '.', '-{copy}.'), replace(url, '-', '-{copy}-'), created_at + {copy * SEED},"
                f" finished_at + {copy * SEED}, position + {copy * SEED}, 0, {rest}"
                " FROM downloads WHERE n <= ? AND (SELECT max(n) FROM downloads) < ?",
                (SEED, rows),
            )
        every = SETTLE.replace("n IN (SELECT value FROM json_each(?)) AND", "")
        database.execute(every.replace("RETURNING n, owner, state, text", ""))
        database.execute("UPDATE downloads SET settled = 1 WHERE settled = 0")
        database.execute("DELETE FROM tallies")
        database.execute("INSERT INTO tallies SELECT owner, state, count(*) FROM ended GROUP BY owner, state")
        database.execute("INSERT INTO search (search) VALUES ('rebuild')")
        for _, sql in indexes:
            database.execute(sql)
        database.execute("COMMIT")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        database.close()


if __name__ == "__main__":
    print(history(1_000_000))
