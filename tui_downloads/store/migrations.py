"""The schema as an ordered list of named steps. A step that has shipped is never edited; a change is a new step.

`downloads`, `files`, `credentials`, `links`, `intents`, `notes`, `hosts` and `settings` are what is remembered. Most
downloads have one file that says what the download says (name, size, state, digest …): `plain` stands for it, and it
has no row of its own; `all_files` shows every file alike.

`ended`, `tallies` and `search` are derived from the ended rows of `downloads`: they are filled a moment after a
download ended, so that finishing stays cheap, and `settled` says which rows they hold.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from . import signed

Statement = str | Callable[[sqlite3.Connection], None]

APPLICATION_ID = 0x74646C73
"""`tdls`: tells our database from any other SQLite file."""

FIRST = (
    """
    CREATE TABLE downloads (
        n INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        gid TEXT NOT NULL UNIQUE,
        owner TEXT NOT NULL,
        kind TEXT NOT NULL,
        created_at REAL NOT NULL,
        request TEXT NOT NULL,
        settled INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL,
        url TEXT NOT NULL,
        folder TEXT NOT NULL,
        name TEXT NOT NULL,
        host TEXT NOT NULL,
        size INTEGER,
        done INTEGER NOT NULL,
        priority INTEGER NOT NULL,
        position REAL NOT NULL,
        started_at REAL,
        finished_at REAL,
        active_seconds REAL NOT NULL,
        attempts INTEGER NOT NULL,
        discarded INTEGER NOT NULL,
        rate_limit INTEGER NOT NULL,
        proof TEXT NOT NULL,
        checksum TEXT,
        validator TEXT,
        final_url TEXT NOT NULL,
        title TEXT NOT NULL,
        content_type TEXT NOT NULL,
        duplicate_of TEXT,
        error TEXT,
        meta TEXT,
        plain INTEGER NOT NULL DEFAULT 0
    )
    """,
    "CREATE INDEX loose ON downloads (settled) WHERE settled = 0",
    """
    CREATE TABLE files (
        download INTEGER NOT NULL,
        place INTEGER NOT NULL,
        id TEXT NOT NULL,
        path TEXT NOT NULL,
        size INTEGER,
        done INTEGER NOT NULL,
        state TEXT NOT NULL,
        selected INTEGER NOT NULL,
        checksum TEXT,
        proof TEXT NOT NULL,
        error TEXT,
        part TEXT,
        source TEXT,
        PRIMARY KEY (download, place)
    ) WITHOUT ROWID
    """,
    """
    CREATE VIEW all_files AS
    SELECT download, place, id, path, size, done, state, selected, checksum, proof, error, part, source FROM files
    UNION ALL
    SELECT n, 0, '1', name, size, done, CASE WHEN state IN ('complete', 'failed') THEN state ELSE 'queued' END, 1,
        checksum, proof, error, NULL, NULL
    FROM downloads WHERE plain
    """,
    "CREATE TABLE credentials (download INTEGER PRIMARY KEY, secret TEXT NOT NULL)",
    """
    CREATE TABLE intents (
        download TEXT NOT NULL,
        file TEXT NOT NULL,
        folder TEXT NOT NULL,
        part TEXT NOT NULL,
        target TEXT NOT NULL,
        device INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        size INTEGER NOT NULL,
        PRIMARY KEY (download, file)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE notes (n INTEGER PRIMARY KEY, download INTEGER NOT NULL, at REAL NOT NULL, text TEXT NOT NULL)",
    "CREATE INDEX by_download ON notes (download, n)",
    "CREATE TABLE hosts (host TEXT PRIMARY KEY, ceiling INTEGER NOT NULL, learned_at REAL NOT NULL, why TEXT NOT NULL)",
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE ended (
        n INTEGER PRIMARY KEY,
        created REAL NOT NULL,
        finished REAL NOT NULL,
        name TEXT NOT NULL,
        size INTEGER NOT NULL,
        state TEXT NOT NULL,
        host TEXT NOT NULL,
        owner TEXT NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL
    )
    """,
    # State, owner and kind stand in each index, so that rows of another pane are skipped without being read.
    "CREATE INDEX ended_created ON ended (created, n, state, owner, kind)",
    "CREATE INDEX ended_finished ON ended (finished, n, state, owner, kind)",
    "CREATE INDEX ended_name ON ended (name, n, state, owner, kind)",
    "CREATE INDEX ended_size ON ended (size, n, state, owner, kind)",
    "CREATE INDEX ended_state ON ended (state, n, owner, kind)",
    "CREATE INDEX ended_host ON ended (host, n, state, owner, kind)",
    "CREATE INDEX ended_owner ON ended (owner, n, state, kind)",
    """
    CREATE TABLE tallies (owner TEXT NOT NULL, state TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (owner, state))
    WITHOUT ROWID
    """,
)

MIGRATIONS: tuple[tuple[str, tuple[Statement, ...]], ...] = (
    ("0001 downloads, files and history", FIRST),
    ("0002 secrets of files' links apart", (signed.TABLE, signed.put_apart)),
    # Without the setting the search index is made anew from these texts.
    (
        "0003 searches for one or two letters",
        (
            "UPDATE ended SET text = text || char(10) || char(10)",
            "DELETE FROM settings WHERE key = 'store.search'",
        ),
    ),
)


def applied(database: sqlite3.Connection) -> list[str]:
    """List the names of the steps that this database has had, in order."""
    if not database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'").fetchone():
        return []
    return [name for (name,) in database.execute("SELECT name FROM migrations ORDER BY place")]


def unknown(names: list[str]) -> list[str]:
    """List the steps that this program does not know: a newer one made them."""
    ours = {name for name, _ in MIGRATIONS}
    return [name for name in names if name not in ours]


def migrate(database: sqlite3.Connection, names: list[str]) -> list[str]:
    """Apply the missing steps in one transaction; give their names."""
    missing = [step for step in MIGRATIONS if step[0] not in names]
    if not missing:
        return []
    database.execute("BEGIN IMMEDIATE")
    try:
        database.execute("CREATE TABLE IF NOT EXISTS migrations (place INTEGER PRIMARY KEY, name TEXT UNIQUE, at REAL)")
        for name, statements in missing:
            for statement in statements:
                if isinstance(statement, str):
                    database.execute(statement)
                else:
                    statement(database)
            database.execute("INSERT INTO migrations (name, at) VALUES (?, ?)", (name, time.time()))
        # Pragmas take no bound parameters; both values are our own numbers.
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS):d}")
        database.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    return [name for name, _ in missing]
