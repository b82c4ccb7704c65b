"""What the trigram index is asked for a text, also for one that is shorter than a trigram.

A text of one or two letters stands at the beginning of some of the trigrams that the index knows, as every text ends
with two line feeds (`order.haystack`): those are looked up in its vocabulary and asked for together.
"""

from __future__ import annotations

import sqlite3

MOST_TERMS = 1000
"""Trigrams that are asked for together."""
_LAST = chr(0x10FFFF)


def prepare(database: sqlite3.Connection) -> None:
    """Open the vocabulary of the index for this connection."""
    database.execute("CREATE VIRTUAL TABLE IF NOT EXISTS temp.search_terms USING fts5vocab('main', 'search', 'row')")


def expression(database: sqlite3.Connection, text: str, many: int) -> str | None:
    """Write what finds the rows that hold a folded text.

    None where the index is no help: there is no text, or `many` rows hold it, or it is in too many trigrams.
    """
    if len(text) >= 3:
        return _quoted(text)
    if not text:
        return None
    terms = []
    for term, rows in database.execute(
        "SELECT term, doc FROM temp.search_terms WHERE term >= ? AND term <= ?", (text, text + 2 * _LAST)
    ):
        terms.append(_quoted(term))
        if rows >= many or len(terms) > MOST_TERMS:
            return None
    return " OR ".join(terms) or '""'


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
