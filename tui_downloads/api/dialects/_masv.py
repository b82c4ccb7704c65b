"""MASV Agent's words and records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tui_downloads.core.lifecycle import State
from tui_downloads.core.links import name_from_link, redact
from tui_downloads.core.snapshots import DetailView, DownloadView, FileView

TRANSFERRING, PAUSED, COMPLETE, ERROR = "transferring", "paused", "complete", "error"
WORDS = (PAUSED, TRANSFERRING, COMPLETE, ERROR)

STATE: dict[State, str] = {
    State.QUEUED: TRANSFERRING,
    State.RESOLVING: TRANSFERRING,
    State.TRANSFERRING: TRANSFERRING,
    State.WAITING: TRANSFERRING,
    State.VERIFYING: TRANSFERRING,
    State.PAUSING: PAUSED,
    State.PAUSED: PAUSED,
    State.COMPLETE: COMPLETE,
    State.FAILED: ERROR,
    State.CANCELLED: ERROR,
}


def states_of(text: str) -> frozenset[State]:
    """Give the engine's states of a comma separated list of words.

    Raises:
        ValueError: one of them is no state; the message is for the caller.
    """
    asked = text.split(",")
    unknown = [word for word in asked if word not in WORDS]
    if unknown:
        said = f"{unknown[0][:40]!r} is no state" if unknown[0] else "a state is missing"
        raise ValueError(f"states: {said}; there are {', '.join(WORDS)}.")
    return frozenset(state for state, word in STATE.items() if word in asked)


def record(view: DownloadView) -> dict[str, Any]:
    """Give the record of the list; secrets of the link are left out."""
    return {
        "download_id": view.id,
        "state": STATE[view.state],
        "name": view.title or view.name or (name_from_link(view.url) if view.url else view.kind.value),
        "dst_folder": view.folder,
        "url": redact(view.url),
        "total_size": view.size,
        "transferred_size": view.done,
        "created_at": _iso(view.created_at),
        "error": error(view),
    }


def error(view: DownloadView) -> dict[str, Any] | None:
    """Say why a download stopped, and whether resuming may help."""
    if view.state is State.CANCELLED:
        return {"code": "CANCELLED", "message": "The download was cancelled.", "recoverable": True}
    if view.state is not State.FAILED:
        return None
    found = view.error
    if found is None:
        return {"code": "INTERNAL", "message": "The download failed.", "recoverable": True}
    return {"code": found.code, "message": found.message, "recoverable": found.resumable}


def detail(found: DetailView) -> dict[str, Any]:
    """Give the full details, with the states of the files."""
    return {**record(found.download), "files": [_file(file, found.download) for file in found.files]}


def _file(file: FileView, view: DownloadView) -> dict[str, Any]:
    return {
        "id": file.id,
        # What the sender called it; `path` is where it is here.
        "name": file.original or file.name or view.name,
        "path": file.path or view.name,
        "size": file.size,
        "transferred": file.done,
        "state": _file_state(file, view),
    }


def _file_state(file: FileView, view: DownloadView) -> str:
    if file.state in ("complete", "skipped") or (view.state is State.COMPLETE and file.selected):
        return COMPLETE
    if file.state == "failed":
        return ERROR
    return STATE[view.state] if file.selected else PAUSED


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
