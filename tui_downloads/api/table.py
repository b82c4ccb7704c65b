"""Which endpoint of which dialect a request means: one table of (method, path template)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import parse_qsl

from msgspec import Struct

from .dialect import Dialect, Endpoint

_PARAMETER = re.compile(r"\{(\w+)(:path)?\}")


class Row(Struct, frozen=True):
    """One endpoint, compiled."""

    dialect: Dialect
    endpoint: Endpoint
    pattern: re.Pattern[str]
    weight: tuple[int, ...]
    """Compares templates: literal components before parameters before the rest of a path, longer before shorter."""

    @property
    def catch_all(self) -> bool:
        """Whether it matches every path."""
        return self.weight == (0,)


class Found(Struct, frozen=True):
    """What a request means. Without an endpoint it is a 404, or a 405 when `allow` is not empty."""

    dialect: Dialect
    endpoint: Endpoint | None = None
    allow: tuple[str, ...] = ()


class Table:
    """The endpoints of some dialects; earlier dialects win where two have the same."""

    def __init__(self, dialects: Sequence[Dialect], default: Dialect) -> None:
        self.dialects = tuple(dialects)
        self.default = default
        rows = [_compile(dialect, endpoint) for dialect in dialects for endpoint in dialect.endpoints]
        # The sort is stable, so the order of the dialects decides between equals.
        self.rows = sorted(rows, key=lambda row: row.weight, reverse=True)
        self._owned = sorted(
            ((prefix, dialect) for dialect in dialects for prefix in dialect.owns), key=lambda item: -len(item[0])
        )

    def find(self, method: str, path: str, query: bytes) -> Found:
        """Find the endpoint of a request, or whose 404 or 405 it is.

        Below a prefix that a dialect owns nobody else's catch-all counts: a misspelt path there is a 404 or 405 of the
        owner's, and starts nothing.
        """
        names: set[str] | None = None
        matching: list[Row] = []
        owner = self._owner(path)
        for row in self.rows:
            if row.pattern.fullmatch(path) is None or (row.catch_all and owner not in (None, row.dialect)):
                continue
            if row.endpoint.query:
                if names is None:
                    names = query_names(query)
                if not row.endpoint.query & names:
                    continue
            if row.endpoint.method == method or (method == "HEAD" and row.endpoint.method == "GET"):
                return Found(row.dialect, row.endpoint)
            matching.append(row)
        rows = [row for row in matching if row.endpoint.method != "WEBSOCKET"]
        if rows:
            return Found(owner or rows[0].dialect, None, allowed(row.endpoint.method for row in rows))
        return Found(owner or self.default)

    def _owner(self, path: str) -> Dialect | None:
        for prefix, dialect in self._owned:
            if path == prefix or path.startswith(prefix.rstrip("/") + "/"):
                return dialect
        return None


def allowed(methods: Iterable[str]) -> tuple[str, ...]:
    """Give the union of methods for Allow."""
    found = set(methods)
    if "GET" in found:
        found.add("HEAD")
    return tuple(sorted(found))


def query_names(query: bytes) -> set[str]:
    """Give the names in a query string, with and without values."""
    return {name for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True)}


def _compile(dialect: Dialect, endpoint: Endpoint) -> Row:
    pattern, weight = "", []
    for part in endpoint.path.split("/")[1:]:
        pattern += "/"
        at = 0
        kind = 2 if part else 1
        for found in _PARAMETER.finditer(part):
            pattern += re.escape(part[at : found.start()]) + (".*" if found[2] else "[^/]+")
            kind = 0 if found[2] else min(kind, 1)
            at = found.end()
        pattern += re.escape(part[at:])
        weight.append(kind)
    return Row(dialect, endpoint, re.compile(pattern, re.DOTALL), tuple(weight))
