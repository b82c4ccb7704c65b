"""The ended rows: moved into the tables that lists and searches read, a moment after a download ended."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from . import trigrams
from .order import fold, haystack
from .rows import text_of

ENDED_STATES = "('complete', 'failed', 'cancelled')"
MARKER = "store.search"
"""The setting that says that `search` holds every row of `ended`."""

SETTLE = f"""
    INSERT OR REPLACE INTO ended (n, created, finished, name, size, state, host, owner, kind, text)
    SELECT n, created_at, ifnull(finished_at, created_at), fold(name), ifnull(size, -1), state, fold(host), owner, kind,
        haystack(name, url, folder, error)
    FROM downloads WHERE n IN (SELECT value FROM json_each(?)) AND settled = 0 AND state IN {ENDED_STATES}
    RETURNING n, owner, state, text
"""  # noqa: S608 - a constant


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside, or undo all of it."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        # A full disk or a damaged page may have rolled back already.
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


def teach(database: sqlite3.Connection) -> None:
    """Give the database our ways of comparing text."""
    database.create_function("fold", 1, lambda text: fold(text_of(text)), deterministic=True)
    database.create_function("haystack", 4, _haystack, deterministic=True)


def _haystack(name: str | bytes, url: str | bytes, folder: str | bytes, error: str | None) -> str:
    message = json.loads(error)["message"] if error else ""
    return haystack(text_of(name), text_of(url), text_of(folder), message)


def prepare_search(database: sqlite3.Connection) -> bool:
    """Make the trigram index ready; False where this SQLite has none, and searches read the text instead."""
    try:
        # Both sides are folded by us, so the index compares exactly: a phrase of trigrams is a substring, no more.
        database.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS search USING fts5"
            "(text, content='ended', content_rowid='n', columnsize=0, tokenize='trigram case_sensitive 1')"
        )
        trigrams.prepare(database)
        whole = database.execute("SELECT 1 FROM settings WHERE key = ?", (MARKER,)).fetchone()
        if not whole:
            with transaction(database):
                database.execute("INSERT INTO search (search) VALUES ('rebuild')")
                database.execute("INSERT INTO settings (key, value) VALUES (?, 'whole')", (MARKER,))
    except sqlite3.OperationalError as exc:
        if "no such" not in str(exc) and "tokenizer" not in str(exc):
            raise
        database.execute("DELETE FROM settings WHERE key = ?", (MARKER,))
        return False
    return True


def unsettled(database: sqlite3.Connection) -> list[int]:
    """List the ended rows that are still to be settled."""
    sql = f"SELECT n FROM downloads INDEXED BY loose WHERE settled = 0 AND state IN {ENDED_STATES}"  # noqa: S608
    return [n for (n,) in database.execute(sql)]


def settle(database: sqlite3.Connection, numbers: Sequence[int], search: bool) -> None:
    """Move ended rows into the tables that lists and searches read, in one transaction."""
    with transaction(database):
        found = database.execute(SETTLE, (json.dumps(list(numbers)),)).fetchall()
        if search:
            database.executemany("INSERT INTO search (rowid, text) VALUES (?, ?)", [(row[0], row[3]) for row in found])
        database.executemany("UPDATE downloads SET settled = 1 WHERE n = ?", [row[:1] for row in found])
        _count(database, Counter((owner, state) for _, owner, state, _ in found), 1)


def unsettle(database: sqlite3.Connection, numbers: Sequence[int], search: bool) -> None:
    """Take rows out of these tables again; runs inside the caller's transaction."""
    wanted = json.dumps(list(numbers))
    found = database.execute(
        "SELECT n, owner, state, text FROM ended WHERE n IN (SELECT value FROM json_each(?))", (wanted,)
    ).fetchall()
    if not found:
        return
    if search:
        database.executemany(
            "INSERT INTO search (search, rowid, text) VALUES ('delete', ?, ?)", [(row[0], row[3]) for row in found]
        )
    keys = [row[:1] for row in found]
    database.executemany("DELETE FROM ended WHERE n = ?", keys)
    database.executemany("UPDATE downloads SET settled = 0 WHERE n = ?", keys)
    _count(database, Counter((owner, state) for _, owner, state, _ in found), -1)


def _count(database: sqlite3.Connection, found: Counter[tuple[str, str]], sign: int) -> None:
    database.executemany(
        "INSERT INTO tallies (owner, state, number) VALUES (?, ?, ?)"
        " ON CONFLICT (owner, state) DO UPDATE SET number = number + excluded.number",
        [(owner, state, sign * number) for (owner, state), number in found.items()],
    )


def drop(database: sqlite3.Connection, numbers: Sequence[int], search: bool) -> None:
    """Delete rows with their files, secrets and notes; runs inside the caller's transaction."""
    unsettle(database, numbers, search)
    keys = [(n,) for n in numbers]
    ids = database.execute(
        "SELECT id FROM downloads WHERE n IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),)
    ).fetchall()
    database.executemany("DELETE FROM intents WHERE download = ?", ids)
    for table, column in (
        ("files", "download"),
        ("credentials", "download"),
        ("links", "download"),
        ("notes", "download"),
        ("downloads", "n"),
    ):
        database.executemany(f"DELETE FROM {table} WHERE {column} = ?", keys)  # noqa: S608 - names from the line above
