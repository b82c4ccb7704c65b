"""What SQLite says, in our words."""

from __future__ import annotations

import sqlite3

import pytest

from tui_downloads.core.errors import Code
from tui_downloads.store.faults import translate

CASES = {
    sqlite3.SQLITE_FULL: Code.DISK_FULL,
    sqlite3.SQLITE_BUSY: Code.IN_USE,
    sqlite3.SQLITE_LOCKED: Code.IN_USE,
    sqlite3.SQLITE_CORRUPT: Code.STATE_UNUSABLE,
    sqlite3.SQLITE_NOTADB: Code.STATE_UNUSABLE,
    sqlite3.SQLITE_READONLY: Code.STATE_UNUSABLE,
    sqlite3.SQLITE_CANTOPEN: Code.STATE_UNUSABLE,
    sqlite3.SQLITE_IOERR: Code.DISK_ERROR,
    sqlite3.SQLITE_ERROR: Code.INTERNAL,
}


@pytest.mark.parametrize(("code", "wanted"), CASES.items())
def test_codes_of_sqlite(code, wanted):
    """Extended codes count as their primary one; the message names the file and stays one line."""
    error = sqlite3.OperationalError("secret 'value' in SQL")
    error.sqlite_errorcode = code | 0x300
    told = translate(error, "/state/d.db")
    assert told.code is wanted
    assert "/state/d.db" in told.message and "secret" not in told.message and "\n" not in told.message
