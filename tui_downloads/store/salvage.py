"""Carries over what can still be read of a damaged database."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator

from . import rows, signed
from .history import transaction

TABLES = ("downloads", "files", "credentials", "links", "notes", "intents", "hosts", "settings")
CHUNK = 2000


def carry_over(aside: str, database: sqlite3.Connection) -> int:
    """Copy every sound row into a new database; give the number of downloads. The old file is not changed."""
    copy = aside + ".reading"
    try:
        with contextlib.suppress(OSError, sqlite3.Error):
            os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            shutil.copyfile(aside, copy)
            if os.path.exists(aside + "-wal"):
                shutil.copyfile(aside + "-wal", copy + "-wal")
            return _copy_tables(copy, database)
        return 0
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            with contextlib.suppress(OSError):
                os.unlink(copy + suffix)


def _copy_tables(copy: str, database: sqlite3.Connection) -> int:
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as old:
        # What cannot be decoded is a reason to leave a row, not to stop.
        old.text_factory = lambda raw: raw.decode("utf-8", "replace")
        old.execute("PRAGMA locking_mode = EXCLUSIVE")
        for table in TABLES:
            with contextlib.suppress(sqlite3.Error):
                _copy_table(old, database, table)
    with transaction(database):
        database.execute("UPDATE downloads SET settled = 0")
        _drop_unreadable(database)
        signed.put_apart(database)
        for table in ("files", "credentials", "links", "notes"):
            database.execute(f"DELETE FROM {table} WHERE download NOT IN (SELECT n FROM downloads)")  # noqa: S608
    (number,) = database.execute("SELECT count(*) FROM downloads").fetchone()
    return int(number)


def _copy_table(old: sqlite3.Connection, database: sqlite3.Connection, table: str) -> None:
    ours = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    theirs = {row[1] for row in old.execute(f"PRAGMA table_info({table})")}
    names = ", ".join(name for name in ours if name in theirs)
    if not names:
        return
    holes = ", ".join("?" * (names.count(",") + 1))
    insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({holes})"  # noqa: S608 - our own column names
    # A bad page stops a walk; what lies behind it is then reached from the other side.
    for direction in ("ASC", "DESC"):
        broken: list[Exception] = []
        for chunk in _walk(old, f"SELECT {names} FROM {table} ORDER BY 1 {direction}", broken):  # noqa: S608
            with transaction(database):
                for row in chunk:
                    with contextlib.suppress(sqlite3.IntegrityError, sqlite3.DataError):
                        database.execute(insert, row)
        if not broken:
            return


def _walk(old: sqlite3.Connection, sql: str, broken: list[Exception]) -> Iterator[list[rows.Row]]:
    """Give rows in chunks up to the end or to the first page that can't be read, which is told in `broken`."""
    chunk: list[rows.Row] = []
    try:
        for row in old.execute(sql):
            chunk.append(row)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    except (sqlite3.Error, OverflowError, UnicodeError) as exc:
        broken.append(exc)
    if chunk:
        yield chunk


def _drop_unreadable(database: sqlite3.Connection) -> None:
    bad = []
    for row in database.execute(f"SELECT {rows.COLUMNS} FROM downloads d"):  # noqa: S608
        try:
            rows.read_download(row).view()
        except (ValueError, TypeError, KeyError, AttributeError):
            bad.append((row[0],))
    database.executemany("DELETE FROM downloads WHERE n = ?", bad)
