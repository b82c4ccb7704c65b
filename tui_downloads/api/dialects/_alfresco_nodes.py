"""Nodes as Alfresco's clients see them: finished files, packages and zips, and the entries that tell of zip jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tui_downloads.core.errors import Code, NotFound
from tui_downloads.core.lifecycle import State
from tui_downloads.core.names import safe_name, split_extension
from tui_downloads.core.snapshots import DownloadView, Kind, Query
from tui_downloads.engine.base import Engine
from tui_downloads.engine.owned import OwnedEngine

from ..dialect import Context

TOTAL_FILES, TOTAL_BYTES, LIMIT, EXCEEDED = "alfresco_files", "alfresco_bytes", "alfresco_limit", "alfresco_exceeded"
"""Keys of a zip job's meta: what it is to hold, the limit of its size, and whether that was too small."""
MEMBERS, BYTES = "members", "bytes"
"""Keys of a bundle's meta, from the engine: (files added, files in all), and bytes in all."""
FIELDS = ("filesAdded", "bytesAdded", "id", "totalFiles", "totalBytes", "status")
_CHUNK = 500

_STATUS: dict[State, str] = {
    State.QUEUED: "PENDING",
    State.RESOLVING: "PENDING",
    State.TRANSFERRING: "IN_PROGRESS",
    State.WAITING: "IN_PROGRESS",
    State.PAUSING: "IN_PROGRESS",
    State.PAUSED: "IN_PROGRESS",
    State.VERIFYING: "IN_PROGRESS",
    State.COMPLETE: "DONE",
    State.FAILED: "IN_PROGRESS",
    State.CANCELLED: "CANCELLED",
}
"""Failed and paused have no word of their own: the last one that fitted stays."""


class Refusal(Exception):
    """A request that can't be done, with the status that tells it."""

    def __init__(self, status: int, summary: str) -> None:
        super().__init__(summary)
        self.status = status
        self.summary = summary


def status_of(view: DownloadView) -> str:
    """Give the word for a zip job's state."""
    refused = view.state is State.FAILED and view.error is not None and view.error.code == Code.QUOTA_EXCEEDED
    if view.meta.get(EXCEEDED) or refused:
        return "MAX_CONTENT_SIZE_EXCEEDED"
    if view.state in (State.PAUSED, State.FAILED) and view.started_at is None:
        return "PENDING"
    return _STATUS[view.state]


def entry(view: DownloadView, fields: Sequence[str] | None = None) -> dict[str, Any]:
    """Tell of a zip job, with all six fields or with those of them that were asked for."""
    status = status_of(view)
    added, total_files = _members(view)
    total_bytes = _whole(view, BYTES) or _whole(view, TOTAL_BYTES) or view.size or 0
    done = min(view.done, total_bytes)
    if status == "PENDING":
        added, done, total_files, total_bytes = 0, 0, 0, 0
    elif status == "MAX_CONTENT_SIZE_EXCEEDED":
        added, done = 0, _whole(view, LIMIT) or 0
    elif status == "DONE":
        # A finished download tells the size of its zip; here the bytes that went in are told.
        added, done = total_files, total_bytes
    whole = dict(zip(FIELDS, (added, done, view.id, total_files, total_bytes, status), strict=True))
    return whole if fields is None else {name: value for name, value in whole.items() if name in fields}


def _members(view: DownloadView) -> tuple[int, int]:
    """Give the files added and the files in all; the engine knows best, once it has looked."""
    found = view.meta.get(MEMBERS)
    if isinstance(found, (list, tuple)) and len(found) == 2:
        return int(found[0]), int(found[1])
    total = _whole(view, TOTAL_FILES) or view.files_total
    return min(view.files_done, total), total


def _whole(view: DownloadView, key: str) -> int | None:
    value = view.meta.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_fields(values: Sequence[str]) -> list[str] | None:
    """Read `fields=a,b`, however often it is given; None where it is missing or empty."""
    names = [name.strip() for value in values for name in value.split(",") if name.strip()]
    return names or None


def zip_name(nodes: Sequence[DownloadView]) -> str:
    """Name a zip after its only node, or `archive.zip`."""
    if len(nodes) != 1:
        return "archive.zip"
    name = nodes[0].title or nodes[0].name or "archive"
    if nodes[0].kind is Kind.BUNDLE:
        name = split_extension(name)[0]
    return safe_name(f"{name}.zip")


def totals(nodes: Sequence[DownloadView]) -> tuple[int, int]:
    """Count the files and bytes that a zip of some nodes holds."""
    return sum(max(1, node.files_done) for node in nodes), sum(node.size or node.done for node in nodes)


class Nodes:
    """Looks nodes up for one caller."""

    def __init__(self, context: Context, engine: OwnedEngine) -> None:
        self._whole: Engine = context.engine
        self._engine = engine

    async def find(self, id: str) -> DownloadView:
        """Give a node or zip job of the caller's.

        Raises:
            Refusal: 404 when there is none, 403 when it is somebody else's.
        """
        try:
            return (await self._engine.get(id)).download
        except NotFound:
            raise await self._missing(id) from None

    async def sources(self, ids: Sequence[str]) -> list[DownloadView]:
        """Give the finished nodes with these ids, in order; existence is checked for all before permission for any.

        Raises:
            Refusal: 404 or 403.
        """
        found: dict[str, DownloadView] = {}
        for at in range(0, len(ids), _CHUNK):
            chunk = tuple(ids[at : at + _CHUNK])
            page = await self._engine.page(Query(ids=chunk, limit=len(chunk)))
            for view in page.items:
                found[view.id] = found[view.gid] = view
        refused: Refusal | None = None
        for id in ids:
            mine = found.get(id)
            if mine is not None and mine.state is State.COMPLETE:
                continue
            problem = absent(id) if mine is not None else await self._missing(id)
            if problem.status == 404:
                raise problem
            refused = refused or problem
        if refused is not None:
            raise refused
        return [found[id] for id in ids]

    async def _missing(self, id: str) -> Refusal:
        """Say whether an id that is not the caller's is anybody's; nothing but that is told."""
        try:
            # The one question that goes past ownership; the document tells 403 from 404, and ids can't be guessed.
            await self._whole.get(id)
        except NotFound:
            return absent(id)
        return Refusal(403, "Permission was denied.")


def absent(id: str) -> Refusal:
    """Make the refusal for an id that nothing has."""
    shown = "".join(char for char in id[:64] if char.isprintable())
    return Refusal(404, f"The entity with id: {shown} was not found.")
