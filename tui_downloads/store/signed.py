"""Links of files whose queries hold secrets: hidden in the table of files, whole in a table of their own.

A metalink's or a package's files have links that the user never typed; what signs them opens the file to whoever reads
it, so it lies with the credentials and goes with them.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from tui_downloads.core.download import FileRecord

from .rows import read_file, shown, write_json, write_source

TABLE = "CREATE TABLE links (download INTEGER, place INTEGER, secret TEXT NOT NULL, PRIMARY KEY (download, place))"


def write_links(file: FileRecord) -> str | None:
    """Write the links of a file that hold secrets, with their neighbours; None where none does."""
    out: dict[str, Any] = {}
    if any(shown(url) != url for url in file.urls):
        out["urls"] = file.urls
    if file.renew and shown(file.renew) != file.renew:
        out["renew"] = file.renew
    return write_json(out) if out else None


def with_links(file: FileRecord, text: str | bytes) -> FileRecord:
    """Give a file its whole links back."""
    found: dict[str, Any] = json.loads(text)
    file.urls = tuple(found.get("urls", file.urls))
    file.renew = found.get("renew", file.renew)
    return file


def put_apart(database: sqlite3.Connection) -> None:
    """Move the secrets of links out of rows that were written with them."""
    known = "id, path, size, done, state, selected, checksum, proof, error, part, source"
    secrets, sources = [], []
    for n, place, *row in database.execute(
        f"SELECT download, place, {known} FROM files WHERE source LIKE '%://%'"  # noqa: S608 - the names above
    ):
        try:
            file = read_file(tuple(row))
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # told in the log whenever the row is read
        secret = write_links(file)
        if secret is not None:
            secrets.append((n, place, secret))
            sources.append((write_source(file), n, place))
    database.executemany("INSERT OR REPLACE INTO links VALUES (?, ?, ?)", secrets)
    database.executemany("UPDATE files SET source = ? WHERE download = ? AND place = ?", sources)
