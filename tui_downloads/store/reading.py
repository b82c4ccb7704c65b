"""Reads whole downloads, and the small tables beside them."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from tui_downloads.core.download import Download, FileRecord

from . import rows
from .history import ENDED_STATES, transaction
from .ledger import many
from .signed import with_links

log = logging.getLogger(__name__)

_WHOLE = f"SELECT {rows.COLUMNS}, c.secret FROM downloads d LEFT JOIN credentials c ON c.download = d.n"  # noqa: S608


def unfinished(database: sqlite3.Connection) -> list[tuple[int, Download]]:
    """Give what has not ended, in queue order; a row that makes no sense is left alone and told in the log."""
    loose = f"SELECT n FROM downloads INDEXED BY loose WHERE settled = 0 AND state NOT IN {ENDED_STATES}"  # noqa: S608
    sql = f"{_WHOLE} WHERE d.n IN ({loose}) ORDER BY d.priority DESC, d.position, d.n"
    return list(_whole(database, sql, ()))


def one(database: sqlite3.Connection, id_: str) -> Download | None:
    """Give one download by id or gid."""
    wanted = rows.clean((id_,))  # a text that is not Unicode is nobody's id, and no error
    for column in ("id", "gid"):
        for _, download in _whole(database, f"{_WHOLE} WHERE d.{column} = ?", wanted):
            return download
    return None


def _whole(database: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> Iterator[tuple[int, Download]]:
    for row in database.execute(sql, values).fetchall():
        try:
            download = rows.read_download(row[:-1])
            download.files = download.files or _files(database, row[0])
            if row[-1] is not None:
                download.request = rows.with_secret(download.request, row[-1])
                download.url = rows.whole_url(download)
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            log.warning("row %d of the list can't be read (%s); it is left as it is", row[0], type(exc).__name__)
            continue
        yield row[0], download


def _files(database: sqlite3.Connection, n: int) -> list[FileRecord]:
    sql = f"SELECT place, {rows.FILES} FROM files WHERE download = ? ORDER BY place"  # noqa: S608
    files = {row[0]: rows.read_file(row[1:]) for row in database.execute(sql, (n,))}
    for place, secret in database.execute("SELECT place, secret FROM links WHERE download = ?", (n,)):
        if place in files:
            with_links(files[place], secret)
    return list(files.values())


def numbers(database: sqlite3.Connection, ids: Sequence[str]) -> dict[str, int]:
    """Give the row numbers of ids."""
    sql = "SELECT id, n FROM downloads WHERE id IN (SELECT value FROM json_each(?))"
    return dict(database.execute(sql, (json.dumps(list(ids)),)).fetchall())


def taken(database: sqlite3.Connection, wanted: str) -> set[str]:
    """Give those of a JSON list that are ids or gids of downloads."""
    sql = (
        "SELECT id FROM downloads WHERE id IN (SELECT value FROM json_each(?))"
        " UNION SELECT gid FROM downloads WHERE gid IN (SELECT value FROM json_each(?))"
    )
    return {name for (name,) in database.execute(sql, (wanted, wanted))}


def ended_before(database: sqlite3.Connection, before: float | None, states: Sequence[str], limit: int) -> list[int]:
    """Give row numbers of ended downloads, settled or not."""
    if not states:
        return []
    among = ", ".join("?" * len(states))
    limits = (1e300 if before is None else before, limit)
    sql = f"SELECT n FROM ended INDEXED BY ended_finished WHERE state IN ({among}) AND finished < ? LIMIT ?"  # noqa: S608
    found = [n for (n,) in database.execute(sql, (*states, *limits))]
    if not found:
        sql = (
            f"SELECT n FROM downloads INDEXED BY loose WHERE settled = 0 AND state IN ({among})"  # noqa: S608
            " AND ifnull(finished_at, created_at) < ? LIMIT ?"
        )
        found = [n for (n,) in database.execute(sql, (*states, *limits))]
    return found


def intents(database: sqlite3.Connection) -> list[rows.Row]:
    sql = "SELECT download, file, folder, part, target, device, inode, size FROM intents ORDER BY download, file"
    return [rows.restored(row) for row in database.execute(sql)]


_ROW_OF = "(SELECT n FROM downloads WHERE id = ?)"


def notes(database: sqlite3.Connection, id_: str) -> list[tuple[float, str]]:
    """Give the log of a download, oldest first."""
    sql = f"SELECT at, text FROM notes WHERE download = {_ROW_OF} ORDER BY n"  # noqa: S608
    return [(at, rows.text_of(text)) for at, text in database.execute(sql, (id_,))]


def add_notes(database: sqlite3.Connection, id_: str, entries: Sequence[tuple[float, str]], kept: int) -> None:
    """Add to the log of a download that is there, and keep the newest."""
    found = numbers(database, [id_]).get(id_)
    if found is None or not entries:
        return
    with transaction(database):
        lines = [(found, at, text) for at, text in entries]
        many(database, "INSERT INTO notes (download, at, text) VALUES (?, ?, ?)", lines)
        database.execute(
            "DELETE FROM notes WHERE download = ? AND n <="
            " (SELECT n FROM notes WHERE download = ? ORDER BY n DESC LIMIT 1 OFFSET ?)",
            (found, found, kept),
        )
