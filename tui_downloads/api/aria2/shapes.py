"""Downloads as aria2 tells them: scalars are texts, lengths are bytes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tui_downloads.core import links
from tui_downloads.core.lifecycle import ENDED, State
from tui_downloads.core.snapshots import DetailView, DownloadView

from . import codes

STATUS: dict[State, str] = {
    State.QUEUED: "waiting",
    State.RESOLVING: "active",
    State.TRANSFERRING: "active",
    State.WAITING: "active",
    State.VERIFYING: "active",
    State.PAUSING: "paused",
    State.PAUSED: "paused",
    State.COMPLETE: "complete",
    State.FAILED: "error",
    State.CANCELLED: "removed",
}
ACTIVE = frozenset(state for state, word in STATUS.items() if word == "active")

PIECE = 1 << 20
MOST_PIECES = 8192
"""Pieces of one bitfield; larger files have larger pieces."""

Record = dict[str, Any]


def piece_length(size: int) -> int:
    """Give the length of the pieces a file is told in."""
    length = PIECE
    while size > length * MOST_PIECES:
        length *= 2
    return length


def bitfield(size: int, spans: Iterable[tuple[int, int]]) -> str:
    """Write which pieces are whole, in hexadecimal; the first piece is the highest bit."""
    length = piece_length(size)
    count = -(-size // length)
    bits = bytearray(-(-count // 8))
    for start, end in spans:
        last = count if end >= size else end // length
        for piece in range(-(-start // length), last):
            bits[piece >> 3] |= 0x80 >> (piece & 7)
    return bits.hex()


def uris(view: DownloadView, user: str) -> list[Record]:
    """List the links of a download; those in use first. Who is not its owner gets them without their secrets."""
    shown = [view.url, *view.mirrors] if view.url else list(view.mirrors)
    if view.owner != user:
        shown = [links.bare(url) for url in shown]
    begun = view.state in ACTIVE or view.state in ENDED
    return [{"uri": url, "status": "used" if begun and n == 0 else "waiting"} for n, url in enumerate(shown)]


def files(view: DownloadView, detail: DetailView | None, user: str) -> list[Record]:
    """List the files of a download, numbered from 1."""
    if detail is None or len(detail.files) <= 1:
        path = view.path if view.name else ""
        return [_file("1", path, view.size or 0, view.done, True, uris(view, user))]
    folder = view.folder.rstrip("/")
    return [
        _file(str(n), f"{folder}/{file.path or file.name}", file.size or 0, file.done, file.selected,
              [{"uri": url if view.owner == user else links.bare(url), "status": "used"} for url in file.urls])
        for n, file in enumerate(detail.files, 1)
    ]  # fmt: skip


def _file(index: str, path: str, length: int, done: int, selected: bool, found: list[Record]) -> Record:
    return {
        "index": index,
        "path": path,
        "length": str(length),
        "completedLength": str(done),
        "selected": "true" if selected else "false",
        "uris": found,
    }


def needs_detail(view: DownloadView, keys: frozenset[str]) -> bool:
    """Say whether a download can't be told from its view alone."""
    if view.files_total > 1 and (not keys or "files" in keys):
        return True
    return view.state not in ENDED and view.done > 0 and bool(view.size) and (not keys or "bitfield" in keys)


def status(view: DownloadView, detail: DetailView | None, user: str, keys: frozenset[str] = frozenset()) -> Record:
    """Tell a download, with all fields or the wanted ones."""
    size = view.size or 0
    length = piece_length(size)
    found: Record = {
        "gid": view.gid,
        "status": STATUS[view.state],
        "totalLength": str(size),
        "completedLength": str(view.done),
        "uploadLength": "0",
        "downloadSpeed": str(int(view.speed)),
        "uploadSpeed": "0",
        "connections": str(view.connections),
        "numPieces": str(-(-size // length)),
        "pieceLength": str(length),
        "dir": view.folder,
    }
    if not keys or "files" in keys:
        found["files"] = files(view, detail, user)
    bits = _bits(view, detail)
    if bits:
        found["bitfield"] = bits
    if view.state is State.VERIFYING:
        found["verifiedLength"] = str(view.checked)
    if view.state in ENDED:
        found["errorCode"], found["errorMessage"] = _error(view)
    return {name: value for name, value in found.items() if not keys or name in keys}


def _bits(view: DownloadView, detail: DetailView | None) -> str:
    size = view.size or 0
    if not size:
        return ""
    if view.state is State.COMPLETE:
        return bitfield(size, [(0, size)])
    if detail is None or not detail.spans:
        return ""
    return bitfield(size, detail.spans)


def _error(view: DownloadView) -> tuple[str, str]:
    if view.state is State.COMPLETE:
        return codes.COMPLETE, ""
    if view.state is State.CANCELLED:
        return codes.REMOVED, ""
    if view.error is None:
        return "1", ""
    return codes.number(view.error.code), view.error.message


def servers(view: DownloadView, detail: DetailView, user: str) -> list[Record]:
    """Say which servers an active download is connected to."""
    mine = view.owner == user
    current = view.final_url or view.url
    shown: Mapping[str, float] = {}
    for connection in detail.connections:
        url = connection.url or current
        shown = {**shown, url: shown.get(url, 0.0) + connection.speed}
    if not shown:
        shown = {current: view.speed}
    return [
        {
            "index": "1",
            "servers": [
                {
                    "uri": view.url if mine else links.bare(view.url),
                    "currentUri": url if mine else links.bare(url),
                    "downloadSpeed": str(int(speed)),
                }
                for url, speed in shown.items()
            ],
        }
    ]
