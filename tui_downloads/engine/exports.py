"""Exports: a list of what happened, as a download of its own."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from tui_downloads.core.errors import Code, DownloadError
from tui_downloads.core.lifecycle import ENDED
from tui_downloads.core.links import redact
from tui_downloads.core.snapshots import DownloadView, Kind, Query
from tui_downloads.files.part import PartFile

from .making import Making

LINES_AT_ONCE = 500
FIELDS = (
    "id", "kind", "state", "name", "folder", "url", "size", "created_at", "finished_at", "checksum", "proof", "error",
    "error_message",
)  # fmt: skip
"""Columns of an export."""


class Export(Making):
    """Writes the owner's history as CSV or JSON: `format` of the request's source says which."""

    async def run(self) -> None:
        request = self.download.request
        form = str(request.source.get("format") or "csv").lower()
        if form not in ("csv", "json"):
            raise DownloadError(Code.INVALID_OPTION, "A history is exported as csv or json.")
        name = request.name or f"history-{datetime.fromtimestamp(time.time(), UTC):%Y-%m-%d}.{form}"
        part = await asyncio.to_thread(self.begin, name, "text/csv" if form == "csv" else "application/json")
        try:
            size = await self._lines(part, form, request.owner)
        except BaseException:
            part.discard()
            self.file.part = None
            raise
        await self.make(part, lambda _: size)

    async def _lines(self, part: PartFile, form: str, owner: str) -> int:
        """Write the rows a few hundred at a time; only these are held."""
        query = Query(owner=owner, states=frozenset(ENDED), kinds=frozenset(Kind) - {Kind.EXPORT}, sort="created")
        first = self.runner.services.store.export(query)
        async for chunk in _chunks(first, form):
            await asyncio.to_thread(part.write, self.done, [chunk])
            self.done += len(chunk)
        return self.done


async def _chunks(views: AsyncIterator[DownloadView], form: str) -> AsyncIterator[bytes]:
    """Give the bytes of an export in pieces."""
    render = _csv if form == "csv" else _json
    rows: list[dict[str, Any]] = []
    yield ",".join(FIELDS).encode() + b"\r\n" if form == "csv" else b"[\n"
    begun = False
    async for view in views:
        rows.append(row_of(view))
        if len(rows) >= LINES_AT_ONCE:
            yield render(rows, begun)
            begun, rows = True, []
    if rows:
        yield render(rows, begun)
    if form == "json":
        yield b"\n]\n"


def row_of(view: DownloadView) -> dict[str, Any]:
    """Say of a download what may leave the program: links without secrets."""
    error = view.error
    return {
        "id": view.id,
        "kind": view.kind.value,
        "state": view.state.value,
        "name": view.name,
        "folder": view.folder,
        "url": redact(view.url),
        "size": view.size,
        "created_at": _moment(view.created_at),
        "finished_at": _moment(view.finished_at),
        "checksum": view.checksum,
        "proof": view.proof.value,
        "error": error.code if error else None,
        "error_message": error.message if error else None,
    }


def _moment(at: float | None) -> str | None:
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _csv(rows: list[dict[str, Any]], begun: bool) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, FIELDS)
    writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)
    return out.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    """Keep spreadsheets from taking a name for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _json(rows: list[dict[str, Any]], begun: bool) -> bytes:
    text = ",\n".join(json.dumps(row, ensure_ascii=True) for row in rows)
    return (",\n" if begun else "").encode() + text.encode()
