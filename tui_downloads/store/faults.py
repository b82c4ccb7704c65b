"""What SQLite says, translated once into whose fault it is and what to do."""

from __future__ import annotations

import sqlite3

from tui_downloads.core.errors import Code, RequestError

DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
SHUT = frozenset({sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH})


def primary(error: BaseException) -> int:
    """Give SQLite's primary result code, or 0 where the error has none."""
    return int(getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF


def damaged(error: BaseException) -> bool:
    """Say whether the error means that the file is not a sound database."""
    return primary(error) in DAMAGED


def translate(error: Exception, path: str) -> RequestError:
    """Say in the project's words why the database refused; the transaction was undone."""
    code = primary(error)
    if code == sqlite3.SQLITE_FULL:
        return RequestError(
            Code.DISK_FULL,
            f"The disk that holds the list is full: {path}",
            next_step="Free some space, then try again; the list is as it was before.",
        )
    if code in HELD:
        return RequestError(
            Code.IN_USE,
            f"Another program holds the list: {path}",
            next_step="Close the program that has the file open, then try again.",
        )
    if code in DAMAGED:
        return RequestError(
            Code.STATE_UNUSABLE,
            f"The list is damaged: {path}",
            next_step="Start tui-downloads again: it sets the file aside and keeps what can be read.",
        )
    if code in SHUT:
        return RequestError(
            Code.STATE_UNUSABLE,
            f"The list can't be written: {path}",
            next_step="Check the permissions of the file and of its folder.",
        )
    if code == sqlite3.SQLITE_IOERR:
        return RequestError(Code.DISK_ERROR, f"The disk failed under the list: {path}")
    if isinstance(error, sqlite3.IntegrityError):
        return RequestError(
            Code.DUPLICATE,
            "A download with this id or gid is in the list already.",
            next_step="Give it another gid, or none.",
        )
    return RequestError(Code.INTERNAL, f"The list could not be used ({type(error).__name__}): {path}")
