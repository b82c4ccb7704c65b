"""Opens the database: private file, one owner, checked, upgraded; a damaged one is set aside.

WAL, because a commit then costs one flush instead of three. SQLite before 3.51.3 can lose a WAL when two connections
write or checkpoint at once; `locking_mode = EXCLUSIVE`, set before the first access, makes SQLite itself refuse a
second connection, and keeps the WAL index in memory, so no shared-memory file is needed either.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import struct
import time

from msgspec import Struct

from tui_downloads.core.errors import Code, RequestError

from . import history, migrations, salvage
from .faults import damaged, translate

CHECK_LIMIT = 64 * 1024 * 1024
"""Bytes up to which a database that was not closed is checked whole."""
SUSPECT = ".suspect"
"""Suffix of the mark that a run leaves when it met damage; the next start then checks the whole file."""
_HEADER = b"SQLite format 3\x00"


class Opened(Struct, frozen=True):
    """A database that is ready."""

    connection: sqlite3.Connection
    search: bool
    """There is a trigram index."""
    sentence: str
    """What the log should say, or empty."""


class _Damage(Exception):
    """The file is not a sound database."""


def open_database(path: str, patience: float) -> Opened:
    """Open, check and upgrade; a damaged file is set aside and what it still says is carried over.

    Raises:
        RequestError: STATE_UNUSABLE or IN_USE; nothing was changed.
    """
    try:
        make_private(path)
        _refuse_foreign_header(path)
        try:
            return _open_sound(path, patience)
        except _Damage:
            aside = set_aside(path)
            fresh = _open_sound(path, patience)
            kept = salvage.carry_over(aside, fresh.connection)
            rest = f"{kept} downloads could be read and were kept" if kept else "a new one was started"
            sentence = f"The list was damaged and is set aside as {os.path.basename(aside)}; {rest}."
            return Opened(fresh.connection, fresh.search, sentence)
    except OSError as exc:
        raise RequestError(
            Code.STATE_UNUSABLE,
            f"The state folder can't be used ({os.strerror(exc.errno or 0)}): {os.path.dirname(path)}",
            next_step="Check that the folder exists, is yours and has space; nothing in it was changed.",
        ) from exc
    except sqlite3.Error as exc:
        raise translate(exc, path) from exc


def make_private(path: str) -> None:
    """Make the folder 0700 and the file 0600, whatever the umask."""
    folder = os.path.dirname(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if stat.S_IMODE(os.stat(folder).st_mode) != 0o700:
        os.chmod(folder, 0o700)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def _refuse_foreign_header(path: str) -> None:
    """Refuse a newer schema, or a database that is not ours, before SQLite has touched the file."""
    with open(path, "rb") as file:
        header = file.read(100)
    if len(header) == 100 and header.startswith(_HEADER):
        (version,) = struct.unpack(">I", header[60:64])
        (application,) = struct.unpack(">I", header[68:72])
        if application == migrations.APPLICATION_ID and version > len(migrations.MIGRATIONS):
            raise _newer(path, f"schema {version}")
        # Without a WAL beside it, the header of a database of ours carries our mark.
        sound = int.from_bytes(header[16:18], "big") in (1, *(2**power for power in range(9, 16)))
        if sound and application != migrations.APPLICATION_ID and not os.path.exists(path + "-wal"):
            raise _not_ours(path)


def _newer(path: str, what: str) -> RequestError:
    return RequestError(
        Code.STATE_UNUSABLE,
        f"The list was written by a newer tui-downloads ({what}; this one knows schema {len(migrations.MIGRATIONS)}):"
        f" {path}",
        next_step="Update tui-downloads, or set TUI_DOWNLOADS_HOME to another folder; nothing was changed.",
    )


def _not_ours(path: str) -> RequestError:
    return RequestError(
        Code.STATE_UNUSABLE,
        f"The file is a database of another program: {path}",
        next_step="Move it away, or set TUI_DOWNLOADS_HOME to another folder; nothing was changed.",
    )


def _open_sound(path: str, patience: float) -> Opened:
    left_open = os.path.exists(path + "-wal")
    suspect = os.path.exists(path + SUSPECT)
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, cached_statements=256)
    try:
        _prepare(connection)
        if suspect or (left_open and os.stat(path).st_size <= CHECK_LIMIT):
            _check(connection)
        sentence = _upgrade(connection, path)
        history.teach(connection)
        search = history.prepare_search(connection)
    except BaseException as exc:
        connection.close()
        if isinstance(exc, sqlite3.Error) and damaged(exc):
            raise _Damage from exc
        raise
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + SUSPECT)
    return Opened(connection, search, sentence)


def _prepare(connection: sqlite3.Connection) -> None:
    for pragma in (
        "locking_mode = EXCLUSIVE",
        "journal_mode = WAL",
        "synchronous = FULL",
        "journal_size_limit = 16777216",
        "cache_size = -8192",
        "temp_store = MEMORY",
        "trusted_schema = OFF",
        "cell_size_check = ON",
        # Overwrites deleted secrets inside the pages that are written anyway.
        "secure_delete = FAST",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    # Takes the lock at once, so that a second owner learns of it here.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


def _check(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise _Damage


def _upgrade(connection: sqlite3.Connection, path: str) -> str:
    names = migrations.applied(connection)
    if unknown := migrations.unknown(names):
        raise _newer(path, ", ".join(unknown))
    if not names and connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        raise _not_ours(path)
    backup = ""
    if names and len(names) < len(migrations.MIGRATIONS):
        backup = _back_up(connection, path, len(names))
    added = migrations.migrate(connection, names)
    if not backup:
        return ""
    return f"The list was upgraded ({', '.join(added)}); the one before is kept as {os.path.basename(backup)}."


def _back_up(connection: sqlite3.Connection, path: str, schema: int) -> str:
    target = _free_name(f"{path}.schema-{schema}-{_stamp()}")
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        connection.execute("VACUUM INTO ?", (target,))
        os.fsync(handle)
    finally:
        os.close(handle)
    return target


def set_aside(path: str) -> str:
    """Rename a damaged database, with its WAL, and give its new path."""
    aside = _free_name(f"{path}.damaged-{_stamp()}")
    os.replace(path, aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.replace(path + suffix, aside + suffix)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path + SUSPECT)
    make_private(path)
    return aside


def _stamp() -> str:
    return time.strftime("%Y%m%d-%H%M%S")


def _free_name(path: str) -> str:
    number, name = 1, path
    while os.path.lexists(name):
        number += 1
        name = f"{path}-{number}"
    return name


def mark_suspect(path: str) -> None:
    """Leave word for the next start that the file was found damaged."""
    with contextlib.suppress(OSError):
        os.close(os.open(path + SUSPECT, os.O_WRONLY | os.O_CREAT, 0o600))
