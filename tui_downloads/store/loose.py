"""The loose rows, those that no index of `ended` knows: not ended, or ended a moment ago.

While they are few they are read where they lie. Where somebody asks for pages of many, they are copied once into a
table in memory with folded names and indexes, and triggers keep it true. It is this connection's alone and never on
disk, so a write costs no more than it did, and nothing is left to be repaired.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from msgspec import Struct, field

from tui_downloads.core.snapshots import Query

from .history import ENDED_STATES
from .matching import stored_states
from .order import FAR, Mark, fold, needle

MANY = 1000
"""Loose rows from which on they are kept in memory, once a page of them was asked for."""
COUNTED = 50_000
"""Matches of a text that are counted before the total is left open."""

_ENDED = f"state IN {ENDED_STATES}"
_SHAPE = f"""
    n, id, gid, owner, kind, state, created_at AS created,
    CASE WHEN {_ENDED} THEN ifnull(finished_at, created_at) ELSE {FAR!r} END AS finished,
    CASE WHEN {_ENDED} THEN ifnull(finished_at, created_at) ELSE created_at END AS moment,
    fold(name) AS name, ifnull(size, -1) AS size, fold(host) AS host,
    CASE WHEN {_ENDED} THEN {FAR!r} ELSE CAST(priority AS REAL) END AS priority,
    CASE WHEN {_ENDED} THEN {FAR!r} ELSE position END AS position,
    haystack(name, url, folder, error) AS text
"""
_WHERE_THEY_LIE = f"(SELECT {_SHAPE} FROM downloads INDEXED BY loose WHERE settled = 0) w"  # noqa: S608 - constants
_WATCHED = (
    "settled", "state", "url", "folder", "name", "host", "size", "priority", "position", "finished_at", "error", "kind",
)  # fmt: skip
"""Columns of `downloads` that a list is ordered or searched by, and that may change."""
_ENTER = f"INSERT OR REPLACE INTO waiting SELECT {_SHAPE} FROM downloads WHERE n = NEW.n AND settled = 0"  # noqa: S608
_LEAVE = "DELETE FROM waiting WHERE n = OLD.n"
_CHANGED = f"({', '.join(f'OLD.{name}' for name in _WATCHED)}) IS NOT ({', '.join(f'NEW.{name}' for name in _WATCHED)})"
_INDEXED = {"created": "waiting_created", "name": "waiting_name", "state": "waiting_state", "host": "waiting_host"}

_BUILD = (
    """
    CREATE TEMP TABLE waiting (
        n INTEGER PRIMARY KEY, id TEXT, gid TEXT, owner TEXT, kind TEXT, state TEXT, created REAL, finished REAL,
        moment REAL, name TEXT, size INTEGER, host TEXT, priority REAL, position REAL, text TEXT
    )
    """,
    f"INSERT INTO waiting SELECT {_SHAPE} FROM downloads INDEXED BY loose WHERE settled = 0",  # noqa: S608
    *(
        f"CREATE INDEX temp.{name} ON waiting ({sort}, n, state, owner, kind)"
        if sort != "state"
        else f"CREATE INDEX temp.{name} ON waiting (state, n, owner, kind)"
        for sort, name in _INDEXED.items()
    ),
    f"CREATE TEMP TRIGGER waiting_added AFTER INSERT ON main.downloads WHEN NEW.settled = 0 BEGIN {_ENTER}; END",
    f"CREATE TEMP TRIGGER waiting_gone AFTER DELETE ON main.downloads BEGIN {_LEAVE}; END",
    f"CREATE TEMP TRIGGER waiting_changed AFTER UPDATE ON main.downloads WHEN {_CHANGED} BEGIN {_LEAVE}; {_ENTER}; END",
)


class Terms(Struct):
    """Conditions and their parameters."""

    sql: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, sql: str, *values: Any) -> None:
        self.sql.append(sql)
        self.values.extend(values)

    def where(self) -> str:
        return " AND ".join(self.sql) or "1"


def among(column: str, number: int) -> str:
    """Write the condition that a column has one of some values."""
    return f"{column} IN ({', '.join('?' * number)})"


def prepare(database: sqlite3.Connection) -> bool:
    """Copy the loose rows into memory if they are many; say whether they are there."""
    if database.execute("SELECT 1 FROM sqlite_temp_master WHERE name = 'waiting'").fetchone():
        return True
    sql = "SELECT count(*) FROM (SELECT 1 FROM downloads INDEXED BY loose WHERE settled = 0 LIMIT ?)"
    if database.execute(sql, (MANY,)).fetchone()[0] < MANY:
        return False
    database.execute("BEGIN")
    try:
        for statement in _BUILD:
            database.execute(statement)
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    return True


class Loose:
    """One question to the loose rows: its marks and its total."""

    def __init__(self, database: sqlite3.Connection, query: Query) -> None:
        self._database = database
        self._query = query
        self._copied = prepare(database)
        self._known: int | None = None

    def marks(self, mark: Mark | None, limit: int) -> list[Mark]:
        """Give the first rows in the order wanted, after a mark."""
        query, found = self._query, None
        if self._copied and needle(query):
            found = self._matches(mark)
        if found is not None:
            found.sort(reverse=query.reverse)
            return found[:limit]
        if mark is None:
            return self._walk(self._terms(), limit)
        # Two seeks: SQLite looks up only the first column of a row value, and many rows may share a key.
        sign = "<" if query.reverse else ">"
        out: list[Mark] = []
        for more, values in ((f"w.{query.sort} = ? AND w.n {sign} ?", mark), (f"w.{query.sort} {sign} ?", mark[:1])):
            terms = self._terms()
            terms.add(more, *values)
            out += self._walk(terms, limit - len(out))
            if len(out) >= limit:
                break
        return out

    def total(self) -> int | None:
        """Count what is found; None where very many rows match a text."""
        if self._known is not None:
            return self._known
        terms = self._terms()
        sql = f"SELECT count(*) FROM (SELECT 1 FROM {self._source()} WHERE {terms.where()} LIMIT ?)"  # noqa: S608
        most = COUNTED if needle(self._query) else -1
        (number,) = self._database.execute(sql, (*terms.values, most)).fetchone()
        return None if number == most else int(number)

    def _matches(self, mark: Mark | None) -> list[Mark] | None:
        """Give every match of a text, if they are few, from one look at all texts: it is the costly part."""
        terms, sort = self._terms(), self._query.sort
        sql = f"SELECT w.{sort}, w.n FROM {self._source()} WHERE {terms.where()} LIMIT ?"  # noqa: S608
        found: list[Mark] = self._database.execute(sql, (*terms.values, MANY)).fetchall()
        if len(found) >= MANY:
            return None
        self._known = len(found)
        if mark is None:
            return found
        return [item for item in found if (item < mark if self._query.reverse else item > mark)]

    def _walk(self, terms: Terms, limit: int) -> list[Mark]:
        way, sort = "DESC" if self._query.reverse else "ASC", self._query.sort
        # Names of columns and directions are ours; what the caller said is bound.
        sql = (
            f"SELECT w.{sort}, w.n FROM {self._source(sort)} WHERE {terms.where()}"  # noqa: S608
            f" ORDER BY w.{sort} {way}, w.n {way} LIMIT ?"
        )
        return self._database.execute(sql, (*terms.values, limit)).fetchall()

    def _source(self, sort: str = "") -> str:
        """Say where to read: by an index that leaves few, by one in the order wanted, or all rows one after another."""
        if not self._copied:
            return _WHERE_THEY_LIE
        query = self._query
        if query.ids:
            return "temp.waiting w"
        if query.host:
            return "temp.waiting w INDEXED BY waiting_host"
        loose_end = query.since is not None or query.until is not None
        if sort in _INDEXED and not loose_end:
            return f"temp.waiting w INDEXED BY {_INDEXED[sort]}"
        if not sort and not loose_end and not needle(query):
            return "temp.waiting w INDEXED BY waiting_state"
        return "temp.waiting w NOT INDEXED"

    def _terms(self) -> Terms:
        query, terms = self._query, Terms()
        if states := stored_states(query):
            # The plus keeps the planner from looking up each state and sorting, where walking in order is meant.
            terms.add(among("+w.state", len(states)), *sorted(state.value for state in states))
        if query.owner:
            terms.add("w.owner = ?", query.owner)
        if query.kinds:
            terms.add(among("w.kind", len(query.kinds)), *sorted(kind.value for kind in query.kinds))
        if query.host:
            terms.add("w.host = ?", fold(query.host))
        if query.ids:
            ids = json.dumps(query.ids)
            terms.add(
                "w.n IN (SELECT n FROM downloads WHERE id IN (SELECT value FROM json_each(?))"
                " UNION SELECT n FROM downloads WHERE gid IN (SELECT value FROM json_each(?)))",
                ids, ids,
            )  # fmt: skip
        if query.since is not None:
            terms.add("w.moment >= ?", query.since)
        if query.until is not None:
            terms.add("w.moment <= ?", query.until)
        if text := needle(query):
            terms.add("instr(w.text, ?) > 0", text)
        return terms
