"""Pages, totals and counts by SQL, in milliseconds at any depth and any length of history.

Two places are asked and merged: the loose rows (not ended, or ended a moment ago; see `loose`), and `ended` by an
index. Whichever condition of a query leaves few rows drives it; where none does, many rows match, and walking in the
order wanted finds a page soon. Only bound parameters carry what a caller said.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tui_downloads.core.lifecycle import State
from tui_downloads.core.snapshots import DownloadView, Page, Query

from . import rows
from .loose import COUNTED, Loose, Terms, among
from .matching import asks_for_ended, stored_states
from .order import FAR, Mark, check_query, fold, needle, page_size, read_cursor, write_cursor
from .trigrams import expression

FEW = 5000
"""Rows that may be collected and sorted rather than walked in order."""

_CONSTANT = ("priority", "position")
"""Orders in which all ended rows are equal."""


class Driver(Struct, frozen=True):
    """A condition that gives row numbers by itself."""

    source: str
    """A SELECT of one column `n`."""
    values: tuple[Any, ...]


def page(database: sqlite3.Connection, query: Query, search: bool, *, count: bool = True) -> Page:
    """Give one page, with its total when it is the first and the total is wanted.

    Raises:
        RequestError: INVALID_OPTION for an unknown order or a foreign cursor.
    """
    check_query(query)
    mark, size = read_cursor(query), page_size(query)
    loose = Loose(database, query)
    marks = loose.marks(mark, size + 1)
    driver: Driver | None = None
    asked: str | None = None
    if asks_for_ended(query):
        asked = expression(database, needle(query), COUNTED) if search else None
        driver = _driver(database, query, asked)
        marks += _ended_marks(database, query, mark, size + 1, driver)
    marks.sort(reverse=query.reverse)
    more = len(marks) > size
    marks = marks[:size]
    return Page(
        items=tuple(views(database, [n for _, n in marks])),
        cursor=write_cursor(query, marks[-1]) if more else None,
        total=total(database, query, asked, driver, loose) if count and mark is None else None,
    )


def views(database: sqlite3.Connection, numbers: Sequence[int]) -> list[DownloadView]:
    """Give what outsiders may see of these rows, in this order; no secret is read."""
    wanted = json.dumps(numbers)
    sql = f"SELECT {rows.COLUMNS} FROM downloads d WHERE d.n IN (SELECT value FROM json_each(?))"  # noqa: S608
    found = {row[0]: rows.read_download(row).view() for row in database.execute(sql, (wanted,))}
    for n, files, done in database.execute(
        "SELECT download, count(*), sum(state = 'complete') FROM files"
        " WHERE download IN (SELECT value FROM json_each(?)) GROUP BY download HAVING count(*) > 1",
        (wanted,),
    ):
        if n in found:
            found[n] = replace(found[n], files_total=files, files_done=done)
    return [found[n] for n in numbers if n in found]


# Ended rows.


def _ended_terms(query: Query, *, text: bool = True) -> Terms:
    terms = Terms()
    if states := stored_states(query):
        # The plus keeps the planner from looking up each state and sorting, where walking in order is meant.
        terms.add(among("+e.state", len(states)), *sorted(state.value for state in states))
    if query.owner:
        terms.add("e.owner = ?", query.owner)
    if query.kinds:
        terms.add(among("e.kind", len(query.kinds)), *sorted(kind.value for kind in query.kinds))
    if query.since is not None:
        terms.add("e.finished >= ?", query.since)
    if query.until is not None:
        terms.add("e.finished <= ?", query.until)
    if query.host:
        terms.add("e.host = ?", fold(query.host))
    if query.ids:
        ids = json.dumps(query.ids)
        terms.add(f"e.n IN ({_IDS})", ids, ids)
    if text and (wanted := needle(query)):
        terms.add("instr(e.text, ?) > 0", wanted)
    return terms


_IDS = (
    "SELECT n FROM downloads WHERE id IN (SELECT value FROM json_each(?))"
    " UNION SELECT n FROM downloads WHERE gid IN (SELECT value FROM json_each(?))"
)


def _drivers(query: Query, asked: str | None) -> list[Driver]:
    """List the conditions of a query that an index can answer alone."""
    out = []
    if query.ids:
        ids = json.dumps(query.ids)
        out.append(Driver(_IDS, (ids, ids)))
    if asked:
        out.append(Driver("SELECT rowid AS n FROM search WHERE search MATCH ?", (asked,)))
    if query.host:
        out.append(Driver("SELECT n FROM ended INDEXED BY ended_host WHERE host = ?", (fold(query.host),)))
    states = tuple(sorted(state.value for state in stored_states(query)))
    if query.owner:
        sql, values = "SELECT n FROM ended INDEXED BY ended_owner WHERE owner = ?", (query.owner,)
        out.append(Driver(sql, values))
    if states:
        sql = f"SELECT n FROM ended INDEXED BY ended_state WHERE {among('state', len(states))}"  # noqa: S608
        out.append(Driver(sql, states))
    if query.since is not None or query.until is not None:
        since = -FAR if query.since is None else query.since
        until = FAR if query.until is None else query.until
        sql = "SELECT n FROM ended INDEXED BY ended_finished WHERE finished >= ? AND finished <= ?"
        out.append(Driver(sql, (since, until)))
    return out


def _driver(database: sqlite3.Connection, query: Query, asked: str | None) -> Driver | None:
    """Find the condition that leaves the fewest rows, if they are few; `asked` is what the trigram index is asked."""
    best, least = None, FEW + 1
    for driver in _drivers(query, asked):
        sql = f"SELECT count(*) FROM (SELECT 1 FROM ({driver.source}) LIMIT ?)"  # noqa: S608
        (number,) = database.execute(sql, (*driver.values, least)).fetchone()
        if number < least:
            best, least = driver, number
    return best


def _ended_marks(
    database: sqlite3.Connection, query: Query, mark: Mark | None, limit: int, driver: Driver | None
) -> list[Mark]:
    terms = _ended_terms(query)
    sign, constant = "<" if query.reverse else ">", query.sort in _CONSTANT
    key = f"e.{query.sort}"
    if mark is not None and not constant:
        # Two seeks: SQLite looks up only the first column of a row value, and many rows may share a key.
        found: list[Mark] = []
        for more, values in ((f"{key} = ? AND e.n {sign} ?", mark), (f"{key} {sign} ?", mark[:1])):
            found += _walk(database, query, Terms([*terms.sql, more], [*terms.values, *values]), limit, driver)
            if len(found) >= limit:
                break
        return found[:limit]
    if mark is not None and mark[0] == FAR:
        terms.add(f"e.n {sign} ?", mark[1])
    elif mark is not None and query.reverse:
        return []
    return _walk(database, query, terms, limit, driver)


def _walk(database: sqlite3.Connection, query: Query, terms: Terms, limit: int, driver: Driver | None) -> list[Mark]:
    """Give the first rows of `ended` under these terms in the order wanted."""
    way, constant = "DESC" if query.reverse else "ASC", query.sort in _CONSTANT
    key = repr(FAR) if constant else f"e.{query.sort}"
    order = f"e.n {way}" if constant else f"e.{query.sort} {way}, e.n {way}"
    if driver is not None:
        # CROSS JOIN keeps the few rows of the driver outside, whatever the planner guesses.
        source, values = f"({driver.source}) c CROSS JOIN ended e ON e.n = c.n", (*driver.values, *terms.values)
    else:
        index = "NOT INDEXED" if constant else f"INDEXED BY ended_{query.sort}"
        source, values = f"ended e {index}", tuple(terms.values)
    sql = f"SELECT {key}, e.n FROM {source} WHERE {terms.where()} ORDER BY {order} LIMIT ?"  # noqa: S608
    return [(key, n) for key, n in database.execute(sql, (*values, limit))]


# Totals.


def total(
    database: sqlite3.Connection, query: Query, asked: str | None, driver: Driver | None, loose: Loose
) -> int | None:
    """Count what a query finds; None where very many rows match a text."""
    number = loose.total()
    if number is None or not asks_for_ended(query):
        return number
    ended = _ended_total(database, query, asked, driver)
    return None if ended is None else number + ended


def _ended_total(database: sqlite3.Connection, query: Query, asked: str | None, driver: Driver | None) -> int | None:
    text = needle(query)
    terms = _ended_terms(query)
    plain = not (query.kinds or query.host or query.ids or text or query.since is not None or query.until is not None)
    if plain:
        sql = f"SELECT ifnull(sum(number), 0) FROM tallies e WHERE {terms.where()}"  # noqa: S608
        return int(database.execute(sql, terms.values).fetchone()[0])
    if driver is not None:
        source, values = f"({driver.source}) c CROSS JOIN ended e ON e.n = c.n", (*driver.values, *terms.values)
        sql = f"SELECT count(*) FROM {source} WHERE {terms.where()}"  # noqa: S608
        return int(database.execute(sql, values).fetchone()[0])
    others = _ended_terms(query, text=False)
    if asked and (not others.sql or _covers_all(database, query)):
        sql = "SELECT count(*) FROM (SELECT 1 FROM search WHERE search MATCH ? LIMIT ?)"
        return _bounded(database, sql, [asked])
    sql = f"SELECT count(*) FROM (SELECT 1 FROM ended e WHERE {terms.where()} LIMIT ?)"  # noqa: S608
    if text:
        return _bounded(database, sql, terms.values)
    return int(database.execute(sql, (*terms.values, -1)).fetchone()[0])


def _bounded(database: sqlite3.Connection, sql: str, values: Sequence[Any]) -> int | None:
    number = int(database.execute(sql, (*values, COUNTED)).fetchone()[0])
    return None if number == COUNTED else number


def _covers_all(database: sqlite3.Connection, query: Query) -> bool:
    """Say whether states and owner, being the only terms beside the text, leave no ended row out."""
    if query.kinds or query.host or query.ids or query.since is not None or query.until is not None:
        return False
    terms = _ended_terms(query, text=False)
    sql = f"SELECT 1 FROM tallies e WHERE number > 0 AND NOT ({terms.where()}) LIMIT 1"  # noqa: S608
    return database.execute(sql, terms.values).fetchone() is None


def counts(database: sqlite3.Connection, owner: str) -> dict[State, int]:
    """Count by state; the ended rows are counted as they settle, so this costs nothing but the loose ones."""
    out: dict[State, int] = {}
    for sql in (
        "SELECT state, count(*) FROM downloads INDEXED BY loose WHERE settled = 0 AND (? = '' OR owner = ?) GROUP BY 1",
        "SELECT state, sum(number) FROM tallies WHERE ? = '' OR owner = ? GROUP BY 1",
    ):
        for state, number in database.execute(sql, (owner, owner)):
            if number:
                out[State(state)] = out.get(State(state), 0) + number
    return out
